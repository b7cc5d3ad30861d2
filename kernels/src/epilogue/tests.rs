//! Every stage on every ISA against `reference`, bit for bit, over the accumulators where rounding can go wrong.

use super::*;
use crate::isa::Kernel;
use crate::testing::{self, Failures};
use std::{format, vec::Vec};

/// Extremes of i32, the edge of f32's integers, powers of two, and every small number: with a scale of 1/2 or 1/4
/// these are all half steps and both clamps.
fn accumulators() -> Vec<i32> {
    let mut all: Vec<i32> = (-1100..=1100).collect();
    for shift in 0..31 {
        for near in -3..=3 {
            let power = 1i32 << shift;
            all.extend([power.saturating_add(near), (-power).saturating_add(near)]);
        }
    }
    all.extend((0..64).flat_map(|i| [i32::MIN + i, i32::MAX - i, (1 << 24) + i, -(1 << 24) - i]));
    all
}

/// Applies an epilogue to accumulators in memory order, `NV * LANES` at a time, the last time fewer.
struct Apply<'a, E: Epilogue, const NV: usize> {
    epilogue: E,
    acc: &'a [i32],
    scale: f32,
    bias: f32,
    summand: &'a [E::Summand],
    y: &'a mut [E::Out],
}

impl<E: Epilogue, const NV: usize> Kernel for Apply<'_, E, NV> {
    type Output = ();
    const DOTS: bool = true;

    fn call<I: Isa>(self, isa: I) {
        let width = NV * I::LANES;
        for (chunk, acc) in self.acc.chunks(width).enumerate() {
            let mut v = [isa.splat_i32(0); NV];
            for s in 0..NV {
                let mut lanes = [0; 16];
                for dword in 0..I::LANES {
                    lanes[dword] = acc.get(channel::<NV>(s, dword)).copied().unwrap_or(0);
                }
                v[s] = isa.load_i32(&lanes, 0);
            }
            let (scale, bias) = ([isa.splat_f32(self.scale); NV], [isa.splat_f32(self.bias); NV]);
            let summand = self.summand.get(chunk * width..).unwrap_or(&[]);
            let y = &mut self.y[chunk * width..][..acc.len()];
            self.epilogue.finish::<I, NV>(isa, v, scale, bias, summand, y);
        }
    }
}

/// All scales, biases, vector counts and ISAs.
fn check<E>(failures: &mut Failures, epilogue: E, summand: impl Fn(usize) -> E::Summand)
where
    E: Epilogue + core::fmt::Debug,
    E::Out: PartialEq + core::fmt::Debug,
{
    let acc = accumulators();
    let summand: Vec<_> = (0..acc.len() + 64).map(summand).collect();
    for scale in [1.0, 0.5, 0.25, 0.1, 3.0, 1e-9, 1e9] {
        for bias in [0.0, 0.5, -0.25, 1.0 / 3.0, -1e4] {
            let each = acc.iter().zip(&summand);
            let want: Vec<_> = each.map(|(&acc, &s)| epilogue.reference(acc, scale, bias, s)).collect();
            for isa in testing::isas() {
                let case = |nv| format!("{isa} NV {nv} scale {scale} bias {bias} {epilogue:?}");
                let mut fresh = want.clone();
                bytemuck::cast_slice_mut::<_, u8>(&mut fresh).fill(0xa5);
                let [mut y1, mut y2, mut y4] = [fresh.clone(), fresh.clone(), fresh];
                let (acc, summand) = (&acc[..], &summand[..]);
                testing::run(isa, Apply::<E, 1> { epilogue, acc, scale, bias, summand, y: &mut y1 });
                testing::run(isa, Apply::<E, 2> { epilogue, acc, scale, bias, summand, y: &mut y2 });
                testing::run(isa, Apply::<E, 4> { epilogue, acc, scale, bias, summand, y: &mut y4 });
                failures.check(&y1, &want, || case(1));
                failures.check(&y2, &want, || case(2));
                failures.check(&y4, &want, || case(4));
            }
        }
    }
}

