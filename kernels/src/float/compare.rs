//! `y[i] = a[i] < b[i]` and the other comparisons, with broadcasting; true is 1. Cost: memory bound.

use super::Nest;
use crate::isa::{Isa, Kernel};

/// A comparison; with a NaN all are false but NotEqual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named for what it computes")]
pub enum Function {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// The meaning of each comparison.
#[inline(always)]
pub fn reference<E: PartialOrd>(function: Function, a: E, b: E) -> bool {
    match function {
        Function::Equal => a == b,
        Function::NotEqual => a != b,
        Function::Less => a < b,
        Function::LessEqual => a <= b,
        Function::Greater => a > b,
        Function::GreaterEqual => a >= b,
    }
}

/// The comparison over a nest of (a, b, y).
pub struct Compare<'a, E> {
    /// What to compute.
    pub function: Function,
    /// Where the elements lie.
    pub nest: &'a Nest<3>,
    /// The left operand.
    pub a: &'a [E],
    /// The right operand.
    pub b: &'a [E],
    /// The output's buffer.
    pub y: &'a mut [u8],
}

impl<E: PartialOrd + Copy> Kernel for Compare<'_, E> {
    type Output = ();
    const DOTS: bool = false;

    /// The match stands outside the loops, so that each loop is one function's.
    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        macro_rules! each {
            ($($name:ident)*) => {
                match self.function {
                    $(Function::$name => {
                        self.nest.zip(self.a, self.b, self.y, |a, b| reference(Function::$name, a, b).into());
                    })*
                }
            };
        }
        each!(Equal NotEqual Less LessEqual Greater GreaterEqual);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_row_against_one_number() {
        let nest = Nest::new(&[4], [&[1], &[0], &[1]], [0; 3]);
        let of = |isa, function| {
            let mut y = [9; 4];
            let (a, b) = (&[1.0, 2.0, f32::NAN, 3.0], &[2.0]);
            testing::run(isa, Compare { function, nest: &nest, a, b, y: &mut y });
            y
        };
        for isa in testing::isas() {
            assert_eq!(of(isa, Function::Equal), [0, 1, 0, 0], "{isa}");
            assert_eq!(of(isa, Function::NotEqual), [1, 0, 1, 1], "{isa}");
            assert_eq!(of(isa, Function::Less), [1, 0, 0, 0], "{isa}");
            assert_eq!(of(isa, Function::LessEqual), [1, 1, 0, 0], "{isa}");
            assert_eq!(of(isa, Function::Greater), [0, 0, 0, 1], "{isa}");
            assert_eq!(of(isa, Function::GreaterEqual), [0, 1, 0, 1], "{isa}");
        }
    }
}
