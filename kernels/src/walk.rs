//! Output pixels in memory order, by tiles of MR, and where they lie in several tensors.
//!
//! ```text
//! place of pixel m = near + m * step + (m < wrap ? 0 : jump)
//! ```
//!
//! A tile is any MR consecutive pixels: it may go on in the next row, but not in the one after that. Rows, and images,
//! that follow each other without a gap in every tensor count as one row. The last tile moves back to be full, and
//! computes some pixels twice: cheaper than a narrow tile. Where rows, or all pixels, are fewer than MR, a tile has one or two
//! pixels, the last of which fills it; kernels are compiled for narrow tiles too.
//!
//! A product of few channels takes about as long as finding its pixels one by one would. So four numbers a tensor describe a
//! stretch of tiles, which is checked as a whole: each tile of a row is an addition away from the one before it.

use crate::team::Grid;
use crate::window::{Place, Window};
use core::ops::Range;

mod places;
pub(crate) use places::Places;

/// A tensor that is walked: output pixel 0, and how far an output image, row and pixel are from the next.
#[derive(Clone, Copy)]
pub(crate) struct Track {
    first: usize,
    image: usize,
    row: usize,
    pixel: usize,
}

impl Track {
    /// An input under a window, by its first tap.
    #[inline(always)]
    pub(crate) fn under(x: &Place, window: &Window) -> Self {
        let halo = window.pad[0] * x.row + window.pad[1] * x.pixel;
        let first = x.first.checked_sub(halo).expect("the planner puts the halo before the first pixel");
        Self { first, image: x.image, row: window.stride[0] * x.row, pixel: window.stride[1] * x.pixel }
    }

    /// An output, in positions.
    #[inline(always)]
    pub(crate) fn positions<T>(y: &Grid<'_, T>) -> Self {
        let [image, row, pixel] = y.steps();
        Self { first: 0, image, row, pixel }
    }

    /// A tensor of the output's shape.
    #[inline(always)]
    pub(crate) fn plain(y: &Place) -> Self {
        Self { first: y.first, image: y.image, row: y.row, pixel: y.pixel }
    }

    /// The tensor walked down its columns.
    #[inline(always)]
    pub(crate) fn down(self) -> Self {
        Self { row: self.pixel, pixel: self.row, ..self }
    }
}

/// The way over some pixels.
#[derive(Clone, Copy)]
pub(crate) struct Walk<const T: usize> {
    tracks: [Track; T],
    /// What is to be added to a row's end for the next row's first pixel, and for the next image's.
    jumps: [[usize; T]; 2],
    /// Rows of an image, pixels of a row.
    extent: [usize; 2],
    /// Numbers of the first pixel and the one after the last.
    range: [usize; 2],
    /// The next pixel: its number, its row and column, its places.
    number: usize,
    pixel: [usize; 2],
    at: [usize; T],
}

/// Tiles that follow each other in one line, or one that goes on in the next.
#[derive(Clone, Copy)]
pub(crate) struct Stretch<const T: usize> {
    /// How many.
    pub(crate) tiles: usize,
    /// Where their pixels are in each tensor.
    pub(crate) places: [Places; T],
    /// The lines of its image that the first and the last pixel are in: rows, or columns where tiles go down them.
    pub(crate) lines: [usize; 2],
    /// The first pixel's number in its line, if all are in one.
    pub(crate) start: Option<usize>,
}

impl<const T: usize> Walk<T> {
    /// Over `pixels` of images of `extent` = `[height, width]`.
    #[inline(never)]
    pub(crate) fn new(extent: [usize; 2], tracks: [Track; T], pixels: &Range<usize>) -> Self {
        let range = [pixels.start, pixels.end];
        let mut walk =
            Self { tracks, jumps: [[0; T]; 2], extent, range, number: 0, pixel: [0; 2], at: [0; T] };
        walk.seek(pixels.start);
        walk
    }

