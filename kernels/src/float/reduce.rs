//! Mean, sum, maximum and minimum over some dimensions. Cost: one operation an input, memory bound.
//!
//! Mean and sum add in f64, in the order of the input, and round at the end.

use super::Nest;
use crate::isa::{Isa, Kernel};

/// How numbers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named for what it computes")]
pub enum Function {
    Mean,
    Sum,
    Max,
    Min,
}

/// One number for every turn of `kept`, from all turns of `reduced`.
pub struct Reduce<'a> {
    /// What to compute.
    pub function: Function,
    /// The dimensions that stay, over (x, y).
    pub kept: &'a Nest<2>,
    /// The dimensions that go, over x, from the element that `kept` gives; `first` is 0.
    pub reduced: &'a Nest<1>,
    /// The input's buffer.
    pub x: &'a [f32],
    /// The output's buffer.
    pub y: &'a mut [f32],
}

/// Outputs that are computed side by side, where they are neighbours.
const LANES: usize = 16;

impl Kernel for Reduce<'_> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let count = self.reduced.turns() as f64;
        match self.function {
            Function::Mean => self.apply(0.0, |a, x| a + x, |a| a / count),
            Function::Sum => self.apply(0.0, |a, x| a + x, |a| a),
            Function::Max => {
                self.apply(f64::NEG_INFINITY, |a, x| if x > a || x.is_nan() { x } else { a }, |a| a);
            }
            Function::Min => {
                self.apply(f64::INFINITY, |a, x| if x < a || x.is_nan() { x } else { a }, |a| a);
            }
        }
    }
}

impl Reduce<'_> {
    #[inline(always)]
    fn apply(self, start: f64, f: impl Fn(f64, f64) -> f64 + Copy, end: impl Fn(f64) -> f64) {
        let Self { kept, reduced, x, y, .. } = self;
        let (step, inner) = (kept.step(0), kept.inner());
        kept.rows(|[i, o]| {
            let mut lane = 0;
            while lane < inner {
                let at = i.wrapping_add_signed(step * lane as isize);
                let lanes = if step == 1 { LANES.min(inner - lane) } else { 1 };
                let mut acc = [start; LANES];
                reduced.each(|[r]| {
                    let x = &x[at.wrapping_add(r)..];
                    if lanes == LANES {
                        (0..LANES).for_each(|l| acc[l] = f(acc[l], f64::from(x[..LANES][l])));
                    } else {
                        (0..lanes).for_each(|l| acc[l] = f(acc[l], f64::from(x[l])));
                    }
                });
                for l in 0..lanes {
                    y[o.wrapping_add_signed(kept.step(1) * (lane + l) as isize)] = end(acc[l]) as f32;
                }
                lane += lanes;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use std::vec::Vec;

    #[test]
    fn rows_and_columns() {
        let x: Vec<f32> = (0..60).map(|i| i as f32).collect();
        for isa in testing::isas() {
            let mut columns = [0.0; 20];
            let (kept, reduced) = (Nest::new(&[20], [&[1], &[1]], [0, 0]), Nest::new(&[3], [&[20]], [0]));
            let function = Function::Mean;
            testing::run(isa, Reduce { function, kept: &kept, reduced: &reduced, x: &x, y: &mut columns });
            assert!(columns.iter().enumerate().all(|(i, &y)| y == 20.0 + i as f32), "{isa}: {columns:?}");
            let mut rows = [0.0; 3];
            let (kept, reduced) = (Nest::new(&[3], [&[20], &[1]], [0, 0]), Nest::new(&[20], [&[1]], [0]));
            let function = Function::Max;
            testing::run(isa, Reduce { function, kept: &kept, reduced: &reduced, x: &x, y: &mut rows });
            assert_eq!(rows, [19.0, 39.0, 59.0], "{isa}");
        }
    }
}
