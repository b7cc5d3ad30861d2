//! Two byte tensors of the same shape: a residual sum.

use super::{Decode, Function};
use crate::epilogue::{Output, Requantize};
use crate::isa::Isa;
use crate::team::{Grid, Split};
use crate::window::{Place, each_element};
use core::mem;

/// A combination of two byte tensors of the same shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Where the left operand is.
    pub a: Place,
    /// Where the right operand is.
    pub b: Place,
    /// Where the result goes.
    pub y: Place,
    /// What to compute.
    pub function: Function,
    /// How the operands decode.
    pub decode: [Decode; 2],
    /// How the result encodes.
    pub output: Requantize,
}

impl Params {
    /// One element.
    fn element(&self, a: u8, b: u8) -> u8 {
        let [left, right] = self.decode;
        self.output.reference(self.function.reference(left.reference(a), right.reference(b)))
    }
}

/// The meaning of a combination of two byte tensors.
pub fn reference(params: &Params, a: &[u8], b: &[u8], y: &mut [u8]) {
    // The left bytes go to their place in `y` first; there they meet the right ones.
    each_element([&params.a, &params.y], a, y, |_, a| a);
    let Place { batch, height, width, channels, .. } = params.y;
    for n in 0..batch {
        for oy in 0..height {
            for ox in 0..width {
                for c in 0..channels {
                    let y = &mut y[params.y.at(n, oy, ox) + c];
                    *y = params.element(*y, b[params.b.at(n, oy, ox) + c]);
                }
            }
        }
    }
}

/// The fast form of [`reference()`]. Bytes of `y` between its runs are left alone.
pub struct Pair<'a> {
    /// Shapes and numbers.
    pub params: &'a Params,
    /// The left operand's buffer.
    pub a: &'a [u8],
    /// The right operand's buffer.
    pub b: &'a [u8],
    /// The output's buffer.
    pub y: &'a mut [u8],
}

impl<'a> Split for Pair<'a> {
    type Y = Grid<'a, u8>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, mut grid: Self::Y) {
        let params = *self.params;
        let Params { a, b, .. } = params;
        let touching = [a, b].iter().all(|place| place.pixel == place.channels) && grid.touching();
        let channels = grid.channels();
        for row in grid.rows() {
            let from = |place: Place, p: usize| place.at(row.n, row.oy, row.ox + p) + channels.start;
            if touching {
                let y = grid.run(row.position, row.pixels);
                params.run(isa, &self.a[from(a, 0)..], &self.b[from(b, 0)..], y);
                continue;
            }
            for p in 0..row.pixels {
                let y = grid.at(row.position + p, channels.start, channels.len());
                params.run(isa, &self.a[from(a, p)..], &self.b[from(b, p)..], y);
            }
        }
    }
}

impl Params {
    /// Elements that are consecutive in all tensors.
    #[inline(always)]
    fn run<I: Isa>(&self, isa: I, a: &[u8], b: &[u8], y: &mut [u8]) {
        const NV: usize = 4;
        let [left, right] = self.decode;
        for (i, y) in y.chunks_mut(NV * I::LANES).enumerate() {
            let at = i * NV * I::LANES;
            let (a, b) = (left.apply::<I, NV>(isa, &a[at..]), right.apply::<I, NV>(isa, &b[at..]));
            self.output.store(isa, self.function.apply::<I, NV>(isa, a, b), y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::{FUNCTIONS, QINT8, QUINT8, RELU6, SHAPES, decode};
    use super::*;
    use crate::testing::{self, Failures, Fill, Random};
    use std::format;

    #[test]
    fn pairs_equal_the_reference() {
        let (mut random, mut failures) = (Random::new(17), Failures::default());
        let decodes = [
            [decode(0, 0.037), decode(0, 0.021)],
            [decode(128, 0.1), decode(0, 0.05)],
            [decode(128, 1e-3), decode(128, -0.3)],
            // Sums of these are ties.
            [decode(128, 0.25), decode(0, 0.5)],
            [decode(0, Decode::MOST), decode(128, -Decode::MOST)],
        ];
        let outputs = [QUINT8, QINT8, RELU6, Requantize { inverse: 2.0, ..QINT8 }];
        for (i, shape) in SHAPES.into_iter().enumerate() {
            let a = testing::gapped(shape, [1, 0, 2, 1], [0, 5][i % 2]);
            let b = testing::gapped(shape, [0; 4], [0, 0, 3][i % 3]);
            let y = testing::gapped(shape, [0, 1, 1, 0], 0);
            for (function, decode) in FUNCTIONS.into_iter().flat_map(|f| decodes.map(|d| (f, d))) {
                for output in outputs {
                    let params = Params { a, b, y, function, decode, output };
                    let a = testing::input(&params.a, 9, Fill::Random, &mut random);
                    let fill = [Fill::Random, Fill::Min, Fill::Max][i % 3];
                    let b = testing::input(&params.b, 9, fill, &mut random);
                    let mut want = testing::untouched(&params.y);
                    reference(&params, &a, &b, &mut want);
                    for isa in testing::isas() {
                        let mut y = testing::untouched(&params.y);
                        testing::run_cut(isa, 5, Pair { params: &params, a: &a, b: &b, y: &mut y });
                        failures.check(&y, &want, || {
                            format!("{isa} {shape:?} {function:?} {decode:?} {output:?}")
                        });
                    }
                }
            }
        }
    }

    #[test]
    fn worked_sums() {
        let place = Place::dense([1, 1, 1, 3]);
        let decode = [decode(128, 0.5), decode(0, 0.25)];
        let output = Requantize { inverse: 1.0, ..QINT8 };
        let params = Params { a: place, b: place, y: place, function: Function::Add, decode, output };
        let mut y = [0; 3];
        reference(&params, &[129, 127, 255], &[0, 0, 255], &mut y);
        // 0.5 and -0.5 are ties that go to 0; 63.5 + 63.75 is above the range.
        assert_eq!(y, [128, 128, 255]);
    }
}
