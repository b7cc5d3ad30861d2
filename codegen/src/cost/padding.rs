//! How much a tile has to compute where taps on padding are left out.
//!
//! ```text
//! share = Σ_tiles lines of taps that one of its pixels has * (1 - what its first and last pixel lack) / Σ_tiles all lines
//! ```
//!
//! The rule of `kernels/src/igemm/padding.rs`, for one image.

use bakelite_kernels::pack::Runs;
use bakelite_kernels::{Window, conv};

/// Windows that reach over the padding of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    window: Window,
    /// Height and width of the input, and of the output.
    extents: [[usize; 2]; 2],
    /// Whether columns of taps can be left out: they are one run.
    columns: bool,
}

impl Padding {
    /// That of a convolution, if its kernel leaves taps out.
    pub(super) fn new<E>(params: &conv::Params<E>) -> Option<Self> {
        let conv::Params { x, y, window, .. } = params;
        let extents = [[x.height, x.width], [y.height, y.width]];
        let columns = Runs::new(x, window).count[1] == 1 && x.channels.is_multiple_of(4);
        params.skips().then_some(Self { window: *window, extents, columns })
    }

    /// What tiles of `rows` pixels compute of all taps; `edges` if they can leave out what one pixel lacks.
    pub(super) fn share(&self, rows: usize, edges: bool) -> f64 {
        let [across, along] = if self.down() { [1, 0] } else { [0, 1] };
        let [lines, length] = [across, along].map(|axis| self.extents[1][axis]);
        let (pixels, kernel) = (lines * length, self.window.kernel);
        let tiles = pixels.div_ceil(rows);
        let inside = |axis, o| self.window.inside(axis, o, self.extents[0][axis]);
        let tile = |number: usize| {
            let first = (number * rows).min(pixels.saturating_sub(rows));
            let last = (first + rows - 1).min(pixels - 1);
            let [a, b] = [first / length, last / length].map(|line| inside(across, line));
            let taps = a.end.max(b.end) - a.start.min(b.start);
            let whole = taps as f64 / kernel[across] as f64;
            if first / length != last / length || !edges || !self.columns || self.down() {
                return whole;
            }
            let [first, last] = [first, last].map(|pixel| inside(along, pixel % length));
            let lacking = first.start + kernel[along] - last.end;
            whole * (1.0 - lacking as f64 / (kernel[along] * rows) as f64)
        };
        (0..tiles).map(tile).sum::<f64>() / tiles as f64
    }

    /// Whether tiles go down columns.
    fn down(&self) -> bool {
        self.columns && self.window.kernel[0] == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(extent: [usize; 2], kernel: [usize; 2], rows: usize) -> f64 {
        let window = Window { kernel, pad: kernel.map(|k| k / 2), ..Window::POINT };
        Padding { window, extents: [extent; 2], columns: true }.share(rows, true)
    }

    #[test]
    fn tiles_as_long_as_a_line_leave_all_of_it_out() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        near(share([7, 7], [3, 3], 7), 19.0 * 19.0 / 441.0);
        near(share([14, 14], [3, 3], 7), 40.0 * 40.0 / 1764.0);
        near(share([17, 17], [7, 1], 17), 107.0 / 119.0);
        near(share([17, 17], [1, 7], 17), 107.0 / 119.0);
        assert!(share([7, 7], [3, 3], 5) > share([7, 7], [3, 3], 7));
        near(share([5, 5], [1, 1], 4), 1.0);
    }
}