    /// The same walk where nobody asks for rows and columns: by rows as long as they can be.
    #[inline(never)]
    pub(crate) fn joined(mut self) -> Self {
        let [height, width] = self.extent;
        if width == 1 {
            self.tracks.iter_mut().for_each(|track| track.pixel = track.row);
        }
        if height == 1 || self.tracks.iter().all(|track| track.row == width * track.pixel) {
            self.extent = [1, height * width];
            self.tracks.iter_mut().for_each(|track| track.row = track.image);
        }
        let [height, width] = self.extent;
        if [height, width] == [1, 1] {
            self.tracks.iter_mut().for_each(|track| track.pixel = track.image);
        }
        if height == 1 && self.tracks.iter().all(|track| track.image == width * track.pixel) {
            self.extent = [1, usize::MAX];
        }
        self.seek(self.number);
        self
    }

    /// Goes to the pixel of that number.
    #[inline(always)]
    fn seek(&mut self, number: usize) {
        let [height, width] = self.extent;
        let (line, x) = (number / width, number % width);
        let (n, y) = (line / height, line % height);
        (self.number, self.pixel) = (number, [y, x]);
        for t in 0..T {
            let Track { first, image, row, pixel } = self.tracks[t];
            self.at[t] = first + n * image + y * row + x * pixel;
            // A way back over a row's unused end is a jump below zero.
            let to_row = row.wrapping_sub(width.wrapping_mul(pixel));
            self.jumps[0][t] = to_row;
            self.jumps[1][t] = to_row.wrapping_add(image.wrapping_sub(height.wrapping_mul(row)));
        }
    }

    /// The next tiles of `rows` pixels.
    #[inline(always)]
    pub(crate) fn next(&mut self, rows: usize) -> Option<Stretch<T>> {
        let ([height, width], [start, end]) = (self.extent, self.range);
        if self.number == end {
            return None;
        }
        if rows > width || rows > end - start {
            return Some(self.narrow());
        }
        if end - self.number < rows {
            self.seek(end - rows);
        }
        let wrap = width - self.pixel[1];
        let start = (rows <= wrap).then_some(self.pixel[1]);
        let tiles = (wrap.min(end - self.number) / rows).max(1);
        let count = tiles * rows;
        let jump = self.jumps[usize::from(self.pixel[0] + 1 == height)];
        let mut places = [Places { near: 0, jump: 0, step: 0, wrap, tiles }; T];
        for t in 0..T {
            let (near, step) = (self.at[t], self.tracks[t].pixel);
            places[t] = Places { near, jump: if rows > wrap { jump[t] } else { 0 }, step, ..places[t] };
            self.at[t] =
                near.wrapping_add(count * step).wrapping_add(if count >= wrap { jump[t] } else { 0 });
        }
        let lines = self.lines(count, wrap);
        self.count(count, wrap);
        Some(Stretch { tiles, places, lines, start })
    }

    /// A tile of one or two pixels: pixel 1 fills it, or pixel 0 if it is alone.
    #[inline(always)]
    fn narrow(&mut self) -> Stretch<T> {
        let ([height, width], [_, end]) = (self.extent, self.range);
        let (wrap, count) = (width - self.pixel[1], (end - self.number).min(width).min(2));
        let jump = self.jumps[usize::from(self.pixel[0] + 1 == height)];
        let mut places = [Places { near: 0, jump: 0, step: 0, wrap: 1, tiles: 1 }; T];
        for t in 0..T {
            let (near, step) = (self.at[t], self.tracks[t].pixel);
            let place = |m: usize| (m * step).wrapping_add(if m < wrap { 0 } else { jump[t] });
            (places[t].near, places[t].jump) = (near, place(count - 1));
            self.at[t] = near.wrapping_add(place(count));
        }
        let lines = self.lines(count, wrap);
        self.count(count, wrap);
        Stretch { tiles: 1, places, lines, start: None }
    }

    /// The lines of the next pixel and of the last of `count`, where `wrap` are in the first line.
    #[inline(always)]
    fn lines(&self, count: usize, wrap: usize) -> [usize; 2] {
        let line = self.pixel[0];
        let next = if line + 1 == self.extent[0] { 0 } else { line + 1 };
        [line, if count > wrap { next } else { line }]
    }

