//! Tiles that are finished row by row while the next one is summed.
//!
//! ```text
//! for each step of K of a tile:      every so many steps: the epilogue of a row of the tile before it
//!                                    MR*NV dot products
//! its sums -> memory
//! ```
//!
//! The epilogue of a whole tile is a hundred operations that wait for each other and for the last dot product; the dot
//! products of the next tile stand behind them in the schedulers' queues, and the multipliers idle for some 20 cycles.
//! A row at a time leaves the queues room for both. Sums go through memory, since the registers are the next tile's: a
//! store and a load of each vector, which cost nothing beside the dot products. On Zen 5 a tile of 4x64 over 64
//! channels takes 148 cycles, and 157 otherwise; the multipliers' least is 144.

use super::finish::{End, Finish};
use crate::epilogue::Epilogue;
use crate::igemm::Meanwhile;
use crate::isa::{Isa, Rows};
use crate::walk::Places;

/// The sums of a tile in memory.
#[repr(align(64))]
pub(super) struct Sums<const MR: usize, const NV: usize>([[[i32; 16]; NV]; MR]);

impl<const MR: usize, const NV: usize> Sums<MR, NV> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self([[[0; 16]; NV]; MR])
    }
}

/// A tile that waits for its epilogue.
pub(super) struct Late<'a, E: Epilogue, const MR: usize, const NV: usize> {
    finish: Finish<'a, E, MR, NV>,
    /// Apart from the rest, which LLVM would else keep in memory too.
    sums: &'a mut Sums<MR, NV>,
    summand: Option<Rows<'a, E::Summand, MR>>,
    /// The next row; MR where none waits.
    row: usize,
    /// Steps from a row to the next, and those that remain until then.
    every: usize,
    left: usize,
}

impl<'a, E: Epilogue, const MR: usize, const NV: usize> Late<'a, E, MR, NV> {
    /// Tiles of at most so many steps.
    #[inline(always)]
    pub(super) fn new(finish: Finish<'a, E, MR, NV>, sums: &'a mut Sums<MR, NV>, steps: usize) -> Self {
        let every = (steps / MR).max(1);
        Self { finish, sums, summand: None, row: MR, every, left: every }
    }

    /// The epilogue of the next row.
    #[inline(always)]
    fn finish<I: Isa>(&mut self, isa: I) {
        let mut acc = [isa.splat_i32(0); NV];
        for s in 0..NV {
            acc[s] = isa.load_i32(&self.sums.0[self.row][s], 0);
        }
        let per_channel = self.finish.per_channel(isa);
        self.finish.row(isa, acc, per_channel, self.summand, self.row);
        self.row += 1;
    }
}

impl<I: Isa, E: Epilogue, const MR: usize, const NV: usize> Meanwhile<I> for Late<'_, E, MR, NV> {
    #[inline(always)]
    fn step(&mut self, isa: I) {
        if self.left == 0 {
            self.left = self.every;
            if self.row < MR {
                self.finish(isa);
            }
        }
        self.left -= 1;
    }
}

impl<'a, I: Isa, E: Epilogue, const MR: usize, const NV: usize> End<'a, I, E::Summand, MR, NV>
    for Late<'a, E, MR, NV>
{
    #[inline(always)]
    fn stretch(&mut self, y: Places) {
        self.finish.y.stretch(y);
    }

    #[inline(always)]
    fn take(&mut self, isa: I, acc: [[I::I32; NV]; MR], summand: Option<Rows<'a, E::Summand, MR>>, i: usize) {
        self.end(isa);
        for m in 0..MR {
            for s in 0..NV {
                isa.store_i32(acc[m][s], &mut self.sums.0[m][s], 0);
            }
        }
        self.finish.y.tile(i);
        (self.summand, self.row, self.left) = (summand, 0, self.every);
    }

    #[inline(always)]
    fn end(&mut self, isa: I) {
        while self.row < MR {
            self.finish(isa);
        }
    }
}
