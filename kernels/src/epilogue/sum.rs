//! The second stage: adding another tensor.

use super::channel;
use crate::Place;
use crate::isa::Isa;
use crate::quant;
use bytemuck::Pod;

/// Adds another tensor.
pub trait Sum: Copy + Sync {
    /// Element of the summand.
    type Summand: Pod + Sync;
    /// Whether there is one.
    const SUMS: bool;
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

/// No summand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSum;

impl Sum for NoSum {
    type Summand = u8;
    const SUMS: bool = false;

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

/// A quantized summand: `v = fma(f32(summand - ZERO_POINT), scale, v)`. The zero point is part of the type, since
/// nothing is subtracted where it is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SumBytes<const ZERO_POINT: u8> {
    /// Where it lies.
    pub place: Place,
    /// Real value of one step.
    pub scale: f32,
}

/// A quint8 summand.
pub type SumU8 = SumBytes<0>;

/// A qint8 summand, stored with 128 added.
pub type SumI8 = SumBytes<128>;

impl<const ZERO_POINT: u8> Sum for SumBytes<ZERO_POINT> {
    type Summand = u8;
    const SUMS: bool = true;

    #[inline(always)]
    fn place(&self) -> Place {
        self.place
    }

    fn reference(&self, v: f32, summand: u8) -> f32 {
        quant::fma(f32::from(summand) - f32::from(ZERO_POINT), self.scale, v)
    }

    #[inline(always)]
    fn add<I: Isa, const NV: usize>(&self, isa: I, mut v: [I::F32; NV], summand: &[u8]) -> [I::F32; NV] {
        let scale = isa.splat_f32(self.scale);
        let zero = isa.splat_i32(-i32::from(ZERO_POINT));
        let mut summand = isa.widen::<NV>(summand);
        for s in 0..NV {
            if ZERO_POINT != 0 {
                summand[s] = isa.add_i32(summand[s], zero);
            }
            v[s] = isa.fma(isa.to_f32(summand[s]), scale, v[s]);
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
    const SUMS: bool = true;

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