const QUINT8: Requantize = Requantize { inverse: 1.0, low: 0, high: 255, zero_point: 0 };
const QINT8: Requantize = Requantize { inverse: 2.0, low: -128, high: 127, zero_point: 128 };
const PLACE: Place = Place::dense([0; 4]);

#[test]
fn outputs() {
    let mut failures = Failures::default();
    let f = &mut failures;
    let narrow = Requantize { inverse: 0.3, low: -3, high: 100, zero_point: 7 };
    check(f, Finish { sum: NoSum, activation: Linear, output: QUINT8 }, |_| 0);
    check(f, Finish { sum: NoSum, activation: Linear, output: QINT8 }, |_| 0);
    check(f, Finish { sum: NoSum, activation: Linear, output: narrow }, |_| 0);
    // The greatest |v| of `check` is 2^31 * 1e9: an inverse that keeps the product below 2^31.
    for inverse in [4e-10, 3e-11, 1e-13] {
        check(f, Finish { sum: NoSum, activation: Linear, output: ToU8 { inverse } }, |_| 0);
        check(f, Finish { sum: NoSum, activation: Linear, output: ToI8 { inverse } }, |_| 0);
    }
    check(f, Finish { sum: NoSum, activation: Linear, output: ToI32 { inverse: 1.0 } }, |_| 0);
    check(f, Finish { sum: NoSum, activation: Linear, output: ToI32 { inverse: 1e6 } }, |_| 0);
    check(f, Finish { sum: NoSum, activation: Linear, output: ToF32 }, |_| 0);
}

#[test]
fn activations() {
    let mut failures = Failures::default();
    let f = &mut failures;
    check(f, Finish { sum: NoSum, activation: Relu, output: ToF32 }, |_| 0);
    check(f, Finish { sum: NoSum, activation: Relu6, output: ToF32 }, |_| 0);
    check(f, Finish { sum: NoSum, activation: LeakyRelu { alpha: 0.2 }, output: ToF32 }, |_| 0);
    check(f, Finish { sum: NoSum, activation: Relu6, output: Requantize { inverse: 42.5, ..QUINT8 } }, |_| 0);
}

#[test]
fn sums() {
    let mut failures = Failures::default();
    let f = &mut failures;
    // 0.1 has no short form: the product is inexact, and a second rounding would show.
    for scale in [0.1, 0.5, 1e-7] {
        let (sum, signed) = (SumU8 { place: PLACE, scale }, SumI8 { place: PLACE, scale });
        check(f, Finish { sum, activation: Linear, output: ToF32 }, |i| (i * 97) as u8);
        check(f, Finish { sum, activation: Relu, output: QINT8 }, |i| (i * 97) as u8);
        check(f, Finish { sum: signed, activation: Linear, output: ToF32 }, |i| (i * 97) as u8);
        check(f, Finish { sum: signed, activation: Relu, output: QINT8 }, |i| (i * 97) as u8);
    }
    let sum = SumF32 { place: PLACE };
    check(f, Finish { sum, activation: Linear, output: ToF32 }, |i| i as f32 * 0.7 - 300.0);
}

#[test]
fn reference_of_worked_cases() {
    let plain = Finish { sum: NoSum, activation: Linear, output: QUINT8 };
    // Ties go to even; the zero point is added after rounding.
    assert_eq!([1, 3, 5, -1, 511, 900].map(|acc| plain.reference(acc, 0.5, 0.0, 0)), [0, 2, 2, 0, 255, 255]);
    let signed = Finish { sum: NoSum, activation: Linear, output: Requantize { inverse: 1.0, ..QINT8 } };
    assert_eq!([1, 3, -3, -300].map(|acc| signed.reference(acc, 0.5, 0.0, 0)), [128, 130, 126, 0]);
    let to_i32 = Finish { sum: NoSum, activation: Linear, output: ToI32 { inverse: 1.0 } };
    assert_eq!([i32::MAX, i32::MIN].map(|acc| to_i32.reference(acc, 2.0, 0.0, 0)), [2147483520, i32::MIN]);
}
