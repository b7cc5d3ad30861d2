//! Rows that lie apart in a slice, checked once for all of them: the epilogue of a tile has no time for more.

use crate::walk::Places;
use core::marker::PhantomData;
use core::slice;

/// MR rows of `len` elements, or those of several tiles.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, T, const MR: usize> {
    base: *const T,
    places: Places,
    len: usize,
    slice: PhantomData<&'a [T]>,
}

impl<'a, T, const MR: usize> Rows<'a, T, MR> {
    /// The rows of `slice` that begin at `places`.
    ///
    /// # Panics
    /// If they are not all in it.
    #[inline(always)]
    pub(crate) fn new(slice: &'a [T], places: Places, len: usize) -> Self {
        let inside = len <= slice.len() && places.are_in::<MR>(&(0..slice.len() - len + 1));
        assert!(inside, "rows reach past their slice");
        Self { base: slice.as_ptr(), places, len, slice: PhantomData }
    }

    /// The rows of tile `i`.
    #[inline(always)]
    pub(crate) fn tile(&self, i: usize) -> Self {
        assert!(i < self.places.tiles, "rows of no tile");
        Self { places: self.places.tile::<MR>(i), ..*self }
    }

    #[inline(always)]
    fn pointer(&self, m: usize) -> *const T {
        assert!(m < MR, "there are MR rows");
        // SAFETY: `new` proved that `len` elements from each place are in the slice.
        unsafe { self.base.add(self.places.at(m)) }
    }

    /// Row m.
    #[inline(always)]
    pub(crate) fn row(&self, m: usize) -> &'a [T] {
        // SAFETY: `pointer` has `len` elements of a slice that lives for 'a behind it.
        unsafe { slice::from_raw_parts(self.pointer(m), self.len) }
    }

    /// `len` elements of each row, from `first` on.
    ///
    /// # Panics
    /// If a row has fewer.
    #[inline(always)]
    pub(crate) fn part(&self, first: usize, len: usize) -> Self {
        assert!(first <= self.len && len <= self.len - first, "a part that reaches past its rows");
        Self { places: self.places.plus(first), len, ..*self }
    }

    /// Where the rows begin in their slice.
    #[inline(always)]
    pub(crate) fn places(&self) -> [usize; MR] {
        core::array::from_fn(|m| self.places.at(m))
    }
}

impl<'a, const MR: usize> Rows<'a, u8, MR> {
    /// Groups of four bytes in a row; all that remains is left out.
    #[inline(always)]
    pub(crate) fn fours(&self) -> usize {
        self.len / 4
    }

    /// Row m by four bytes. All rows have one length, which loops over them need not look at.
    #[inline(always)]
    pub(crate) fn row_of_fours(&self, m: usize) -> &'a [[u8; 4]] {
        // SAFETY: as in `row`; four bytes have no alignment.
        unsafe { slice::from_raw_parts(self.pointer(m).cast(), self.fours()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_where_their_places_are() {
        let x: [u8; 40] = core::array::from_fn(|i| i as u8);
        let places = Places { near: 1, jump: 10, step: 5, wrap: 2, tiles: 1 };
        let rows = Rows::<_, 4>::new(&x, places, 6);
        assert_eq!([0, 1, 2, 3].map(|m| rows.row(m)[0]), [1, 6, 21, 26]);
        assert_eq!((rows.row(3).len(), rows.fours(), rows.row_of_fours(3)), (6, 1, &[[26, 27, 28, 29]][..]));
        assert_eq!((rows.part(2, 3).row(3), rows.places()), (&[28, 29, 30][..], [1, 6, 21, 26]));
    }

    #[test]
    fn no_row_leaves_the_slice() {
        let x = [0u8; 40];
        let fails =
            |f: &dyn Fn() -> usize| std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err();
        let new = |near: usize, far: usize, step, wrap, len| {
            let places = Places { near, jump: far.wrapping_sub(near), step, wrap, tiles: 1 };
            !fails(&|| Rows::<_, 4>::new(&x, places, len).row(3).len())
        };
        assert!(new(0, 0, 10, 4, 10) && new(0, 10, 5, 2, 15) && new(40, 40, 0, 4, 0));
        assert!(
            !new(0, 0, 10, 4, 11) && !new(1, 1, 10, 9, 10) && !new(0, 10, 5, 2, 16) && !new(0, 0, 0, 4, 41)
        );
        // Two tiles of rows from 0 to 14, and no third.
        let tiles = |tiles, len| {
            let places = Places { near: 0, jump: 0, step: 2, wrap: 8, tiles };
            let rows = |i: usize| Rows::<_, 4>::new(&x, places, len).tile(i);
            [0, 1, 2].map(|i| !fails(&|| rows(i).row(3).len()))
        };
        assert_eq!(tiles(2, 26), [true, true, false]);
        assert_eq!((tiles(2, 27), tiles(0, 1), tiles(usize::MAX, 1)), ([false; 3], [false; 3], [false; 3]));
        // Places that wrap around, whole or in part.
        assert!(!new(20, usize::MAX - 20, 5, 2, 1) && !new(20, 0, usize::MAX / 2, 1, 1));
        assert!(!new(0, 0, 1 << 62, 4, 1) && !new(usize::MAX, 0, 1, 1, 1));
        let rows = Rows::<_, 2>::new(&x, Places { near: 0, jump: 0, step: 4, wrap: 2, tiles: 1 }, 8);
        assert!(!fails(&|| rows.part(8, 0).fours()));
        assert!(fails(&|| rows.part(4, 5).fours()) && fails(&|| rows.part(9, 0).fours()));
    }
}
