//! The implicit GEMM: MR pixels × NV vectors of channels, summed in registers over all of K.
//!
//! Row m of the left matrix is the window under output pixel m, which is read where it lies ([`Runs`]), so there is
//! no im2col buffer; K is never blocked, so sums never leave their registers. A step of 4 bytes loads NV vectors of
//! weights and broadcasts MR activations for MR*NV dot products.

use crate::conv::widest;
use crate::epilogue::Epilogue;
use crate::isa::{Isa, Kernel, Rows};
use crate::pack::Runs;
use crate::tile::{Tile, Tiles};
use core::ops::Range;

mod padding;
pub(crate) use padding::{Padding, Taps};

/// The rows of a tile of `vectors` where a kernel was asked for MR and the ISA has [`Isa::ROWS`] at most.
pub const fn rows(mr: usize, vectors: usize, most: [usize; 3]) -> usize {
    let most = match vectors {
        4 => most[0],
        2 => most[1],
        _ => most[2],
    };
    if mr <= most { mr } else { most }
}

/// Whether tiles of `mr` rows are for groups of `vectors` that have others of their kind. The last, narrower ones have no code for
/// edges, nor for prefetching: they are short of time.
pub const fn leads(mr: usize, vectors: usize) -> bool {
    vectors == widest(mr)
}

/// Whether tiles of `mr` rows and `vectors` leave enough registers for the tile before them to be finished meanwhile.
pub(crate) const fn waits(mr: usize, vectors: usize) -> bool {
    mr == 4 && vectors == 4
}

/// How an instruction set sums a tile.
pub trait Gemm<I: Isa> {
    /// Adds to `acc` the products of the tile's pixels with its channels, which are those of part `part` of the group.
    fn sums<const MR: usize, const NV: usize>(
        isa: I,
        panels: &Panels<'_>,
        acc: [[I::I32; NV]; MR],
        part: usize,
        tile: Tile<'_, MR>,
        meanwhile: &mut impl Meanwhile<I>,
    ) -> [[I::I32; NV]; MR];
}

/// What is done while a tile is summed.
pub trait Meanwhile<I: Isa> {
    /// The next step begins.
    fn step(&mut self, isa: I);
}

/// The tile alone.
struct Nothing;

impl<I: Isa> Meanwhile<I> for Nothing {
    #[inline(always)]
    fn step(&mut self, _: I) {}
}

/// All sums at once, in registers, by dot products of bytes.
pub struct Direct;

/// Runs the tiles with MR rows, or as many as fit.
#[inline(always)]
pub(crate) fn run<I: Isa, E: Epilogue, const MR: usize, const NV: usize>(isa: I, mut tiles: Tiles<'_, E>) {
    match rows(MR, NV, I::ROWS) {
        // All tiles that a compiler chooses fit 32 registers: there is nothing to share.
        rows if rows == MR && I::REGISTERS == 32 => tiles.run::<I, MR, NV>(isa),
        rows if rows == MR => isa.run(Tiling::<_, MR, NV>(tiles)),
        12 => isa.run(Tiling::<_, 12, NV>(tiles)),
        6 => isa.run(Tiling::<_, 6, NV>(tiles)),
        3 => isa.run(Tiling::<_, 3, NV>(tiles)),
        _ => isa.run(Tiling::<_, 1, NV>(tiles)),
    }
}

/// A group in tiles of MR × NV: a kernel of its own, so that those who come to the same tile share its code.
struct Tiling<'a, E: Epilogue, const MR: usize, const NV: usize>(Tiles<'a, E>);

impl<E: Epilogue, const MR: usize, const NV: usize> Kernel for Tiling<'_, E, MR, NV> {
    type Output = ();
    const DOTS: bool = true;

    #[inline(always)]
    fn call<I: Isa>(mut self, isa: I) {
        self.0.run::<I, MR, NV>(isa);
    }
}

/// The two matrices of one group.
#[derive(Clone, Copy)]
pub struct Panels<'a> {
    pub(crate) runs: Runs,
    pub(crate) x: &'a [u8],
    /// The group's own panels.
    pub(crate) panels: &'a [[i8; 64]],
    /// [`Params::short_steps`](crate::conv::Params::short_steps).
    pub(crate) short_steps: u8,
    /// What need not be computed.
    pub(crate) padding: Option<Padding>,
}

impl<I: Isa> Gemm<I> for Direct {
    #[inline(always)]
    fn sums<const MR: usize, const NV: usize>(
        isa: I,
        panels: &Panels<'_>,
        acc: [[I::I32; NV]; MR],
        part: usize,
        tile: Tile<'_, MR>,
        meanwhile: &mut impl Meanwhile<I>,
    ) -> [[I::I32; NV]; MR] {
        panels.direct(isa, acc, part, tile, meanwhile)
    }
}

