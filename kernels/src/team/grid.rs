//! An output that can be cut into pieces along pixels and along channels.
//!
//! ```text
//! positions  0        1        2        3          the pixels of a row with its halo, row after row
//! channels   [0 .. c] [0 .. c] [0 .. c] [0 .. c]   of each; `pitch` elements from one to the next
//! ```
//!
//! A slice can be cut along positions only: the channels of one thread lie between those of another. So a grid is a
//! pointer with the ranges that it may reach, and every access is checked against them.

use crate::walk::Places;
use crate::window::Place;
use core::marker::PhantomData;
use core::ops::Range;
use core::slice;

mod pieces;
mod views;

pub use pieces::Pieces;
pub(crate) use views::{Along, GridTiles};

/// The pixels and channels of an output that one kernel writes.
#[derive(Debug)]
pub struct Grid<'a, T> {
    /// Element (position 0, channel 0).
    base: *mut T,
    /// Elements from a position to the next.
    pitch: usize,
    place: Place,
    /// Numbers of the pixels that are in it.
    pixels: Range<usize>,
    /// Positions that are in it.
    positions: Range<usize>,
    /// Channels that are in it.
    channels: Range<usize>,
    memory: PhantomData<&'a mut [T]>,
}

/// Pixels of one row that follow each other: the first and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) n: usize,
    pub(crate) oy: usize,
    pub(crate) ox: usize,
    pub(crate) pixels: usize,
    pub(crate) position: usize,
}

/// Pixels of rows that are one below the other: the first row and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) first: Row,
    pub(crate) rows: usize,
}

// SAFETY: a grid is the only way to its elements, as `&mut [T]` is; a shared one gives out nothing but by `piece`.
unsafe impl<T: Send> Send for Grid<'_, T> {}
// SAFETY: as above; what `piece` gives out may be used on another thread, hence `Send`.
unsafe impl<T: Send> Sync for Grid<'_, T> {}

impl<'a, T> Grid<'a, T> {
    /// All of the tensor at `place` in `y`.
    ///
    /// # Panics
    /// If `y` is too short, or pixels overlap.
    #[inline]
    pub fn new(place: &Place, y: &'a mut [T]) -> Self {
        let Place { batch, height, width, channels, first, image, row, pixel } = *place;
        let pixels = 0..place.pixels();
        let pitch = pixel.max(1);
        // Ascending pixels are at ascending positions, and the channels of one end before those of the next.
        assert!(channels <= pitch || pixels.end <= 1, "the pixels overlap");
        assert!(row.is_multiple_of(pitch) || pixels.end <= width, "a row is a number of pixels");
        assert!(image.is_multiple_of(pitch) || batch <= 1, "an image is a number of pixels");
        assert!(row >= width * pitch || pixels.end <= width, "the rows overlap");
        assert!(image >= height * row || batch <= 1, "the images overlap");
        let mut grid = Self {
            base: y.as_mut_ptr(),
            pitch,
            place: *place,
            pixels: pixels.clone(),
            positions: 0..0,
            channels: 0..channels,
            memory: PhantomData,
        };
        if let Some(last) = pixels.last() {
            let end = grid.position(last) + 1;
            assert!(first + (end - 1) * pitch + channels <= y.len(), "the output is shorter than its place");
            grid.positions = 0..end;
            // SAFETY: `first` is inside, as the assertion says.
            grid.base = unsafe { grid.base.add(first) };
        }
        grid
    }

