//! The inputs of tiles, transformed: bytes to pairs of 16 bits, once for all output channels.

use super::{Map, transform};
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

/// Transforms the inputs. A pair is input channels c and c + 2 of each four, of all fours first the even pairs, then the odd ones.
/// It may be cut at any tile.
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
            for channel in (0..x.channels).step_by(4 * I::LANES) {
                self.channels::<I, 0>(isa, at + channel, channel, y);
                self.channels::<I, 1>(isa, at + channel, channel, y);
            }
        }
    }
}

impl Input<'_> {
    /// As many channels as a vector has bytes, from `channel` on: the even pairs, or the odd ones. Both at once would be more
    /// values than registers.
    #[inline(always)]
    fn channels<I: Isa, const ODD: usize>(&self, isa: I, at: usize, channel: usize, y: &mut [i32]) {
        let Place { row, pixel, channels, .. } = self.params.x;
        let fours = channels / 4;
        let count = (fours - channel / 4).min(I::LANES);
        let mut columns = [[isa.splat_i32(0); 6]; 6];
        for ix in 0..6 {
            let rows = [0, row, 2 * row, 3 * row, 4 * row, 5 * row];
            let bytes = isa.load_taps(self.x, at + ix * pixel, rows);
            let mut pairs = [isa.splat_i32(0); 6];
            for iy in 0..6 {
                pairs[iy] = isa.pairs_u8(bytes[iy])[ODD];
            }
            let column = transform::input(isa, pairs);
            for i in 0..6 {
                columns[i][ix] = column[i];
            }
        }
        for i in 0..6 {
            let row = transform::input(isa, columns[i]);
            for j in 0..6 {
                let at = (6 * i + j) * 2 * fours + ODD * fours + channel / 4;
                isa.store_first(row[j], &mut y[at..][..count]);
            }
        }
    }
}
