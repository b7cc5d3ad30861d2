//! Rows picked by number: `y[b, o, i, k] = x[b, o, indices[b, i], k]`, such as embeddings. Cost: one copy of y.
//!
//! A number that names no row gives zeros, as TensorFlow does on accelerators; nothing at run time can refuse it.

use super::integer::Integer;
use crate::isa::{Isa, Kernel};

/// Rows of `inner` elements, of each of some outer blocks of `rows`.
pub struct Gather<'a, E, N> {
    /// Rows of a block of x.
    pub rows: usize,
    /// Elements of a row.
    pub inner: usize,
    /// Any number of blocks.
    pub x: &'a [E],
    /// Blocks that share their numbers.
    pub blocks: usize,
    /// Numbers of rows that a block picks.
    pub picks: usize,
    /// Numbers of rows, for each batch of blocks.
    pub indices: &'a [N],
    /// As many blocks, of a row for each number.
    pub y: &'a mut [E],
}

impl<E: Copy + Default, N: Integer> Kernel for Gather<'_, E, N> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let Self { rows, inner, blocks, picks, x, indices, y } = self;
        if y.is_empty() {
            return;
        }
        for (o, y) in y.chunks_exact_mut(picks * inner).enumerate() {
            let indices = &indices[o / blocks * picks..][..picks];
            for (row, index) in y.chunks_exact_mut(inner).zip(indices) {
                match index.index(rows) {
                    Some(i) => row.copy_from_slice(&x[(o * rows + i) * inner..][..inner]),
                    None => row.fill(E::default()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn columns_of_two_rows() {
        for isa in testing::isas() {
            let mut y = [9.0; 6];
            let x = [1.0, 2.0, 3.0, 4.0];
            let indices = &[1i32, -1, 0];
            let one = Gather { rows: 2, inner: 1, blocks: 2, picks: 3, x: &x, indices, y: &mut y };
            testing::run(isa, one);
            assert_eq!(y, [2.0, 0.0, 1.0, 4.0, 0.0, 3.0], "{isa}");
            let (mut y, indices) = ([9.0; 2], &[1i32, 0]);
            let own = Gather { rows: 2, inner: 1, blocks: 1, picks: 1, x: &x, indices, y: &mut y };
            testing::run(isa, own);
            assert_eq!(y, [2.0, 3.0], "{isa}");
        }
    }
}
