//! What a layer costs: cycles of one core, predicted from its shape. Tiles are chosen by it.
//!
//! A product of `pixels` rows runs for each group of NV vectors of channels `tiles = ceil(pixels / MR)` tiles, and
//!
//! ```text
//! step   = max(MR*NV * dot, latency, (MR + NV) * load, bytes of its weights * stream)
//! tile   = share * runs * (k4 * (step + loop) + run) + MR*NV * (store + sum + narrow) + crowd + tile
//! layer  = Σ_groups parts * tiles * tile + weight bytes * (near | far)
//! ```
//!
//! where a step is 4 bytes of K, a run is a stretch of K that is consecutive in memory, `share` is what remains without taps on
//! padding, weights stream if a group's are more
//! than the first cache keeps, a crowd are more sums than the core can finish while it computes the next tile's, and `parts` is
//! how often an instruction set with narrow vectors takes a group of channels. The last tile moves back, so it costs a whole
//! one: that is how tails count. All weights come from where they fit beside each other between two inferences.
//!
//! A depthwise convolution interleaves the taps of a pixel, as far as the one before it has not, and finishes it; everything else
//! costs by the bytes it moves. The numbers of each instruction set ([`Core`]) were fitted to measurements; `scripts/cost.py`
//! compares them with new ones.

use bakelite_kernels::pack::{self, Group, Runs};
use bakelite_kernels::{Window, conv, dwconv};
use cores::Unit;

mod cores;
mod padding;
mod winograd;
pub use cores::{CORES, Core, GIGAHERTZ};
pub use padding::Padding;
pub use winograd::Winograd;

/// The inputs of the model, for one kernel call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// A kernel whose time is that of its bytes.
    Bytes,
    /// A kernel with windows, and the elements under all of them.
    Windows(usize),
    /// A matrix product or a convolution.
    Product(Tiled),
    /// A convolution by transformed inputs and weights.
    Winograd(Winograd),
    /// The transform of its input.
    WinogradInput(Winograd),
    /// A depthwise convolution.
    Depthwise(Depthwise),
}

/// The shape of a matrix product or a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    /// Output pixels of all images.
    pub pixels: usize,
    /// Output channels.
    pub channels: usize,
    /// Stretches of the window that are consecutive in memory.
    pub runs: usize,
    /// Groups of 4 bytes in a run.
    pub k4: usize,
    /// Whether the epilogue adds another tensor.
    pub sum: bool,
}

/// A matrix product or a convolution with its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiled {
    /// Its shape.
    pub shape: Shape,
    /// Taps that tiles leave out.
    pub padding: Option<Padding>,
    /// Rows of a tile.
    pub rows: usize,
    /// As in [`conv::Params::short_steps`].
    pub short_steps: u8,
}

/// A depthwise convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Depthwise {
    /// Output pixels of all images, neighbours that are computed as one counted once.
    pub outputs: usize,
    /// Their channels.
    pub channels: usize,
    /// Interleavings of four taps for an output.
    pub k4: usize,
    /// How many of them are new where the others are the last output's, if that is so.
    pub new: Option<usize>,
}

impl Work {
    /// Windows over each element of an output.
    pub fn windows(window: &Window, elements: usize) -> Self {
        Self::Windows(window.kernel[0] * window.kernel[1] * elements)
    }
}

impl Shape {
    /// The shape of a convolution.
    pub fn new<E>(params: &conv::Params<E>, sum: bool) -> Self {
        let runs = Runs::new(&params.x, &params.window);
        let (pixels, channels) = (params.y.pixels(), params.y.channels);
        Self { pixels, channels, runs: runs.count[0] * runs.count[1], k4: runs.k4(), sum }
    }
}

impl Tiled {
    /// A convolution by tiles of one row.
    pub fn new<E>(params: &conv::Params<E>, sum: bool) -> Self {
        Self { shape: Shape::new(params, sum), padding: Padding::new(params), rows: 1, short_steps: 0 }
    }

    /// The product with the tile that is predicted to be fastest on AVX-512 VNNI.
    pub fn fastest(self) -> Self {
        let cycles = |product: &Self| product.cycles(&CORES[0]);
        let best = self.candidates().min_by(|a, b| cycles(a).total_cmp(&cycles(b)));
        best.unwrap_or(self)
    }

    /// The product with each tile that the kernels have and that it fills.
    pub fn candidates(self) -> impl Iterator<Item = Self> {
        let Shape { pixels, channels, .. } = self.shape;
        let fits = move |&&rows: &&usize| rows <= pixels.max(1);
        conv::candidates(channels).iter().filter(fits).map(move |&rows| Self { rows, ..self })
    }

