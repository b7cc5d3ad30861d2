//! Two operands in f32 and back to bytes: residual sums, gates.
//!
//! ```text
//! Pair      y[n, y, x, c] = requantize(f(step_a * (a[n, y, x, c] - zero_a), step_b * (b[n, y, x, c] - zero_b)))
//! Channels  y[n, y, x, c] = requantize(f(step * (x[n, y, x, c] - zero), row[n, c]))
//! ```
//!
//! Each step is rounded to f32, as separate operations would: decode, combine, requantize. Nothing but the last is
//! written. Cost for 64 outputs on AVX-512: some 50 operations; it is the memory that counts.

use crate::epilogue::{Output, Requantize, channel};
use crate::float::binary;
use crate::isa::Isa;
use crate::team::{Grid, Split};
use crate::window::{Place, each_element};
use core::mem;

/// What becomes of two numbers. A difference is a sum with a negative step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named for what it computes")]
pub enum Function {
    Add,
    Mul,
    Maximum,
    Minimum,
}

impl Function {
    /// One pair.
    pub fn reference(self, a: f32, b: f32) -> f32 {
        let function = match self {
            Function::Add => binary::Function::Add,
            Function::Mul => binary::Function::Mul,
            Function::Maximum => binary::Function::Maximum,
            Function::Minimum => binary::Function::Minimum,
        };
        binary::reference(function, a, b)
    }

    /// Vectors of numbers, none of which is NaN.
    #[inline(always)]
    fn apply<I: Isa, const NV: usize>(self, isa: I, mut a: [I::F32; NV], b: [I::F32; NV]) -> [I::F32; NV] {
        match self {
            Function::Add => (0..NV).for_each(|s| a[s] = isa.add(a[s], b[s])),
            Function::Mul => (0..NV).for_each(|s| a[s] = isa.mul(a[s], b[s])),
            Function::Maximum => (0..NV).for_each(|s| a[s] = isa.max(a[s], b[s])),
            Function::Minimum => (0..NV).for_each(|s| a[s] = isa.min(a[s], b[s])),
        }
        a
    }
}

/// From a byte to a number: `scale * (byte - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decode {
    /// 0, or 128 for a signed tensor.
    pub zero_point: u8,
    /// Real value of one step; at most [`Decode::MOST`] in magnitude.
    pub scale: f32,
}

impl Decode {
    /// The greatest scale: numbers stay below 2^60, so that neither their product nor their sum overflows.
    pub const MOST: f32 = (1u64 << 52) as f32;

    /// One byte.
    pub fn reference(self, byte: u8) -> f32 {
        (f32::from(byte) - f32::from(self.zero_point)) * self.scale
    }

    /// `NV * LANES` bytes, in the order of a group. The zero point is 0 or a power of two, so its product with the scale
    /// is exact, and the fused sum is rounded where the product of the difference would be.
    #[inline(always)]
    fn apply<I: Isa, const NV: usize>(self, isa: I, x: &[u8]) -> [I::F32; NV] {
        let (scale, zero) =
            (isa.splat_f32(self.scale), isa.splat_f32(-f32::from(self.zero_point) * self.scale));
        let x = isa.widen::<NV>(x);
        let mut v = [zero; NV];
        for s in 0..NV {
            v[s] = isa.fma(isa.to_f32(x[s]), scale, zero);
        }
        v
    }
}

/// A combination of two byte tensors of the same shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Where the left operand is.
    pub a: Place,
    /// Where the right operand is.
    pub b: Place,
    /// Where the result goes.
    pub y: Place,
    /// What to compute.
    pub function: Function,
    /// How the operands decode.
    pub decode: [Decode; 2],
    /// How the result encodes.
    pub output: Requantize,
}

impl Params {
    /// One element.
    fn element(&self, a: u8, b: u8) -> u8 {
        let [left, right] = self.decode;
        self.output.reference(self.function.reference(left.reference(a), right.reference(b)))
    }
}

/// The meaning of a combination of two byte tensors.
pub fn reference(params: &Params, a: &[u8], b: &[u8], y: &mut [u8]) {
    // The left bytes go to their place in `y` first; there they meet the right ones.
    each_element([&params.a, &params.y], a, y, |_, a| a);
    let Place { batch, height, width, channels, .. } = params.y;
    for n in 0..batch {
        for oy in 0..height {
            for ox in 0..width {
                for c in 0..channels {
                    let y = &mut y[params.y.at(n, oy, ox) + c];
                    *y = params.element(*y, b[params.b.at(n, oy, ox) + c]);
                }
            }
        }
    }
}

/// The fast form of [`reference()`]. Bytes of `y` between its runs are left alone.
pub struct Pair<'a> {
    /// Shapes and numbers.
    pub params: &'a Params,
    /// The left operand's buffer.
    pub a: &'a [u8],
    /// The right operand's buffer.
    pub b: &'a [u8],
    /// The output's buffer.
    pub y: &'a mut [u8],
}

