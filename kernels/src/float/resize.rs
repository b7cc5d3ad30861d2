//! Images of another size: bilinear or the nearest pixel. NHWC; cost: a pixel of y from four, or one, of x.
//!
//! Positions and weights are computed in f32 as TensorFlow does: `y = top + (bottom - top) * weight`.

use crate::isa::{Isa, Kernel};

/// Where a pixel of y lies in x, along one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Pixels of x.
    pub x: usize,
    /// Pixels of y.
    pub y: usize,
    /// Pixels of x for one of y.
    pub scale: f32,
    /// Whether a pixel's place is its middle, not its corner.
    pub centers: bool,
}

impl Axis {
    /// The pixel `o` of y at `o * scale`, or from middle to middle.
    #[inline(always)]
    pub fn at(&self, o: usize) -> f32 {
        if self.centers { (o as f32 + 0.5) * self.scale - 0.5 } else { o as f32 * self.scale }
    }

    /// The two pixels of x around pixel `o` of y, and the weight of the second.
    #[inline(always)]
    pub fn between(&self, o: usize) -> (usize, usize, f32) {
        let (at, last) = (self.at(o), self.x - 1);
        let cut = at as i64;
        let floor = if (cut as f32) > at { cut - 1 } else { cut };
        let ceil = if floor as f32 == at { floor } else { floor + 1 };
        let pixel = |i: i64| (i.max(0) as usize).min(last);
        (pixel(floor), pixel(ceil), at - floor as f32)
    }

    /// The pixel of x that is nearest to pixel `o` of y: the one it lies in, or with `round` the nearer corner.
    #[inline(always)]
    pub fn nearest(&self, o: usize, round: bool) -> usize {
        let at = if self.centers { (o as f32 + 0.5) * self.scale } else { o as f32 * self.scale };
        // `at` is not negative: the cut is the floor, and half a pixel more rounds halves away from zero.
        (if round { at + 0.5 } else { at } as usize).min(self.x - 1)
    }
}

/// Bilinear interpolation.
pub struct Bilinear<'a> {
    /// Images.
    pub batch: usize,
    /// Rows.
    pub height: Axis,
    /// Columns.
    pub width: Axis,
    /// Numbers of a pixel.
    pub channels: usize,
    /// The input.
    pub x: &'a [f32],
    /// The output.
    pub y: &'a mut [f32],
}

impl<'a> Kernel for Bilinear<'a> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let Self { batch, height, width, channels, x, y } = self;
        if y.is_empty() {
            return;
        }
        let mut pixels = y.chunks_exact_mut(channels);
        for n in 0..batch {
            for oy in 0..height.y {
                let (top, bottom, down) = height.between(oy);
                let row = |y: usize| (n * height.x + y) * width.x * channels;
                let (top, bottom) = (&x[row(top)..], &x[row(bottom)..]);
                for (ox, y) in (0..width.y).zip(&mut pixels) {
                    let (left, right, across) = width.between(ox);
                    let pixel = |row: &'a [f32], x: usize| &row[x * channels..][..channels];
                    let (a, b) = (pixel(top, left), pixel(top, right));
                    let (c, d) = (pixel(bottom, left), pixel(bottom, right));
                    for oc in 0..channels {
                        let upper = a[oc] + (b[oc] - a[oc]) * across;
                        let lower = c[oc] + (d[oc] - c[oc]) * across;
                        y[oc] = upper + (lower - upper) * down;
                    }
                }
            }
        }
    }
}

/// The nearest pixel.
pub struct Nearest<'a, E> {
    /// Images.
    pub batch: usize,
    /// Rows.
    pub height: Axis,
    /// Columns.
    pub width: Axis,
    /// Numbers of a pixel.
    pub channels: usize,
    /// Whether positions are rounded, not cut.
    pub round: bool,
    /// The input.
    pub x: &'a [E],
    /// The output.
    pub y: &'a mut [E],
}

impl<E: Clone> Kernel for Nearest<'_, E> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let Self { batch, height, width, channels, round, x, y } = self;
        if y.is_empty() {
            return;
        }
        let mut pixels = y.chunks_exact_mut(channels);
        for n in 0..batch {
            for oy in 0..height.y {
                let row = (n * height.x + height.nearest(oy, round)) * width.x;
                for (ox, y) in (0..width.y).zip(&mut pixels) {
                    let at = (row + width.nearest(ox, round)) * channels;
                    y.clone_from_slice(&x[at..][..channels]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const HEIGHT: Axis = Axis { x: 1, y: 1, scale: 1.0, centers: false };

    #[test]
    fn a_row_twice_as_wide() {
        for isa in testing::isas() {
            for (centers, want) in [(false, [0.0, 2.0, 4.0, 4.0]), (true, [0.0, 1.0, 3.0, 4.0])] {
                let (mut y, width) = ([9.0; 4], Axis { x: 2, y: 4, scale: 0.5, centers });
                let x = &[0.0, 4.0];
                testing::run(isa, Bilinear { batch: 1, height: HEIGHT, width, channels: 1, x, y: &mut y });
                assert_eq!(y, want, "{isa} {centers}");
            }
        }
    }

    #[test]
    fn the_nearest_of_three() {
        for isa in testing::isas() {
            for (round, scale, want) in [(false, 0.75, [1, 1, 2, 3]), (true, 2.0 / 3.0, [1, 2, 2, 3])] {
                let (mut y, width) = ([9i32; 4], Axis { x: 3, y: 4, scale, centers: false });
                let x = &[1, 2, 3];
                testing::run(
                    isa,
                    Nearest { batch: 1, height: HEIGHT, width, channels: 1, round, x, y: &mut y },
                );
                assert_eq!(y, want, "{isa} {round}");
            }
        }
    }
}
