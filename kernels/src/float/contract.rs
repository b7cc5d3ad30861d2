//! `y[..] = Σ_k a[.., k] * b[k, ..]` over tensors of any strides: batches of matrix products, and Einsum.
//!
//! The nest has the loops of y but its last, then those that are summed over, then the last of y, which is where
//! vectors lie. A sum starts at zero and goes over the summed loops in order, a rounding each. Cost: one MAC a turn.

use super::Nest;
use crate::isa::{Isa, Kernel};

/// A contraction of two tensors.
pub struct Contract<'a> {
    /// Over (a, b, y); y does not move in the loops that are summed over.
    pub nest: &'a Nest<3>,
    /// The left operand.
    pub a: &'a [f32],
    /// The right operand.
    pub b: &'a [f32],
    /// The output, dense.
    pub y: &'a mut [f32],
}

impl Kernel for Contract<'_> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let Self { nest, a, b, y } = self;
        let n = nest.inner();
        y.fill(0.0);
        match [nest.step(0), nest.step(1), nest.step(2)] {
            [0, 1, 1] => nest.rows(|[i, j, o]| {
                let a = a[i];
                y[o..][..n].iter_mut().zip(&b[j..][..n]).for_each(|(y, &b)| *y += a * b);
            }),
            [1, 0, 1] => nest.rows(|[i, j, o]| {
                let b = b[j];
                y[o..][..n].iter_mut().zip(&a[i..][..n]).for_each(|(y, &a)| *y += a * b);
            }),
            _ => nest.each(|[i, j, o]| y[o] += a[i] * b[j]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_product_with_either_side_turned() {
        // [[1, 2, 3], [4, 5, 6]] times a 3 x 2 matrix; loops m, k, n.
        let want = [58.0, 64.0, 139.0, 154.0];
        let (a, a_turned) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        let (b, b_turned) = ([7.0, 8.0, 9.0, 10.0, 11.0, 12.0], [7.0, 9.0, 11.0, 8.0, 10.0, 12.0]);
        let extent = [2, 3, 2];
        for isa in testing::isas() {
            for (a, at) in [(&a, [3, 1, 0]), (&a_turned, [1, 2, 0])] {
                for (b, bt) in [(&b, [0, 2, 1]), (&b_turned, [0, 1, 3])] {
                    let nest = Nest::new(&extent, [&at, &bt, &[2, 0, 1]], [0; 3]);
                    let mut y = [9.0; 4];
                    testing::run(isa, Contract { nest: &nest, a, b, y: &mut y });
                    assert_eq!(y, want, "{isa}");
                }
            }
        }
    }

    #[test]
    fn the_left_operand_lies_along_the_vectors() {
        for isa in testing::isas() {
            let nest = Nest::new(&[2, 3], [&[3, 1], &[1, 0], &[0, 1]], [0; 3]);
            let mut y = [9.0; 3];
            let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
            testing::run(isa, Contract { nest: &nest, a: &a, b: &[10.0, 1.0], y: &mut y });
            assert_eq!(y, [14.0, 25.0, 36.0], "{isa}");
        }
    }
}
