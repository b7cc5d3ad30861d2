//! Pooling of bytes.
//!
//! ```text
//! Max      y[c] = max over taps inside the image of x[c]
//! Average  y[c] = RNE(f32(Σ (x[c] - zero_point)) * f32(1 / taps inside)) + zero_point
//! ```
//!
//! Taps on the padding do not count, so no halo is needed: a window is cut to the image. Adding 128 to signed bytes
//! keeps their order, but not their average's rounding, hence the zero point. Cost for `4 * LANES` channels: a load and a
//! maximum for each tap; for an average, four taps of a row are interleaved to be summed by a dot product with ones,
//! which takes three operations a tap.

use crate::isa::{Isa, Narrow};
use crate::quant;
use crate::team::{Grid, Split};
use crate::window::{Place, Window};
use core::mem;

/// One pooling; `x` and `y` have the same channels, and every window meets the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// The input.
    pub x: Place,
    /// The output.
    pub y: Place,
    /// The window over the input.
    pub window: Window,
    /// What the tensors hold for the real value 0.
    pub zero_point: u8,
}

impl Params {
    /// The taps of output pixel `[n, oy, ox]` that are inside the image.
    #[inline(always)]
    fn taps(&self, [n, oy, ox]: [usize; 3]) -> Taps {
        let Self { x, window, .. } = *self;
        let (rows, columns) = (window.inside(0, oy, x.height), window.inside(1, ox, x.width));
        let input =
            |axis: usize, o, tap| o * window.stride[axis] + tap * window.dilation[axis] - window.pad[axis];
        let count = [rows.len(), columns.len()];
        // A window that meets the image nowhere has no taps, and no first one.
        let at = if count.contains(&0) {
            0
        } else {
            x.at(n, input(0, oy, rows.start), input(1, ox, columns.start))
        };
        Taps { at, count, pitch: [window.dilation[0] * x.row, window.dilation[1] * x.pixel] }
    }

    /// The average of `count` values, given their sum without zero points.
    #[inline(always)]
    fn average(&self, sum: i32, reciprocal: f32) -> u8 {
        (quant::round_half_even(sum as f32 * reciprocal) as i32 + i32::from(self.zero_point)) as u8
    }
}

/// Rows of taps.
#[derive(Clone, Copy)]
struct Taps {
    /// Where the first one lies.
    at: usize,
    /// Rows, and taps in each.
    count: [usize; 2],
    /// From a row and a tap to the next.
    pitch: [usize; 2],
}

impl Taps {
    /// Where tap kx of row ky lies.
    #[inline(always)]
    fn place(&self, ky: usize, kx: usize) -> usize {
        self.at + ky * self.pitch[0] + kx * self.pitch[1]
    }
}

/// The meaning of both poolings: `pool` sees the bytes under one window.
fn each_window(params: &Params, x: &[u8], y: &mut [u8], pool: impl Fn(&mut dyn Iterator<Item = u8>) -> u8) {
    let Params { x: at_x, y: at_y, window, .. } = params;
    for n in 0..at_y.batch {
        for oy in 0..at_y.height {
            for ox in 0..at_y.width {
                for c in 0..at_y.channels {
                    let rows = (0..window.kernel[0]).filter_map(|ky| window.input(0, oy, ky, at_x.height));
                    let mut taps = rows.flat_map(|iy| {
                        let columns =
                            (0..window.kernel[1]).filter_map(|kx| window.input(1, ox, kx, at_x.width));
                        columns.map(move |ix| x[at_x.at(n, iy, ix) + c])
                    });
                    y[at_y.at(n, oy, ox) + c] = pool(&mut taps);
                }
            }
        }
    }
}

/// The meaning of maximum pooling.
pub fn max_reference(params: &Params, x: &[u8], y: &mut [u8]) {
    each_window(params, x, y, |taps| taps.max().unwrap_or(0));
}

/// The meaning of average pooling.
pub fn average_reference(params: &Params, x: &[u8], y: &mut [u8]) {
    each_window(params, x, y, |taps| {
        let (mut sum, mut count) = (0, 0);
        for x in taps {
            sum += i32::from(x) - i32::from(params.zero_point);
            count += 1;
        }
        params.average(sum, 1.0 / count.max(1) as f32)
    });
}

/// Maximum pooling. Bytes of `y` between its pixels are left alone.
pub struct Max<'a> {
    /// Shapes.
    pub params: &'a Params,
    /// The input's buffer.
    pub x: &'a [u8],
    /// The output's buffer.
    pub y: &'a mut [u8],
}

impl<'a> Split for Max<'a> {
    type Y = Grid<'a, u8>;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, mut grid: Self::Y) {
        let channels = grid.channels();
        for row in grid.rows() {
            for p in 0..row.pixels {
                let taps = self.params.taps([row.n, row.oy, row.ox + p]);
                let out = grid.at(row.position + p, channels.start, channels.len());
                for (block, out) in out.chunks_mut(4 * I::LANES).enumerate() {
                    let first = channels.start + block * 4 * I::LANES;
                    // 0 is the least of signed bytes too, since 128 is added to them.
                    let mut most = isa.load_bytes(&[]);
                    for ky in 0..taps.count[0] {
                        for kx in 0..taps.count[1] {
                            let x = &self.x[taps.place(ky, kx) + first..][..out.len()];
                            most = isa.max_bytes(most, isa.load_bytes(x));
                        }
                    }
                    isa.store_bytes(most, out);
                }
            }
        }
    }
}

