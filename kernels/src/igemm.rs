//! The implicit GEMM: MR pixels × NV vectors of channels, summed in registers over all of K.
//!
//! Row m of the left matrix is the window under output pixel m, which is read where it lies ([`Runs`]), so there is
//! no im2col buffer; K is never blocked, so sums never leave their registers. A step of 4 bytes loads NV vectors of
//! weights and broadcasts MR activations for MR*NV dot products.

use crate::epilogue::Epilogue;
use crate::isa::{Isa, Kernel, Rows};
use crate::pack::Runs;
use crate::tile::{Tile, Tiles};
use crate::window::Window;

/// The rows of a tile of `vectors` where a kernel was asked for MR and the ISA has [`Isa::ROWS`] at most.
pub const fn rows(mr: usize, vectors: usize, most: [usize; 3]) -> usize {
    let most = match vectors {
        4 => most[0],
        2 => most[1],
        _ => most[2],
    };
    if mr <= most { mr } else { most }
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
    ) -> [[I::I32; NV]; MR];
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

/// Taps on padding that holds zeros, which add nothing: for a tile in one row of pixels, the rows of taps above and
/// below the input, and one pixel's columns of taps at either end of the row.
#[derive(Clone, Copy)]
pub(crate) struct Padding {
    pub(crate) window: Window,
    /// Height and width of the input.
    pub(crate) extent: [usize; 2],
    /// Steps of a column of taps, if they are a whole number and the columns are in one run.
    pub(crate) column: Option<usize>,
}

/// The taps that a tile computes: rows, and runs in each.
#[derive(Clone, Copy)]
pub(crate) struct Taps {
    /// The first row, and the one after the last.
    rows: [usize; 2],
    columns: Columns,
}

/// Runs of a row of taps: the whole row, or a column each. Before `first` the tile's first pixel has them on padding, from
/// `last` on the last pixel.
#[derive(Clone, Copy)]
struct Columns {
    first: usize,
    last: usize,
    count: usize,
    /// From one to the next, in bytes.
    pitch: usize,
    /// Steps of each.
    k4: usize,
}

impl Panels<'_> {
    /// Those of a tile of MR pixels, of which the first is at `row` = [row, column] if all are in one row.
    #[inline(always)]
    pub(crate) fn taps<const MR: usize, const NV: usize>(&self, row: Option<[usize; 2]>) -> Taps {
        let Runs { count: [rows, count], pitch: [_, pitch], .. } = self.runs;
        let whole = Columns { first: 0, last: count, count, pitch, k4: self.runs.k4() };
        match self.padding.zip(row) {
            Some((padding, pixel)) => padding.inside::<MR, NV>(pixel, whole),
            None => Taps { rows: [0, rows], columns: whole },
        }
    }
}

impl Padding {
    #[inline(always)]
    fn inside<const MR: usize, const NV: usize>(&self, [oy, ox]: [usize; 2], whole: Columns) -> Taps {
        let [extent, count] = [self.extent[1], self.window.kernel[1]];
        let (first, last) =
            (self.window.inside(1, ox, extent).start, self.window.inside(1, ox + MR - 1, extent).end);
        // Only where it pays for its code: with few channels a run is short.
        let edge = self.column.filter(|_| NV == 4 && (first > 0 || last < count));
        let columns = edge.map_or(whole, |k4| Columns { first, last, count, pitch: 4 * k4, k4 });
        let rows = self.window.inside(0, oy, self.extent[0]);
        Taps { rows: [rows.start, rows.end], columns }
    }
}

impl<I: Isa> Gemm<I> for Direct {
    #[inline(always)]
    fn sums<const MR: usize, const NV: usize>(
        isa: I,
        panels: &Panels<'_>,
        acc: [[I::I32; NV]; MR],
        part: usize,
        tile: Tile<'_, MR>,
    ) -> [[I::I32; NV]; MR] {
        panels.direct(isa, acc, part, tile)
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
    ) -> [[I::I32; NV]; MR] {
        let Runs { count: [_, runs], pitch: [pitch_y, _], .. } = self.runs;
        let Taps { rows: [start, end], columns: Columns { first, last, count, pitch: pitch_x, k4 } } = taps;
        let mut panels = &self.panels[start * runs * self.runs.k4() * NV..];
        for ky in start..end {
            for kx in 0..count {
                let (now, rest) = panels.split_at(k4 * NV);
                panels = rest;
                let (soon, later) = ahead.split_at(k4.min(ahead.len()));
                ahead = later;
                let run = Run { x: x.part(ky * pitch_y + kx * pitch_x, 4 * k4), panels: now, soon };
                acc = match (kx < first, kx >= last) {
                    (true, false) if I::REGISTERS == 32 && NV == 4 => run.sums::<I, NV, 1, 0>(isa, acc, part),
                    (false, true) if I::REGISTERS == 32 && NV == 4 => run.sums::<I, NV, 0, 1>(isa, acc, part),
                    _ => run.sums::<I, NV, 0, 0>(isa, acc, part),
                };
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
    soon: &'a [[i8; 64]],
}

impl<const MR: usize> Run<'_, MR> {
    /// Adds the run, without the first pixels, FIRST of them, and the LAST.
    #[inline(always)]
    fn sums<I: Isa, const NV: usize, const FIRST: usize, const LAST: usize>(
        &self,
        isa: I,
        mut acc: [[I::I32; NV]; MR],
        part: usize,
    ) -> [[I::I32; NV]; MR] {
        // All slices have this one length: no step looks whether it is inside.
        let k4 = self.x.fours();
        let mut rows: [&[[u8; 4]]; MR] = [&[]; MR];
        for m in FIRST..MR - LAST {
            rows[m] = self.x.row_of_fours(m);
        }
        let panels = &self.panels.as_chunks::<NV>().0[..k4];
        for k in 0..k4 {
            // Narrower groups are the last ones, and slower instruction sets do not wait for memory. It stands before the
            // loads of x, which would else all be done before it.
            if NV == 4
                && I::REGISTERS == 32
                && let Some(line) = self.soon.get(k)
            {
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
