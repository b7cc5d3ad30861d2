//! `y[i] = c[i] ? a[i] : b[i]` with broadcasting. Cost: memory bound.

use super::Nest;
use crate::isa::{Isa, Kernel};

/// The choice over a nest of (c, a, b, y).
pub struct Select<'a, E> {
    /// Where the elements lie.
    pub nest: &'a Nest<4>,
    /// Which; anything but 0 is true.
    pub c: &'a [u8],
    /// Where true.
    pub a: &'a [E],
    /// Where false.
    pub b: &'a [E],
    /// The output's buffer.
    pub y: &'a mut [E],
}

impl<E: Clone> Kernel for Select<'_, E> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let Self { nest, c, a, b, y } = self;
        nest.each(|[c_at, i, j, o]| y[o].clone_from(if c[c_at] != 0 { &a[i] } else { &b[j] }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn rows_of_two_tensors() {
        let nest = Nest::new(&[2, 2], [&[1, 0], &[2, 1], &[0, 0], &[2, 1]], [0; 4]);
        for isa in testing::isas() {
            let mut y = [0.0; 4];
            testing::run(
                isa,
                Select { nest: &nest, c: &[0, 1], a: &[1.0, 2.0, 3.0, 4.0], b: &[9.0], y: &mut y },
            );
            assert_eq!(y, [9.0, 9.0, 3.0, 4.0], "{isa}");
        }
    }
}
