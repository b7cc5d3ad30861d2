//! The rounding rule and the scalar arithmetic that every ISA must equal, bit for bit. `core` has neither a
//! rounding function nor a fused multiply-add, so both are written out.

use crate::isa::Narrow;

/// The nearest integer, ties to even.
///
/// Below 2^23, adding 2^23 leaves no bit for a fraction, so the addition itself rounds; from there on every f32 is
/// an integer.
#[inline(always)]
pub fn round_half_even(v: f32) -> f32 {
    const TWO_23: f32 = 8_388_608.0;
    if v.abs() < TWO_23 { ((v.abs() + TWO_23) - TWO_23).copysign(v) } else { v }
}

/// The nearest integer, ties away from zero.
#[inline(always)]
pub fn round_half_away(v: f32) -> f32 {
    let even = round_half_even(v.abs());
    // The difference is exact; it is a half only where the tie went down.
    let away = if v.abs() - even == 0.5 { even + 1.0 } else { even };
    away.copysign(v)
}

/// `a * b + c`, rounded once.
///
/// The product of two f32 is exact in f64. The sum is rounded to odd (an inexact result takes the neighbour with an
/// odd last bit), which keeps the second rounding, to f32, from seeing a tie that is none.
#[inline(always)]
pub fn fma(a: f32, b: f32, c: f32) -> f32 {
    let (p, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = p + c;
    // Knuth's two-sum: `error` is exactly what the addition lost.
    let p_part = sum - c;
    let error = (p - p_part) + (c - (sum - p_part));
    let bits = sum.to_bits();
    if error == 0.0 || !error.is_finite() || bits & 1 == 1 {
        return sum as f32;
    }
    let outward = (error > 0.0) == (sum > 0.0);
    f64::from_bits(if outward { bits + 1 } else { bits - 1 }) as f32
}

/// The integer end of a requantization: `clamp(sat_i16(v) + zero_point, low, high)`.
#[inline(always)]
pub fn narrow(v: i32, to: Narrow) -> u8 {
    let v = v.clamp(i16::MIN.into(), i16::MAX.into()) + i32::from(to.zero_point);
    v.clamp(to.low.into(), to.high.into()) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_as_std_does() {
        for bits in (0..=u32::MAX).step_by(9973) {
            let v = f32::from_bits(bits);
            if !v.is_nan() {
                assert_eq!(round_half_even(v).to_bits(), v.round_ties_even().to_bits(), "{v}");
            }
        }
        for half in -300..300 {
            let v = half as f32 * 0.5;
            assert_eq!(round_half_even(v), v.round_ties_even(), "{v}");
        }
    }

    #[test]
    fn rounds_ties_away_as_std_does() {
        let bits = (0..=u32::MAX).step_by(9973).map(f32::from_bits);
        let halves = (-300..300).map(|half| half as f32 * 0.5);
        for v in bits.filter(|v| !v.is_nan()).chain(halves).chain([0.499_999_97, -0.499_999_97]) {
            assert_eq!(round_half_away(v).to_bits(), v.round().to_bits(), "{v}");
        }
    }

    #[test]
    fn fma_rounds_once() {
        let mut random = crate::testing::Random::new(1);
        let mut f = || f32::from_bits((random.next() as u32 & 0x8fff_ffff) | 0x3800_0000);
        for _ in 0..200_000 {
            let (a, b) = (f(), f());
            // half of the summands nearly cancel or nearly tie with the product
            let c = if random_bit(a) { f() } else { -(a * b) * (1.0 + f32::EPSILON) };
            assert_eq!(fma(a, b, c).to_bits(), a.mul_add(b, c).to_bits(), "{a} * {b} + {c}");
        }
    }

    fn random_bit(v: f32) -> bool {
        v.to_bits() & 4 == 0
    }

    #[test]
    fn fma_ties_that_are_none() {
        // 1 + 2^-24 is a tie in f32; 2^-60 more or less must decide it.
        let tie = 1.0f32 + f32::EPSILON;
        for sign in [-1.0f32, 1.0] {
            let (a, b) = (sign * 2f32.powi(-30), 2f32.powi(-31));
            for c in [1.0, tie, -1.0, -tie, 0.0] {
                assert_eq!(fma(a, b, c).to_bits(), a.mul_add(b, c).to_bits(), "{a} {b} {c}");
            }
        }
        let (a, b) = (1.0f32 + f32::EPSILON, 1.0f32 - f32::EPSILON);
        for c in [2f32.powi(25), -2f32.powi(24), 2f32.powi(-30), 3.0, -1.0] {
            assert_eq!(fma(a, b, c).to_bits(), a.mul_add(b, c).to_bits(), "{c}");
        }
    }
}
