//! i32 to bytes, for accumulators that left a convolution unscaled.
//!
//! ```text
//! Float   y = rule(base + f32(x) * scale[c])             RequantizePerChannel, and Requantize to qint8
//! Fixed   y = clamp(((x * scale >> 32) + offset) >> 16)  Requantize to quint8: gemmlowp's fixed point
//! ```
//!
//! Cost: a multiplication and a rounding an element; calibrated graphs have these operations fused away.

use crate::isa::Isa;
use crate::quantize::Rule;
use crate::team::{Grid, Split};
use crate::window::{Place, each_element, each_run};
use core::mem;

/// A requantization through f32; both places have the same shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Where the integers are.
    pub x: Place,
    /// Where the bytes go.
    pub y: Place,
    /// Real value of the integer 0.
    pub base: f32,
    /// From real values to bytes.
    pub rule: Rule,
}

impl Params {
    /// One element.
    #[inline(always)]
    pub fn apply(&self, x: i32, scale: f32) -> u8 {
        self.rule.apply(self.base + x as f32 * scale)
    }
}

/// The meaning of a requantization through f32; one `scale` a channel.
pub fn reference(params: &Params, scale: &[f32], x: &[i32], y: &mut [u8]) {
    each_element([&params.x, &params.y], x, y, |c, x| params.apply(x, scale[c]));
}

/// The fast form of [`reference()`]. Bytes of `y` between its pixels are left alone.
pub struct Float<'a> {
    /// Shapes and rule.
    pub params: &'a Params,
    /// Real value of one step, one a channel.
    pub scale: &'a [f32],
    /// The input's buffer.
    pub x: &'a [i32],
    /// The output's buffer.
    pub y: &'a mut [u8],
}

impl<'a> Split for Float<'a> {
    type Y = Grid<'a, u8>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, _isa: I, y: Self::Y) {
        let (params, scale) = (*self.params, &self.scale[y.channels()]);
        each_run(&self.params.x, self.x, y, |x, y| {
            for (x, y) in x.chunks_exact(scale.len()).zip(y.chunks_exact_mut(scale.len())) {
                for c in 0..scale.len() {
                    y[c] = params.apply(x[c], scale[c]);
                }
            }
        });
    }
}

/// A requantization in fixed point; both places have the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedParams {
    /// Where the integers are.
    pub x: Place,
    /// Where the bytes go.
    pub y: Place,
    /// Output steps of 2^32 input steps, 16 bits behind the point; the product wraps, as TensorFlow's does.
    pub scale: i64,
    /// The output of 0 with half a step, 16 bits behind the point.
    pub offset: i64,
}

impl FixedParams {
    /// One element.
    #[inline(always)]
    pub fn apply(&self, x: i32) -> u8 {
        let v = (i64::from(x).wrapping_mul(self.scale) >> 32).wrapping_add(self.offset);
        (v >> 16).clamp(0, 255) as u8
    }
}

/// The meaning of a requantization in fixed point.
pub fn fixed_reference(params: &FixedParams, x: &[i32], y: &mut [u8]) {
    each_element([&params.x, &params.y], x, y, |_, x| params.apply(x));
}

/// The fast form of [`fixed_reference`]. Bytes of `y` between its runs are left alone.
pub struct Fixed<'a> {
    /// Shapes and numbers.
    pub params: &'a FixedParams,
    /// The input's buffer.
    pub x: &'a [i32],
    /// The output's buffer.
    pub y: &'a mut [u8],
}

impl<'a> Split for Fixed<'a> {
    type Y = Grid<'a, u8>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, _isa: I, y: Self::Y) {
        let params = *self.params;
        each_run(&self.params.x, self.x, y, |x, y| {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = params.apply(x));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Failures, Random};
    use std::vec::Vec;

    const RULE: Rule =
        Rule { offset: 0.0, scale: 1.0, ties_away: false, shift: 0.0, low: -128, high: 127, zero_point: 128 };

    fn params(shape: [usize; 4], gap: [usize; 2]) -> Params {
        let x = testing::gapped(shape, [0; 4], gap[0]);
        Params { x, y: testing::gapped(shape, [1, 0, 2, 1], gap[1]), base: 0.25, rule: RULE }
    }

    fn integers(x: &Place, random: &mut Random) -> Vec<i32> {
        let edges = [i32::MIN, i32::MAX, 0, -1, 1];
        (0..x.batch * x.image)
            .map(|i| edges.get(i).copied().unwrap_or(random.next() as i32 >> (i % 30)))
            .collect()
    }

    #[test]
    fn equals_the_reference() {
        let (mut random, mut failures) = (Random::new(7), Failures::default());
        for (shape, gap) in [([2, 3, 5, 7], [0, 0]), ([1, 2, 2, 33], [3, 0]), ([1, 1, 1, 200], [0, 5])] {
            let params = params(shape, gap);
            let fixed =
                FixedParams { x: params.x, y: params.y, scale: 3 << 34, offset: (100 << 16) + (1 << 15) };
            let x = integers(&params.x, &mut random);
            let scale = random.floats(1e-6, 0.5, shape[3]);
            let (mut float, mut point) = (testing::untouched(&params.y), testing::untouched(&params.y));
            reference(&params, &scale, &x, &mut float);
            fixed_reference(&fixed, &x, &mut point);
            for isa in testing::isas() {
                let mut y = testing::untouched(&params.y);
                testing::run_cut(isa, 4, Float { params: &params, scale: &scale, x: &x, y: &mut y });
                failures.check(&y, &float, || std::format!("{isa} {shape:?} float"));
                let mut y = testing::untouched(&params.y);
                testing::run_cut(isa, 4, Fixed { params: &fixed, x: &x, y: &mut y });
                failures.check(&y, &point, || std::format!("{isa} {shape:?} fixed"));
            }
        }
    }

    #[test]
    fn worked_integers() {
        let params = params([1, 1, 1, 1], [0, 0]);
        assert_eq!([0, 1, 5, -3, 1 << 20].map(|x| params.apply(x, 0.5)), [128, 129, 131, 127, 255]);
        // A step of 2^-16 of an output step for each input, and half a step: 2^16 inputs are one output.
        let fixed = FixedParams { x: params.x, y: params.y, scale: 1 << 32, offset: 1 << 15 };
        assert_eq!(
            [0, 1 << 15, -(1 << 15) - 1, 300 << 16, i32::MIN].map(|x| fixed.apply(x)),
            [0, 1, 0, 255, 0]
        );
    }
}
