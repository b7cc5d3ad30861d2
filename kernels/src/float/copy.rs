//! Copies a nest of elements: transposes, slices, concatenations, padding, tiling. Cost: its turns.

use super::Nest;
use crate::isa::{Isa, Kernel};

/// `y[at y] = x[at x]` for every turn of the nest over (x, y); the rest of `y` is left alone.
pub struct Copy<'a, E> {
    /// Where the elements lie.
    pub nest: &'a Nest<2>,
    /// The input's buffer.
    pub x: &'a [E],
    /// The output's buffer.
    pub y: &'a mut [E],
}

impl<E: Clone> Kernel for Copy<'_, E> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let Self { nest, x, y } = self;
        if nest.step(0) == 1 && nest.step(1) == 1 {
            nest.rows(|[i, o]| y[o..][..nest.inner()].clone_from_slice(&x[i..][..nest.inner()]));
        } else {
            nest.each(|[i, o]| y[o].clone_from(&x[i]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_slice_into_a_wider_tensor() {
        for isa in testing::isas() {
            let mut y = [0.0; 6];
            let nest = Nest::new(&[2, 2], [&[3, 1], &[3, 1]], [1, 0]);
            testing::run(isa, Copy { nest: &nest, x: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], y: &mut y });
            assert_eq!(y, [2.0, 3.0, 0.0, 5.0, 6.0, 0.0], "{isa}");
        }
    }
}
