//! Two operands in f32 and back to bytes: residual sums, gates.
//!
//! ```text
//! Pair      y[n, y, x, c] = requantize(f(step_a * (a[n, y, x, c] - zero_a), step_b * (b[n, y, x, c] - zero_b)))
//! Channels  y[n, y, x, c] = requantize(f(step * (x[n, y, x, c] - zero), row[n, c]))
//! ```
//!
//! Each step is rounded to f32, as separate operations would: decode, combine, requantize. Nothing but the last is
//! written. Cost for 64 outputs on AVX-512: some 50 operations; it is the memory that counts.

use crate::float::binary;
use crate::isa::Isa;

mod channels;
mod pair;

pub use channels::{Channels, ChannelsParams, channels_reference};
pub use pair::{Pair, Params, reference};

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

#[cfg(test)]
mod cases {
    //! What both kernels are tested with.
    use super::{Decode, Function};
    use crate::epilogue::Requantize;

    pub(super) const FUNCTIONS: [Function; 4] =
        [Function::Add, Function::Mul, Function::Maximum, Function::Minimum];
    pub(super) const QUINT8: Requantize = Requantize { inverse: 7.3, low: 0, high: 255, zero_point: 0 };
    pub(super) const QINT8: Requantize = Requantize { inverse: 11.7, low: -128, high: 127, zero_point: 128 };
    pub(super) const RELU6: Requantize = Requantize { inverse: 20.1, low: 0, high: 121, zero_point: 128 };
    pub(super) const SHAPES: [[usize; 4]; 5] =
        [[2, 3, 5, 7], [1, 2, 2, 33], [1, 1, 1, 200], [2, 2, 3, 64], [1, 3, 1, 96]];

    pub(super) fn decode(zero_point: u8, scale: f32) -> Decode {
        Decode { zero_point, scale }
    }
}
