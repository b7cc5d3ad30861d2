//! i32 to f32: `y = base + (f32(x) + half) * scale`. Bytes are decoded by a table; see [`lut`](crate::lut).
//!
//! Cost: one read and one write an element.

use crate::isa::Isa;
use crate::team::{Grid, Split};
use crate::window::{Place, each_element, each_run};
use core::mem;

/// The function of one element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Added to the integer; -0 where nothing is, which changes no bit.
    pub half: f32,
    /// Real value of one step.
    pub scale: f32,
    /// Added last; -0 where nothing is.
    pub base: f32,
}

impl Rule {
    /// One integer, already as f32.
    #[inline(always)]
    pub fn apply(&self, q: f32) -> f32 {
        self.base + (q + self.half) * self.scale
    }
}

/// One decoding; both places have the same shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Where the integers are.
    pub x: Place,
    /// Where the floats go.
    pub y: Place,
    /// The function of one element.
    pub rule: Rule,
}

/// The meaning of a decoding.
pub fn reference(params: &Params, x: &[i32], y: &mut [f32]) {
    each_element([&params.x, &params.y], x, y, |_, x| params.rule.apply(x as f32));
}

/// The fast form. Elements of `y` between its runs are left alone.
pub struct Decode<'a> {
    /// Shapes and rule.
    pub params: &'a Params,
    /// The input's buffer.
    pub x: &'a [i32],
    /// The output's buffer.
    pub y: &'a mut [f32],
}

impl<'a> Split for Decode<'a> {
    type Y = Grid<'a, f32>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, _isa: I, y: Self::Y) {
        let rule = self.params.rule;
        each_run(&self.params.x, self.x, y, |x, y| {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = rule.apply(x as f32));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Failures, Random};
    use std::vec::Vec;

    #[test]
    fn equals_the_reference() {
        let (mut random, mut failures) = (Random::new(13), Failures::default());
        let rules =
            [Rule { half: -0.0, scale: 0.37, base: -0.0 }, Rule { half: 128.0, scale: 1e-7, base: -3.5 }];
        for (shape, gap) in [([2, 3, 5, 7], [0, 0]), ([1, 2, 2, 33], [3, 0]), ([1, 1, 1, 200], [0, 5])] {
            for rule in rules {
                let x = testing::gapped(shape, [0; 4], gap[0]);
                let params = Params { x, y: testing::gapped(shape, [1, 0, 2, 1], gap[1]), rule };
                let x: Vec<i32> = (0..x.batch * x.image).map(|i| random.next() as i32 >> (i % 30)).collect();
                let mut want = testing::untouched(&params.y);
                reference(&params, &x, &mut want);
                for isa in testing::isas() {
                    let mut y = testing::untouched(&params.y);
                    testing::run_cut(isa, 1, Decode { params: &params, x: &x, y: &mut y });
                    failures.check(&y, &want, || std::format!("{isa} {shape:?} {rule:?}"));
                }
            }
        }
    }

    #[test]
    fn nothing_added_changes_no_bit() {
        let rule = Rule { half: -0.0, scale: 0.0, base: -0.0 };
        assert_eq!(rule.apply(-1.0).to_bits(), (-0.0f32).to_bits());
        assert_eq!(Rule { half: 128.0, scale: 0.5, base: -1.0 }.apply(-126.0), 0.0);
    }
}
