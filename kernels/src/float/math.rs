//! exp, log, tanh, sigmoid, softplus, erf and square roots in f64, for rounding to f32: the same bits on every target.
//!
//! f64 leaves room: an error of 2^-40 is invisible after rounding except at one value in 2^15, where it is one ulp.
//! No function branches on its argument in a way that vectors cannot follow.

use core::f64::consts::{LN_2, LOG2_E};

/// Adding it rounds to an integer, whose low bits are then the low bits of the sum.
const ROUND: f64 = 6755399441055744.0; // 1.5 * 2^52

/// 1/n! for n = 2..=11.
const EXP: [f64; 10] = [
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
    1.0 / 40320.0,
    1.0 / 362880.0,
    1.0 / 3628800.0,
    1.0 / 39916800.0,
];

/// e^x = 2^n * e^r with |r| <= ln(2)/2. Beyond ±150, which f32 cannot hold, it stays at e^±150.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let low = if x < -150.0 { -150.0 } else { x };
    let x = if low > 150.0 { 150.0 } else { low };
    let shifted = x * LOG2_E + ROUND;
    let r = x - (shifted - ROUND) * LN_2;
    let mut p = EXP[9];
    for i in (0..9).rev() {
        p = p * r + EXP[i];
    }
    let p = (p * r + 1.0) * r + 1.0;
    // The low 12 bits of `shifted` are n; with the bias they become the exponent.
    p * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

/// ln(x) = n ln(2) + 2 artanh((m - 1) / (m + 1)) with m in [1/√2, √2).
#[inline(always)]
pub fn log(x: f64) -> f64 {
    // Moves the cut between two exponents from 1 to 1/√2.
    const CUT: u64 = 0x3fe6_a09e_667f_3bcd;
    let above = x.to_bits().wrapping_sub(CUT);
    let n = ((above as i64) >> 52) as f64;
    let m = f64::from_bits((above & 0x000f_ffff_ffff_ffff).wrapping_add(CUT));
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let mut p = 1.0 / 19.0;
    for odd in (0..9).rev() {
        p = p * q + 1.0 / (2 * odd + 1) as f64;
    }
    let finite = n * LN_2 + 2.0 * s * p;
    let positive = if x == f64::INFINITY { x } else { finite };
    if x > 0.0 {
        positive
    } else if x == 0.0 {
        f64::NEG_INFINITY
    } else {
        f64::NAN
    }
}

/// √x by Newton's method on 1/√x; the last step brings it within an ulp of f64, so that it rounds to f32 correctly.
#[inline(always)]
pub fn sqrt(x: f64) -> f64 {
    let mut y = f64::from_bits(0x5fe6_eb50_c7b5_37a9u64.wrapping_sub(x.to_bits() >> 1));
    for _ in 0..4 {
        y = y * (1.5 - 0.5 * x * y * y);
    }
    let s = x * y;
    let root = s + (x - s * s) * (0.5 * y);
    let positive = if x == 0.0 || x == f64::INFINITY { x } else { root };
    if x < 0.0 { f64::NAN } else { positive }
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

/// (1 - e^-2|x|) / (1 + e^-2|x|) with the sign of x; near zero, where that cancels, x - x³/3.
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    let e = exp(-2.0 * x.abs());
    let far = ((1.0 - e) / (1.0 + e)).copysign(x);
    let near = x - x * x * x * (1.0 / 3.0);
    let y = if x.abs() < 1.0 / 1024.0 { near } else { far };
    if x.is_nan() { x } else { y }
}

/// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|).
#[inline(always)]
pub fn softplus(x: f64) -> f64 {
    let z = exp(-x.abs());
    // Below 2^-28, 1 + z would lose z's digits, and ln(1 + z) is z.
    let log1p = if z < 1.0 / (1 << 28) as f64 { z } else { log(1.0 + z) };
    let positive = if x > 0.0 { x } else { 0.0 };
    if x.is_nan() { x } else { positive + log1p }
}

/// e^x - 1; near zero, where that cancels, x + x²/2.
#[inline(always)]
pub fn expm1(x: f64) -> f64 {
    let near = x + 0.5 * x * x;
    if x.abs() < 1.0 / (1 << 16) as f64 { near } else { exp(x) - 1.0 }
}

/// ln(1 + x); near zero, where 1 + x loses digits, x - x²/2.
#[inline(always)]
pub fn log1p(x: f64) -> f64 {
    let near = x - 0.5 * x * x;
    if x.abs() < 1.0 / (1 << 16) as f64 { near } else { log(1.0 + x) }
}

