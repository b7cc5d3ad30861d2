//! f32 to bytes: `y = clamp(round((x - offset) * scale) - shift, low, high) + zero_point`.
//!
//! One formula for every QuantizeV2 of TensorFlow; they differ in the numbers and in how they round ties:
//!
//! | form | offset | scale | ties | shift |
//! |---|---|---|---|---|
//! | oneDNN SCALED | 0 | 255/R or 127.5/R | to even | 0 |
//! | oneDNN MIN_FIRST | min | 255/(max - min) | to even | 0 |
//! | Eigen SCALED | 0 | min(low/min, high/max) | as asked | 0 |
//! | Eigen MIN_FIRST | 0 | 255/(max - min) | away | RHA(min * scale) - lowest |
//!
//! `low` and `high` are integers, so clamping before or after rounding is the same. Cost: about 8 operations for 16
//! elements; it is the memory that counts.

use crate::isa::{Isa, Narrow};
use crate::quant;
use crate::team::{Grid, Split};
use crate::window::{Place, each_element, each_run};
use core::mem;

/// The function of one element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Subtracted first.
    pub offset: f32,
    /// Steps of one real unit.
    pub scale: f32,
    /// Whether ties go away from zero; else to even.
    pub ties_away: bool,
    /// An integer, subtracted after rounding.
    pub shift: f32,
    /// Least integer before the zero point is added.
    pub low: i16,
    /// Greatest integer before the zero point is added.
    pub high: i16,
    /// Added last; `low + zero_point` and `high + zero_point` are bytes.
    pub zero_point: u8,
}

impl Rule {
    /// One element.
    #[inline(always)]
    pub fn apply(&self, x: f32) -> u8 {
        let v = (x - self.offset) * self.scale;
        let v = if self.ties_away { quant::round_half_away(v) } else { quant::round_half_even(v) };
        let v = (v - self.shift).clamp(f32::from(self.low), f32::from(self.high));
        (v as i32 + i32::from(self.zero_point)) as u8
    }
}

/// One quantization; both places have the same shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Where the floats are.
    pub x: Place,
    /// Where the bytes go.
    pub y: Place,
    /// The function of one element.
    pub rule: Rule,
}

/// The meaning of a quantization.
pub fn reference(params: &Params, x: &[f32], y: &mut [u8]) {
    each_element([&params.x, &params.y], x, y, |_, x| params.rule.apply(x));
}

/// The fast form. Bytes of `y` between its runs are left alone.
pub struct Quantize<'a> {
    /// Shapes and rule.
    pub params: &'a Params,
    /// The input's buffer.
    pub x: &'a [f32],
    /// The output's buffer.
    pub y: &'a mut [u8],
}

impl<'a> Split for Quantize<'a> {
    type Y = Grid<'a, u8>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, y: Self::Y) {
        let rule = self.params.rule;
        let by_vectors = !rule.ties_away && rule.shift == 0.0;
        each_run(&self.params.x, self.x, y, |x, y| {
            let vectors = if by_vectors { x.len() / 16 * 16 } else { 0 };
            let ((x, x_rest), (y, y_rest)) = (x.split_at(vectors), y.split_at_mut(vectors));
            for (x, y) in x.as_chunks().0.iter().zip(y.as_chunks_mut().0) {
                rule.apply_16(isa, x, y);
            }
            y_rest.iter_mut().zip(x_rest).for_each(|(y, &x)| *y = rule.apply(x));
        });
    }
}

impl Rule {
    /// Sixteen elements, for a rule that rounds ties to even and does not shift. NaN becomes 0, as in `apply`.
    #[inline(always)]
    fn apply_16<I: Isa>(&self, isa: I, x: &[f32; 16], y: &mut [u8; 16]) {
        let byte = |bound: i16| (bound + i16::from(self.zero_point)) as u8;
        let to = Narrow { zero_point: self.zero_point, low: byte(self.low), high: byte(self.high) };
        let (zero, above) = (isa.splat_f32(0.0), isa.splat_f32(f32::from(i16::MAX)));
        for part in 0..16 / I::LANES {
            let v = isa.add(isa.load_f32(x, part), isa.splat_f32(-self.offset));
            let v = isa.mul(v, isa.splat_f32(self.scale));
            let v = isa.positive_or(v, isa.min(v, zero));
            let q = isa.round(isa.max(isa.min(v, above), isa.splat_f32(-32768.0)));
            isa.narrow([q], to, &mut y[part * I::LANES..][..I::LANES]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Failures, Random};

    const EVEN: Rule =
        Rule { offset: 0.0, scale: 2.0, ties_away: false, shift: 0.0, low: 0, high: 255, zero_point: 0 };
    const SIGNED: Rule = Rule { low: -128, high: 127, zero_point: 128, ..EVEN };

    #[test]
    fn worked_ties_and_bounds() {
        let bytes = |rule: Rule, x: [f32; 6]| x.map(|x| rule.apply(x));
        let x = [0.25, 0.75, -0.25, 1e30, -1e30, 63.75];
        assert_eq!(bytes(EVEN, x), [0, 2, 0, 255, 0, 128]);
        assert_eq!(bytes(Rule { ties_away: true, ..EVEN }, x), [1, 2, 0, 255, 0, 128]);
        assert_eq!(bytes(SIGNED, x), [128, 130, 128, 255, 0, 255]);
        assert_eq!(bytes(Rule { offset: -1.0, ..EVEN }, x), [2, 4, 2, 255, 0, 130]);
        assert_eq!(bytes(Rule { shift: -2.0, ..EVEN }, x), [2, 4, 2, 255, 0, 130]);
    }

    #[test]
    fn equals_the_reference() {
        let (mut random, mut failures) = (Random::new(5), Failures::default());
        let away = Rule { ties_away: true, shift: -3.0, offset: 0.5, scale: 1.3, ..SIGNED };
        for rule in [EVEN, SIGNED, away] {
            for (shape, gap) in [([2, 3, 5, 7], [0, 0]), ([1, 2, 2, 33], [3, 0]), ([1, 1, 1, 200], [0, 5])] {
                let x = testing::gapped(shape, [0; 4], gap[0]);
                let params = Params { x, y: testing::gapped(shape, [1, 1, 2, 0], gap[1]), rule };
                let mut x = random.floats(-100.0, 200.0, params.x.batch * params.x.image);
                x.iter_mut().step_by(3).for_each(|x| *x = quant::round_half_even(*x) * 0.25);
                let extremes = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e9, -3e9, -0.0, 1e38, 32767.9];
                x.iter_mut().skip(1).step_by(7).zip(extremes).for_each(|(x, extreme)| *x = extreme);
                let mut want = testing::untouched(&params.y);
                reference(&params, &x, &mut want);
                for isa in testing::isas() {
                    let mut y = testing::untouched(&params.y);
                    testing::run_cut(isa, 7, Quantize { params: &params, x: &x, y: &mut y });
                    failures.check(&y, &want, || std::format!("{isa} {shape:?} {rule:?}"));
                }
            }
        }
    }
}
