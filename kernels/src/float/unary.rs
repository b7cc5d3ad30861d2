//! `y[i] = f(x[i])`. Cost: memory bound, or some 20 operations in f64 for the functions of [`math`].

use super::math;
use crate::isa::{Isa, Kernel};

/// A function of one number; all give NaN for NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "each is named for what it computes")]
pub enum Function {
    Relu,
    Relu6,
    /// `x > 0 ? x : alpha * x`.
    LeakyRelu {
        alpha: f32,
    },
    /// `x > 0 ? x : e^x - 1`.
    Elu,
    Sigmoid,
    Tanh,
    Softplus,
    Exp,
    Log,
    Sqrt,
    Rsqrt,
    Neg,
    Abs,
    Square,
    Reciprocal,
    Erf,
    /// `1 - erf(x)`, what Keras makes a GELU of.
    Erfc,
    Expm1,
    Log1p,
    /// `x > 0 ? s * x : s * a * (e^x - 1)` with the constants that keep mean and variance.
    Selu,
    /// `x / (1 + |x|)`.
    Softsign,
    /// -1, 0 or 1.
    Sign,
    Floor,
    Ceil,
    /// To the nearest integer, halves to even.
    Round,
}

/// `s` and `s * a` of [`Function::Selu`].
const SELU: [f32; 2] = [1.050_701, 1.758_099_3];

/// Halves to even: from 2^23 on every f32 is an integer, so adding it rounds as sums do.
#[inline(always)]
fn round(x: f32) -> f32 {
    const WHOLE: f32 = (1u32 << 23) as f32;
    let magnitude = x.abs();
    if magnitude < WHOLE { ((magnitude + WHOLE) - WHOLE).copysign(x) } else { x }
}

/// Calls the macro's body with `f` bound to the function that the variant means, outside any loop.
macro_rules! with_function {
    ($function:expr, $f:ident => $body:expr) => {
        match $function {
            Function::Relu => {
                let $f = |x: f32| if x < 0.0 { 0.0 } else { x };
                $body
            }
            Function::Relu6 => {
                let $f = |x: f32| {
                    if x < 0.0 {
                        0.0
                    } else if x > 6.0 {
                        6.0
                    } else {
                        x
                    }
                };
                $body
            }
            Function::LeakyRelu { alpha } => {
                let $f = |x: f32| if x > 0.0 { x } else { alpha * x };
                $body
            }
            Function::Elu => {
                let $f = |x: f32| if x > 0.0 { x } else { math::expm1(x.into()) as f32 };
                $body
            }
            Function::Sigmoid => {
                let $f = |x: f32| math::sigmoid(x.into()) as f32;
                $body
            }
            Function::Tanh => {
                let $f = |x: f32| math::tanh(x.into()) as f32;
                $body
            }
            Function::Softplus => {
                let $f = |x: f32| math::softplus(x.into()) as f32;
                $body
            }
            Function::Exp => {
                let $f = |x: f32| math::exp(x.into()) as f32;
                $body
            }
            Function::Log => {
                let $f = |x: f32| math::log(x.into()) as f32;
                $body
            }
            Function::Sqrt => {
                let $f = |x: f32| math::sqrt(x.into()) as f32;
                $body
            }
            Function::Rsqrt => {
                let $f = |x: f32| (1.0 / math::sqrt(x.into())) as f32;
                $body
            }
            Function::Neg => {
                let $f = |x: f32| -x;
                $body
            }
            Function::Abs => {
                let $f = |x: f32| x.abs();
                $body
            }
            Function::Square => {
                let $f = |x: f32| x * x;
                $body
            }
            Function::Reciprocal => {
                let $f = |x: f32| 1.0 / x;
                $body
            }
            Function::Erf => {
                let $f = |x: f32| math::erf(x.into()) as f32;
                $body
            }
            Function::Erfc => {
                let $f = |x: f32| math::erfc(x.into()) as f32;
                $body
            }
            Function::Expm1 => {
                let $f = |x: f32| math::expm1(x.into()) as f32;
                $body
            }
            Function::Log1p => {
                let $f = |x: f32| math::log1p(x.into()) as f32;
                $body
            }
            Function::Selu => {
                let $f = |x: f32| if x > 0.0 { SELU[0] * x } else { SELU[1] * math::expm1(x.into()) as f32 };
                $body
            }
            Function::Softsign => {
                let $f = |x: f32| x / (1.0 + x.abs());
                $body
            }
            Function::Sign => {
                let $f = |x: f32| {
                    let ahead = if x > 0.0 { 1.0 } else { x };
                    if x < 0.0 { -1.0 } else { ahead }
                };
                $body
            }
            Function::Floor => {
                let $f = |x: f32| {
                    let nearest = round(x);
                    if nearest > x { nearest - 1.0 } else { nearest }
                };
                $body
            }
            Function::Ceil => {
                let $f = |x: f32| {
                    let nearest = round(x);
                    if nearest < x { nearest + 1.0 } else { nearest }
                };
                $body
            }
            Function::Round => {
                let $f = round;
                $body
            }
        }
    };
}

