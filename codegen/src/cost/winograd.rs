//! A convolution by Winograd's F(4x4, 3x3): its products and what follows them, and the transforms before.
//!
//! ```text
//! step    = max(MR*NV * dot2, latency, (MR + NV) * load, bytes of U * stream)       a pair of input channels
//! tiles   = 36 * (ic / 2 * step + MR*NV * spill + tile) + MR*NV * (inverse + 16 * (store + sum))
//! product = Σ_groups parts * ceil(tiles / MR) * tiles
//! input   = tiles * vectors of pairs of input channels * forward
//! ```
//!
//! U goes by bytes, like other kernels without dot products.

use super::cores::Core;
use super::{Layer, Work, cycles};
use bakelite_kernels::{conv, pack, winograd};

/// A convolution by transformed inputs and weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Winograd {
    /// Tiles of all images.
    pub tiles: usize,
    /// Input and output channels.
    pub channels: [usize; 2],
    /// Whether the epilogue adds another tensor.
    pub sum: bool,
    /// Bytes that the transform of the weights reads and writes.
    filter: usize,
}

impl Winograd {
    /// That of a convolution, whatever its window.
    pub fn new<E>(params: &conv::Params<E>, sum: bool) -> Self {
        let [v, u] = [winograd::input_place(params), winograd::filter_place(params)];
        let [ic, oc] = [params.x.channels, params.y.channels];
        let filter = 9 * ic * oc + 4 * u.batch * u.image;
        Self { tiles: v.pixels(), channels: [ic, oc], sum, filter }
    }

    /// The kernel's id without its instruction set.
    pub fn id(&self) -> String {
        let widest = pack::groups(self.channels[1].next_multiple_of(16), 4).next();
        format!("winograd-4x{}c2", 16 * widest.map_or(1, |group| group.vectors))
    }

    /// Of the products alone.
    pub fn cycles(&self, core: &Core) -> f64 {
        let [ic, oc] = self.channels;
        let group = |group: pack::Group| {
            let rows = conv::rows(4, group.vectors, core.rows);
            let sums = (rows * group.vectors) as f64;
            let loads = (rows + group.vectors) as f64 * core.load;
            let stream = (group.vectors * 64) as f64 * core.stream;
            let step = (sums * core.dot2).max(core.latency).max(loads).max(stream);
            let points = 36.0 * ((ic / 2) as f64 * step + sums * core.spill + core.tile);
            let store = if self.sum { core.store + core.sum } else { core.store };
            let channels = (oc - group.first).min(16 * group.vectors);
            let parts = channels.div_ceil(group.vectors * core.lanes);
            (parts * self.tiles.div_ceil(rows)) as f64 * (points + sums * (core.inverse + 16.0 * store))
        };
        pack::groups(oc.next_multiple_of(16), 4).map(group).sum()
    }

    /// Of the input's transform alone: even and odd pairs of channels apart, or together where they fill a vector.
    pub fn input_cycles(&self, core: &Core) -> f64 {
        let fours = self.channels[0] / 4;
        let rest = fours % core.lanes;
        let last = if rest == 0 {
            0
        } else if 2 * rest == core.lanes {
            1
        } else {
            2
        };
        (self.tiles * (2 * (fours / core.lanes) + last)) as f64 * core.forward
    }

    /// Of the products and the transforms.
    pub fn whole(&self, core: &Core) -> f64 {
        let filter =
            Layer { work: &Work::Bytes, kernel: "winograd::Filter", macs: 0, bytes: self.filter, weights: 0 };
        self.cycles(core) + self.input_cycles(core) + cycles(core, &filter, 0) as f64
    }
}
