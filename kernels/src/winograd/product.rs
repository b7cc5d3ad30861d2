//! The 36 products of some tiles, and from their sums to the outputs.
//!
//! ```text
//! for each part of a group's channels:
//!     for each MR tiles:
//!         for each of 6 columns of points:
//!             for each of 6 rows: MR x NV sums over all pairs of input channels, in registers; to the stack
//!             the column transformed: 4 of 6 rows remain
//!         for each tile: its rows transformed one by one, and finished
//! ```
//!
//! U of a group stays in the second cache, what remains of the sums in the first: 30 KB of stack for tiles of 4x64.

use super::transform::{self, NINTH, SHIFT};
use super::{Map, POINTS, ROWS, SIDE, point_steps, steps};
use crate::conv::Params;
use crate::epilogue::Epilogue;
use crate::igemm;
use crate::isa::Isa;
use crate::pack::{Group, Weights};
use crate::team::{Grid, Split};
use core::mem;

/// The products and what follows. WIDTHS is the sum of its groups' different numbers of vectors.
/// Kernel id: `winograd-{MR}x64c2-{isa}`.
///
/// Output bytes between the channels of `y` and its pixel pitch are left alone. It may be cut at whole rows, best of tiles, and at
/// multiples of 64 channels.
pub struct Product<'a, const WIDTHS: usize, E: Epilogue> {
    /// Shapes and epilogue of the convolution.
    pub params: &'a Params<E>,
    /// The packed weights: start values, scales and biases.
    pub weights: Weights<'a>,
    /// U.
    pub filter: &'a [i32],
    /// V.
    pub x: &'a [i32],
    /// The summand's buffer; empty when there is none.
    pub summand: &'a [E::Summand],
    /// The output's buffer.
    pub y: &'a mut [E::Out],
}

/// Sums by tile and vector.
type Sums<const MR: usize, const NV: usize> = [[[i32; 16]; NV]; MR];

/// What lies on the stack.
struct Scratch<const MR: usize, const NV: usize> {
    /// The column of points that is being computed.
    column: [Sums<MR, NV>; 6],
    /// All columns, of whose six rows four remain.
    rows: [[Sums<MR, NV>; 6]; SIDE],
}

/// The channels of a group that an instruction set computes at once, and where.
#[derive(Clone, Copy)]
struct Part {
    group: Group,
    /// Its number in the group, its first channel, and how many it has.
    number: usize,
    first: usize,
    count: usize,
    /// The first line of pixels, counted over all images, and the one after the last.
    lines: [usize; 2],
}

impl Part {
    /// Start values, scales and biases.
    #[inline(always)]
    fn per_channel<I: Isa, const NV: usize>(
        self,
        isa: I,
        weights: Weights<'_>,
    ) -> ([I::I32; NV], [[I::F32; NV]; 2]) {
        let panel = self.group.first / 16;
        let mut start = [isa.splat_i32(0); NV];
        let mut factors = [[isa.splat_f32(0.0); NV]; 2];
        for s in 0..NV {
            start[s] = isa.load_i32(&weights.start[panel + s], self.number);
            factors[0][s] = isa.load_f32(&weights.scale[panel + s], self.number);
            factors[1][s] = isa.load_f32(&weights.bias[panel + s], self.number);
        }
        (start, factors)
    }
}

impl<'a, const WIDTHS: usize, E: Epilogue> Split for Product<'a, WIDTHS, E> {
    type Y = Grid<'a, E::Out>;
    const DOTS: bool = true;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, mut grid: Self::Y) {
        let (pixels, channels, width) = (grid.pixels(), grid.channels(), self.params.y.width);
        assert!(pixels.start.is_multiple_of(width) && pixels.end.is_multiple_of(width), "rows are cut");
        let lines = [pixels.start / width, pixels.end / width];
        for group in self.params.lanes().groups().filter(|group| channels.contains(&group.first)) {
            let whole =
                Part { group, number: 0, first: group.first, count: channels.end - group.first, lines };
            match group.vectors {
                4 if WIDTHS & 4 != 0 => self.group::<I, 4>(isa, whole, &mut grid),
                2 if WIDTHS & 2 != 0 => self.group::<I, 2>(isa, whole, &mut grid),
                1 if WIDTHS & 1 != 0 => self.group::<I, 1>(isa, whole, &mut grid),
                _ => unreachable!("the widths have the groups"),
            }
        }
    }
}

