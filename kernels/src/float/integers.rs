//! `y[i] = f(a[i], b[i])` of integers, with broadcasting: what becomes of indices. Cost: memory bound.
//!
//! They wrap, as TensorFlow's do. A division by zero gives 0, since nothing at run time can refuse it.

use super::Nest;
use crate::isa::{Isa, Kernel};

/// A function of two integers. Bytes are booleans: the conjunction is their minimum, the disjunction their maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named for what it computes")]
pub enum Function {
    Add,
    Sub,
    Mul,
    Maximum,
    Minimum,
    SquaredDifference,
    /// Rounds down.
    FloorDiv,
    /// Has the sign of the divisor.
    FloorMod,
}

/// An integer that can be computed with.
pub trait Number: Copy + Default {
    /// The meaning of each function; `None` where it has no value.
    fn apply(function: Function, a: Self, b: Self) -> Option<Self>;
}

macro_rules! numbers {
    ($($ty:ident)*) => {$(
        impl Number for $ty {
            #[inline(always)]
            fn apply(function: Function, a: Self, b: Self) -> Option<Self> {
                match function {
                    Function::Add => Some(a.wrapping_add(b)),
                    Function::Sub => Some(a.wrapping_sub(b)),
                    Function::Mul => Some(a.wrapping_mul(b)),
                    Function::Maximum => Some(a.max(b)),
                    Function::Minimum => Some(a.min(b)),
                    Function::SquaredDifference => Some(a.wrapping_sub(b).wrapping_mul(a.wrapping_sub(b))),
                    Function::FloorDiv => {
                        let (quotient, rest) = (a.checked_div(b)?, a.checked_rem(b)?);
                        #[allow(unused_comparisons, reason = "bytes have no sign")]
                        let apart = rest != 0 && (a < 0) != (b < 0);
                        Some(if apart { quotient - 1 } else { quotient })
                    }
                    Function::FloorMod => {
                        let rest = a.checked_rem(b)?;
                        #[allow(unused_comparisons, reason = "bytes have no sign")]
                        let apart = rest != 0 && (rest < 0) != (b < 0);
                        Some(if apart { rest + b } else { rest })
                    }
                }
            }
        }
    )*};
}

numbers! { u8 i32 i64 }

/// The function over a nest of (a, b, y).
pub struct Integers<'a, E> {
    /// What to compute.
    pub function: Function,
    /// Where the elements lie.
    pub nest: &'a Nest<3>,
    /// The left operand.
    pub a: &'a [E],
    /// The right operand.
    pub b: &'a [E],
    /// The output's buffer.
    pub y: &'a mut [E],
}

impl<E: Number> Kernel for Integers<'_, E> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let f = self.function;
        self.nest.zip(self.a, self.b, self.y, |a, b| E::apply(f, a, b).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn division_rounds_down() {
        let of = |f, a: i64, b| i64::apply(f, a, b);
        assert_eq!([of(Function::FloorDiv, 7, 2), of(Function::FloorDiv, -7, 2)], [Some(3), Some(-4)]);
        assert_eq!([of(Function::FloorMod, 7, -2), of(Function::FloorMod, -7, 2)], [Some(-1), Some(1)]);
        assert_eq!(of(Function::FloorDiv, 1, 0), None);
        assert_eq!(of(Function::FloorDiv, i64::MIN, -1), None);
        assert_eq!(of(Function::FloorMod, i64::MIN, -1), None);
    }

    #[test]
    fn a_row_by_one_number() {
        let nest = Nest::new(&[3], [&[1], &[0], &[1]], [0; 3]);
        for isa in testing::isas() {
            let (mut y, function) = ([9; 3], Function::FloorDiv);
            testing::run(isa, Integers { function, nest: &nest, a: &[7, -7, 0], b: &[2], y: &mut y });
            assert_eq!(y, [3, -4, 0], "{isa}");
            testing::run(isa, Integers { function, nest: &nest, a: &[7, -7, 0], b: &[0], y: &mut y });
            assert_eq!(y, [0; 3], "{isa}");
        }
    }
}
