//! The loops of a pooling: a window is columns of taps, joined.
//!
//! ```text
//! slide   windows of three columns, 1 or 2 pixels apart: a column that the last window had is not computed again
//! each    any window
//! ```

use super::Params;
use crate::isa::Isa;
use crate::team::{Grid, Row};
use crate::window::Window;

/// What is done with the taps of a window.
pub(super) trait Pool {
    /// What a column of taps, and several of them, come to: `4 * LANES` channels.
    type Column<I: Isa>: Copy;

    /// No taps.
    fn none<I: Isa>(isa: I) -> Self::Column<I>;
    /// `columns`, and `len` channels of one more.
    fn column<I: Isa>(isa: I, columns: Self::Column<I>, x: &[u8], taps: Taps, len: usize) -> Self::Column<I>;
    /// Two groups of columns.
    fn join<I: Isa>(isa: I, a: Self::Column<I>, b: Self::Column<I>) -> Self::Column<I>;
    /// The output of a window with so many taps inside the image.
    fn store<I: Isa>(&self, isa: I, columns: Self::Column<I>, taps: usize, y: &mut [u8]);
}

/// The taps of a column that are inside the image.
#[derive(Clone, Copy)]
pub(super) struct Taps {
    /// Where the first one lies.
    pub(super) at: usize,
    pub(super) count: usize,
    /// From one to the next.
    pub(super) pitch: usize,
}

/// Some channels of the outputs of a row.
struct Line<'a, P> {
    pool: &'a P,
    params: &'a Params,
    x: &'a [u8],
    row: Row,
    /// The first channel, and how many.
    channels: [usize; 2],
    /// A column of taps in the first column of the image.
    taps: Taps,
}

/// All outputs of a grid.
#[inline(always)]
pub(super) fn sweep<I: Isa, P: Pool, const SLIDES: usize>(
    isa: I,
    params: &Params,
    x: &[u8],
    mut grid: Grid<'_, u8>,
    pool: P,
) {
    assert!(SLIDES == 0 || SLIDES == params.slides(), "a kernel for other windows");
    let Window { stride, dilation, pad, .. } = params.window;
    let channels = grid.channels();
    for row in grid.rows() {
        let rows = params.window.inside(0, row.oy, params.x.height);
        let y = (row.oy * stride[0] + rows.start * dilation[0]).saturating_sub(pad[0]);
        for first in channels.clone().step_by(4 * I::LANES) {
            let at = params.x.at(row.n, y, 0) + first;
            let taps = Taps { at, count: rows.len(), pitch: dilation[0] * params.x.row };
            let channels = [first, (channels.end - first).min(4 * I::LANES)];
            let line = Line { pool: &pool, params, x, row, channels, taps };
            match SLIDES {
                1 => line.slide::<I, 1>(isa, &mut grid),
                2 => line.slide::<I, 2>(isa, &mut grid),
                _ => line.each(isa, &mut grid),
            }
        }
    }
}

impl<P: Pool> Line<'_, P> {
    /// `columns`, and column kx of output p.
    #[inline(always)]
    fn and<I: Isa>(&self, isa: I, columns: P::Column<I>, p: usize, kx: usize) -> P::Column<I> {
        let Params { x: at_x, window, .. } = self.params;
        match window.input(1, self.row.ox + p, kx, at_x.width) {
            Some(ix) => {
                let taps = Taps { at: self.taps.at + ix * at_x.pixel, ..self.taps };
                P::column(isa, columns, self.x, taps, self.channels[1])
            }
            None => columns,
        }
    }

    #[inline(always)]
    fn column<I: Isa>(&self, isa: I, p: usize, kx: usize) -> P::Column<I> {
        self.and(isa, P::none(isa), p, kx)
    }

    #[inline(always)]
    fn store<I: Isa>(&self, isa: I, grid: &mut Grid<'_, u8>, p: usize, columns: P::Column<I>) {
        let inside = self.params.window.inside(1, self.row.ox + p, self.params.x.width);
        let y = grid.at(self.row.position + p, self.channels[0], self.channels[1]);
        self.pool.store(isa, columns, self.taps.count * inside.len(), y);
    }

    #[inline(always)]
    fn slide<I: Isa, const STRIDE: usize>(&self, isa: I, grid: &mut Grid<'_, u8>) {
        let mut a = self.column(isa, 0, 0);
        let mut b = if STRIDE == 1 { self.column(isa, 0, 1) } else { a };
        for p in 0..self.row.pixels {
            if STRIDE == 2 {
                b = self.column(isa, p, 1);
            }
            let c = self.column(isa, p, 2);
            self.store(isa, grid, p, P::join(isa, P::join(isa, a, b), c));
            (a, b) = if STRIDE == 1 { (b, c) } else { (c, b) };
        }
    }

    #[inline(always)]
    fn each<I: Isa>(&self, isa: I, grid: &mut Grid<'_, u8>) {
        for p in 0..self.row.pixels {
            let mut columns = P::none(isa);
            for kx in self.params.window.inside(1, self.row.ox + p, self.params.x.width) {
                columns = self.and(isa, columns, p, kx);
            }
            self.store(isa, grid, p, columns);
        }
    }
}
