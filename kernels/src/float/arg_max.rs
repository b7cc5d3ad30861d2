//! `y[o, k] = argmax_i x[o, i, k]`, or argmin, the first of equals; a NaN is neither greater nor less than anything. Cost: one comparison an input.

use super::integer::Integer;
use crate::isa::{Isa, Kernel};

/// Blocks of `count` rows of `inner` numbers.
pub struct ArgMax<'a, N> {
    /// Find the least.
    pub least: bool,
    /// Numbers that are compared.
    pub count: usize,
    /// Neighbouring results.
    pub inner: usize,
    /// Any number of blocks.
    pub x: &'a [f32],
    /// A row for each block.
    pub y: &'a mut [N],
}

impl<N: Integer> Kernel for ArgMax<'_, N> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let Self { least, count, inner, x, y } = self;
        for (at, y) in y.iter_mut().enumerate() {
            let x = &x[at / inner * count * inner + at % inner..];
            let best = (1..count).fold(0, |best, i| {
                let (found, next) = (x[best * inner], x[i * inner]);
                let better = if least { next < found } else { next > found };
                if better { i } else { best }
            });
            *y = N::of(best);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn along_rows_and_columns() {
        let x = [1.0, 3.0, 3.0, 4.0, -1.0, 3.5];
        for isa in testing::isas() {
            let (mut rows, mut columns) = ([9i64; 2], [9i32; 3]);
            testing::run(isa, ArgMax { least: false, count: 3, inner: 1, x: &x, y: &mut rows });
            testing::run(isa, ArgMax { least: true, count: 2, inner: 3, x: &x, y: &mut columns });
            assert_eq!((rows, columns), ([1, 0], [0, 1, 0]), "{isa}");
        }
    }
}
