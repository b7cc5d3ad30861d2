//! `y[i] = f(a[i], b[i])` with broadcasting. Cost: one operation an output, memory bound.

use super::Nest;
use crate::isa::{Isa, Kernel};

/// A function of two numbers. Maximum and Minimum give NaN if either is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named for what it computes")]
pub enum Function {
    Add,
    Sub,
    Mul,
    Div,
    Maximum,
    Minimum,
    SquaredDifference,
}

/// The meaning of each function.
#[inline(always)]
pub fn reference(function: Function, a: f32, b: f32) -> f32 {
    match function {
        Function::Add => a + b,
        Function::Sub => a - b,
        Function::Mul => a * b,
        Function::Div => a / b,
        Function::Maximum if a > b || a.is_nan() => a,
        Function::Minimum if a < b || a.is_nan() => a,
        Function::Maximum | Function::Minimum => b,
        Function::SquaredDifference => (a - b) * (a - b),
    }
}

/// The function over a nest of (a, b, y).
pub struct Binary<'a> {
    /// What to compute.
    pub function: Function,
    /// Where the elements lie; y's last stride is 1.
    pub nest: &'a Nest<3>,
    /// The left operand.
    pub a: &'a [f32],
    /// The right operand.
    pub b: &'a [f32],
    /// The output's buffer.
    pub y: &'a mut [f32],
}

impl Kernel for Binary<'_> {
    type Output = ();

    /// The match stands outside the loops, so that each loop is one function's.
    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        match self.function {
            Function::Add => self.apply(|a, b| reference(Function::Add, a, b)),
            Function::Sub => self.apply(|a, b| reference(Function::Sub, a, b)),
            Function::Mul => self.apply(|a, b| reference(Function::Mul, a, b)),
            Function::Div => self.apply(|a, b| reference(Function::Div, a, b)),
            Function::Maximum => self.apply(|a, b| reference(Function::Maximum, a, b)),
            Function::Minimum => self.apply(|a, b| reference(Function::Minimum, a, b)),
            Function::SquaredDifference => self.apply(|a, b| reference(Function::SquaredDifference, a, b)),
        }
    }
}

impl Binary<'_> {
    /// The innermost loop is contiguous or repeats one element; other strides go element by element.
    #[inline(always)]
    fn apply(self, f: impl Fn(f32, f32) -> f32) {
        let Self { nest, a, b, y, .. } = self;
        let n = nest.inner();
        match [nest.step(0), nest.step(1), nest.step(2)] {
            [1, 1, 1] => nest.rows(|[i, j, o]| {
                let pairs = a[i..][..n].iter().zip(&b[j..][..n]);
                y[o..][..n].iter_mut().zip(pairs).for_each(|(y, (&a, &b))| *y = f(a, b));
            }),
            [1, 0, 1] => nest.rows(|[i, j, o]| {
                let b = b[j];
                y[o..][..n].iter_mut().zip(&a[i..][..n]).for_each(|(y, &a)| *y = f(a, b));
            }),
            [0, 1, 1] => nest.rows(|[i, j, o]| {
                let a = a[i];
                y[o..][..n].iter_mut().zip(&b[j..][..n]).for_each(|(y, &b)| *y = f(a, b));
            }),
            _ => nest.each(|[i, j, o]| y[o] = f(a[i], b[j])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_outer_difference() {
        for isa in testing::isas() {
            let mut y = [0.0; 6];
            let nest = Nest::new(&[2, 3], [&[1, 0], &[0, 1], &[3, 1]], [0, 0, 0]);
            let (a, b) = (&[1.0, 10.0], &[1.0, 2.0, 4.0]);
            testing::run(isa, Binary { function: Function::Sub, nest: &nest, a, b, y: &mut y });
            assert_eq!(y, [0.0, -1.0, -3.0, 9.0, 8.0, 6.0], "{isa}");
        }
    }

    #[test]
    fn nan_wins() {
        for f in [Function::Maximum, Function::Minimum] {
            assert!(reference(f, f32::NAN, 1.0).is_nan() && reference(f, 1.0, f32::NAN).is_nan());
        }
        assert_eq!(reference(Function::Maximum, 1.0, 2.0), 2.0);
        assert_eq!(reference(Function::Minimum, 1.0, 2.0), 1.0);
    }
}
