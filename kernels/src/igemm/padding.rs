//! Taps on padding that holds zeros: they add nothing, and need not be computed.
//!
//! ```text
//! pixels of a tile   in one row:   the rows of taps above and below the input; of its first and its last pixel, the columns beside it
//!                    in two rows:  the rows of taps that neither has
//!                    in columns:   the columns of taps that none has, where a window is one row of taps
//! ```
//!
//! A 3x3 window over 7x7 pixels has 18 % of its taps there, one of 1x7 over 17 columns 10 %. Tiles as long as a row find them all.

use super::{Panels, leads};
use crate::isa::Isa;
use crate::window::Window;

/// Taps on padding that holds zeros, which add nothing: the lines of taps beside the input, and of a tile in one row of pixels
/// what its first and its last pixel have beside it.
#[derive(Clone, Copy)]
pub(crate) struct Padding {
    pub(crate) window: Window,
    /// Height and width of the input.
    pub(crate) extent: [usize; 2],
    /// Steps of a column of taps, if they are a whole number and the columns are in one run.
    pub(crate) column: Option<usize>,
    /// Whether tiles go down columns of pixels, which takes `column` and one row of taps.
    pub(crate) down: bool,
}

/// The taps that a tile computes.
#[derive(Clone, Copy)]
pub(crate) struct Taps {
    /// The first row, and the one after the last.
    pub(super) rows: [usize; 2],
    /// Of each run the first step, the first that the tile's first pixel has, the first that its last pixel has not, and the one
    /// after the last.
    pub(super) steps: [usize; 4],
}

impl Panels<'_> {
    /// Those of a tile of MR pixels in these `lines`, from `start` on if it is one line.
    #[inline(always)]
    pub(crate) fn taps<I: Isa, const MR: usize, const NV: usize>(
        &self,
        lines: [usize; 2],
        start: Option<usize>,
    ) -> Taps {
        let k4 = self.runs.k4();
        let whole = Taps { rows: [0, self.runs.count[0]], steps: [0, 0, k4, k4] };
        let Some(padding) = self.padding else { return whole };
        let taps = padding.lines(lines, whole);
        match start {
            Some(start) if I::REGISTERS == 32 && leads(MR, NV) => padding.edges::<MR>(start, taps),
            _ => taps,
        }
    }
}

impl Padding {
    /// Without the lines of taps that are beside the input for all pixels.
    #[inline(always)]
    fn lines(&self, lines: [usize; 2], whole: Taps) -> Taps {
        match self.column {
            Some(k4) if self.down => {
                let [first, end] = self.inside::<1>(lines).map(|tap| tap * k4);
                Taps { steps: [first, first, end, end], ..whole }
            }
            _ => Taps { rows: self.inside::<0>(lines), ..whole },
        }
    }

    /// The first tap, and the one after the last, that is inside for one of two lines: the further on a line, the further back
    /// its taps.
    #[inline(always)]
    fn inside<const AXIS: usize>(&self, [a, b]: [usize; 2]) -> [usize; 2] {
        let taps = |line| self.window.inside(AXIS, line, self.extent[AXIS]);
        [taps(a.max(b)).start, taps(a.min(b)).end]
    }

    /// Without what the first and the last pixel have beside the input.
    #[inline(always)]
    fn edges<const MR: usize>(&self, start: usize, taps: Taps) -> Taps {
        let inside = |pixel| self.window.inside(1, pixel, self.extent[1]);
        let (first, last) = (inside(start).start, inside(start + MR - 1).end);
        match self.column {
            Some(k4) if !self.down && first <= last => {
                Taps { steps: [0, first * k4, last * k4, taps.steps[3]], ..taps }
            }
            _ => taps,
        }
    }
}
