//! Convolution: u8 activations × i8 weights, any window, as an implicit GEMM over NHWC with a halo.
//!
//! ```text
//! acc[oc] = Σ_{ky,kx,ic} (x[oy*sh + ky*dh - top, ox*sw + kx*dw - left, ic] - zero_point) * w[ky,kx,ic,oc]
//! y[oc]   = epilogue(acc[oc], scale[oc], bias[oc], summand[oc])
//! ```
//!
//! Weights come as HWIO and are packed once (`pack`). Input outside the image counts as the zero point: the fast
//! form reads it from the halo, and its `-zero_point * Σ w` is the accumulator's start value. Cost:
//! pixels * oc * kernel_h * kernel_w * ic MACs; the weights are read once per group of rows that fits registers.

use crate::epilogue::Epilogue;
use crate::igemm::{self, Padding, Panels};
use crate::isa::Isa;
use crate::pack::{self, Lanes, PerChannel, Runs, Weights};
use crate::team::{Grid, Split};
use crate::tile::Tiles;
use crate::walk::{Track, Walk};
use crate::window::{Place, Window};
use bytemuck::Zeroable;
use core::mem;
use core::ops::Range;

mod forms;
pub use forms::{ANY, LATE, PADDING, WINDOWS, late};

/// One convolution.
///
/// ```
/// use bakelite_kernels::{Kernel, Place, Window, conv, epilogue::*};
/// const ROWS: usize = conv::candidates(64)[0];
/// const PARAMS: conv::Params<Finish<NoSum, Linear, Requantize>> = conv::Params {
///     x: Place::with_halo([1, 8, 8, 16], [1, 1, 1, 1]),
///     y: Place::dense([1, 8, 8, 64]),
///     window: Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], pad: [1, 1] },
///     zero_point: 0,
///     widest: conv::widest(ROWS),
///     short_steps: 0,
///     epilogue: Finish {
///         sum: NoSum,
///         activation: Linear,
///         output: Requantize { inverse: 20.0, low: 0, high: 255, zero_point: 0 },
///     },
/// };
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params<E> {
    /// The input, surrounded by a halo as wide as `window.pad` and the last windows ask.
    pub x: Place,
    /// The output.
    pub y: Place,
    /// The window over the input.
    pub window: Window,
    /// What the input holds for the real value 0.
    pub zero_point: u8,
    /// Vectors of 16 channels in the widest groups of the packed weights: [`widest`] of the rows of a tile.
    pub widest: usize,
    /// How many steps of four products surely fit 16 bits, added in pairs: 4, 2, 1, or 0 if nothing is known.
    /// [`prove_short_steps`](Params::prove_short_steps) tells. Without VPDPBUSD the speed depends on it, but no result.
    pub short_steps: u8,
    /// From accumulators to outputs.
    pub epilogue: E,
}

impl<E> Params<E> {
    /// Channels with the padding of the last panel.
    #[inline(always)]
    pub(crate) const fn lanes(&self) -> Lanes {
        let channels = self.y.channels;
        Lanes { channels, padded: channels.next_multiple_of(16), widest: self.widest }
    }

    /// Multiply-accumulates, padding included.
    pub const fn macs(&self) -> usize {
        let [kernel_h, kernel_w] = self.window.kernel;
        self.y.pixels() * self.y.channels * kernel_h * kernel_w * self.x.channels
    }

    /// Bytes of the packed image.
    pub const fn packed_bytes(&self) -> usize {
        pack::image_bytes(self.lanes().padded, Runs::new(&self.x, &self.window).total_k4())
    }

    /// Packs weights in HWIO order into `image`, which has `packed_bytes` and begins on a multiple of 64.
    pub fn pack(&self, hwio: &[i8], per_channel: PerChannel<'_>, image: &mut [u8]) {
        let runs = Runs::new(&self.x, &self.window);
        let (ic, oc) = (self.x.channels, self.y.channels);
        let panels = per_channel.pack(self.lanes(), image);
        pack::pack_panels(self.lanes(), runs.total_k4(), panels, |c, k| {
            let (run, byte) = (k / (4 * runs.k4()), k % (4 * runs.k4()));
            let (ky, kx) = (run / runs.count[1], run % runs.count[1] + byte / ic);
            let tap = ky * self.window.kernel[1] + kx;
            if byte < runs.bytes { hwio[(tap * ic + byte % ic) * oc + c] } else { 0 }
        });
    }

