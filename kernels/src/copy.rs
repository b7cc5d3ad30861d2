//! Bytes from one place to another: into a halo's inside, into a slice of a concatenation, out to the caller.
//!
//! ```text
//! y[n, y, x, c] = x[n, y, x, c] ^ flip
//! ```
//!
//! `flip` is 128 where a signed byte becomes an unsigned one or the other way round (adding 128 turns the top bit),
//! else 0. Tensors of wider elements are copied as bytes: [`Place::bytes`]. Cost: one read and one write a byte.

use crate::isa::{Isa, Kernel};
use crate::team::{Grid, Split};
use crate::window::{Place, each_run};
use core::mem;

/// One copy; both places have the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Where the bytes are.
    pub x: Place,
    /// Where they go.
    pub y: Place,
    /// Turned in each byte: 0 or 128.
    pub flip: u8,
}

/// The copy.
pub struct Copy<'a> {
    /// Shapes.
    pub params: &'a Params,
    /// The input's bytes.
    pub x: &'a [u8],
    /// The output's bytes; those between the runs are left alone.
    pub y: &'a mut [u8],
}

impl<'a> Split for Copy<'a> {
    type Y = Grid<'a, u8>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, _isa: I, y: Self::Y) {
        let flip = self.params.flip;
        each_run(&self.params.x, self.x, y, |x, y| {
            if flip == 0 {
                y.copy_from_slice(x);
            } else {
                y.iter_mut().zip(x).for_each(|(y, x)| *y = x ^ flip);
            }
        });
    }
}

/// Bytes 0 and 1 as booleans: `y = x != 0`, dense.
pub struct Truth<'a> {
    /// The bytes.
    pub x: &'a [u8],
    /// The booleans.
    pub y: &'a mut [bool],
}

impl Kernel for Truth<'_> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _isa: I) {
        self.y.iter_mut().zip(self.x).for_each(|(y, x)| *y = *x != 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn copies_into_a_halo_and_a_slice() {
        let x = Place::dense([2, 3, 2, 4]);
        let bytes: [u8; 48] = core::array::from_fn(|i| i as u8);
        let halo = Place::with_halo([2, 3, 2, 4], [1, 0, 2, 1]);
        let slice = Place { pixel: 9, row: 18, image: 54, first: 5, ..x };
        for (y, flip) in [(halo, 0), (slice, 128), (x, 0)] {
            for isa in testing::isas() {
                let mut buffer = [7; 256];
                testing::run_cut(isa, 0, Copy { params: &Params { x, y, flip }, x: &bytes, y: &mut buffer });
                let mut want = [7; 256];
                for (n, oy, ox, c) in testing::grid([2, 3, 2, 4]) {
                    want[y.at(n, oy, ox) + c] = bytes[x.at(n, oy, ox) + c] ^ flip;
                }
                assert_eq!(buffer, want, "{isa} {y:?}");
            }
        }
    }

    #[test]
    fn bytes_are_true_or_false() {
        for isa in testing::isas() {
            let mut y = [true; 3];
            testing::run(isa, Truth { x: &[0, 1, 2], y: &mut y });
            assert_eq!(y, [false, true, true], "{isa}");
        }
    }
}
