//! Convolution of 3x3 taps at stride 1 by Winograd's F(4x4, 3x3), in integers: 36 products where the direct form has 144, of
//! 16 bits instead of 8, and the same sums bit for bit.
//!
//! ```text
//! V = Bᵀ d B          the 6x6 inputs d under a tile of 4x4 outputs             Input
//! U = G g Gᵀ          the 3x3 weights g of a pair of channels                  Filter
//! M = Σ_ic U * V      36 matrix products, by pairs of input channels           Product
//! y = Aᵀ M A / f      f[i, j] = 9 * 2^(shift[i] + shift[j])
//! ```
//!
//! Lavin and Gray ("Fast Algorithms for Convolutional Neural Networks", 2015) have fractions in G. Here its rows are scaled to
//! integers, and what that multiplies the outputs by is divided out at the end, which is exact though M and `Aᵀ M A` wrap around:
//!
//! ```text
//! modulo 2^32:  t = f * y,   t * 9⁻¹ = 2^shift * y,   shifted back with its sign = y      where |y| < 2^(31 - 6)
//! ```
//!
//! The compiler proves the bound from the weights ([`sums_fit`]). V and U fit 16 bits whatever x and w are: rows of Bᵀ have an
//! absolute sum of 10 and 10 * 10 * 255 is 25,500; those of G have 7, and 7 * 7 * 128 is 6,272.
//!
//! The last tile of a row or a column moves back, so maps are at least 4x4; what it computes again is the same. Cost: a fourth of
//! the MACs, rounded up to tiles, at half the rate; about 20 operations for each 32 elements of V and of U. U is computed for
//! every inference: it has eight times the bytes of the weights, which would be in the executable.

use crate::conv;
use crate::epilogue::Epilogue;
use crate::window::{Place, Window};
use core::ops::Range;

mod filter;
mod input;
mod product;
#[cfg(test)]
mod tests;
mod transform;

pub use filter::{Filter, FilterParams};
pub use input::{Input, InputParams};
pub use product::Product;

/// Products of a tile.
const POINTS: usize = 36;
/// Outputs of a tile along an axis.
const SIDE: usize = 4;
/// The most tiles whose products are summed together: six of 64 channels are slower, and so are eight of 32.
const ROWS: usize = 4;

/// Whether the kernels are made for a convolution: its window, whole pairs of channels, and tiles enough.
pub const fn fits<E>(params: &conv::Params<E>) -> bool {
    let conv::Params { x, y, window: Window { kernel, stride, dilation, .. }, .. } = params;
    let [kernel_h, kernel_w] = *kernel;
    let square = kernel_h == 3 && kernel_w == 3 && stride[0] * stride[1] * dilation[0] * dilation[1] == 1;
    let tiled = y.height >= SIDE && y.width >= SIDE && y.batch * tiles(y)[0] * tiles(y)[1] >= ROWS;
    square && tiled && x.channels.is_multiple_of(4) && params.widest == 4
}

/// Whether no output's sum leaves the 26 bits that remain of it. Weights are `[.., oc]`, with `channels` output channels.
pub fn sums_fit(w: &[i8], channels: usize) -> bool {
    (0..channels).all(|oc| {
        let w = || w[oc..].iter().step_by(channels).map(|&w| i64::from(w));
        let (low, high) = (w().map(|w| w.min(0)).sum::<i64>(), w().map(|w| w.max(0)).sum::<i64>());
        255 * low >= -(1 << 25) && 255 * high < 1 << 25
    })
}

/// Rows and columns of tiles over an output.
const fn tiles(y: &Place) -> [usize; 2] {
    [y.height.div_ceil(SIDE), y.width.div_ceil(SIDE)]
}

/// Steps of K, a pair of input channels each: c and c + 2 of four, an even pair and an odd one.
const fn steps(ic: usize) -> usize {
    ic / 2
}

/// The step of K of a pair: of each 64 input channels first the even pairs of all fours, then the odd ones, so that what an
/// instruction set loads at once is together again when it is taken apart.
#[inline(always)]
const fn step(ic: usize, four: usize, odd: usize) -> usize {
    let first = four / 16 * 16;
    let fours = if ic / 4 - first < 16 { ic / 4 - first } else { 16 };
    2 * first + odd * fours + four % 16
}

/// Where V lies: a pixel is a tile, its channels are `[column: 6][row: 6][pair of input channels]`, as i32.
pub const fn input_place<E>(params: &conv::Params<E>) -> Place {
    let [down, along] = tiles(&params.y);
    Place::dense([params.y.batch, down, along, POINTS * steps(params.x.channels)])
}

/// Where U lies: a pixel is 16 output channels, as many side by side as the packed weights have in a group, whose channels
/// together are `[column: 6][row: 6][pair of input channels, and one of padding][panel: NV][lane: 16]`, as i32.
pub const fn filter_place<E>(params: &conv::Params<E>) -> Place {
    Place::dense([1, 1, params.y.channels.div_ceil(16), 16 * point_steps(params.x.channels) * POINTS])
}

/// Steps from a point of U to the next: one more than there are, or points a power of two apart would share few lines of a cache.
const fn point_steps(ic: usize) -> usize {
    steps(ic) + 1
}

/// The tiles over an output.
#[derive(Clone, Copy)]
struct Map {
    /// Height and width of the output.
    extent: [usize; 2],
    /// Rows and columns of tiles.
    tiles: [usize; 2],
}

impl Map {
    const fn new(y: &Place) -> Self {
        Self { extent: [y.height, y.width], tiles: tiles(y) }
    }

    /// Image, row and column of a tile's first output; the last of a row or a column moves back.
    #[inline(always)]
    fn at(&self, tile: usize) -> [usize; 3] {
        let ([height, width], [down, along]) = (self.extent, self.tiles);
        let (line, column) = (tile / along, tile % along);
        let (n, row) = (line / down, line % down);
        [n, (SIDE * row).min(height - SIDE), (SIDE * column).min(width - SIDE)]
    }

    /// The tiles that have some of the lines from one to another, which are counted over all images.
    #[inline(always)]
    fn over(&self, [start, end]: [usize; 2]) -> Range<usize> {
        let ([height, _], [down, along]) = (self.extent, self.tiles);
        let row = |line: usize| line / height * down + line % height / SIDE;
        if start == end { 0..0 } else { row(start) * along..(row(end - 1) + 1) * along }
    }
}

/// The meaning is the convolution's own: [`conv::reference`].
pub fn reference<E: Epilogue>(
    params: &conv::Params<E>,
    x: &[u8],
    hwio: &[i8],
    per_channel: [&[f32]; 2],
    summand: &[E::Summand],
    y: &mut [E::Out],
) {
    conv::reference(params, x, hwio, per_channel, summand, y);
}
