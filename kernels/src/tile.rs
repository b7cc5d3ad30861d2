//! The loops around a tile, the same for every product: parts of a group, pixels, and the way out.
//!
//! A tile is any MR consecutive pixels ([`walk`](crate::walk)). One that lies in one row tells which, so that its taps
//! on padding need not be computed.

use crate::epilogue::Epilogue;
use crate::isa::{Isa, Rows};
use crate::pack::{Group, Weights};
use crate::team::Grid;
use crate::walk::{Places, Stretch, Walk};

/// What a tile sums.
pub(crate) trait Sums {
    /// Adds to `acc` the products of the tile's pixels with its channels, which are those of part `part` of the group.
    fn sums<I: Isa, const MR: usize, const NV: usize>(
        &self,
        isa: I,
        acc: [[I::I32; NV]; MR],
        part: usize,
        tile: Tile<'_>,
    ) -> [[I::I32; NV]; MR];
}

/// MR pixels.
#[derive(Clone, Copy)]
pub struct Tile<'a> {
    /// The first channel.
    pub(crate) first: usize,
    /// Where the windows of the pixels begin.
    pub(crate) x: Places,
    /// The first pixel's [row, column], if all are in one row.
    pub(crate) row: Option<[usize; 2]>,
    /// To be prefetched on the way.
    pub(crate) ahead: &'a [[i8; 64]],
}

/// All pixels of one group of channels.
pub(crate) struct Tiles<'a, E: Epilogue, S> {
    pub(crate) sums: S,
    /// A copy, so that the compiler knows that stores to `y` leave it alone.
    pub(crate) epilogue: E,
    pub(crate) weights: Weights<'a>,
    /// The panels of the next group, if they come from afar: each tile prefetches its share.
    pub(crate) ahead: &'a [[i8; 64]],
    pub(crate) group: Group,
    /// The end of the channels; the group may reach past it.
    pub(crate) channels: usize,
    /// Where x, y (in positions) and the summand have each output pixel.
    pub(crate) walk: Walk<3>,
    /// How many pixels that are.
    pub(crate) pixels: usize,
    pub(crate) summand: &'a [E::Summand],
    pub(crate) y: Grid<'a, E::Out>,
}

impl<E: Epilogue, S: Sums> Tiles<'_, E, S> {
    /// Computes the group, whose `vectors` is NV, by tiles of MR rows.
    #[inline(always)]
    pub(crate) fn run<I: Isa, const MR: usize, const NV: usize>(&mut self, isa: I) {
        for part in 0..16 / I::LANES {
            let first = self.group.first + part * NV * I::LANES;
            if first < self.channels {
                self.part::<I, MR, NV>(isa, part, first);
            }
        }
    }

    /// All tiles of the `NV * LANES` channels from `first`.
    #[inline(always)]
    fn part<I: Isa, const MR: usize, const NV: usize>(&mut self, isa: I, part: usize, first: usize) {
        let (mut walk, mut ahead) = (self.walk, self.ahead);
        let share = if ahead.is_empty() { 0 } else { ahead.len().div_ceil(self.pixels.div_ceil(MR)) };
        while let Some(stretch) = walk.next::<MR>() {
            let (soon, later) = ahead.split_at(share.min(ahead.len()));
            ahead = later;
            let tile = Tile { first, x: stretch.places[X], row: stretch.row, ahead: soon };
            self.tile::<I, MR, NV>(isa, part, tile, stretch);
        }
    }

    #[inline(always)]
    fn tile<I: Isa, const MR: usize, const NV: usize>(
        &mut self,
        isa: I,
        part: usize,
        tile: Tile<'_>,
        stretch: Stretch<3>,
    ) {
        let first = tile.first;
        let panel = self.group.first / 16;
        let mut acc = [[isa.splat_i32(0); NV]; MR];
        for s in 0..NV {
            let start = isa.load_i32(&self.weights.start[panel + s], part);
            for m in 0..MR {
                acc[m][s] = start;
            }
        }
        let [_, y, summand] = stretch.places;
        let count = (self.channels - first).min(NV * I::LANES);
        let summand = E::SUMS.then(|| Rows::<_, MR>::new(self.summand, summand.plus(first), count));
        if let Some(summand) = summand
            && I::REGISTERS == 32
            && NV == 4
        {
            for m in 0..MR {
                if let Some(line) = summand.row(m).first() {
                    isa.prefetch(line);
                }
            }
        }
        let acc = self.sums.sums::<I, MR, NV>(isa, acc, part, tile);
        let mut scale = [isa.splat_f32(0.0); NV];
        let mut bias = scale;
        for s in 0..NV {
            scale[s] = isa.load_f32(&self.weights.scale[panel + s], part);
            bias[s] = isa.load_f32(&self.weights.bias[panel + s], part);
        }
        const { assert!(MR <= 12) };
        let mut y = self.y.tile::<MR>(y, first, count);
        unrolled!(m in 0 1 2 3 4 5 6 7 8 9 10 11; if m < MR {
            let summand = summand.map_or(&[][..], |summand| summand.row(m));
            self.epilogue.finish::<I, NV>(isa, acc[m], scale, bias, summand, y.row(m));
        });
    }
}

/// A loop written out: LLVM keeps one with so large a body, and the sums that it indexes in memory.
macro_rules! unrolled {
    ($m:ident in $($number:literal)*; $body:expr) => {$({
        #[allow(non_upper_case_globals)]
        const $m: usize = $number;
        $body
    })*};
}
use unrolled;

/// The tensor of a walk that is read; behind it are the output and the summand.
const X: usize = 0;
