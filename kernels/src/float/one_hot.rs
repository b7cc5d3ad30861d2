//! `y[o, d, i] = on where x[o, i] = d, else off`. A number outside the classes is off everywhere. Cost: one pass over y.

use super::integer::Integer;
use crate::isa::{Isa, Kernel};

/// Blocks of `classes` rows of `inner` elements, each from `inner` numbers.
pub struct OneHot<'a, E, N> {
    /// Rows of a block of y.
    pub classes: usize,
    /// Neighbouring numbers.
    pub inner: usize,
    /// Any number of blocks of `inner` numbers.
    pub x: &'a [N],
    /// One element: where the number is the class.
    pub on: &'a [E],
    /// One element: elsewhere.
    pub off: &'a [E],
    /// As many blocks.
    pub y: &'a mut [E],
}

impl<E: Copy, N: Integer> Kernel for OneHot<'_, E, N> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let Self { classes, inner, x, on, off, y } = self;
        y.fill(off[0]);
        for (at, number) in x.iter().enumerate() {
            if let Some(class) = number.index(classes) {
                y[(at / inner * classes + class) * inner + at % inner] = on[0];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn classes_last_and_first() {
        for isa in testing::isas() {
            let x = [1i32, -1];
            let (mut last, mut first) = ([9.0; 4], [9.0; 4]);
            testing::run(isa, OneHot { classes: 2, inner: 1, x: &x, on: &[1.0], off: &[0.5], y: &mut last });
            testing::run(isa, OneHot { classes: 2, inner: 2, x: &x, on: &[1.0], off: &[0.5], y: &mut first });
            assert_eq!((last, first), ([0.5, 1.0, 0.5, 0.5], [0.5, 0.5, 1.0, 0.5]), "{isa}");
        }
    }
}
