//! `y[i] = f(a[i], b[i])` with broadcasting. Cost: one operation an output, memory bound.

use super::{Nest, math};
use crate::isa::{Isa, Kernel};

/// A function of two numbers. Maximum and Minimum give NaN if either is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named for what it computes")]
pub enum Function {
    Add,
    Sub,
    Mul,
    Div,
    /// `a / b`, and 0 where b is 0.
    DivNoNan,
    Pow,
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
        Function::DivNoNan if b == 0.0 => 0.0,
        Function::DivNoNan => a / b,
        Function::Pow => math::pow(a.into(), b.into()) as f32,
        Function::Maximum if a > b || a.is_nan() => a,
        Function::Minimum if a < b || a.is_nan() => a,
        Function::Maximum | Function::Minimum => b,
        Function::SquaredDifference => (a - b) * (a - b),
    }
}

/// All functions, for [`Binary`].
pub const ANY: usize = usize::MAX;

/// The function over a nest of (a, b, y). ONLY is the function's number, or [`ANY`]: no other is compiled.
pub struct Binary<'a, const ONLY: usize> {
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

impl<const ONLY: usize> Kernel for Binary<'_, ONLY> {
    type Output = ();
    const DOTS: bool = false;

    /// The match stands outside the loops, so that each loop is one function's.
    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        /// One loop for each of the functions.
        macro_rules! each {
            ($($name:ident)*) => {
                match self.function {
                    $(Function::$name if ONLY == ANY || ONLY == Function::$name as usize => {
                        self.nest.zip(self.a, self.b, self.y, |a, b| reference(Function::$name, a, b));
                    })*
                    other => panic!("a kernel of another function than {other:?}"),
                }
            };
        }
        each!(Add Sub Mul Div DivNoNan Pow Maximum Minimum SquaredDifference);
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
            testing::run(isa, Binary::<ANY> { function: Function::Sub, nest: &nest, a, b, y: &mut y });
            assert_eq!(y, [0.0, -1.0, -3.0, 9.0, 8.0, 6.0], "{isa}");
            y = [0.0; 6];
            const SUB: usize = Function::Sub as usize;
            testing::run(isa, Binary::<SUB> { function: Function::Sub, nest: &nest, a, b, y: &mut y });
            assert_eq!(y, [0.0, -1.0, -3.0, 9.0, 8.0, 6.0], "{isa}");
        }
    }

    #[test]
    fn nothing_divided_by_nothing() {
        let f = |a, b| reference(Function::DivNoNan, a, b);
        assert_eq!([f(1.0, 4.0), f(1.0, 0.0), f(0.0, -0.0)], [0.25, 0.0, 0.0]);
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
