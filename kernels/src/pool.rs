//! Pooling of bytes.
//!
//! ```text
//! Max      y[c] = max over taps inside the image of x[c]
//! Average  y[c] = RNE(f32(Σ (x[c] - zero_point)) * f32(1 / taps inside)) + zero_point
//! ```
//!
//! Taps on the padding do not count, so no halo is needed: a window is cut to the image. Adding 128 to signed bytes
//! keeps their order, but not their average's rounding, hence the zero point.
//!
//! A window is columns of taps that are joined (`sweep`). Cost for `4 * LANES` channels: a load and a maximum for each tap,
//! and a maximum a column. For an average a load and three operations a tap: 16 bits hold its sums, even bytes apart from
//! odd ones. Windows of three columns that overlap share them; the few taps of such a window are divided by in 16 bits too,
//! which takes six operations, where `Mean` takes 30.

use crate::isa::{Isa, Narrow, Share};
use crate::quant;
use crate::team::{Grid, Split};
use crate::window::{Place, Window};
use core::mem;
use sweep::{Pool, sweep};

/// One pooling; `x` and `y` have the same channels, and every window meets the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// The input.
    pub x: Place,
    /// The output.
    pub y: Place,
    /// The window over the input.
    pub window: Window,
    /// What the tensors hold for the real value 0: 0, or 128 where signed bytes have 128 added.
    pub zero_point: u8,
}

impl Params {
    /// How far windows of three columns and few taps slide, if they overlap: 1 or 2 pixels, else 0.
    pub const fn slides(&self) -> usize {
        let Window { kernel, stride, dilation, .. } = self.window;
        let few = kernel[1] == 3 && kernel[0] <= Share::MOST / 3;
        if few && dilation[1] == 1 && stride[1] < 3 { stride[1] } else { 0 }
    }

    /// The average of `count` values, given their sum without zero points.
    #[inline(always)]
    fn average(&self, sum: i32, reciprocal: f32) -> u8 {
        (quant::round_half_even(sum as f32 * reciprocal) as i32 + i32::from(self.zero_point)) as u8
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

/// Maximum pooling, SLIDES being 0 or [`Params::slides`]. Bytes of `y` between its pixels are left alone.
pub struct Max<'a, const SLIDES: usize> {
    /// Shapes.
    pub params: &'a Params,
    /// The input's buffer.
    pub x: &'a [u8],
    /// The output's buffer.
    pub y: &'a mut [u8],
}

impl<'a, const SLIDES: usize> Split for Max<'a, SLIDES> {
    type Y = Grid<'a, u8>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, grid: Self::Y) {
        sweep::<I, _, SLIDES>(isa, self.params, self.x, grid, Most);
    }
}

/// The maximum. 0 is the least of signed bytes too, since 128 is added to them.
#[derive(Clone, Copy)]
struct Most;

impl Pool for Most {
    type Taps<I: Isa> = I::Bytes;

    #[inline(always)]
    fn none<I: Isa>(isa: I) -> I::Bytes {
        isa.load_bytes(&[])
    }

    #[inline(always)]
    fn column<I: Isa, const N: usize>(isa: I, x: [I::Bytes; N]) -> I::Bytes {
        x.into_iter().fold(Self::none(isa), |most, x| isa.max_bytes(most, x))
    }

    #[inline(always)]
    fn join<I: Isa>(isa: I, a: I::Bytes, b: I::Bytes) -> I::Bytes {
        isa.max_bytes(a, b)
    }

    #[inline(always)]
    fn store<I: Isa>(&self, isa: I, most: I::Bytes, _count: usize, y: &mut [u8]) {
        isa.store_bytes(most, y);
    }
}

/// Average pooling, SLIDES being 0 or [`Params::slides`]. Bytes of `y` between its pixels are left alone.
pub struct Average<'a, const SLIDES: usize> {
    /// Shapes.
    pub params: &'a Params,
    /// The input's buffer.
    pub x: &'a [u8],
    /// The output's buffer.
    pub y: &'a mut [u8],
}

impl<'a, const SLIDES: usize> Split for Average<'a, SLIDES> {
    type Y = Grid<'a, u8>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, grid: Self::Y) {
        let Self { params, x, .. } = *self;
        match SLIDES {
            0 => sweep::<I, _, 0>(isa, params, x, grid, Mean { zero_point: params.zero_point }),
            _ => sweep::<I, _, SLIDES>(isa, params, x, grid, Few),
        }
    }
}

/// The mean of a few taps. The zero point is even ([`Params::zero_point`]) and does not change how halves are rounded.
#[derive(Clone, Copy)]
struct Few;

impl Pool for Few {
    type Taps<I: Isa> = I::Sums;

    #[inline(always)]
    fn none<I: Isa>(isa: I) -> I::Sums {
        isa.sums(isa.load_bytes(&[]))
    }

    #[inline(always)]
    fn column<I: Isa, const N: usize>(isa: I, x: [I::Bytes; N]) -> I::Sums {
        let mut sums = Self::none(isa);
        for x in x {
            sums = isa.add_sums(sums, isa.sums(x));
        }
        sums
    }

    #[inline(always)]
    fn join<I: Isa>(isa: I, a: I::Sums, b: I::Sums) -> I::Sums {
        isa.add_sums(a, b)
    }

    #[inline(always)]
    fn store<I: Isa>(&self, isa: I, sums: I::Sums, count: usize, y: &mut [u8]) {
        isa.store_bytes(isa.share_sums(sums, Share::of(count)), y);
    }
}

/// The mean of any taps: sums in the order of a group.
#[derive(Clone, Copy)]
struct Mean {
    zero_point: u8,
}

impl Pool for Mean {
    type Taps<I: Isa> = [I::I32; 4];

    #[inline(always)]
    fn none<I: Isa>(isa: I) -> [I::I32; 4] {
        [isa.splat_i32(0); 4]
    }

    #[inline(always)]
    fn column<I: Isa, const N: usize>(isa: I, x: [I::Bytes; N]) -> [I::I32; 4] {
        isa.widen_sums(Few::column(isa, x))
    }

    #[inline(always)]
    fn join<I: Isa>(isa: I, mut a: [I::I32; 4], b: [I::I32; 4]) -> [I::I32; 4] {
        for s in 0..4 {
            a[s] = isa.add_i32(a[s], b[s]);
        }
        a
    }

    #[inline(always)]
    fn store<I: Isa>(&self, isa: I, mut sums: [I::I32; 4], count: usize, y: &mut [u8]) {
        let zero = isa.splat_i32(-(count as i32) * i32::from(self.zero_point));
        let reciprocal = isa.splat_f32(1.0 / count.max(1) as f32);
        for sum in &mut sums {
            *sum = isa.round(isa.mul(isa.to_f32(isa.add_i32(*sum, zero)), reciprocal));
        }
        isa.narrow(sums, Narrow { zero_point: self.zero_point, low: 0, high: 255 }, y);
    }
}

mod sweep;
#[cfg(test)]
mod tests;
