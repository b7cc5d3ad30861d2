//! Where the pixels of tiles are in one tensor, and whether they are inside it.

use core::ops::Range;

/// Where the pixels of some tiles are in one tensor: pixel m at `near + m * step`, and `jump` further on from m = `wrap` on. Tiles
/// follow each other without a jump, unless there is but one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) near: usize,
    pub(crate) jump: usize,
    pub(crate) step: usize,
    pub(crate) wrap: usize,
    pub(crate) tiles: usize,
}

impl Places {
    /// Those of no tile.
    pub(crate) const NONE: Self = Self { near: 0, jump: 0, step: 0, wrap: 0, tiles: 0 };

    /// Where pixel m is.
    #[inline(always)]
    pub(crate) fn at(&self, m: usize) -> usize {
        // In this order all but the first addition is the same for all tiles of a stretch.
        self.near.wrapping_add((m * self.step).wrapping_add(if m < self.wrap { 0 } else { self.jump }))
    }

    /// The places that are `offset` further on.
    #[inline(always)]
    pub(crate) fn plus(self, offset: usize) -> Self {
        Self { near: self.near.wrapping_add(offset), ..self }
    }

    /// The places where every step is `size` elements.
    #[inline(always)]
    pub(crate) fn times(self, size: usize) -> Self {
        let [near, jump, step] = [self.near, self.jump, self.step].map(|place| place.wrapping_mul(size));
        Self { near, jump, step, ..self }
    }

    /// The places of tile `i` of MR pixels.
    #[inline(always)]
    pub(crate) fn tile<const MR: usize>(self, i: usize) -> Self {
        Self { tiles: 1, ..self.plus((i * MR).wrapping_mul(self.step)) }
    }

    /// Whether the places of all tiles of MR pixels are in `range`.
    #[inline(always)]
    pub(crate) fn are_in<const MR: usize>(&self, range: &Range<usize>) -> bool {
        let Self { near, jump, step, wrap, tiles } = *self;
        let inside = |first: usize, count: usize| {
            let firsts = range.len().saturating_sub((count - 1).saturating_mul(step));
            first.wrapping_sub(range.start) < firsts
        };
        if wrap >= MR {
            tiles > 0 && inside(near, tiles.saturating_mul(MR))
        } else {
            let far = near.wrapping_add(jump).wrapping_add(wrap.wrapping_mul(step));
            tiles == 1 && (wrap == 0 || inside(near, wrap)) && inside(far, MR - wrap)
        }
    }
}
