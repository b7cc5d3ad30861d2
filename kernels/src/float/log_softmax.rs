//! Logarithms of a softmax over rows: `y[c] = x[c] - max - ln Σ_c e^(x[c] - max)`.
//!
//! The sum goes over c in order, in f64. Cost: one exponential an element, one logarithm a row.

use super::math;
use crate::isa::{Isa, Kernel};

/// Rows of `classes` numbers.
pub struct LogSoftmax<'a> {
    /// Numbers in a row.
    pub classes: usize,
    /// The input: any number of rows.
    pub x: &'a [f32],
    /// The output, as long.
    pub y: &'a mut [f32],
}

impl Kernel for LogSoftmax<'_> {
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
            let log = math::log(y.iter().fold(0.0, |sum, &y| sum + f64::from(y)));
            for (y, &x) in y.iter_mut().zip(x) {
                *y = (f64::from(x) - f64::from(max) - log) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_logarithms_of_a_softmax() {
        for isa in testing::isas() {
            let mut y = [0.0; 4];
            testing::run(isa, LogSoftmax { classes: 2, x: &[3.0, 3.0, 0.0, 1000.0], y: &mut y });
            assert_eq!(y, [-core::f32::consts::LN_2, -core::f32::consts::LN_2, -1000.0, 0.0], "{isa}");
        }
    }
}
