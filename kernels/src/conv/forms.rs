//! Which code a convolution needs: kernels are compiled for what their layers have, and no more.

use super::Params;
use crate::igemm;
use crate::pack::Runs;
use crate::window::Window;

/// Of [`Params::forms`]: several taps, which may be several runs.
pub const WINDOWS: usize = 8;

/// Of [`Params::forms`]: taps on padding are left out.
pub const PADDING: usize = 16;

/// Of [`Params::forms`]: tiles are finished while the next one is summed. No layer needs it.
pub const LATE: usize = 32;

/// Whether tiles of so many rows and vectors are finished while the next one is summed: where they leave registers for it, and
/// have steps of K enough to do it between.
pub const fn late(rows: usize, vectors: usize, steps: usize) -> bool {
    igemm::waits(rows, vectors) && steps >= 16
}

/// All forms.
pub const ANY: usize = 63;

impl<E> Params<E> {
    /// What code it needs by tiles of so many rows: the sum of its groups' different numbers of vectors (4 where they are whole
    /// groups of 64, 7 where groups of 32 and 16 remain too), [`WINDOWS`], [`PADDING`] and [`LATE`]. No other is compiled.
    pub const fn forms(&self, rows: usize) -> usize {
        let panels = self.y.channels.div_ceil(16);
        let widths = panels % self.widest + if panels < self.widest { 0 } else { self.widest };
        let [kernel_h, kernel_w] = self.window.kernel;
        let windows = if kernel_h * kernel_w > 1 { WINDOWS } else { 0 };
        let padding = if self.skips() { PADDING } else { 0 };
        let late = late(rows, self.widest, Runs::new(&self.x, &self.window).total_k4());
        widths + windows + padding + if late { LATE } else { 0 }
    }

    /// Whether taps on padding are left out: it holds zeros, and is more than 4 % of all taps, which telling them apart costs half of.
    #[inline(always)]
    pub const fn skips(&self) -> bool {
        let Window { kernel: [kernel_h, kernel_w], pad: [top, left], .. } = self.window;
        let [rows, columns] = [kernel_h * self.y.height, kernel_w * self.y.width];
        // 1 + 2 + .. taps at the first outputs along an axis, and about as many at the last.
        let on_padding = top * (top + 1) * columns + left * (left + 1) * rows;
        self.zero_point == 0 && 25 * on_padding > rows * columns
    }
}
