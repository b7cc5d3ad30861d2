//! Parts of a grid that several accesses share one check for: a tile's pixels, and outputs along a row.

use crate::walk::Places;
use core::marker::PhantomData;
use core::slice;

/// Some channels of the MR pixels of a tile, or of several tiles.
pub(crate) struct GridTile<'a, T, const MR: usize> {
    pub(super) base: *mut T,
    pub(super) places: Places,
    pub(super) count: usize,
    pub(super) memory: PhantomData<&'a mut [T]>,
}

impl<T, const MR: usize> GridTile<'_, T, MR> {
    /// Those of tile `i`.
    #[inline(always)]
    pub(crate) fn tile(&mut self, i: usize) -> GridTile<'_, T, MR> {
        assert!(i < self.places.tiles, "pixels of no tile");
        GridTile { places: self.places.tile::<MR>(i), ..*self }
    }

    /// Those of pixel m.
    #[inline(always)]
    pub(crate) fn row(&mut self, m: usize) -> &mut [T] {
        assert!(m < MR, "a tile has MR pixels");
        // SAFETY: `Grid::tile` checked all MR pixels and these channels as `Grid::at` does one's; the borrow of `self` keeps
        // them from being given out twice.
        unsafe { slice::from_raw_parts_mut(self.base.add(self.places.at(m)), self.count) }
    }
}

/// Outputs of a row; see [`Grid::along`].
pub(crate) struct Along<'a, T> {
    pub(super) base: *mut T,
    /// How many.
    pub(super) count: usize,
    /// Elements from one to the next.
    pub(super) step: usize,
    /// Elements of each.
    pub(super) lanes: usize,
    pub(super) memory: PhantomData<&'a mut [T]>,
}

impl<T> Along<'_, T> {
    /// The elements of output i.
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
