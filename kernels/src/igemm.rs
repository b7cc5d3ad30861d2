//! The tile: MR pixels × NV vectors of channels, accumulated in registers over all of K.
//!
//! An implicit GEMM: row m of the left matrix is the window under output pixel m, which is read where it lies
//! (`Runs`), so there is no im2col buffer; K is never blocked, so sums never leave their registers. A step of 4
//! bytes loads NV vectors of weights and broadcasts MR activations for MR*NV dot products.
//!
//! Pixels are numbered over all rows and images, and a tile is any MR consecutive ones. The last tile moves back to
//! be full, and computes some pixels twice: cheaper than a narrow tile, and nothing depends on the row width.

use crate::epilogue::Epilogue;
use crate::isa::Isa;
use crate::pack::{Runs, Weights};
use crate::window::Walk;

/// Registers that bound the rows of a tile of NV vectors: MR*NV sums, NV weights and one activation must fit.
///
/// AVX-512: 6x4, 12x2, 12x1. With 16 registers: 3x4, 6x2, 6x1; AVX2, whose weights and activations take two each,
/// gets by with the memory operands that x86 allows.
pub(crate) const fn rows_that_fit(registers: usize, vectors: usize) -> usize {
    let wide = registers >= 32;
    match (vectors, wide) {
        (4, true) => 6,
        (_, true) => 12,
        (4, false) => 3,
        (_, false) => 6,
    }
}

/// All pixels of one group of `16 * NV` channels.
pub(crate) struct Group<'a, E: Epilogue> {
    pub(crate) epilogue: &'a E,
    pub(crate) runs: Runs,
    pub(crate) weights: Weights<'a>,
    /// The group's own panels.
    pub(crate) panels: &'a [[i8; 64]],
    /// First channel of the group, and channels of the tensor.
    pub(crate) channels: [usize; 2],
    /// Where x, y and the summand have each output pixel.
    pub(crate) walk: Walk<3>,
    pub(crate) pixels: usize,
    pub(crate) x: &'a [u8],
    pub(crate) summand: &'a [E::Summand],
    pub(crate) y: &'a mut [E::Out],
}

impl<E: Epilogue> Group<'_, E> {
    /// Computes the group with tiles of at most MR rows.
    #[inline(always)]
    pub(crate) fn run<I: Isa, const MR: usize, const NV: usize>(&mut self, isa: I) {
        let fit = rows_that_fit(I::REGISTERS, NV);
        if self.pixels < MR {
            self.parts::<I, 1, NV>(isa);
        } else if MR <= fit {
            self.parts::<I, MR, NV>(isa);
        } else if fit >= 12 {
            self.parts::<I, 12, NV>(isa);
        } else if fit >= 6 {
            self.parts::<I, 6, NV>(isa);
        } else {
            self.parts::<I, 3, NV>(isa);
        }
    }

    #[inline(always)]
    fn parts<I: Isa, const MR: usize, const NV: usize>(&mut self, isa: I) {
        for part in 0..16 / I::LANES {
            let first = self.channels[0] + part * NV * I::LANES;
            if first < self.channels[1] {
                self.part::<I, MR, NV>(isa, part, first);
            }
        }
    }

    /// All tiles of the `NV * LANES` channels from `first`.
    #[inline(always)]
    fn part<I: Isa, const MR: usize, const NV: usize>(&mut self, isa: I, part: usize, first: usize) {
        let mut walk = self.walk;
        let mut pixel = 0;
        while pixel < self.pixels {
            if pixel + MR > self.pixels {
                walk.seek(self.pixels - MR);
            }
            let mut at = [[0; 3]; MR];
            for m in 0..MR {
                at[m] = walk.at;
                walk.step();
            }
            self.tile::<I, MR, NV>(isa, part, first, &at);
            pixel += MR;
        }
    }

    #[inline(always)]
    fn tile<I: Isa, const MR: usize, const NV: usize>(
        &mut self,
        isa: I,
        part: usize,
        first: usize,
        at: &[[usize; 3]; MR],
    ) {
        let acc = self.accumulate::<I, MR, NV>(isa, part, at);
        let panel = self.channels[0] / 16;
        let mut scale = [isa.splat_f32(0.0); NV];
        let mut bias = scale;
        for s in 0..NV {
            scale[s] = isa.load_f32(&self.weights.scale[panel + s], part);
            bias[s] = isa.load_f32(&self.weights.bias[panel + s], part);
        }
        let count = (self.channels[1] - first).min(NV * I::LANES);
        for m in 0..MR {
            let [_, y, summand] = at[m];
            let y = &mut self.y[y + first..][..count];
            let summand = self.summand.get(summand + first..).unwrap_or(&[]);
            self.epilogue.finish::<I, NV>(isa, acc[m], scale, bias, summand, y);
        }
    }

    #[inline(always)]
    fn accumulate<I: Isa, const MR: usize, const NV: usize>(
        &self,
        isa: I,
        part: usize,
        at: &[[usize; 3]; MR],
    ) -> [[I::I32; NV]; MR] {
        let panel = self.channels[0] / 16;
        let mut acc = [[isa.splat_i32(0); NV]; MR];
        for s in 0..NV {
            let start = isa.load_i32(&self.weights.start[panel + s], part);
            for m in 0..MR {
                acc[m][s] = start;
            }
        }
        let k4 = self.runs.k4();
        let mut panels = self.panels;
        for ky in 0..self.runs.count[0] {
            for kx in 0..self.runs.count[1] {
                let run = ky * self.runs.pitch[0] + kx * self.runs.pitch[1];
                let mut rows: [&[[u8; 4]]; MR] = [&[]; MR];
                for m in 0..MR {
                    rows[m] = &self.x[at[m][0] + run..][..4 * k4].as_chunks().0[..k4];
                }
                let (now, rest) = panels.split_at(k4 * NV);
                panels = rest;
                for (k, w) in now.chunks_exact(NV).enumerate() {
                    let mut wv = [isa.load_w(&w[0], part); NV];
                    for s in 1..NV {
                        wv[s] = isa.load_w(&w[s], part);
                    }
                    for m in 0..MR {
                        let x = isa.splat4(rows[m][k]);
                        for s in 0..NV {
                            acc[m][s] = isa.dot4(acc[m][s], x, wv[s]);
                        }
                    }
                }
            }
        }
        acc
    }
}
