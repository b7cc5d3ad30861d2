//! Windows of 3x3 that slide along rows.
//!
//! A column is a quad of three taps, and belongs to two or three outputs: it is interleaved once, and added to all of them. Beside
//! the 12 vectors of weights, the sums of outputs that wait for their last columns are held.

use super::{Constants, Lines, Sweep};
use crate::epilogue::Epilogue;
use crate::isa::{Isa, Kernel};
use crate::team::Along;

/// The outputs of lines, each of which begins with columns that the next output has not: one, or two.
pub(super) struct Slide<'s, 'a, E: Epilogue> {
    pub(super) sweep: &'s Sweep<'a, E>,
    pub(super) lines: Lines,
    pub(super) columns: usize,
    pub(super) y: Along<'s, E::Out>,
}

/// Keeps the loops out of line, so that they have the registers for themselves, by having no features itself: rustc 1.95 forgets
/// `inline(never)` where it meets `target_feature`.
#[inline(never)]
pub(super) fn run<I: Isa, E: Epilogue>(isa: I, slide: Slide<'_, '_, E>) {
    isa.run(slide);
}

impl<E: Epilogue> Kernel for Slide<'_, '_, E> {
    type Output = ();
    const DOTS: bool = true;

    #[inline(always)]
    fn call<I: Isa>(self, isa: I) {
        let Self { sweep, lines, columns, mut y } = self;
        // A copy: stores to `y` leave it alone.
        let sweep = &{ *sweep };
        let (part, panels) = (lines.part.part, sweep.panels(lines.part));
        let mut w = [[isa.load_w(&panels[0], part); 4]; 3];
        for column in 0..3 {
            for s in 0..4 {
                w[column][s] = isa.load_w(&panels[4 * column + s], part);
            }
        }
        let constants = sweep.constants(lines.part);
        let start = constants.start::<I>(isa, part);
        for row in 0..lines.rows {
            let at = lines.at + row * sweep.row;
            let line = Line { isa, sweep, lines, row, at, constants, start, w, y: y.row(row) };
            if columns == 1 { line.by_one() } else { line.by_two() }
        }
    }
}

/// The outputs of a row, and what they have in common.
struct Line<'s, 'a, I: Isa, E: Epilogue> {
    isa: I,
    sweep: &'s Sweep<'a, E>,
    lines: Lines,
    row: usize,
    /// Where the first window begins.
    at: usize,
    constants: Constants<'a>,
    start: [I::I32; 4],
    w: [[I::W; 4]; 3],
    y: Along<'s, E::Out>,
}

impl<I: Isa, E: Epilogue> Line<'_, '_, I, E> {
    /// Where the last output's second and third column are the next one's first and second.
    #[inline(always)]
    fn by_one(mut self) {
        let [a, b] = [self.column(0, 0), self.column(0, 1)];
        let mut this = self.add(self.add(self.start, a, 0), b, 1);
        let mut next = self.add(self.start, b, 0);
        // Two at once, so that no sum moves from register to register.
        for i in (0..self.lines.count / 2).map(|pair| 2 * pair) {
            let c = self.column(i, 2);
            let sums = self.add(this, c, 2);
            next = self.add(next, c, 1);
            this = self.add(self.start, c, 0);
            self.finish(i, sums);
            let c = self.column(i + 1, 2);
            let sums = self.add(next, c, 2);
            this = self.add(this, c, 1);
            next = self.add(self.start, c, 0);
            self.finish(i + 1, sums);
        }
        if self.lines.count % 2 == 1 {
            let i = self.lines.count - 1;
            self.finish(i, self.add(this, self.column(i, 2), 2));
        }
    }

    /// Where the last output's third column is the next one's first.
    #[inline(always)]
    fn by_two(mut self) {
        let mut this = self.add(self.start, self.column(0, 0), 0);
        for i in 0..self.lines.count {
            let [b, c] = [self.column(i, 1), self.column(i, 2)];
            let sums = self.add(self.add(this, b, 1), c, 2);
            this = self.add(self.start, c, 0);
            self.finish(i, sums);
        }
    }

    /// Column k of output i: what takes the place of a fourth tap meets zero weights.
    #[inline(always)]
    fn column(&self, i: usize, k: usize) -> [I::X; 4] {
        let Sweep { x, taps: [[a, b, c, _], _], pitch, step, .. } = *self.sweep;
        let at = self.at + i * step + k * pitch[0];
        self.isa.interleave4(self.isa.load_taps(x, at, [a, b, c, c]))
    }

    /// Adds the products of what is column k of an output.
    #[inline(always)]
    fn add(&self, mut sums: [I::I32; 4], x: [I::X; 4], k: usize) -> [I::I32; 4] {
        for s in 0..4 {
            sums[s] = self.isa.dot4(sums[s], x[s], self.w[k][s]);
        }
        sums
    }

    #[inline(always)]
    fn finish(&mut self, i: usize, sums: [I::I32; 4]) {
        let summand = self.sweep.summand(&self.lines, self.row, i);
        let (epilogue, y, part) = (&self.sweep.epilogue, self.y.output(i), self.lines.part.part);
        self.constants.finish(self.isa, epilogue, part, sums, summand, y);
    }
}