impl Panels<'_> {
    #[inline(always)]
    fn direct<I: Isa, const MR: usize, const NV: usize>(
        &self,
        isa: I,
        mut acc: [[I::I32; NV]; MR],
        part: usize,
        Tile { x, taps, mut ahead }: Tile<'_, MR>,
        meanwhile: &mut impl Meanwhile<I>,
    ) -> [[I::I32; NV]; MR] {
        let Runs { count: [_, runs], pitch: [pitch_y, pitch_x], .. } = self.runs;
        let Taps { rows: [top, bottom], steps: [start, first, last, end] } = taps;
        let k4 = self.runs.k4();
        let mut panels = &self.panels[top * runs * k4 * NV..];
        for ky in top..bottom {
            for kx in 0..runs {
                let (now, rest) = panels.split_at(k4 * NV);
                panels = rest;
                let mut run = Run { x: x.part(ky * pitch_y + kx * pitch_x, 4 * k4), panels: now, ahead };
                if I::REGISTERS == 32 && leads(MR, NV) && start < first {
                    acc = run.sums::<I, NV, 1, 0>(isa, acc, part, start..first, &mut Nothing);
                }
                acc = run.sums::<I, NV, 0, 0>(isa, acc, part, first..last, meanwhile);
                if I::REGISTERS == 32 && leads(MR, NV) && last < end {
                    acc = run.sums::<I, NV, 0, 1>(isa, acc, part, last..end, &mut Nothing);
                }
                ahead = run.ahead;
            }
        }
        acc
    }
}

/// One run of taps.
struct Run<'a, const MR: usize> {
    /// Its bytes for each pixel.
    x: Rows<'a, u8, MR>,
    panels: &'a [[i8; 64]],
    /// Weights to be prefetched meanwhile, one line a step: no more than memory gives.
    ahead: &'a [[i8; 64]],
}

impl<const MR: usize> Run<'_, MR> {
    /// Adds some steps of the run, without the first pixels, FIRST of them, and the LAST.
    #[inline(always)]
    fn sums<I: Isa, const NV: usize, const FIRST: usize, const LAST: usize>(
        &mut self,
        isa: I,
        mut acc: [[I::I32; NV]; MR],
        part: usize,
        steps: Range<usize>,
        meanwhile: &mut impl Meanwhile<I>,
    ) -> [[I::I32; NV]; MR] {
        let x = self.x.part(4 * steps.start, 4 * (steps.end - steps.start));
        // All slices have this one length: no step looks whether it is inside.
        let count = x.fours();
        let mut rows: [&[[u8; 4]]; MR] = [&[]; MR];
        for m in FIRST..MR - LAST {
            rows[m] = x.row_of_fours(m);
        }
        let panels = &self.panels.as_chunks::<NV>().0[steps.start..][..count];
        let (soon, later) = self.ahead.split_at(count.min(self.ahead.len()));
        self.ahead = later;
        for k in 0..count {
            // Before the step, whose loads would else be held in registers over it.
            meanwhile.step(isa);
            // It stands before the loads of x, which would else all be done before it.
            if let Some(line) = soon.get(k) {
                isa.prefetch(line);
            }
            let mut x = [[0; 4]; MR];
            for m in FIRST..MR - LAST {
                x[m] = rows[m][k];
            }
            acc = step::<I, MR, NV, FIRST, LAST>(isa, acc, x, &panels[k], part);
        }
        acc
    }
}

/// Four bytes of K: the outer product of MR activations and NV vectors of weights. The fewer of the two are held in
/// registers, the others pass through one. The FIRST and the LAST pixels are left out.
#[inline(always)]
fn step<I: Isa, const MR: usize, const NV: usize, const FIRST: usize, const LAST: usize>(
    isa: I,
    mut acc: [[I::I32; NV]; MR],
    x: [[u8; 4]; MR],
    w: &[[i8; 64]; NV],
    part: usize,
) -> [[I::I32; NV]; MR] {
    if MR <= NV {
        let mut held = [isa.splat4(x[0]); MR];
        for m in FIRST..MR - LAST {
            held[m] = isa.splat4(x[m]);
        }
        for s in 0..NV {
            let w = isa.load_w(&w[s], part);
            for m in FIRST..MR - LAST {
                acc[m][s] = isa.dot4(acc[m][s], held[m], w);
            }
        }
    } else {
        let mut held = [isa.load_w(&w[0], part); NV];
        for s in 1..NV {
            held[s] = isa.load_w(&w[s], part);
        }
        for m in FIRST..MR - LAST {
            let x = isa.splat4(x[m]);
            for s in 0..NV {
                acc[m][s] = isa.dot4(acc[m][s], x, held[s]);
            }
        }
    }
    acc
}