impl<const WIDTHS: usize, E: Epilogue> Product<'_, WIDTHS, E> {
    /// A group by as many tiles as registers have room for.
    #[inline(always)]
    fn group<I: Isa, const NV: usize>(&self, isa: I, whole: Part, grid: &mut Grid<'_, E::Out>) {
        match igemm::rows(ROWS, NV, I::ROWS) {
            ROWS => self.parts::<I, ROWS, NV>(isa, whole, grid),
            3 => self.parts::<I, 3, NV>(isa, whole, grid),
            _ => self.parts::<I, 1, NV>(isa, whole, grid),
        }
    }

    #[inline(always)]
    fn parts<I: Isa, const MR: usize, const NV: usize>(
        &self,
        isa: I,
        whole: Part,
        grid: &mut Grid<'_, E::Out>,
    ) {
        let map = Map::new(&self.params.y);
        let tiles = map.over(whole.lines);
        let last = self.params.y.batch * map.tiles[0] * map.tiles[1] - MR;
        let sums = [[[0; 16]; NV]; MR];
        let mut scratch = Scratch { column: [sums; 6], rows: [[sums; 6]; SIDE] };
        for number in (0..16 / I::LANES).take_while(|number| number * NV * I::LANES < whole.count) {
            let before = number * NV * I::LANES;
            let (first, count) = (whole.first + before, (whole.count - before).min(NV * I::LANES));
            let part = Part { number, first, count, ..whole };
            for tile in tiles.clone().step_by(MR) {
                // Tiles of other lines are computed and not written.
                let tile = tile.min(last);
                for j in 0..6 {
                    for i in 0..6 {
                        let sums = self.sums::<I, MR, NV>(isa, part, tile, 6 * j + i);
                        store(isa, number, sums, &mut scratch.column[i]);
                    }
                    scratch.finish_column(isa, number, j);
                }
                for m in 0..MR {
                    self.rows(isa, part, map.at(tile + m), m, &scratch.rows, grid);
                }
            }
        }
    }

    /// The sums of a point of MR tiles from `tile` on.
    #[inline(always)]
    fn sums<I: Isa, const MR: usize, const NV: usize>(
        &self,
        isa: I,
        part: Part,
        tile: usize,
        point: usize,
    ) -> [[I::I32; NV]; MR] {
        let (steps, pitch) = (steps(self.params.x.channels), point_steps(self.params.x.channels));
        let first = pitch * (POINTS * part.group.first / 16 + point * NV);
        let filter = &self.filter.as_chunks::<16>().0[first..].as_chunks::<NV>().0[..steps];
        let mut x: [&[i32]; MR] = [&[]; MR];
        for m in 0..MR {
            x[m] = &self.x[((tile + m) * POINTS + point) * steps..][..steps];
        }
        let mut acc = [[isa.splat_i32(0); NV]; MR];
        for k in 0..steps {
            let mut held = [isa.splat_i32(0); MR];
            for m in 0..MR {
                held[m] = isa.splat_i32(x[m][k]);
            }
            for s in 0..NV {
                let w = isa.load_i32(&filter[k][s], part.number);
                for m in 0..MR {
                    acc[m][s] = isa.dot2(acc[m][s], held[m], w);
                }
            }
        }
        acc
    }

    /// A tile's outputs, row by row, of the rows that are in the part's lines.
    #[inline(always)]
    fn rows<I: Isa, const MR: usize, const NV: usize>(
        &self,
        isa: I,
        part: Part,
        [n, oy, ox]: [usize; 3],
        m: usize,
        rows: &[[Sums<MR, NV>; 6]; SIDE],
        grid: &mut Grid<'_, E::Out>,
    ) {
        let (start, [scale, bias]) = part.per_channel::<I, NV>(isa, self.weights);
        let [image, row, _] = grid.steps();
        let at_summand = self.params.epilogue.summand();
        for i in 0..SIDE {
            let line = n * self.params.y.height + oy + i;
            if line < part.lines[0] || line >= part.lines[1] {
                continue;
            }
            let mut acc = [[isa.splat_i32(0); NV]; SIDE];
            for s in 0..NV {
                let mut line = [isa.splat_i32(0); 6];
                for j in 0..6 {
                    line[j] = isa.load_i32(&rows[i][j][m][s], part.number);
                }
                let line = transform::output(isa, line);
                for j in 0..SIDE {
                    let ninth = isa.mul_i32(line[j], isa.splat_i32(NINTH));
                    acc[j][s] = isa.add_i32(isa.shift_right(ninth, SHIFT[i] + SHIFT[j]), start[s]);
                }
            }
            for j in 0..SIDE {
                let summand = if E::SUMS {
                    &self.summand[at_summand.at(n, oy + i, ox + j) + part.first..][..part.count]
                } else {
                    &[]
                };
                let y = grid.at(n * image + (oy + i) * row + ox + j, part.first, part.count);
                self.params.epilogue.finish::<I, NV>(isa, acc[j], scale, bias, summand, y);
            }
        }
    }
}

#[inline(always)]
fn store<I: Isa, const MR: usize, const NV: usize>(
    isa: I,
    number: usize,
    sums: [[I::I32; NV]; MR],
    to: &mut Sums<MR, NV>,
) {
    for m in 0..MR {
        for s in 0..NV {
            isa.store_i32(sums[m][s], &mut to[m][s], number);
        }
    }
}

impl<const MR: usize, const NV: usize> Scratch<MR, NV> {
    /// Transforms the column, which is column j.
    #[inline(always)]
    fn finish_column<I: Isa>(&mut self, isa: I, number: usize, j: usize) {
        for m in 0..MR {
            for s in 0..NV {
                let mut column = [isa.splat_i32(0); 6];
                for i in 0..6 {
                    column[i] = isa.load_i32(&self.column[i][m][s], number);
                }
                let column = transform::output(isa, column);
                for i in 0..SIDE {
                    isa.store_i32(column[i], &mut self.rows[i][j][m][s], number);
                }
            }
        }
    }
}
