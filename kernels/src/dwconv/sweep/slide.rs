//! Windows of 3x3 that slide along a row.
//!
//! A column is a quad of three taps. Three columns, their 12 vectors of weights and 4 sums are held: 28 registers. An output
//! interleaves the one or two columns that the last has not. The loops are written out until columns are where they began, so
//! that none moves from register to register.

use super::{Constants, Line, Sweep};
use crate::epilogue::Epilogue;
use crate::isa::Isa;
use crate::team::{Along, Grid};

/// The outputs of a line, and what they have in common.
pub(super) struct Slide<'s, 'a, I: Isa, E: Epilogue> {
    isa: I,
    sweep: &'s Sweep<'a, E>,
    line: Line,
    constants: Constants<'a>,
    w: [[I::W; 4]; 3],
    y: Along<'s, E::Out>,
}

impl<'s, 'a, I: Isa, E: Epilogue> Slide<'s, 'a, I, E> {
    #[inline(always)]
    pub(super) fn new(isa: I, sweep: &'s Sweep<'a, E>, grid: &'s mut Grid<'_, E::Out>, line: Line) -> Self {
        let (panels, part) = (sweep.panels(line.part), line.part.part);
        let mut w = [[isa.load_w(&panels[0], part); 4]; 3];
        for column in 0..3 {
            for s in 0..4 {
                w[column][s] = isa.load_w(&panels[4 * column + s], part);
            }
        }
        let (constants, y) = (sweep.constants(line.part), sweep.outputs::<I>(grid, line));
        Self { isa, sweep, line, constants, w, y }
    }

    /// Where the last output's second and third column are the next one's first and second.
    #[inline(always)]
    pub(super) fn by_one(mut self) {
        let (mut a, mut b, mut i) = (self.column(0, 0), self.column(0, 1), 0);
        while self.line.count - i >= 3 {
            let c = self.column(i, 2);
            self.output(i, [a, b, c]);
            a = self.column(i + 1, 2);
            self.output(i + 1, [b, c, a]);
            b = self.column(i + 2, 2);
            self.output(i + 2, [c, a, b]);
            i += 3;
        }
        for i in i..self.line.count {
            let c = self.column(i, 2);
            self.output(i, [a, b, c]);
            (a, b) = (b, c);
        }
    }

    /// Where the last output's third column is the next one's first.
    #[inline(always)]
    pub(super) fn by_two(mut self) {
        let (mut a, mut i) = (self.column(0, 0), 0);
        while self.line.count - i >= 2 {
            let (b, c) = (self.column(i, 1), self.column(i, 2));
            self.output(i, [a, b, c]);
            let b = self.column(i + 1, 1);
            a = self.column(i + 1, 2);
            self.output(i + 1, [c, b, a]);
            i += 2;
        }
        if i < self.line.count {
            self.output(i, [a, self.column(i, 1), self.column(i, 2)]);
        }
    }

    /// Column k of output i: what takes the place of a fourth tap meets zero weights.
    #[inline(always)]
    fn column(&self, i: usize, k: usize) -> [I::X; 4] {
        let Sweep { x, taps: [[a, b, c, _], _], pitch, step, .. } = *self.sweep;
        let at = self.line.at + i * step + k * pitch[0];
        self.isa.interleave4(self.isa.load_taps(x, at, [a, b, c, c]))
    }

    #[inline(always)]
    fn output(&mut self, i: usize, x: [[I::X; 4]; 3]) {
        let Line { row, part, .. } = self.line;
        let mut acc = self.constants.start::<I>(self.isa, part.part);
        for column in 0..3 {
            for s in 0..4 {
                acc[s] = self.isa.dot4(acc[s], x[column][s], self.w[column][s]);
            }
        }
        let summand = self.sweep.summand(row, i, part);
        let (epilogue, y) = (&self.sweep.epilogue, self.y.output(i));
        self.constants.finish(self.isa, epilogue, part.part, acc, summand, y);
    }
}
