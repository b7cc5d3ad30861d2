//! From accumulators to outputs: scale, bias, sum, activation, output, each rounded as TensorFlow with oneDNN does.
//!
//! ```text
//! v = f32(acc) * scale[c]                       one rounding each: multiply,
//! v = v + bias[c]                               then add
//! v = fma(f32(summand - zero_point), k, v)      or v + summand, for a float summand
//! v = activation(v)
//! y = RNE(clamp(v * inverse, low, high)) + zero_point
//! ```
//!
//! The stages are types, so a layer's epilogue is compiled for it without a branch. Cost per 16 outputs on AVX-512:
//! about 7 operations, of which the two multiplications compete with VPDPBUSD for ports.

use crate::Place;
use crate::isa::{Isa, Narrow};
use crate::quant;
use bytemuck::Pod;

/// What happens to an accumulator; implemented by [`Finish`].
pub trait Epilogue: Copy {
    /// Element of the summand tensor.
    type Summand: Pod;
    /// Element of the output tensor.
    type Out: Pod;

    /// Where the summand lies; a place without pixels when there is none.
    fn summand(&self) -> Place;

    /// One output. `summand` is the element under the output, 0 when there is none.
    fn reference(&self, acc: i32, scale: f32, bias: f32, summand: Self::Summand) -> Self::Out;

    /// One pixel of one part of a group: `y.len()` outputs of at most `NV * LANES`, in memory order. `summand`
    /// begins at the same pixel and channel.
    fn finish<I: Isa, const NV: usize>(
        &self,
        isa: I,
        acc: [I::I32; NV],
        scale: [I::F32; NV],
        bias: [I::F32; NV],
        summand: &[Self::Summand],
        y: &mut [Self::Out],
    );
}

/// Sum, then activation, then output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finish<S, A, O> {
    /// [`NoSum`], [`SumU8`] or [`SumF32`].
    pub sum: S,
    /// [`Linear`], [`Relu`], [`Relu6`] or [`LeakyRelu`].
    pub activation: A,
    /// [`Requantize`], [`ToI32`] or [`ToF32`].
    pub output: O,
}

/// Adds another tensor.
pub trait Sum: Copy {
    /// Element of the summand.
    type Summand: Pod;
    /// Where the summand lies.
    fn place(&self) -> Place;
    /// One value.
    fn reference(&self, v: f32, summand: Self::Summand) -> f32;
    /// A part of a group.
    fn add<I: Isa, const NV: usize>(
        &self,
        isa: I,
        v: [I::F32; NV],
        summand: &[Self::Summand],
    ) -> [I::F32; NV];
}

/// A function of one real value.
pub trait Activation: Copy {
    /// One value.
    fn reference(&self, v: f32) -> f32;
    /// A vector.
    fn apply<I: Isa>(&self, isa: I, v: I::F32) -> I::F32;
}

/// The last stage.
pub trait Output: Copy {
    /// Element of the output tensor.
    type Out: Pod;
    /// One value.
    fn reference(&self, v: f32) -> Self::Out;
    /// A part of a group: the first `y.len()` outputs in memory order.
    fn store<I: Isa, const NV: usize>(&self, isa: I, v: [I::F32; NV], y: &mut [Self::Out]);
}

impl<S: Sum, A: Activation, O: Output> Epilogue for Finish<S, A, O> {
    type Summand = S::Summand;
    type Out = O::Out;

    #[inline(always)]
    fn summand(&self) -> Place {
        self.sum.place()
    }

    fn reference(&self, acc: i32, scale: f32, bias: f32, summand: S::Summand) -> O::Out {
        let v = acc as f32 * scale;
        let v = v + bias;
        let v = self.sum.reference(v, summand);
        self.output.reference(self.activation.reference(v))
    }

    #[inline(always)]
    fn finish<I: Isa, const NV: usize>(
        &self,
        isa: I,
        acc: [I::I32; NV],
        scale: [I::F32; NV],
        bias: [I::F32; NV],
        summand: &[S::Summand],
        y: &mut [O::Out],
    ) {
        let mut v = bias;
        for s in 0..NV {
            v[s] = isa.add(isa.mul(isa.to_f32(acc[s]), scale[s]), bias[s]);
        }
        v = self.sum.add(isa, v, summand);
        for s in 0..NV {
            v[s] = self.activation.apply(isa, v[s]);
        }
        self.output.store(isa, v, y);
    }
}

