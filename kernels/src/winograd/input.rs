//! The inputs of tiles, transformed: bytes to pairs of 16 bits, once for all output channels.

use super::{Map, step, steps, transform};
use crate::isa::Isa;
use crate::team::{Grid, Split};
use crate::window::Place;
use core::mem;

/// Shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputParams {
    /// The convolution's input, surrounded by its halo.
    pub x: Place,
    /// [`input_place`](super::input_place).
    pub y: Place,
    /// Height and width of the convolution's output.
    pub extent: [usize; 2],
    /// Halo `[top, left]` of output pixel (0, 0).
    pub pad: [usize; 2],
}

/// Transforms the inputs. It may be cut at any tile.
pub struct Input<'a> {
    /// Shapes.
    pub params: &'a InputParams,
    /// The convolution's input.
    pub x: &'a [u8],
    /// V.
    pub y: &'a mut [i32],
}

impl<'a> Split for Input<'a> {
    type Y = Grid<'a, i32>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, mut grid: Self::Y) {
        let InputParams { x, y, extent, pad: [top, left] } = *self.params;
        let map = Map { extent, tiles: [y.height, y.width] };
        for tile in grid.pixels() {
            let [n, oy, ox] = map.at(tile);
            // The pad is in front of the first output, so the difference is never negative.
            let at = x.at(n, oy, ox) - top * x.row - left * x.pixel;
            let y = grid.run(tile, 1);
            for four in (0..x.channels / 4).step_by(I::LANES) {
                let at = at + 4 * four;
                // Half a vector of fours has room for both.
                let [even, odd] = [0, 1].map(|odd| step(x.channels, four, odd));
                let count = (x.channels / 4 - four).min(I::LANES);
                if 2 * count == I::LANES && odd == even + count {
                    self.fours::<I>(isa, |isa, x| isa.both_pairs_u8(x), at, &mut y[even..], 2 * count);
                } else {
                    self.fours::<I>(isa, |isa, x| isa.pairs_u8(x)[0], at, &mut y[even..], count);
                    self.fours::<I>(isa, |isa, x| isa.pairs_u8(x)[1], at, &mut y[odd..], count);
                }
            }
        }
    }
}

impl Input<'_> {
    /// A vector of fours of channels, of which `pairs` takes some: even and odd ones at once would be more values than registers.
    #[inline(always)]
    fn fours<I: Isa>(
        &self,
        isa: I,
        pairs: impl Fn(I, I::Bytes) -> I::I32,
        at: usize,
        y: &mut [i32],
        count: usize,
    ) {
        let Place { row, pixel, channels, .. } = self.params.x;
        let zero = isa.splat_i32(0);
        let mut columns = [[zero; 6]; 6];
        for ix in 0..6 {
            let rows = [0, row, 2 * row, 3 * row, 4 * row, 5 * row];
            let bytes = isa.load_taps(self.x, at + ix * pixel, rows);
            let mut column = [zero; 6];
            for iy in 0..6 {
                column[iy] = pairs(isa, bytes[iy]);
            }
            let column = transform::input(isa, column);
            for i in 0..6 {
                columns[i][ix] = column[i];
            }
        }
        for i in 0..6 {
            let row = transform::input(isa, columns[i]);
            for j in 0..6 {
                isa.store_first(row[j], &mut y[(6 * j + i) * steps(channels)..][..count]);
            }
        }
    }
}
