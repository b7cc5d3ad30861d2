//! Parts of a grid that several accesses share one check for: a tile's pixels, and outputs along a row.

use crate::walk::Places;
use core::marker::PhantomData;
use core::ops::Range;
use core::slice;

/// Some channels of the MR pixels of tiles: those of one stretch after the other, and of each stretch one tile at a time.
pub(crate) struct GridTiles<'a, T, const MR: usize> {
    pub(super) base: *mut T,
    pub(super) pitch: usize,
    pub(super) positions: Range<usize>,
    pub(super) channel: usize,
    pub(super) count: usize,
    /// The stretch, and the tile, in elements; both are in the grid.
    pub(super) stretch: Places,
    pub(super) tile: Places,
    pub(super) memory: PhantomData<&'a mut [T]>,
}

impl<T, const MR: usize> GridTiles<'_, T, MR> {
    /// The tiles whose positions are `places` are next.
    ///
    /// # Panics
    /// If they are not all in the grid.
    #[inline(always)]
    pub(crate) fn stretch(&mut self, places: Places) {
        assert!(places.are_in::<MR>(&self.positions), "a pixel of another piece");
        self.stretch = places.times(self.pitch).plus(self.channel);
    }

    /// Tile `i` of the stretch is the one that [`row`](GridTiles::row) is of, until another is, in this stretch or a later one.
    #[inline(always)]
    pub(crate) fn tile(&mut self, i: usize) {
        assert!(i < self.stretch.tiles, "pixels of no tile");
        self.tile = self.stretch.tile::<MR>(i);
    }

    /// The channels of the tile's pixel m.
    #[inline(always)]
    pub(crate) fn row(&mut self, m: usize) -> &mut [T] {
        assert!(m < MR && self.tile.tiles > 0, "a tile has MR pixels");
        // SAFETY: `stretch` checked all MR pixels, and `Grid::tiles` these channels, as `Grid::at` does one's; the borrow of `self`
        // keeps them from being given out twice.
        unsafe { slice::from_raw_parts_mut(self.base.add(self.tile.at(m)), self.count) }
    }
}

/// Outputs of rows; see [`Grid::along`].
pub(crate) struct Along<'a, T> {
    pub(super) base: *mut T,
    /// How many rows, and elements from one to the next.
    pub(super) rows: usize,
    pub(super) row: usize,
    /// How many outputs of each.
    pub(super) count: usize,
    /// Elements from one to the next.
    pub(super) step: usize,
    /// Elements of each.
    pub(super) lanes: usize,
    pub(super) memory: PhantomData<&'a mut [T]>,
}

impl<T> Along<'_, T> {
    /// The outputs of a row.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline(always)]
    pub(crate) fn row(&mut self, row: usize) -> Along<'_, T> {
        assert!(row < self.rows, "a row of other outputs");
        Along { base: self.base.wrapping_add(row * self.row), rows: 1, ..*self }
    }

    /// The elements of output i of the first row.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline(always)]
    pub(crate) fn output(&mut self, i: usize) -> &mut [T] {
        assert!(i < self.count, "an output of another row");
        // SAFETY: `along` proved that the lanes of each output are the grid's; the borrow of `self` keeps them from being given
        // out twice.
        unsafe { slice::from_raw_parts_mut(self.base.wrapping_add(i * self.step), self.lanes) }
    }
}