/// No summand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSum;

impl Sum for NoSum {
    type Summand = u8;

    #[inline(always)]
    fn place(&self) -> Place {
        Place::dense([0; 4])
    }

    fn reference(&self, v: f32, _summand: u8) -> f32 {
        v
    }

    #[inline(always)]
    fn add<I: Isa, const NV: usize>(&self, _isa: I, v: [I::F32; NV], _summand: &[u8]) -> [I::F32; NV] {
        v
    }
}

/// A quantized summand: `v = fma(f32(summand - zero_point), scale, v)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SumU8 {
    /// Where it lies.
    pub place: Place,
    /// 0, or 128 for a signed tensor.
    pub zero_point: u8,
    /// Real value of one step.
    pub scale: f32,
}

impl Sum for SumU8 {
    type Summand = u8;

    #[inline(always)]
    fn place(&self) -> Place {
        self.place
    }

    fn reference(&self, v: f32, summand: u8) -> f32 {
        quant::fma(f32::from(summand) - f32::from(self.zero_point), self.scale, v)
    }

    #[inline(always)]
    fn add<I: Isa, const NV: usize>(&self, isa: I, mut v: [I::F32; NV], summand: &[u8]) -> [I::F32; NV] {
        let scale = isa.splat_f32(self.scale);
        let zero = isa.splat_i32(-i32::from(self.zero_point));
        let summand = isa.widen::<NV>(summand);
        for s in 0..NV {
            v[s] = isa.fma(isa.to_f32(isa.add_i32(summand[s], zero)), scale, v[s]);
        }
        v
    }
}

/// A float summand: `v = v + summand`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumF32 {
    /// Where it lies, in floats.
    pub place: Place,
}

impl Sum for SumF32 {
    type Summand = f32;

    #[inline(always)]
    fn place(&self) -> Place {
        self.place
    }

    fn reference(&self, v: f32, summand: f32) -> f32 {
        v + summand
    }

    #[inline(always)]
    fn add<I: Isa, const NV: usize>(&self, isa: I, mut v: [I::F32; NV], summand: &[f32]) -> [I::F32; NV] {
        for s in 0..NV {
            let mut lanes = [0.0; 16];
            for (dword, lane) in lanes[..I::LANES].iter_mut().enumerate() {
                *lane = summand.get(channel::<NV>(s, dword)).copied().unwrap_or(0.0);
            }
            v[s] = isa.add(v[s], isa.load_f32(&lanes, 0));
        }
        v
    }
}

/// The channel, within a part of a group, of dword `dword` of vector `s`.
#[inline(always)]
const fn channel<const NV: usize>(s: usize, dword: usize) -> usize {
    (dword / 4 * NV + s) * 4 + dword % 4
}

/// No activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear;

impl Activation for Linear {
    fn reference(&self, v: f32) -> f32 {
        v
    }

    #[inline(always)]
    fn apply<I: Isa>(&self, _isa: I, v: I::F32) -> I::F32 {
        v
    }
}

/// `v > 0 ? v : 0`. Before a [`Requantize`] with `low` = 0 and zero point 0, [`Linear`] gives the same bits for less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relu;

impl Activation for Relu {
    fn reference(&self, v: f32) -> f32 {
        if v > 0.0 { v } else { 0.0 }
    }

    #[inline(always)]
    fn apply<I: Isa>(&self, isa: I, v: I::F32) -> I::F32 {
        isa.max(v, isa.splat_f32(0.0))
    }
}

/// `Relu`, and at most 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relu6;

impl Activation for Relu6 {
    fn reference(&self, v: f32) -> f32 {
        let v = Relu.reference(v);
        if v < 6.0 { v } else { 6.0 }
    }

    #[inline(always)]
    fn apply<I: Isa>(&self, isa: I, v: I::F32) -> I::F32 {
        isa.min(Relu.apply(isa, v), isa.splat_f32(6.0))
    }
}

/// `v > 0 ? v : v * alpha`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeakyRelu {
    /// Slope of the negative side.
    pub alpha: f32,
}

impl Activation for LeakyRelu {
    fn reference(&self, v: f32) -> f32 {
        if v > 0.0 { v } else { v * self.alpha }
    }