    /// What the weights of a packed image prove of [`short_steps`](Params::short_steps); 0 where K is so short that nothing
    /// is gained by it.
    pub fn prove_short_steps(&self, image: &[u8]) -> u8 {
        let enough = Runs::new(&self.x, &self.window).total_k4() >= 32;
        if enough { pack::short_steps(self.lanes(), self.weights(image).panels) } else { 0 }
    }

    /// The padding whose taps need not be computed. Tiles go down columns where a window has one row of taps, and `pixels` are
    /// whole images.
    #[inline(always)]
    fn padding(&self, runs: Runs, pixels: &Range<usize>) -> Padding {
        let Self { x, y, window, .. } = *self;
        let columns = runs.count[1] == 1 && window.kernel[1] > 1 && x.channels.is_multiple_of(4);
        let images = [pixels.start, pixels.end].iter().all(|end| end.is_multiple_of(y.height * y.width));
        let down = columns && window.kernel[0] == 1 && images;
        Padding { window, extent: [x.height, x.width], column: columns.then_some(x.channels / 4), down }
    }

    /// Sees a packed image.
    #[inline(always)]
    pub fn weights<'a>(&self, image: &'a [u8]) -> Weights<'a> {
        Weights::new(image, self.lanes().padded)
    }
}

/// Bytes of panels that are expected to be in the second cache still when a network runs again. More are prefetched, a
/// group while the one before it is computed.
const NEAR: usize = 8 << 10;

/// The accumulators' start values: `start[oc] = -zero_point * Σ w[.., oc]`. Weights are `[.., oc]`: HWIO, HWC or KN.
pub fn start(w: &[i8], zero_point: u8, start: &mut [i32]) {
    start.fill(0);
    for w in w.chunks_exact(start.len()) {
        for (start, &w) in start.iter_mut().zip(w) {
            *start -= i32::from(zero_point) * i32::from(w);
        }
    }
}

/// Rows MR of a tile that are worth a trial for an output of so many channels, and fit 32 registers. A compiler chooses
/// one for each layer; any gives the same bits. Each that is chosen is compiled for its epilogue and every ISA.
pub const fn candidates(channels: usize) -> &'static [usize] {
    match channels {
        33.. => &[8, 7, 6, 5, 4, 3, 2, 1],
        17.. => &[8, 6, 4, 2, 1],
        _ => &[12, 8, 6, 4, 2, 1],
    }
}

/// Vectors of the widest groups of channels that tiles of so many rows have registers for.
pub const fn widest(rows: usize) -> usize {
    if rows <= 6 { 4 } else { 2 }
}

pub use crate::igemm::{leads, rows};

/// The meaning of a convolution. Weights are HWIO; `summand` is the epilogue's, empty when there is none.
pub fn reference<E: Epilogue>(
    params: &Params<E>,
    x: &[u8],
    hwio: &[i8],
    [scale, bias]: [&[f32]; 2],
    summand: &[E::Summand],
    y: &mut [E::Out],
) {
    let Params { x: at_x, y: at_y, window, zero_point, epilogue, widest: _, short_steps: _ } = params;
    let at_summand = epilogue.summand();
    for n in 0..at_y.batch {
        for oy in 0..at_y.height {
            for ox in 0..at_y.width {
                for oc in 0..at_y.channels {
                    let mut acc = 0i32;
                    for ky in 0..window.kernel[0] {
                        for kx in 0..window.kernel[1] {
                            let iy = window.input(0, oy, ky, at_x.height);
                            let ix = window.input(1, ox, kx, at_x.width);
                            let (Some(iy), Some(ix)) = (iy, ix) else { continue };
                            for ic in 0..at_x.channels {
                                let x = i32::from(x[at_x.at(n, iy, ix) + ic]) - i32::from(*zero_point);
                                let tap = ky * window.kernel[1] + kx;
                                let w = hwio[(tap * at_x.channels + ic) * at_y.channels + oc];
                                acc += x * i32::from(w);
                            }
                        }
                    }
                    let s = summand.get(at_summand.at(n, oy, ox) + oc).copied();
                    let s = s.unwrap_or_else(E::Summand::zeroed);
                    y[at_y.at(n, oy, ox) + oc] = epilogue.reference(acc, scale[oc], bias[oc], s);
                }
            }
        }
    }
}

