//! The loops around a tile, the same for every product: parts of a group, pixels, and the way out.
//!
//! ```text
//! for each part of the group's channels:            what is constant: start, scale, bias
//!     for each stretch of tiles (walk):             where x, y and the summand have their pixels, checked once
//!         for each tile of pixels: sums, epilogue
//! ```

use crate::epilogue::Epilogue;
use crate::igemm::{Gemm, Panels, Taps, leads};
use crate::isa::{Isa, Rows};
use crate::pack::{Group, Weights};
use crate::team::{Grid, GridTile};
use crate::walk::{Stretch, Walk};

/// MR pixels.
#[derive(Clone, Copy)]
pub struct Tile<'a, const MR: usize> {
    /// The windows under them, from the first tap to the last.
    pub(crate) x: Rows<'a, u8, MR>,
    /// What there is to sum.
    pub(crate) taps: Taps,
    /// To be prefetched on the way.
    pub(crate) ahead: &'a [[i8; 64]],
}

/// All pixels of one group of channels.
pub(crate) struct Tiles<'a, E: Epilogue> {
    pub(crate) panels: Panels<'a>,
    /// A copy, so that the compiler knows that stores to `y` leave it alone.
    pub(crate) epilogue: E,
    pub(crate) weights: Weights<'a>,
    /// The panels to be computed with next, if they come from afar: each tile prefetches its share.
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

/// What all tiles of a part have in common.
struct Part<'a, const NV: usize> {
    /// Its number in the group, its first channel, and how many it has.
    number: usize,
    first: usize,
    count: usize,
    start: &'a [[i32; 16]; NV],
    scale: &'a [[f32; 16]; NV],
    bias: &'a [[f32; 16]; NV],
}

impl<E: Epilogue> Tiles<'_, E> {
    /// Computes the group, whose `vectors` is NV, by tiles of MR rows.
    #[inline(always)]
    pub(crate) fn run<I: Isa, const MR: usize, const NV: usize>(&mut self, isa: I) {
        let (Weights { start, scale, bias, .. }, panel) = (self.weights, self.group.first / 16);
        let (start, scale, bias) = (of(start, panel), of(scale, panel), of(bias, panel));
        for number in 0..16 / I::LANES {
            let first = self.group.first + number * NV * I::LANES;
            if first < self.channels {
                let count = (self.channels - first).min(NV * I::LANES);
                self.part::<I, MR, NV>(isa, Part { number, first, count, start, scale, bias });
            }
        }
    }

    /// All tiles of a part.
    #[inline(always)]
    fn part<I: Isa, const MR: usize, const NV: usize>(&mut self, isa: I, part: Part<'_, NV>) {
        let leading = I::REGISTERS == 32 && leads(MR, NV);
        // One row takes weights as fast as memory gives them: prefetches would only be in the way.
        let (mut walk, mut ahead) = (self.walk, if leading && MR > 1 { self.ahead } else { &[] });
        let share = if ahead.is_empty() { 0 } else { ahead.len().div_ceil(self.pixels.div_ceil(MR)) };
        let share = share.min(self.panels.runs.total_k4());
        while let Some(Stretch { tiles, places: [x, y, summand], lines, start }) = walk.next(MR) {
            let x = Rows::<_, MR>::new(self.panels.x, x, self.panels.runs.reach());
            let summand = E::SUMS.then(|| Rows::new(self.summand, summand.plus(part.first), part.count));
            let mut y = self.y.tiles::<MR>(y, part.first, part.count);
            for i in 0..tiles {
                let (soon, later) = ahead.split_at(share.min(ahead.len()));
                ahead = later;
                let taps = self.panels.taps::<I, MR, NV>(lines, start.map(|start| start + i * MR));
                let summand = summand.map(|summand| summand.tile(i));
                if let Some(summand) = summand
                    && leading
                {
                    (0..MR).filter_map(|m| summand.row(m).first()).for_each(|line| isa.prefetch(line));
                }
                let tile = Tile { x: x.tile(i), taps, ahead: soon };
                let acc = I::Gemm::sums(isa, &self.panels, part.start::<I, MR>(isa), part.number, tile);
                part.finish::<I, E, MR>(isa, &self.epilogue, acc, summand, y.tile(i));
            }
        }
    }
}

impl<const NV: usize> Part<'_, NV> {
    /// What a tile's sums start with.
    #[inline(always)]
    fn start<I: Isa, const MR: usize>(&self, isa: I) -> [[I::I32; NV]; MR] {
        let mut start = [isa.splat_i32(0); NV];
        for s in 0..NV {
            start[s] = isa.load_i32(&self.start[s], self.number);
        }
        [start; MR]
    }

    /// The epilogue of a tile.
    #[inline(always)]
    fn finish<I: Isa, E: Epilogue, const MR: usize>(
        &self,
        isa: I,
        epilogue: &E,
        acc: [[I::I32; NV]; MR],
        summand: Option<Rows<'_, E::Summand, MR>>,
        mut y: GridTile<'_, E::Out, MR>,
    ) {
        let mut scale = [isa.splat_f32(0.0); NV];
        let mut bias = scale;
        for s in 0..NV {
            scale[s] = isa.load_f32(&self.scale[s], self.number);
            bias[s] = isa.load_f32(&self.bias[s], self.number);
        }
        const { assert!(MR <= 12) };
        unrolled!(m in 0 1 2 3 4 5 6 7 8 9 10 11; if m < MR {
            let summand = summand.map_or(&[][..], |summand| summand.row(m));
            epilogue.finish::<I, NV>(isa, acc[m], scale, bias, summand, y.row(m));
        });
    }
}

/// The vectors of a group.
#[inline(always)]
fn of<T, const NV: usize>(vectors: &[T], panel: usize) -> &[T; NV] {
    vectors[panel..].first_chunk().expect("the image has whole groups")
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
