//! The loops of a pooling: a window is columns of taps, joined.
//!
//! ```text
//! slide   windows of three columns, 1 or 2 pixels apart: a column that the last window had is not computed again
//! each    any window
//! ```

use super::Params;
use crate::isa::Isa;
use crate::team::{Along, Grid, Row};
use crate::window::Window;

/// What is done with the taps of a window, `4 * LANES` channels at once.
pub(super) trait Pool {
    /// What taps come to.
    type Taps<I: Isa>: Copy;

    /// No taps.
    fn none<I: Isa>(isa: I) -> Self::Taps<I>;
    /// N taps of a column.
    fn column<I: Isa, const N: usize>(isa: I, x: [I::Bytes; N]) -> Self::Taps<I>;
    /// The taps of both.
    fn join<I: Isa>(isa: I, a: Self::Taps<I>, b: Self::Taps<I>) -> Self::Taps<I>;
    /// The output of a window with `count` taps inside the image.
    fn store<I: Isa>(&self, isa: I, taps: Self::Taps<I>, count: usize, y: &mut [u8]);
}

/// Taps, and how many.
#[derive(Clone, Copy)]
struct Counted<T> {
    taps: T,
    count: usize,
}

/// Some channels of the outputs of a row: copies, so that the compiler knows that stores to `y` leave them alone.
struct Line<'a, P> {
    pool: P,
    x: &'a [u8],
    window: Window,
    /// Columns of the image, and from one to the next.
    width: usize,
    pixel: usize,
    /// In column 0 of the image, the first tap that is inside.
    at: usize,
    /// Taps of a column that are inside, and from one to the next.
    rows: usize,
    pitch: usize,
    /// The first output, and how many.
    ox: usize,
    pixels: usize,
}

/// All outputs of a grid.
#[inline(always)]
pub(super) fn sweep<I: Isa, P: Pool + Copy, const SLIDES: usize>(
    isa: I,
    params: &Params,
    x: &[u8],
    mut grid: Grid<'_, u8>,
    pool: P,
) {
    assert!(SLIDES == 0 || SLIDES == params.slides(), "a kernel for other windows");
    let (at_x, window, channels) = (params.x, params.window, grid.channels());
    for Row { n, oy, ox, pixels, position } in grid.rows() {
        let inside = window.inside(0, oy, at_x.height);
        let iy = (oy * window.stride[0] + inside.start * window.dilation[0]).saturating_sub(window.pad[0]);
        for first in channels.clone().step_by(4 * I::LANES) {
            let line = Line {
                pool,
                x,
                window,
                width: at_x.width,
                pixel: at_x.pixel,
                at: at_x.at(n, iy, 0) + first,
                rows: inside.len(),
                pitch: window.dilation[0] * at_x.row,
                ox,
                pixels,
            };
            let y = grid.along(position, [1, pixels, 1], first..channels.end.min(first + 4 * I::LANES));
            match SLIDES {
                1 => line.slide::<I, 1>(isa, y),
                2 => line.slide::<I, 2>(isa, y),
                _ => line.each(isa, y),
            }
        }
    }
}

impl<P: Pool> Line<'_, P> {
    /// Windows that keep the columns which they have in common with the next.
    #[inline(always)]
    fn slide<I: Isa, const STRIDE: usize>(&self, isa: I, mut y: Along<'_, u8>) {
        // Columns left of the image have numbers that are far too large.
        let mut ix = (self.ox * STRIDE).wrapping_sub(self.window.pad[1]);
        let mut a = self.column(isa, ix);
        let mut b = if STRIDE == 1 { self.column(isa, ix.wrapping_add(1)) } else { a };
        for p in 0..self.pixels {
            if STRIDE == 2 {
                b = self.column(isa, ix.wrapping_add(1));
            }
            let c = self.column(isa, ix.wrapping_add(2));
            let Counted { taps, count } = Self::join(isa, Self::join(isa, a, b), c);
            self.pool.store(isa, taps, count, y.output(p));
            (a, b) = if STRIDE == 1 { (b, c) } else { (c, b) };
            ix = ix.wrapping_add(STRIDE);
        }
    }

    /// Each window by itself.
    #[inline(always)]
    fn each<I: Isa>(&self, isa: I, mut y: Along<'_, u8>) {
        let Window { kernel, stride, dilation, pad } = self.window;
        for p in 0..self.pixels {
            let mut all = Counted { taps: P::none(isa), count: 0 };
            for kx in 0..kernel[1] {
                let ix = ((self.ox + p) * stride[1] + kx * dilation[1]).wrapping_sub(pad[1]);
                all = Self::join(isa, all, self.column(isa, ix));
            }
            self.pool.store(isa, all.taps, all.count, y.output(p));
        }
    }

    /// The taps in column `ix` of the image.
    #[inline(always)]
    fn column<I: Isa>(&self, isa: I, ix: usize) -> Counted<P::Taps<I>> {
        if ix < self.width {
            Counted { taps: self.taps(isa, self.at + ix * self.pixel), count: self.rows }
        } else {
            Counted { taps: P::none(isa), count: 0 }
        }
    }

    /// The taps of a column from `at` on.
    #[inline(always)]
    fn taps<I: Isa>(&self, isa: I, mut at: usize) -> P::Taps<I> {
        match self.rows {
            3 => self.some::<I, 3>(isa, at),
            2 => self.some::<I, 2>(isa, at),
            rows => {
                let mut all = P::none(isa);
                for _ in 0..rows / 3 {
                    all = P::join(isa, all, self.some::<I, 3>(isa, at));
                    at += 3 * self.pitch;
                }
                for _ in 0..rows % 3 {
                    all = P::join(isa, all, self.some::<I, 1>(isa, at));
                    at += self.pitch;
                }
                all
            }
        }
    }

    /// N of them.
    #[inline(always)]
    fn some<I: Isa, const N: usize>(&self, isa: I, at: usize) -> P::Taps<I> {
        P::column(isa, isa.load_taps(self.x, at, core::array::from_fn::<_, N, _>(|ky| ky * self.pitch)))
    }

    #[inline(always)]
    fn join<I: Isa>(isa: I, a: Counted<P::Taps<I>>, b: Counted<P::Taps<I>>) -> Counted<P::Taps<I>> {
        Counted { taps: P::join(isa, a.taps, b.taps), count: a.count + b.count }
    }
}
