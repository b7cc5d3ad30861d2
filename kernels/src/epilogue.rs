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
//! about 6 operations, of which the two multiplications compete with VPDPBUSD for ports.

mod activation;
mod output;
mod sum;
#[cfg(test)]
mod tests;

pub use activation::{Activation, LeakyRelu, Linear, Relu, Relu6};
pub use output::{Output, Requantize, ToF32, ToI8, ToI32, ToU8};
pub use sum::{NoSum, Sum, SumBytes, SumF32, SumI8, SumU8};

use crate::Place;
use crate::isa::Isa;
use bytemuck::Pod;

/// What happens to an accumulator; implemented by [`Finish`].
pub trait Epilogue: Copy + Sync {
    /// Element of the summand tensor.
    type Summand: Pod + Sync;
    /// Element of the output tensor.
    type Out: Pod + Send + Sync;
    /// Whether there is a summand.
    const SUMS: bool;

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
    /// [`NoSum`], [`SumU8`], [`SumI8`] or [`SumF32`].
    pub sum: S,
    /// [`Linear`], [`Relu`], [`Relu6`] or [`LeakyRelu`].
    pub activation: A,
    /// [`ToU8`], [`ToI8`], [`Requantize`], [`ToI32`] or [`ToF32`].
    pub output: O,
}

impl<S: Sum, A: Activation, O: Output> Epilogue for Finish<S, A, O> {
    type Summand = S::Summand;
    type Out = O::Out;
    const SUMS: bool = S::SUMS;

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

/// The channel, within a part of a group, of dword `dword` of vector `s`.
#[inline(always)]
pub(crate) const fn channel<const NV: usize>(s: usize, dword: usize) -> usize {
    (dword / 4 * NV + s) * 4 + dword % 4
}