impl<'a> Split for Pair<'a> {
    type Y = Grid<'a, u8>;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, mut grid: Self::Y) {
        let params = *self.params;
        let Params { a, b, .. } = params;
        let touching = [a, b].iter().all(|place| place.pixel == place.channels) && grid.touching();
        let channels = grid.channels();
        for row in grid.rows() {
            let from = |place: Place, p: usize| place.at(row.n, row.oy, row.ox + p) + channels.start;
            if touching {
                let y = grid.run(row.position, row.pixels);
                params.run(isa, &self.a[from(a, 0)..], &self.b[from(b, 0)..], y);
                continue;
            }
            for p in 0..row.pixels {
                let y = grid.at(row.position + p, channels.start, channels.len());
                params.run(isa, &self.a[from(a, p)..], &self.b[from(b, p)..], y);
            }
        }
    }
}

impl Params {
    /// Elements that are consecutive in all tensors.
    #[inline(always)]
    fn run<I: Isa>(&self, isa: I, a: &[u8], b: &[u8], y: &mut [u8]) {
        const NV: usize = 4;
        let [left, right] = self.decode;
        for (i, y) in y.chunks_mut(NV * I::LANES).enumerate() {
            let at = i * NV * I::LANES;
            let (a, b) = (left.apply::<I, NV>(isa, &a[at..]), right.apply::<I, NV>(isa, &b[at..]));
            self.output.store(isa, self.function.apply::<I, NV>(isa, a, b), y);
        }
    }
}

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
    use super::*;
    use crate::testing::{self, Failures, Fill, Random};
    use std::format;

    const FUNCTIONS: [Function; 4] = [Function::Add, Function::Mul, Function::Maximum, Function::Minimum];
    const QUINT8: Requantize = Requantize { inverse: 7.3, low: 0, high: 255, zero_point: 0 };
    const QINT8: Requantize = Requantize { inverse: 11.7, low: -128, high: 127, zero_point: 128 };
    const RELU6: Requantize = Requantize { inverse: 20.1, low: 0, high: 121, zero_point: 128 };
    const SHAPES: [[usize; 4]; 5] =
        [[2, 3, 5, 7], [1, 2, 2, 33], [1, 1, 1, 200], [2, 2, 3, 64], [1, 3, 1, 96]];

    fn decode(zero_point: u8, scale: f32) -> Decode {
        Decode { zero_point, scale }
    }

    #[test]
    fn pairs_equal_the_reference() {
        let (mut random, mut failures) = (Random::new(17), Failures::default());
        let decodes = [
            [decode(0, 0.037), decode(0, 0.021)],
            [decode(128, 0.1), decode(0, 0.05)],
            [decode(128, 1e-3), decode(128, -0.3)],
            // Sums of these are ties.
            [decode(128, 0.25), decode(0, 0.5)],
            [decode(0, Decode::MOST), decode(128, -Decode::MOST)],
        ];
        let outputs = [QUINT8, QINT8, RELU6, Requantize { inverse: 2.0, ..QINT8 }];
        for (i, shape) in SHAPES.into_iter().enumerate() {
            let a = testing::gapped(shape, [1, 0, 2, 1], [0, 5][i % 2]);
            let b = testing::gapped(shape, [0; 4], [0, 0, 3][i % 3]);
            let y = testing::gapped(shape, [0, 1, 1, 0], 0);
            for (function, decode) in FUNCTIONS.into_iter().flat_map(|f| decodes.map(|d| (f, d))) {
                for output in outputs {
                    let params = Params { a, b, y, function, decode, output };
                    let a = testing::input(&params.a, 9, Fill::Random, &mut random);
                    let fill = [Fill::Random, Fill::Min, Fill::Max][i % 3];
                    let b = testing::input(&params.b, 9, fill, &mut random);
                    let mut want = testing::untouched(&params.y);
                    reference(&params, &a, &b, &mut want);
                    for isa in testing::isas() {
                        let mut y = testing::untouched(&params.y);
                        testing::run_cut(isa, 5, Pair { params: &params, a: &a, b: &b, y: &mut y });
                        failures.check(&y, &want, || {
                            format!("{isa} {shape:?} {function:?} {decode:?} {output:?}")
                        });
                    }
                }
            }
        }
    }

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

    #[test]
    fn worked_sums() {
        let place = Place::dense([1, 1, 1, 3]);
        let decode = [decode(128, 0.5), decode(0, 0.25)];
        let output = Requantize { inverse: 1.0, ..QINT8 };
        let params = Params { a: place, b: place, y: place, function: Function::Add, decode, output };
        let mut y = [0; 3];
        reference(&params, &[129, 127, 255], &[0, 0, 255], &mut y);
        // 0.5 and -0.5 are ties that go to 0; 63.5 + 63.75 is above the range.
        assert_eq!(y, [128, 128, 255]);
    }
}