/// The fast form: tiles of MR pixels, or fewer where registers are. Any MR is right; [`candidates`]
/// names those that may be fast. FORMS has those of [`Params::forms`].
/// Kernel id: `igemm-{MR}x64c4-{isa}`.
///
/// `x` reaches 3 bytes past the last window. Output bytes between the channels of `y` and its pixel pitch are left
/// alone. It may be cut at any pixel, and at multiples of 64 channels.
pub struct Conv<'a, const MR: usize, const FORMS: usize, E: Epilogue> {
    /// Shapes and epilogue.
    pub params: &'a Params<E>,
    /// The packed weights.
    pub weights: Weights<'a>,
    /// The next product's weights, if they come from afar: what it begins with is prefetched while this one ends.
    pub next: Weights<'a>,
    /// The input's buffer.
    pub x: &'a [u8],
    /// The summand's buffer; empty when there is none.
    pub summand: &'a [E::Summand],
    /// The output's buffer.
    pub y: &'a mut [E::Out],
}

impl<'a, const MR: usize, const FORMS: usize, E: Epilogue> Split for Conv<'a, MR, FORMS, E> {
    type Y = Grid<'a, E::Out>;
    const DOTS: bool = true;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, mut grid: Self::Y) {
        let Params { x, y, window, epilogue, .. } = self.params;
        let (pixels, channels) = (grid.pixels(), grid.channels());
        let forms = self.params.forms(MR) & !LATE;
        assert!(forms & FORMS == forms, "a kernel of other forms");
        let runs = Runs::new(x, window);
        let runs = if FORMS & WINDOWS == 0 { Runs { count: [1, 1], ..runs } } else { runs };
        // The code that it takes is worth it on the best instruction set alone.
        let skips = FORMS & PADDING != 0 && I::REGISTERS == 32 && self.params.skips();
        let padding = skips.then(|| self.params.padding(runs, &pixels));
        let tracks = [Track::under(x, window), Track::positions(&grid), Track::plain(&epilogue.summand())];
        let walk = match padding {
            Some(padding) if padding.down => Walk::new([y.width, y.height], tracks.map(Track::down), &pixels),
            Some(_) => Walk::new([y.height, y.width], tracks, &pixels),
            None => Walk::new([y.height, y.width], tracks, &pixels).joined(),
        };
        let panel = |channel: usize| channel.div_ceil(16) * runs.total_k4();
        let mut panels = &self.weights.panels[panel(channels.start)..panel(channels.end)];
        let from_afar = self.weights.panels.len() * 64 > NEAR;
        let next = self.next.group_at([channels.start, y.channels]);
        for group in self.params.lanes().groups().filter(|group| channels.contains(&group.first)) {
            let (now, rest) = panels.split_at(group.vectors * runs.total_k4());
            panels = rest;
            let ahead = match from_afar {
                // Narrower groups are the last ones, and prefetch nothing.
                _ if rest.len() < panel(16 * self.params.widest) && !next.is_empty() => next,
                true => &rest[..now.len().min(rest.len())],
                false => &[],
            };
            let tiles = Tiles {
                panels: Panels {
                    runs,
                    x: self.x,
                    panels: now,
                    short_steps: self.params.short_steps,
                    padding,
                },
                epilogue: *epilogue,
                weights: self.weights,
                ahead,
                group,
                channels: channels.end,
                walk,
                pixels: pixels.len(),
                summand: self.summand,
                y: grid.again(),
                late: FORMS & LATE != 0,
            };
            match group.vectors {
                4 if FORMS & 4 != 0 => igemm::run::<I, E, MR, 4>(isa, tiles),
                2 if FORMS & 2 != 0 => igemm::run::<I, E, MR, 2>(isa, tiles),
                1 if FORMS & 1 != 0 => igemm::run::<I, E, MR, 1>(isa, tiles),
                _ => unreachable!("the forms have the groups"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
