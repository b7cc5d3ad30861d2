//! The last stage: from real values to the output's type.

use super::channel;
use crate::isa::{Isa, Narrow};
use crate::quant;
use bytemuck::Pod;

/// The last stage.
pub trait Output: Copy + Sync {
    /// Element of the output tensor.
    type Out: Pod + Send + Sync;
    /// One value.
    fn reference(&self, v: f32) -> Self::Out;
    /// A part of a group: the first `y.len()` outputs in memory order.
    fn store<I: Isa, const NV: usize>(&self, isa: I, v: [I::F32; NV], y: &mut [Self::Out]);
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

/// To quint8: `RNE(clamp(v * inverse, 0, 255))`, where the compiler of the network has proved |v * inverse| < 2^31: what
/// remains of a [`Requantize`] is a multiplication and what packing does by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToU8 {
    /// `1 / scale` of the output, rounded once.
    pub inverse: f32,
}

/// To qint8, stored with 128 added: `RNE(clamp(v * inverse, -128, 127)) + 128`; see [`ToU8`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToI8 {
    /// `1 / scale` of the output, rounded once.
    pub inverse: f32,
}

impl ToU8 {
    const ZERO_POINT: u8 = 0;

    /// The general form.
    pub const fn requantize(self) -> Requantize {
        Requantize { inverse: self.inverse, low: 0, high: 255, zero_point: Self::ZERO_POINT }
    }
}

impl ToI8 {
    const ZERO_POINT: u8 = 128;

    /// The general form.
    pub const fn requantize(self) -> Requantize {
        Requantize { inverse: self.inverse, low: -128, high: 127, zero_point: Self::ZERO_POINT }
    }
}

/// The two that end in all 256 bytes.
macro_rules! whole_byte {
    ($($output:ident)*) => {$(
        impl Output for $output {
            type Out = u8;

            fn reference(&self, v: f32) -> u8 {
                self.requantize().reference(v)
            }

            #[inline(always)]
            fn store<I: Isa, const NV: usize>(&self, isa: I, v: [I::F32; NV], y: &mut [u8]) {
                let inverse = isa.splat_f32(self.inverse);
                let mut q = [isa.splat_i32(0); NV];
                for s in 0..NV {
                    q[s] = isa.round(isa.mul(v[s], inverse));
                }
                isa.narrow(q, Narrow { zero_point: Self::ZERO_POINT, low: 0, high: 255 }, y);
            }
        }
    )*};
}

whole_byte!(ToU8 ToI8);

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