    /// Goes on by `count` pixels, of which `wrap` are in this row.
    #[inline(always)]
    fn count(&mut self, count: usize, wrap: usize) {
        self.number += count;
        self.pixel[1] += count;
        if count >= wrap {
            let last_row = self.pixel[0] + 1 == self.extent[0];
            self.pixel = [if last_row { 0 } else { self.pixel[0] + 1 }, count - wrap];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    /// Every pixel in order, by tiles of MR: all places are right, and no pixel is left out.
    fn check<const MR: usize>(walk: Walk<2>, want: &[[usize; 2]], range: Range<usize>, width: Option<usize>) {
        let (mut walk, mut seen) = (walk, vec![false; want.len()]);
        while let Some(stretch) = walk.next(MR) {
            for i in 0..stretch.tiles {
                let start = stretch.start.map(|start| start + i * MR);
                let place = |m| stretch.places.map(|places| places.tile::<MR>(i).at(m));
                let places: Vec<[usize; 2]> = (0..MR).map(place).collect();
                let number =
                    |place| want.iter().position(|want| want == place).expect("the place of a pixel");
                let numbers: Vec<usize> = places.iter().map(number).collect();
                let [first, last] = [numbers[0], numbers[MR - 1]];
                for (m, &number) in numbers.iter().enumerate() {
                    assert!(range.contains(&number) && (number == first + m || m > 0 && number <= first + 1));
                    seen[number] = true;
                }
                if let Some(width) = width {
                    assert_eq!(stretch.lines, [first, last].map(|number| number / width % 3));
                    assert!(start.is_none_or(|x| x == first % width && x + MR <= width), "{start:?}");
                }
            }
        }
        let all = seen.iter().enumerate().all(|(number, seen)| *seen == range.contains(&number));
        assert!(all, "MR {MR} {range:?}: {seen:?}");
    }

    #[test]
    fn tiles_have_every_pixel_in_its_place() {
        for width in 1..9 {
            let x = Place::with_halo([2, 5, 3 * width, 3], [1, 2, 3, 1]);
            let window = Window { kernel: [2, 2], stride: [2, 3], dilation: [1, 1], pad: [1, 2] };
            let gap = Place {
                pixel: 9,
                row: 9 * width + 18,
                image: 300,
                first: 4,
                ..Place::dense([2, 3, width, 5])
            };
            let dense = Place::dense([2, 3, width, 2]);
            for (x, window, y) in
                [(x, window, gap), (dense, Window::POINT, dense), (dense, Window::POINT, gap)]
            {
                let pixel = |number: usize| (number / width / 3, number / width % 3, number % width);
                let want = |number| {
                    let (n, oy, ox) = pixel(number);
                    let at = x.first
                        + n * x.image
                        + oy * window.stride[0] * x.row
                        + ox * window.stride[1] * x.pixel;
                    [at - window.pad[0] * x.row - window.pad[1] * x.pixel, y.at(n, oy, ox)]
                };
                let want: Vec<_> = (0..6 * width).map(want).collect();
                for range in [0..6 * width, 1..6 * width, 2..3, 2..6 * width - 1, 0..0] {
                    let walk = Walk::new([3, width], [Track::under(&x, &window), Track::plain(&y)], &range);
                    check::<1>(walk, &want, range.clone(), Some(width));
                    check::<4>(walk, &want, range.clone(), Some(width));
                    check::<6>(walk.joined(), &want, range.clone(), None);
                }
            }
        }
    }

    #[test]
    fn rows_without_gaps_are_joined() {
        let dense = Track::plain(&Place::dense([2, 3, 5, 7]));
        let halo = Track::plain(&Place::with_halo([2, 3, 5, 7], [1, 0, 0, 0]));
        assert_eq!(Walk::new([3, 5], [dense; 2], &(0..30)).joined().extent, [1, usize::MAX]);
        assert_eq!(Walk::new([3, 5], [dense, halo], &(0..30)).joined().extent, [1, 15]);
        let column = Track::plain(&Place::with_halo([2, 3, 1, 7], [0, 0, 1, 1]));
        assert_eq!(Walk::new([3, 1], [column; 2], &(0..6)).joined().extent, [1, usize::MAX]);
    }
}