    /// The same grid for a shorter time.
    #[inline(always)]
    pub(crate) fn again(&mut self) -> Grid<'_, T> {
        let Self { base, pitch, place, ref pixels, ref positions, ref channels, memory } = *self;
        let (pixels, positions) = (pixels.clone(), positions.clone());
        Grid { base, pitch, place, pixels, positions, channels: channels.clone(), memory }
    }

    /// The numbers of its pixels, counted over all rows and images.
    #[inline(always)]
    pub(crate) fn pixels(&self) -> Range<usize> {
        self.pixels.clone()
    }

    /// Its channels.
    #[inline(always)]
    pub(crate) fn channels(&self) -> Range<usize> {
        self.channels.clone()
    }

    /// From an image, a row and a pixel to the next, in positions.
    #[inline(always)]
    pub(crate) fn steps(&self) -> [usize; 3] {
        [self.place.image / self.pitch, self.place.row / self.pitch, 1]
    }

    /// Its pixels row by row.
    #[inline(always)]
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row> + use<T> {
        self.blocks(1).map(|block| block.first)
    }

    /// Its pixels, as many rows of an image at once as it has whole, but at most so many.
    #[inline(always)]
    pub(crate) fn blocks(&self, most: usize) -> impl Iterator<Item = Block> + use<T> {
        let (place, [image, row, _], mut pixels) = (self.place, self.steps(), self.pixels());
        core::iter::from_fn(move || {
            let number = pixels.start;
            if pixels.is_empty() {
                return None;
            }
            let (line, ox) = (number / place.width, number % place.width);
            let (n, oy) = (line / place.height, line % place.height);
            let (count, rows) = match pixels.len() / place.width {
                whole if whole > 0 && ox == 0 => (place.width, whole.min(place.height - oy).min(most)),
                _ => ((place.width - ox).min(pixels.len()), 1),
            };
            pixels.start += rows * count;
            let first = Row { n, oy, ox, pixels: count, position: n * image + oy * row + ox };
            Some(Block { first, rows })
        })
    }

    /// Where the pixel of that number is.
    #[inline]
    fn position(&self, number: usize) -> usize {
        let [image, row, _] = self.steps();
        let (line, x) = (number / self.place.width, number % self.place.width);
        let (n, y) = (line / self.place.height, line % self.place.height);
        n * image + y * row + x
    }

    /// `count` channels from `channel` of the pixel at `position`.
    ///
    /// # Panics
    /// If they are not all in the grid.
    #[inline(always)]
    pub(crate) fn at(&mut self, position: usize, channel: usize, count: usize) -> &mut [T] {
        let Range { start, end } = self.positions;
        assert!(start <= position && position < end, "a pixel of another piece");
        let Range { start, end } = self.channels;
        assert!(start <= channel && channel <= end && count <= end - channel, "channels of another piece");
        // SAFETY: `new` proved that these elements are in the slice it had, of which no other piece has them; the borrow
        // of `self` keeps them from being given out twice.
        unsafe { slice::from_raw_parts_mut(self.base.add(position * self.pitch + channel), count) }
    }

    /// `count` channels from `channel` of tiles of MR pixels, which are named later.
    ///
    /// # Panics
    /// If the channels are not all in the grid.
    #[inline(always)]
    pub(crate) fn tiles<const MR: usize>(&mut self, channel: usize, count: usize) -> GridTiles<'_, T, MR> {
        let Range { start, end } = self.channels;
        assert!(start <= channel && channel <= end && count <= end - channel, "channels of another piece");
        let Self { base, pitch, ref positions, memory, .. } = *self;
        let (stretch, tile) = (Places::NONE, Places::NONE);
        GridTiles { base, pitch, positions: positions.clone(), channel, count, stretch, tile, memory }
    }

    /// All channels of `pixels` pixels that touch, from `position` on.
    ///
    /// # Panics
    /// If they do not touch, or are not all in the grid.
    #[inline(always)]
    pub(crate) fn run(&mut self, position: usize, pixels: usize) -> &mut [T] {
        assert!(self.touching(), "pixels that do not touch");
        let Range { start, end } = self.positions;
        assert!(start <= position && position <= end && pixels <= end - position, "pixels of another piece");
        // SAFETY: as in `at`; all elements between the pixels' first and last are channels of the grid.
        unsafe { slice::from_raw_parts_mut(self.base.add(position * self.pitch), pixels * self.pitch) }
    }

    /// Elements `lanes` of `count` outputs of each of `rows` rows from `position` on, `fold` pixels each, of which a row's last may
    /// have fewer.
    ///
    /// # Panics
    /// If they are not all in the grid, or those of several pixels do not touch.
    #[inline(always)]
    pub(crate) fn along(
        &mut self,
        position: usize,
        [rows, count, fold]: [usize; 3],
        lanes: Range<usize>,
    ) -> Along<'_, T> {
        let (step, Range { start, end }) = (fold * self.pitch, self.positions.clone());
        // A division would take longer than some outputs.
        let last = if fold == 1 { 1 } else { lanes.end.div_ceil(self.pitch) };
        let along = count.saturating_sub(1) * fold + last;
        let row = self.steps()[1];
        let pixels = rows.saturating_sub(1) * row + along;
        assert!(start <= position && position <= end && pixels <= end - position, "pixels of another piece");
        let Range { start, end } = self.channels;
        assert!(start <= lanes.start && lanes.start <= lanes.end && lanes.end <= step, "lanes of no output");
        assert!(lanes.end <= end || self.touching(), "channels of another piece");
        let base = self.base.wrapping_add(position * self.pitch + lanes.start);
        Along { base, rows, row: row * self.pitch, count, step, lanes: lanes.len(), memory: PhantomData }
    }

    /// Whether the grid has all that lies between its first pixel of a row and its last.
    #[inline(always)]
    pub(crate) fn touching(&self) -> bool {
        self.channels == (0..self.pitch)
    }
}