    /// The kernel's id without its instruction set: MR pixels by the channels of the widest group, and the steps that fit
    /// 16 bits, if any do.
    pub fn id(&self) -> String {
        let vectors = self.groups().next().map_or(1, |group| group.vectors);
        let short = match self.short_steps {
            0 => String::new(),
            steps => format!("-short{steps}"),
        };
        format!("igemm-{}x{}c4{short}", self.rows, 16 * vectors)
    }

    fn groups(&self) -> impl Iterator<Item = Group> {
        pack::groups(self.shape.channels.next_multiple_of(16), conv::widest(self.rows))
    }

    /// Without the weights' way to the core.
    pub fn cycles(&self, core: &Core) -> f64 {
        let Shape { pixels, channels, runs, k4, sum } = self.shape;
        let group = |group: Group| {
            let rows = conv::rows(self.rows, group.vectors, core.rows);
            let sums = (rows * group.vectors) as f64;
            let loads = (rows + group.vectors) as f64 * core.load;
            let streamed = runs * k4 * group.vectors * 64 > cores::FIRST_CACHE;
            let stream = if streamed { (group.vectors * 64) as f64 * core.stream } else { 0.0 };
            let step = (sums * core.dot(self.short_steps)).max(core.latency).max(loads).max(stream);
            let edges = conv::leads(rows, group.vectors);
            let share = self.padding.filter(|_| core.registers >= 32).map_or(1.0, |p| p.share(rows, edges));
            let late = core.registers >= 32 && conv::late(rows, group.vectors, runs * k4);
            let late = if late { core.late } else { 1.0 };
            let k = share * runs as f64 * (k4 as f64 * (step + late * core.step) + core.run);
            let narrow = if group.vectors < 4 { core.narrow } else { 0.0 };
            let finish = sums * if sum { core.store + core.sum + 2.0 * narrow } else { core.store + narrow };
            let crowd = (sums - cores::CROWD).max(0.0) * core.crowd;
            let channels = (channels - group.first).min(16 * group.vectors);
            let parts = channels.div_ceil(group.vectors * core.lanes);
            (parts * pixels.div_ceil(rows)) as f64 * (k + finish + crowd + late * core.tile)
        };
        self.groups().map(group).sum()
    }
}

impl Depthwise {
    /// What the kernel does for these parameters.
    pub fn new<E>(params: &dwconv::Params<E>) -> Self {
        let (fold, y) = (params.fold(), &params.y);
        let outputs = y.batch * y.height * y.width.div_ceil(fold);
        Self { outputs, channels: y.channels * fold, k4: params.k4(), new: params.slides() }
    }

    fn cycles(&self, core: &Core) -> f64 {
        let output = match self.new.filter(|_| core.registers >= 32) {
            Some(new) => new as f64 * core.slide + core.pixel,
            None => self.k4 as f64 * core.interleave + core.pixel,
        };
        (self.outputs * self.channels.div_ceil(4 * core.lanes)) as f64 * output
    }
}

/// A layer, as far as its cost depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// What it does.
    pub work: &'a Work,
    /// The kernel's path: `pool::Max`.
    pub kernel: &'a str,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes of tensors that it reads and writes.
    pub bytes: usize,
    /// Bytes of its weights and other constants.
    pub weights: usize,
}

/// Cycles of a layer in a network of `weights` bytes.
pub fn cycles(core: &Core, layer: &Layer<'_>, weights: usize) -> u64 {
    let stream = layer.weights as f64 * if weights <= core.cache { core.near } else { core.far };
    let work = match layer.work {
        Work::Product(product) => product.cycles(core) + stream,
        Work::Winograd(winograd) => winograd.cycles(core),
        Work::WinogradInput(winograd) => winograd.input_cycles(core),
        Work::Depthwise(depthwise) => depthwise.cycles(core) + stream,
        Work::Bytes | Work::Windows(_) => {
            let (unit, cycles) = core.rate(layer.kernel);
            let units = match (unit, layer.work) {
                (Unit::Tap, Work::Windows(taps)) => *taps as f64,
                (Unit::Mac, _) => layer.macs as f64,
                (Unit::Byte | Unit::Tap, _) => (layer.bytes + layer.weights) as f64,
            };
            units * cycles
        }
    };
    (work + core.call).round() as u64
}

#[cfg(test)]
mod tests;
