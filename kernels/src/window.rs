//! NHWC geometry: where a tensor lies in a buffer, and how a window moves over it.

use crate::team::{Grid, Row};

/// Where an NHWC tensor lies in a buffer; all in elements of its type.
///
/// Element (n, y, x, c) is at `first + n*image + y*row + x*pixel + c`. A pixel pitch above `channels` is a slice of a
/// concatenation; a row pitch above `width * pixel` leaves room for a halo, which lies around pixel (0, 0) and the
/// rest and holds the zero point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of images.
    pub batch: usize,
    /// Rows of an image.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Index of element (0, 0, 0, 0).
    pub first: usize,
    /// From an image to the next.
    pub image: usize,
    /// From a row to the next.
    pub row: usize,
    /// From a pixel to the next.
    pub pixel: usize,
}

impl Place {
    /// A tensor without gaps at the start of its buffer.
    pub const fn dense([batch, height, width, channels]: [usize; 4]) -> Self {
        let row = width * channels;
        Self { batch, height, width, channels, first: 0, image: height * row, row, pixel: channels }
    }

    /// The same tensor with room for `[top, bottom, left, right]` pixels of halo, the halo included in the buffer.
    pub const fn with_halo(shape: [usize; 4], [top, bottom, left, right]: [usize; 4]) -> Self {
        let [batch, height, width, channels] = shape;
        let row = (left + width + right) * channels;
        let image = (top + height + bottom) * row;
        Self {
            batch,
            height,
            width,
            channels,
            first: top * row + left * channels,
            image,
            row,
            pixel: channels,
        }
    }

    /// The same tensor counted in bytes, for elements of `bytes` bytes.
    pub const fn bytes(self, bytes: usize) -> Self {
        let Self { batch, height, width, channels, first, image, row, pixel } = self;
        let [channels, first, image, row, pixel] =
            [channels * bytes, first * bytes, image * bytes, row * bytes, pixel * bytes];
        Self { batch, height, width, channels, first, image, row, pixel }
    }

    /// Where element (n, y, x, 0) is.
    #[inline(always)]
    pub const fn at(&self, n: usize, y: usize, x: usize) -> usize {
        self.first + n * self.image + y * self.row + x * self.pixel
    }

    /// Number of pixels of all images.
    pub const fn pixels(&self) -> usize {
        self.batch * self.height * self.width
    }
}

/// Gives every element of two tensors of the same shape, with its channel: the meaning of an elementwise kernel.
pub(crate) fn each_element<T: Copy, U>(
    [at_x, at_y]: [&Place; 2],
    x: &[T],
    y: &mut [U],
    mut element: impl FnMut(usize, T) -> U,
) {
    for n in 0..at_y.batch {
        for oy in 0..at_y.height {
            for ox in 0..at_y.width {
                for c in 0..at_y.channels {
                    y[at_y.at(n, oy, ox) + c] = element(c, x[at_x.at(n, oy, ox) + c]);
                }
            }
        }
    }
}

/// Gives the runs that are consecutive in two tensors of the same shape: rows where pixels touch in both, else pixels.
/// What lies between the runs of `y` is left alone.
#[inline(always)]
pub(crate) fn each_run<T, U>(at_x: &Place, x: &[T], mut y: Grid<'_, U>, mut run: impl FnMut(&[T], &mut [U])) {
    let touching = at_x.pixel == at_x.channels && y.touching();
    let channels = y.channels();
    for Row { n, oy, ox, pixels, position } in y.rows() {
        // One call, or the compiler would not take `run` into the code of the instruction set.
        for p in 0..if touching { 1 } else { pixels } {
            let at = at_x.at(n, oy, ox + p);
            let (x, y) = if touching {
                (&x[at..][..pixels * at_x.pixel], y.run(position, pixels))
            } else {
                (
                    &x[at + channels.start..][..channels.len()],
                    y.at(position + p, channels.start, channels.len()),
                )
            };
            run(x, y);
        }
    }
}

/// A window that moves over rows and columns; each pair is `[rows, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Taps.
    pub kernel: [usize; 2],
    /// From an output pixel to the next, in input pixels.
    pub stride: [usize; 2],
    /// From a tap to the next, in input pixels.
    pub dilation: [usize; 2],
    /// Halo `[top, left]` of output pixel (0, 0).
    pub pad: [usize; 2],
}

impl Window {
    /// One tap at every pixel.
    pub const POINT: Self = Self { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };

    /// The taps along `axis` whose input, for output `o`, is inside `extent`: a range, empty if there is none.
    #[inline(always)]
    pub fn inside(&self, axis: usize, o: usize, extent: usize) -> core::ops::Range<usize> {
        let start = o * self.stride[axis];
        // A division would take longer than a tile's epilogue.
        let taps = |pixels: usize| match self.dilation[axis] {
            1 => pixels,
            dilation => pixels.div_ceil(dilation),
        };
        let first = taps(self.pad[axis].saturating_sub(start));
        let end = taps((extent + self.pad[axis]).saturating_sub(start)).min(self.kernel[axis]);
        first.min(end)..end
    }

    /// The input index under tap `tap` of output `o` along `axis`, or `None` on the halo.
    #[inline(always)]
    pub fn input(&self, axis: usize, o: usize, tap: usize, extent: usize) -> Option<usize> {
        let i = o * self.stride[axis] + tap * self.dilation[axis];
        i.checked_sub(self.pad[axis]).filter(|&i| i < extent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_inside_are_those_with_an_input() {
        for (kernel, stride, dilation, pad) in
            [(3, 1, 1, 1), (3, 2, 1, 1), (5, 1, 2, 4), (7, 3, 1, 3), (2, 1, 1, 0), (3, 1, 3, 5)]
        {
            let window =
                Window { kernel: [kernel; 2], stride: [stride; 2], dilation: [dilation; 2], pad: [pad; 2] };
            for extent in 1..9 {
                for o in 0..9 {
                    let inside = window.inside(1, o, extent);
                    let taps = (0..kernel).filter(|&tap| window.input(1, o, tap, extent).is_some());
                    assert!(taps.eq(inside.clone()), "{window:?} {extent} {o}: {inside:?}");
                }
            }
        }
    }

    #[test]
    fn halo_is_no_input() {
        let window = Window { kernel: [3, 3], stride: [2, 2], dilation: [2, 2], pad: [1, 1] };
        assert_eq!(window.input(0, 0, 0, 9), None);
        assert_eq!(window.input(0, 0, 1, 9), Some(1));
        assert_eq!(window.input(1, 4, 0, 9), Some(7));
        assert_eq!(window.input(1, 4, 1, 9), None);
    }
}