    #[inline(always)]
    fn apply<I: Isa>(&self, isa: I, v: I::F32) -> I::F32 {
        isa.positive_or(v, isa.mul(v, isa.splat_f32(self.alpha)))
    }
}

/// To u8: `RNE(clamp(v * inverse, low, high)) + zero_point`.
///
/// quint8 is `0..=255` with zero point 0; qint8 is `-128..=127` with zero point 128; a signed sum that lands in
/// quint8 is `0..=127` with zero point 0 (after Relu).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Requantize {
    /// `1 / scale` of the output, rounded once.
    pub inverse: f32,
    /// Least integer before the zero point is added.
    pub low: i16,
    /// Greatest integer before the zero point is added.
    pub high: i16,
    /// Added last; `low + zero_point` and `high + zero_point` are bytes.
    pub zero_point: u8,
}

impl Requantize {
    /// The clamp moves behind the rounding, where one operation serves 64 outputs: `low` and `high` are integers, so
    /// clamping before and after rounding is the same.
    #[inline(always)]
    const fn narrow(&self) -> Narrow {
        let zero_point = self.zero_point as i16;
        Narrow {
            zero_point: self.zero_point,
            low: (self.low + zero_point) as u8,
            high: (self.high + zero_point) as u8,
        }
    }
}

/// Keeps conversion to i32 from overflowing upwards; any bound that i16 saturation swallows will do.
const ABOVE_I16: f32 = 65536.0;

impl Output for Requantize {
    type Out = u8;

    fn reference(&self, v: f32) -> u8 {
        let v = (v * self.inverse).clamp(self.low.into(), self.high.into());
        (quant::round_half_even(v) as i16 + i16::from(self.zero_point)) as u8
    }

    #[inline(always)]
    fn store<I: Isa, const NV: usize>(&self, isa: I, v: [I::F32; NV], y: &mut [u8]) {
        let (inverse, above) = (isa.splat_f32(self.inverse), isa.splat_f32(ABOVE_I16));
        let mut q = [isa.splat_i32(0); NV];
        for s in 0..NV {
            // Too negative becomes i32::MIN, which saturates the right way.
            q[s] = isa.round(isa.min(isa.mul(v[s], inverse), above));
        }
        isa.narrow(q, self.narrow(), y);
    }
}

/// To i32: `RNE(clamp(v * inverse, -2147483648, 2147483520))`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToI32 {
    /// `1 / scale` of the output, rounded once.
    pub inverse: f32,
}

/// The range of i32 as oneDNN clamps it, in f32.
const I32_RANGE: [f32; 2] = [-2_147_483_648.0, 2_147_483_520.0];

impl Output for ToI32 {
    type Out = i32;

    fn reference(&self, v: f32) -> i32 {
        quant::round_half_even((v * self.inverse).clamp(I32_RANGE[0], I32_RANGE[1])) as i32
    }

    #[inline(always)]
    fn store<I: Isa, const NV: usize>(&self, isa: I, v: [I::F32; NV], y: &mut [i32]) {
        let [low, high] = I32_RANGE.map(|bound| isa.splat_f32(bound));
        for s in 0..NV {
            let q = isa.mul(v[s], isa.splat_f32(self.inverse));
            let mut lanes = [0; 16];
            isa.store_i32(isa.round(isa.max(isa.min(q, high), low)), &mut lanes, 0);
            scatter::<_, NV>(&lanes[..I::LANES], s, y);
        }
    }
}

/// The real value itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToF32;

impl Output for ToF32 {
    type Out = f32;

    fn reference(&self, v: f32) -> f32 {
        v
    }

    #[inline(always)]
    fn store<I: Isa, const NV: usize>(&self, isa: I, v: [I::F32; NV], y: &mut [f32]) {
        for s in 0..NV {
            let mut lanes = [0.0; 16];
            isa.store_f32(v[s], &mut lanes, 0);
            scatter::<_, NV>(&lanes[..I::LANES], s, y);
        }
    }
}

/// Writes the lanes of vector `s` to their channels, as far as `y` reaches.
#[inline(always)]
fn scatter<T: Copy, const NV: usize>(lanes: &[T], s: usize, y: &mut [T]) {
    for (dword, &v) in lanes.iter().enumerate() {
        if let Some(y) = y.get_mut(channel::<NV>(s, dword)) {
            *y = v;
        }
    }
}
