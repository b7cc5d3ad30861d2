//! The loops around a tile, the same for every product: parts of a group, pixels, and the way out.
//!
//! ```text
//! for each part of the group's channels:            what is constant: start, scale, bias
//!     for each stretch of tiles (walk):             where x, y and the summand have their pixels, checked once
//!         for each tile of pixels: sums, epilogue (`finish`), which some tiles do while the next one is summed (`late`)
//! ```

use crate::epilogue::Epilogue;
use crate::igemm::{Gemm, Panels, Taps, leads, waits};
use crate::isa::{Isa, Rows};
use crate::pack::{Group, Weights};
use crate::team::Grid;
use crate::walk::{Stretch, Walk};
use bytemuck::Pod;

mod finish;
mod late;

use finish::{AtOnce, End, Finish};
use late::{Late, Sums};

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
    /// Whether tiles that can are finished while the next one is summed.
    pub(crate) late: bool,
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
        let Self { panels, ref epilogue, walk, summand, .. } = *self;
        let y = self.y.tiles::<MR>(part.first, part.count);
        let finish = Finish { epilogue, part: &part, y };
        let leading = I::REGISTERS == 32 && leads(MR, NV);
        // One row takes weights as fast as memory gives them: prefetches would only be in the way.
        let ahead = if leading && MR > 1 { self.ahead } else { &[] };
        let share = if ahead.is_empty() { 0 } else { ahead.len().div_ceil(self.pixels.div_ceil(MR)) };
        let share = share.min(panels.runs.total_k4());
        let way = Way { panels, walk, summand, ahead, share, leading };
        if self.late && I::REGISTERS == 32 && waits(MR, NV) {
            let mut sums = Sums::new();
            way.go::<I, E, MR, NV>(isa, &part, Late::new(finish, &mut sums, panels.runs.total_k4()));
        } else {
            way.go::<I, E, MR, NV>(isa, &part, AtOnce(finish));
        }
    }
}

/// The way over the tiles of a part.
struct Way<'a, S> {
    panels: Panels<'a>,
    walk: Walk<3>,
    summand: &'a [S],
    ahead: &'a [[i8; 64]],
    /// How much of that each tile prefetches.
    share: usize,
    /// Whether the group is [`leading`](leads).
    leading: bool,
}

impl<'a, S: Pod + Sync> Way<'a, S> {
    #[inline(always)]
    fn go<I: Isa, E: Epilogue<Summand = S>, const MR: usize, const NV: usize>(
        self,
        isa: I,
        part: &Part<'_, NV>,
        mut end: impl End<'a, I, S, MR, NV>,
    ) {
        let Self { panels, mut walk, summand: all, mut ahead, share, leading } = self;
        while let Some(Stretch { tiles, places: [x, y, summand], lines, start }) = walk.next(MR) {
            let x = Rows::<_, MR>::new(panels.x, x, panels.runs.reach());
            let summand = E::SUMS.then(|| Rows::<_, MR>::new(all, summand.plus(part.first), part.count));
            end.stretch(y);
            for i in 0..tiles {
                let (soon, later) = ahead.split_at(share.min(ahead.len()));
                ahead = later;
                let taps = panels.taps::<I, MR, NV>(lines, start.map(|start| start + i * MR));
                let summand = summand.map(|summand| summand.tile(i));
                if let Some(summand) = summand
                    && leading
                {
                    (0..MR).filter_map(|m| summand.row(m).first()).for_each(|line| isa.prefetch(line));
                }
                let tile = Tile { x: x.tile(i), taps, ahead: soon };
                let acc = I::Gemm::sums(isa, &panels, part.start::<I, MR>(isa), part.number, tile, &mut end);
                end.take(isa, acc, summand, i);
            }
        }
        end.end(isa);
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
}

/// The vectors of a group.
#[inline(always)]
fn of<T, const NV: usize>(vectors: &[T], panel: usize) -> &[T; NV] {
    vectors[panel..].first_chunk().expect("the image has whole groups")
}