/// erf(x) / x for |x| <= 4, by powers of x²/8 - 1: interpolated at Chebyshev's points, within 2^-42.
const ERF: [f64; 23] = [
    0.35353099564340495,
    -0.17657623330392602,
    0.13167511689547207,
    -0.10771044230403215,
    0.09020899404424358,
    -0.07472787156784315,
    0.05988690674393009,
    -0.04576504084136504,
    0.033060611596419896,
    -0.02247402944863727,
    0.01434973873577006,
    -0.008604359881842768,
    0.004852986669306072,
    -0.0025830290325423205,
    0.0012940700205056187,
    -0.0006048631720031436,
    0.0002730868781407246,
    -0.00012649419013464726,
    5.0516480984461565e-05,
    -1.2635295810882527e-05,
    5.069598611100321e-06,
    -4.586436654384096e-06,
    1.4883137738024427e-06,
];

/// 2/√π ∫ e^-t² from 0 to x. Beyond 4 it is 1 in f32.
#[inline(always)]
pub fn erf(x: f64) -> f64 {
    let t = x * x * 0.125 - 1.0;
    let mut p = ERF[22];
    for i in (0..22).rev() {
        p = p * t + ERF[i];
    }
    let near = x * p;
    if x.abs() > 4.0 { 1f64.copysign(x) } else { near }
}

/// 1 - erf(x), within 2^-42 below 4 and 2^-25 beyond, where it is 0: what is left is absolute, not relative.
#[inline(always)]
pub fn erfc(x: f64) -> f64 {
    1.0 - erf(x)
}

/// x^y = e^(y ln|x|), negative where x is and y is odd; of a negative x only for whole y.
#[inline(always)]
pub fn pow(x: f64, y: f64) -> f64 {
    let magnitude = exp(y * log(x.abs()));
    // Beyond 2^53 every f64 is even, and the conversion's limits do not matter.
    let whole = y as i64;
    let is_whole = whole as f64 == y || y.is_infinite();
    let signed = if x.is_sign_negative() && is_whole && whole & 1 == 1 && y.is_finite() {
        -magnitude
    } else {
        magnitude
    };
    let real = if x < 0.0 && x.is_finite() && !is_whole { f64::NAN } else { signed };
    let known = if x.is_nan() || y.is_nan() { f64::NAN } else { real };
    if y == 0.0 || x == 1.0 || (x == -1.0 && y.is_infinite()) { 1.0 } else { known }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::prelude::v1::*;

    /// Every 251st f32.
    fn floats() -> impl Iterator<Item = f32> {
        (0..=u32::MAX / 251).map(|i| f32::from_bits(i * 251))
    }

    fn ulps(a: f32, b: f32) -> u32 {
        if a == b || (a.is_nan() && b.is_nan()) {
            return 0;
        }
        a.to_bits().abs_diff(b.to_bits())
    }

    fn check(name: &str, ours: impl Fn(f64) -> f64, std: impl Fn(f64) -> f64, allowed: u32) {
        for x in floats() {
            let (got, want) = (ours(x.into()) as f32, std(x.into()) as f32);
            assert!(ulps(got, want) <= allowed, "{name}({x:e}) = {got:e}, wanted {want:e}");
        }
    }

    #[test]
    fn functions_round_to_the_right_f32() {
        check("exp", exp, f64::exp, 1);
        check("log", log, f64::ln, 1);
        check("tanh", tanh, f64::tanh, 1);
        check("sigmoid", sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 1);
        check("expm1", expm1, f64::exp_m1, 1);
        check("log1p", log1p, f64::ln_1p, 1);
        check("softplus", softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p() + x * 0.0, 1);
    }

    #[test]
    fn error_function() {
        // To 16 digits, from its series.
        let known = [
            (1e-3, 0.001_128_378_790_969_236_4),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (3.5, 0.999_999_256_901_627_7),
            (4.0, 0.999_999_984_582_742_1),
        ];
        for (x, y) in known {
            assert!((erf(x) / y - 1.0).abs() < 1e-12, "{x}: {}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
        assert_eq!([erf(0.0), erf(9.0), erf(f64::NEG_INFINITY)], [0.0, 1.0, -1.0]);
        assert!(erf(f64::NAN).is_nan());
    }

    #[test]
    fn powers() {
        let ends =
            [0.0f32, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 2.0, -3.0, 0.5, 7.25];
        let exponents = ends.into_iter().chain([3.0, -2.0, -0.75, 1e10, 33.0]);
        for (x, y) in
            exponents.flat_map(|y| ends.into_iter().chain(floats().step_by(9973)).map(move |x| (x, y)))
        {
            let (got, want) = (pow(x.into(), y.into()) as f32, f64::from(x).powf(y.into()) as f32);
            assert!(ulps(got, want) <= 1, "{x:e}^{y:e} = {got:e}, wanted {want:e}");
        }
    }

    #[test]
    fn square_roots_are_correctly_rounded() {
        for x in floats().chain((0..1 << 25).map(|i| f32::from_bits(0x3f80_0000 + i))) {
            let got = sqrt(x.into()) as f32;
            assert!(ulps(got, x.sqrt()) == 0, "sqrt({x:e}) = {got:e}, wanted {:e}", x.sqrt());
        }
    }
}
