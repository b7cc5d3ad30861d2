//! How the taps of a convolution become runs of consecutive bytes.
//!
//! Where pixels touch and columns are not dilated, the taps of a row are one run; else each tap is one. A run is
//! rounded up to 4 bytes: the bytes too many are read and meet zero weights.

use crate::{Place, Window};

/// The runs of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Rows of taps, and runs in each.
    pub count: [usize; 2],
    /// From a run to the next, in elements of the input: along rows, along columns.
    pub pitch: [usize; 2],
    /// Bytes of a run.
    pub bytes: usize,
}

impl Runs {
    /// The runs of a window over `x`.
    #[inline(always)]
    pub const fn new(x: &Place, window: &Window) -> Self {
        let [kernel_h, kernel_w] = window.kernel;
        let pitch = [window.dilation[0] * x.row, window.dilation[1] * x.pixel];
        let touching = kernel_w == 1 || (window.dilation[1] == 1 && x.pixel == x.channels);
        if touching {
            Self { count: [kernel_h, 1], pitch, bytes: kernel_w * x.channels }
        } else {
            Self { count: [kernel_h, kernel_w], pitch, bytes: x.channels }
        }
    }

    /// Groups of 4 bytes in a run.
    #[inline(always)]
    pub const fn k4(&self) -> usize {
        self.bytes.div_ceil(4)
    }

    /// Bytes from the first of the first run to the last of the last.
    #[inline(always)]
    pub const fn reach(&self) -> usize {
        (self.count[0] - 1) * self.pitch[0] + (self.count[1] - 1) * self.pitch[1] + 4 * self.k4()
    }

    /// Groups of 4 bytes in all runs.
    #[inline(always)]
    pub const fn total_k4(&self) -> usize {
        self.count[0] * self.count[1] * self.k4()
    }
}
