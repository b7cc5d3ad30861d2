//! A byte tensor with one number a channel, of each image or of all: a gate.

use super::{Decode, Function};
use crate::epilogue::{Output, Requantize, channel};
use crate::isa::Isa;
use crate::team::{Grid, Split};
use crate::window::{Place, each_element};
use core::mem;

/// A combination of a byte tensor with one number a channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChannelsParams {
    /// Where the bytes are.
    pub x: Place,
    /// Where the result goes.
    pub y: Place,
    /// From an image's numbers to the next one's: the channels, or 0 where all images have the same.
    pub next: usize,
    /// What to compute.
    pub function: Function,
    /// How the bytes decode.
    pub decode: Decode,
    /// How the result encodes.
    pub output: Requantize,
}

impl ChannelsParams {
    /// One element.
    fn element(&self, x: u8, row: f32) -> u8 {
        self.output.reference(self.function.reference(self.decode.reference(x), row))
    }
}

/// The meaning of a combination with one number a channel.
pub fn channels_reference(params: &ChannelsParams, x: &[u8], row: &[f32], y: &mut [u8]) {
    for n in 0..params.y.batch {
        let image = |place: Place| Place { batch: 1, first: place.first + n * place.image, ..place };
        let row = &row[n * params.next..];
        each_element([&image(params.x), &image(params.y)], x, y, |c, x| params.element(x, row[c]));
    }
}

/// The fast form of [`channels_reference`]. Bytes of `y` between its pixels are left alone.
pub struct Channels<'a> {
    /// Shapes and numbers.
    pub params: &'a ChannelsParams,
    /// The bytes' buffer.
    pub x: &'a [u8],
    /// The numbers, one a channel, of one image or of each.
    pub row: &'a [f32],
    /// The output's buffer.
    pub y: &'a mut [u8],
}

impl<'a> Split for Channels<'a> {
    type Y = Grid<'a, u8>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    // Channels outside, so that their numbers stay in registers.
    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, mut grid: Self::Y) {
        let channels = grid.channels();
        for n in 0..self.params.y.batch {
            let mut first = channels.start;
            while first < channels.end {
                first += match (channels.end - first).div_ceil(I::LANES) {
                    1 => self.group::<I, 1>(isa, n, first, &mut grid),
                    2 => self.group::<I, 2>(isa, n, first, &mut grid),
                    _ => self.group::<I, 4>(isa, n, first, &mut grid),
                };
            }
        }
    }
}

impl Channels<'_> {
    /// All pixels of an image, of at most `NV * LANES` channels from `first`; returns how many channels.
    #[inline(always)]
    fn group<I: Isa, const NV: usize>(
        &self,
        isa: I,
        n: usize,
        first: usize,
        grid: &mut Grid<'_, u8>,
    ) -> usize {
        let params = *self.params;
        let count = (grid.channels().end - first).min(NV * I::LANES);
        let row = &self.row[n * params.next + first..][..count];
        // What is not finite, or may become so, is left to the reference.
        let small = row.iter().all(|v| v.abs() <= Decode::MOST);
        let mut numbers = [isa.splat_f32(0.0); NV];
        for s in 0..NV {
            let mut lanes = [0.0; 16];
            for dword in 0..I::LANES {
                lanes[dword] = row.get(channel::<NV>(s, dword)).copied().unwrap_or(0.0);
            }
            numbers[s] = isa.load_f32(&lanes, 0);
        }
        for at in grid.rows().filter(|at| at.n == n) {
            for p in 0..at.pixels {
                let x = &self.x[params.x.at(n, at.oy, at.ox + p) + first..];
                let y = grid.at(at.position + p, first, count);
                if small {
                    let x = params.decode.apply::<I, NV>(isa, x);
                    params.output.store(isa, params.function.apply::<I, NV>(isa, x, numbers), y);
                } else {
                    y.iter_mut().zip(x).zip(row).for_each(|((y, &x), &row)| *y = params.element(x, row));
                }
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::{FUNCTIONS, QINT8, QUINT8, SHAPES, decode};
    use super::*;
    use crate::testing::{self, Failures, Fill, Random};
    use std::format;

    #[test]
    fn channels_equal_the_reference() {
        let (mut random, mut failures) = (Random::new(19), Failures::default());
        for (i, shape) in SHAPES.into_iter().enumerate() {
            for function in FUNCTIONS {
                for (decode, output) in [(decode(128, 0.1), QINT8), (decode(0, 0.25), QUINT8)] {
                    let x = testing::gapped(shape, [1, 0, 2, 1], [0, 5][i % 2]);
                    let y = testing::gapped(shape, [0, 1, 1, 0], [3, 0][i % 2]);
                    let next = [shape[3], 0][i % 2];
                    let params = ChannelsParams { x, y, next, function, decode, output };
                    let x = testing::input(&params.x, 9, Fill::Random, &mut random);
                    let mut row = random.floats(-3.0, 3.0, shape[0] * shape[3]);
                    for strange in [None, Some(f32::NAN), Some(f32::INFINITY), Some(f32::MAX)] {
                        row[shape[3] / 2] = strange.unwrap_or(0.5);
                        let mut want = testing::untouched(&params.y);
                        channels_reference(&params, &x, &row, &mut want);
                        for isa in testing::isas() {
                            let mut y = testing::untouched(&params.y);
                            testing::run_cut(
                                isa,
                                5,
                                Channels { params: &params, x: &x, row: &row, y: &mut y },
                            );
                            failures.check(&y, &want, || format!("{isa} {shape:?} {function:?} {strange:?}"));
                        }
                    }
                }
            }
        }
    }
}
