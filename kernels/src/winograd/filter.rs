//! The weights of a group, transformed: bytes to pairs of 16 bits.

use super::{point_steps, step, transform};
use crate::isa::Isa;
use crate::pack::{self, Weights};
use crate::team::{Grid, Split};
use crate::window::Place;
use core::mem;

/// Shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterParams {
    /// Input and output channels of the convolution.
    pub channels: [usize; 2],
    /// [`filter_place`](super::filter_place).
    pub y: Place,
}

impl FilterParams {
    /// Sees the convolution's packed image.
    #[inline(always)]
    pub fn weights<'a>(&self, image: &'a [u8]) -> Weights<'a> {
        Weights::new(image, self.channels[1].next_multiple_of(16))
    }
}

/// Transforms the weights. It may be cut at multiples of 4 pixels, which are groups.
pub struct Filter<'a> {
    /// Shapes.
    pub params: &'a FilterParams,
    /// The convolution's packed weights, in groups of 64 channels.
    pub weights: Weights<'a>,
    /// U.
    pub y: &'a mut [i32],
}

impl<'a> Split for Filter<'a> {
    type Y = Grid<'a, i32>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, mut grid: Self::Y) {
        let [ic, oc] = self.params.channels;
        let mine = grid.pixels();
        let fours = ic / 4;
        for group in
            pack::groups(oc.next_multiple_of(16), 4).filter(|group| mine.contains(&(group.first / 16)))
        {
            let (first, vectors) = (group.first / 16, group.vectors);
            let panels = &self.weights.panels[9 * fours * first..][..9 * fours * vectors];
            let (y, _) = grid.run(first, vectors).as_chunks_mut::<16>();
            for (four, s) in (0..fours).flat_map(|four| (0..vectors).map(move |s| (four, s))) {
                let panels = &panels[four * vectors + s..];
                let pitch = [fours * vectors, point_steps(ic) * vectors];
                for part in 0..16 / I::LANES {
                    let [even, odd] = [0, 1].map(|odd| step(ic, four, odd) * vectors + s);
                    lanes::<I, 0>(isa, panels, &mut y[even..], pitch, part);
                    lanes::<I, 1>(isa, panels, &mut y[odd..], pitch, part);
                }
            }
        }
    }
}

/// Four input channels of a vector's output channels: their even pairs, or their odd ones. Taps of the weights and points of U are
/// so many vectors apart.
#[inline(always)]
fn lanes<I: Isa, const ODD: usize>(
    isa: I,
    panels: &[[i8; 64]],
    y: &mut [[i32; 16]],
    [taps, points]: [usize; 2],
    part: usize,
) {
    let mut columns = [[isa.splat_i32(0); 3]; 6];
    for kx in 0..3 {
        let mut pairs = [isa.splat_i32(0); 3];
        for ky in 0..3 {
            pairs[ky] = isa.pairs_i8(&panels[(3 * ky + kx) * taps], part)[ODD];
        }
        let column = transform::filter(isa, pairs);
        for i in 0..6 {
            columns[i][kx] = column[i];
        }
    }
    for i in 0..6 {
        let row = transform::filter(isa, columns[i]);
        for j in 0..6 {
            isa.store_i32(row[j], &mut y[(6 * j + i) * points], part);
        }
    }
}
