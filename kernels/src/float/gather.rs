//! Rows picked by number: `y[o, i, k] = x[o, indices[i], k]`, such as embeddings. Cost: one copy of y.
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
    /// Numbers of rows.
    pub indices: &'a [N],
    /// As many blocks, of a row for each number.
    pub y: &'a mut [E],
}

impl<E: Copy + Default, N: Integer> Kernel for Gather<'_, E, N> {
    type Output = ();

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let Self { rows, inner, x, indices, y } = self;
        if y.is_empty() {
            return;
        }
        for (o, y) in y.chunks_exact_mut(indices.len() * inner).enumerate() {
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
            testing::run(isa, Gather { rows: 2, inner: 1, x: &x, indices: &[1i32, -1, 0], y: &mut y });
            assert_eq!(y, [2.0, 0.0, 1.0, 4.0, 0.0, 3.0], "{isa}");
        }
    }
}
