//! The implicit GEMM: MR pixels × NV vectors of channels, summed in registers over all of K.
//!
//! Row m of the left matrix is the window under output pixel m, which is read where it lies ([`Runs`]), so there is
//! no im2col buffer; K is never blocked, so sums never leave their registers. A step of 4 bytes loads NV vectors of
//! weights and broadcasts MR activations for MR*NV dot products.

use crate::epilogue::Epilogue;
use crate::isa::Isa;
use crate::pack::Runs;
use crate::tile::{Sums, Tiles};

/// Rows of a tile of NV vectors: MR*NV sums and `min(MR, NV) + 1` factors must fit the registers, and about ten sums
/// hide the latency of a dot product where two are started in a cycle.
///
/// AVX-512: 6x4, 12x2, 12x1. With 16 registers: 3x4, 6x2, 6x1. Scalar code gains nothing from rows.
const fn rows_that_fit(vectors: usize, registers: usize) -> usize {
    match (vectors, registers) {
        (4, 32) => 6,
        (_, 32) => 12,
        (4, 16) => 3,
        (_, 16) => 6,
        _ => 1,
    }
}

/// The rows of a tile of `vectors` where a kernel was asked for MR and the ISA has so many registers.
pub const fn rows(mr: usize, vectors: usize, registers: usize) -> usize {
    let fit = rows_that_fit(vectors, registers);
    if mr <= fit { mr } else { fit }
}

/// Runs the tiles with MR rows, or as many as fit.
#[inline(always)]
pub(crate) fn run<I: Isa, E: Epilogue, const MR: usize, const NV: usize>(
    isa: I,
    mut tiles: Tiles<'_, E, Panels<'_>>,
) {
    match rows(MR, NV, I::REGISTERS) {
        rows if rows == MR => tiles.run::<I, MR, NV>(isa),
        12 => tiles.run::<I, 12, NV>(isa),
        6 => tiles.run::<I, 6, NV>(isa),
        3 => tiles.run::<I, 3, NV>(isa),
        _ => tiles.run::<I, 1, NV>(isa),
    }
}

/// The two matrices of one group.
pub(crate) struct Panels<'a> {
    pub(crate) runs: Runs,
    pub(crate) x: &'a [u8],
    /// The group's own panels.
    pub(crate) panels: &'a [[i8; 64]],
}

impl Sums for Panels<'_> {
    #[inline(always)]
    fn sums<I: Isa, const MR: usize, const NV: usize>(
        &self,
        isa: I,
        mut acc: [[I::I32; NV]; MR],
        part: usize,
        _first: usize,
        at: [usize; MR],
    ) -> [[I::I32; NV]; MR] {
        let k4 = self.runs.k4();
        let mut panels = self.panels;
        for ky in 0..self.runs.count[0] {
            for kx in 0..self.runs.count[1] {
                let run = ky * self.runs.pitch[0] + kx * self.runs.pitch[1];
                let mut rows: [&[[u8; 4]]; MR] = [&[]; MR];
                for m in 0..MR {
                    rows[m] = &self.x[at[m] + run..][..4 * k4].as_chunks().0[..k4];
                }
                let (now, rest) = panels.split_at(k4 * NV);
                panels = rest;
                for (k, w) in now.chunks_exact(NV).enumerate() {
                    let mut x = [[0; 4]; MR];
                    for m in 0..MR {
                        x[m] = rows[m][k];
                    }
                    acc = step(isa, acc, x, w, part);
                }
            }
        }
        acc
    }
}

/// Four bytes of K: the outer product of MR activations and NV vectors of weights. The fewer of the two are held in
/// registers, the others pass through one.
#[inline(always)]
fn step<I: Isa, const MR: usize, const NV: usize>(
    isa: I,
    mut acc: [[I::I32; NV]; MR],
    x: [[u8; 4]; MR],
    w: &[[i8; 64]],
    part: usize,
) -> [[I::I32; NV]; MR] {
    if MR <= NV {
        let mut held = [isa.splat4(x[0]); MR];
        for m in 1..MR {
            held[m] = isa.splat4(x[m]);
        }
        for s in 0..NV {
            let w = isa.load_w(&w[s], part);
            for m in 0..MR {
                acc[m][s] = isa.dot4(acc[m][s], held[m], w);
            }
        }
    } else {
        let mut held = [isa.load_w(&w[0], part); NV];
        for s in 1..NV {
            held[s] = isa.load_w(&w[s], part);
        }
        for m in 0..MR {
            let x = isa.splat4(x[m]);
            for s in 0..NV {
                acc[m][s] = isa.dot4(acc[m][s], x, held[s]);
            }
        }
    }
    acc
}
