//! The pixels around an image: written with the zero point before its first producer writes the inside, since other
//! buffers lived there before.

use crate::isa::{Isa, Kernel};
use crate::window::Place;

/// A halo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// The tensor inside; its pixels touch.
    pub y: Place,
    /// Pixels above, below, left and right of it.
    pub halo: [usize; 4],
    /// What the tensor holds for the real value 0.
    pub zero_point: u8,
}

/// Fills a halo.
pub struct Fill<'a> {
    /// Shapes.
    pub params: &'a Params,
    /// The tensor's buffer; its inside is left alone.
    pub y: &'a mut [u8],
}

impl Kernel for Fill<'_> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _isa: I) {
        let Params { y, halo: [top, bottom, left, right], zero_point } = self.params;
        for n in 0..y.batch {
            let image = y.at(n, 0, 0) - top * y.row - left * y.pixel;
            self.y[image..][..top * y.row].fill(*zero_point);
            self.y[image + (top + y.height) * y.row..][..bottom * y.row].fill(*zero_point);
            for oy in 0..y.height {
                let row = y.at(n, oy, 0) - left * y.pixel;
                self.y[row..][..left * y.pixel].fill(*zero_point);
                self.y[row + (left + y.width) * y.pixel..][..right * y.pixel].fill(*zero_point);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn fills_all_but_the_inside() {
        let (shape, halo) = ([2, 3, 2, 4], [1, 2, 3, 1]);
        let y = Place::with_halo(shape, halo);
        let size = 2 * y.image;
        for isa in testing::isas() {
            let mut buffer = [7; 400];
            testing::run(isa, Fill { params: &Params { y, halo, zero_point: 128 }, y: &mut buffer });
            let mut want = [7; 400];
            want[..size].fill(128);
            for (n, oy, ox, c) in testing::grid(shape) {
                want[y.at(n, oy, ox) + c] = 7;
            }
            assert_eq!(buffer, want, "{isa}");
        }
    }
}