/// Average pooling. Bytes of `y` between its pixels are left alone.
pub struct Average<'a> {
    /// Shapes.
    pub params: &'a Params,
    /// The input's buffer.
    pub x: &'a [u8],
    /// The output's buffer.
    pub y: &'a mut [u8],
}

impl Average<'_> {
    /// Adds the taps of `len` channels from `first`, in the order of a group.
    #[inline(always)]
    fn sums<I: Isa>(
        &self,
        isa: I,
        taps: Taps,
        first: usize,
        len: usize,
        mut sums: [I::I32; 4],
    ) -> [I::I32; 4] {
        let ones = isa.load_w(&[1; 64], 0);
        for ky in 0..taps.count[0] {
            for kx in (0..taps.count[1]).step_by(4) {
                let mut x = [isa.load_bytes(&[]); 4];
                for j in 0..4 {
                    if kx + j < taps.count[1] {
                        x[j] = isa.load_bytes(&self.x[taps.place(ky, kx + j) + first..][..len]);
                    }
                }
                let x = isa.interleave4(x);
                for s in 0..4 {
                    sums[s] = isa.dot4(sums[s], x[s], ones);
                }
            }
        }
        sums
    }
}

impl<'a> Split for Average<'a> {
    type Y = Grid<'a, u8>;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, mut grid: Self::Y) {
        let zero_point = self.params.zero_point;
        let to = Narrow { zero_point, low: 0, high: 255 };
        let channels = grid.channels();
        for row in grid.rows() {
            for p in 0..row.pixels {
                let taps = self.params.taps([row.n, row.oy, row.ox + p]);
                let count = taps.count[0] * taps.count[1];
                let start = isa.splat_i32(-(count as i32) * i32::from(zero_point));
                let reciprocal = isa.splat_f32(1.0 / count.max(1) as f32);
                let out = grid.at(row.position + p, channels.start, channels.len());
                for (block, out) in out.chunks_mut(4 * I::LANES).enumerate() {
                    let first = channels.start + block * 4 * I::LANES;
                    let mut sums = self.sums(isa, taps, first, out.len(), [start; 4]);
                    for sum in &mut sums {
                        *sum = isa.round(isa.mul(isa.to_f32(*sum), reciprocal));
                    }
                    isa.narrow(sums, to, out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Failures, Fill, Random};

    #[test]
    fn equals_the_references() {
        let (mut random, mut failures) = (Random::new(11), Failures::default());
        // Extent of the input, kernel, stride, dilation, pads before, extent of the output.
        let windows = [
            ([7, 6], [3, 3], [2, 2], [1, 1], [1, 0], [4, 3]),
            ([5, 5], [2, 2], [1, 1], [1, 1], [0, 0], [5, 5]),
            ([4, 9], [1, 3], [3, 2], [1, 2], [0, 2], [2, 4]),
            ([2, 2], [5, 5], [1, 1], [1, 1], [2, 2], [2, 2]),
            ([7, 7], [7, 7], [1, 1], [1, 1], [0, 0], [1, 1]),
        ];
        for (extent, kernel, stride, dilation, pad, out) in windows {
            for (channels, zero_point, gap) in [(1, 0, 0), (5, 128, 2), (64, 0, 0), (100, 128, 28)] {
                for fill in [Fill::Random, Fill::Min, Fill::Max] {
                    let x = testing::gapped([2, extent[0], extent[1], channels], [0; 4], gap);
                    let y = testing::gapped([2, out[0], out[1], channels], [1, 0, 0, 2], gap);
                    let params =
                        Params { x, y, window: Window { kernel, stride, dilation, pad }, zero_point };
                    let x = testing::input(&params.x, zero_point, fill, &mut random);
                    let (mut most, mut mean) = (testing::untouched(&y), testing::untouched(&y));
                    max_reference(&params, &x, &mut most);
                    average_reference(&params, &x, &mut mean);
                    for isa in testing::isas() {
                        let case = || std::format!("{isa} {params:?} {fill:?}");
                        let mut y = testing::untouched(&params.y);
                        testing::run_cut(isa, 3, Max { params: &params, x: &x, y: &mut y });
                        failures.check(&y, &most, || std::format!("max {}", case()));
                        let mut y = testing::untouched(&params.y);
                        testing::run_cut(isa, 3, Average { params: &params, x: &x, y: &mut y });
                        failures.check(&y, &mean, || std::format!("average {}", case()));
                    }
                }
            }
        }
    }

    #[test]
    fn worked_averages() {
        let place = |height, width| Place::dense([1, height, width, 1]);
        let window = Window { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [0, 0] };
        let params = |zero_point| Params { x: place(2, 3), y: place(1, 2), window, zero_point };
        let (mut y, x) = ([0; 2], [1, 2, 9, 2, 1, 12]);
        average_reference(&params(0), &x, &mut y);
        // 6/4 is a tie and goes to 2; two taps of the second window are outside, 21/2 goes to 10.
        assert_eq!(y, [2, 10]);
        average_reference(&params(1), &x, &mut y);
        // Less 1: 2/4 goes to 0, 19/2 to 10.
        assert_eq!(y, [1, 11]);
        max_reference(&params(0), &x, &mut y);
        assert_eq!(y, [2, 12]);
    }
}
