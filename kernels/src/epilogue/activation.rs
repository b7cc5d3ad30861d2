//! The third stage: a function of each real value.

use crate::isa::Isa;

/// A function of one real value.
pub trait Activation: Copy + Sync {
    /// One value.
    fn reference(&self, v: f32) -> f32;
    /// A vector.
    fn apply<I: Isa>(&self, isa: I, v: I::F32) -> I::F32;
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

/// `v > 0 ? v : 0`. Before a [`ToU8`](super::ToU8), [`Linear`] gives the same bits for less.
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