/// The meaning of each function.
pub fn reference(function: Function, x: f32) -> f32 {
    with_function!(function, f => f(x))
}

/// The function over all of `x`; `y` is as long.
pub struct Unary<'a> {
    /// What to compute.
    pub function: Function,
    /// The input.
    pub x: &'a [f32],
    /// The output.
    pub y: &'a mut [f32],
}

impl Kernel for Unary<'_> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let pairs = self.y.iter_mut().zip(self.x);
        with_function!(self.function, f => pairs.for_each(|(y, &x)| *y = f(x)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Failures, Random};
    use std::{format, vec, vec::Vec};

    const ALL: [Function; 25] = [
        Function::Relu,
        Function::Relu6,
        Function::LeakyRelu { alpha: 0.25 },
        Function::Elu,
        Function::Sigmoid,
        Function::Tanh,
        Function::Softplus,
        Function::Exp,
        Function::Log,
        Function::Sqrt,
        Function::Rsqrt,
        Function::Neg,
        Function::Abs,
        Function::Square,
        Function::Reciprocal,
        Function::Erf,
        Function::Erfc,
        Function::Expm1,
        Function::Log1p,
        Function::Selu,
        Function::Softsign,
        Function::Sign,
        Function::Floor,
        Function::Ceil,
        Function::Round,
    ];

    #[test]
    fn worked_values() {
        let x = [-2.0, 0.0, 8.0];
        let y = |f| x.map(|x| reference(f, x));
        assert_eq!(y(Function::Relu), [0.0, 0.0, 8.0]);
        assert_eq!(y(Function::Relu6), [0.0, 0.0, 6.0]);
        assert_eq!(y(Function::LeakyRelu { alpha: 0.25 }), [-0.5, 0.0, 8.0]);
        assert_eq!(y(Function::Sigmoid), [0.11920292, 0.5, 0.99966466]);
        assert_eq!(y(Function::Square), [4.0, 0.0, 64.0]);
        assert_eq!(y(Function::Rsqrt)[1..], [f32::INFINITY, 0.35355338]);
        assert_eq!(y(Function::Log)[1..], [f32::NEG_INFINITY, 2.0794415]);
        assert_eq!(y(Function::Sign), [-1.0, 0.0, 1.0]);
        assert_eq!(y(Function::Erf), [-0.9953223, 0.0, 1.0]);
        assert!(ALL.iter().all(|&f| reference(f, f32::NAN).is_nan()));
    }

    #[test]
    fn integers_nearby() {
        let whole = (1 << 23) as f32;
        let x = [-1.5, -0.5, -0.2, 0.5, 1.5, 2.5, 2.7, whole - 0.5, whole + 1.0, -whole * 4.0, f32::INFINITY];
        for x in x {
            assert_eq!(reference(Function::Round, x), x.round_ties_even(), "{x}");
            assert_eq!(reference(Function::Floor, x), x.floor(), "{x}");
            assert_eq!(reference(Function::Ceil, x), x.ceil(), "{x}");
        }
    }

    #[test]
    fn every_isa_gives_the_same_bits() {
        let mut failures = Failures::default();
        let x = Random::new(1).floats(-20.0, 20.0, 67);
        for function in ALL {
            let want: Vec<u32> = x.iter().map(|&x| reference(function, x).to_bits()).collect();
            for isa in testing::isas() {
                let mut y = vec![0.0; x.len()];
                testing::run(isa, Unary { function, x: &x, y: &mut y });
                let got: Vec<u32> = y.iter().map(|y| y.to_bits()).collect();
                // A NaN is a NaN: its sign and payload mean nothing.
                let nan = |bits: &u32| if f32::from_bits(*bits).is_nan() { 0 } else { *bits };
                let (got, want): (Vec<_>, Vec<_>) =
                    (got.iter().map(nan).collect(), want.iter().map(nan).collect());
                failures.check(&got, &want, || format!("{function:?} {isa}"));
            }
        }
    }
}
