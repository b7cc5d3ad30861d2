//! How a grid is cut: as many shares along pixels and along channels as make the greatest of them smallest.
//!
//! ```text
//! units     a range is cut at multiples of `Cut`, counted from its start
//! shares    [along pixels, along channels], at most as many as there are threads
//! greatest  pixels * channels of the greatest share, what the slowest thread does: the last unit may be a part of one
//! ```

use super::Grid;
use crate::team::Cut;
use core::ops::Range;

/// What can be cut; a [`Grid`] is.
pub trait Pieces: Send + Sync + Sized {
    /// How many `[ranges of pixels, ranges of channels]` give `threads` threads the smallest greatest share.
    fn shares(&self, cut: Cut, threads: usize) -> [usize; 2];

    /// Piece `number` of `shares`, row by row; nothing where there is none.
    ///
    /// # Safety
    /// `self` is not used any more, but to make each piece of the same `shares` and `cut` at most once.
    unsafe fn piece(&self, cut: Cut, shares: [usize; 2], number: usize) -> Option<Self>;
}

/// A range that is cut at multiples of a unit.
struct Axis {
    len: usize,
    unit: usize,
    units: usize,
}

impl Axis {
    /// Unit 0 stands for one that is never cut.
    fn new(range: &Range<usize>, unit: usize) -> Self {
        let len = range.len();
        let unit = if unit == 0 { len } else { unit };
        Self { len, unit, units: len.div_ceil(unit.max(1)).max(1) }
    }

    /// The length of the greatest of so many shares.
    fn greatest(&self, shares: usize) -> usize {
        (self.units.div_ceil(shares) * self.unit).min(self.len)
    }
}

/// Share `number` of `shares` of `range`, in units that are counted from its start.
fn share(range: &Range<usize>, unit: usize, shares: usize, number: usize) -> Range<usize> {
    let units = range.len().div_ceil(unit.max(1));
    let at = |number: usize| range.start + (units * number / shares * unit).min(range.len());
    if shares == 1 { range.clone() } else { at(number)..at(number + 1) }
}

impl<T: Send> Pieces for Grid<'_, T> {
    fn shares(&self, cut: Cut, threads: usize) -> [usize; 2] {
        let (pixels, channels) =
            (Axis::new(&self.pixels, cut.pixels), Axis::new(&self.channels, cut.channels));
        let (mut best, mut least) = ([1, 1], pixels.greatest(1) * channels.greatest(1));
        if threads == 1 {
            return best;
        }
        for i in 1..=threads {
            // The cut that is wanted first comes first.
            let by_channels = if cut.channels_first { threads + 1 - i } else { i };
            let shares = [(threads / by_channels).min(pixels.units), by_channels.min(channels.units)];
            let greatest = pixels.greatest(shares[0]) * channels.greatest(shares[1]);
            if greatest < least {
                (best, least) = (shares, greatest);
            }
        }
        best
    }

    unsafe fn piece(&self, cut: Cut, shares: [usize; 2], number: usize) -> Option<Self> {
        if number >= shares[0] * shares[1] {
            return None;
        }
        let pixels = share(&self.pixels, cut.pixels, shares[0], number / shares[1]);
        let channels = share(&self.channels, cut.channels, shares[1], number % shares[1]);
        if pixels.is_empty() || channels.is_empty() {
            return None;
        }
        // What lies behind the last pixel, up to the next piece's first, is nobody's.
        let positions = self.position(pixels.start)..self.position(pixels.end - 1) + 1;
        let Self { base, pitch, place, memory, .. } = *self;
        Some(Self { base, pitch, place, pixels, positions, channels, memory })
    }
}
