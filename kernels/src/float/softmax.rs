//! Softmax over rows: `y[c] = e^(x[c] - max) / Σ_c e^(x[c] - max)`.
//!
//! The sum goes over c in order, in f64. Cost: one exponential an element.

use super::math;
use crate::isa::{Isa, Kernel};

/// Rows of `classes` numbers.
pub struct Softmax<'a> {
    /// Numbers in a row.
    pub classes: usize,
    /// The input: any number of rows.
    pub x: &'a [f32],
    /// The output, as long.
    pub y: &'a mut [f32],
}

impl Kernel for Softmax<'_> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let classes = self.classes.max(1);
        for (y, x) in self.y.chunks_exact_mut(classes).zip(self.x.chunks_exact(classes)) {
            let max = x.iter().fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max });
            for (y, &x) in y.iter_mut().zip(x) {
                *y = math::exp(f64::from(x - max)) as f32;
            }
            let sum = y.iter().fold(0.0, |sum, &y| sum + f64::from(y));
            let inverse = 1.0 / sum;
            for y in y.iter_mut() {
                *y = (f64::from(*y) * inverse) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn rows_sum_to_one() {
        for isa in testing::isas() {
            let mut y = [0.0; 6];
            let x = [0.0, 0.0, core::f32::consts::LN_2, 1000.0, 0.0, 1000.0];
            testing::run(isa, Softmax { classes: 3, x: &x, y: &mut y });
            assert_eq!(y, [0.25, 0.25, 0.5, 0.5, 0.0, 0.5], "{isa}");
        }
    }
}
