//! The k greatest numbers of each row, greatest first, the first of equals first. Cost: one comparison an input, and
//! k moves for each input that is among the greatest so far.

use super::integer::Integer;
use crate::isa::{Isa, Kernel};

/// Rows of `count` numbers, of which `k` are kept.
pub struct TopK<'a, N> {
    /// Numbers of a row.
    pub count: usize,
    /// How many are kept, at least one and at most `count`.
    pub k: usize,
    /// Any number of rows.
    pub x: &'a [f32],
    /// `k` numbers a row.
    pub values: &'a mut [f32],
    /// Where in the row they were.
    pub indices: &'a mut [N],
}

/// A NaN is less than every number.
#[inline(always)]
fn greater(a: f32, b: f32) -> bool {
    a > b || (b.is_nan() && !a.is_nan())
}

impl<N: Integer> Kernel for TopK<'_, N> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let Self { count, k, x, values, indices } = self;
        let kept = values.chunks_exact_mut(k).zip(indices.chunks_exact_mut(k));
        for (x, (values, indices)) in x.chunks_exact(count).zip(kept) {
            for (i, &x) in x.iter().enumerate() {
                let held = i.min(k);
                if held == k && !greater(x, values[k - 1]) {
                    continue;
                }
                let at = values[..held].partition_point(|&v| !greater(x, v));
                let end = (held + 1).min(k);
                values.copy_within(at..end - 1, at + 1);
                indices.copy_within(at..end - 1, at + 1);
                (values[at], indices[at]) = (x, N::of(i));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Random};
    use std::vec::Vec;

    #[test]
    fn sorting_gives_the_same() {
        let (count, k) = (37, 5);
        let mut x: Vec<f32> = Random::new(3).floats(-4.0, 4.0, 3 * count).iter().map(|x| x.round()).collect();
        (x[1], x[40]) = (f32::NAN, f32::INFINITY);
        for isa in testing::isas() {
            let (mut values, mut indices) = ([0.0; 15], [0i32; 15]);
            testing::run(isa, TopK { count, k, x: &x, values: &mut values, indices: &mut indices });
            for (row, x) in x.chunks(count).enumerate() {
                let mut order: Vec<usize> = (0..count).filter(|&i| !x[i].is_nan()).collect();
                order.sort_by(|&a, &b| x[b].total_cmp(&x[a]));
                for (at, &i) in order[..k].iter().enumerate() {
                    assert_eq!((values[row * k + at], indices[row * k + at]), (x[i], i as i32), "{isa}");
                }
            }
        }
    }

    #[test]
    fn a_row_of_nothing_else() {
        for isa in testing::isas() {
            let (mut values, mut indices) = ([0.0; 3], [9i64; 3]);
            let x = [f32::NAN, 1.0, f32::NEG_INFINITY];
            testing::run(isa, TopK { count: 3, k: 3, x: &x, values: &mut values, indices: &mut indices });
            assert_eq!((indices, values[0], values[2].is_nan()), ([1, 2, 0], 1.0, true), "{isa}");
        }
    }
}
