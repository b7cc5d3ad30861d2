//! The range that qint32 values really take: RequantizationRange and RequantizationRangePerChannel.
//!
//! ```text
//! Whole       (min(0, real(least x)), real(greatest x))             decoded in f64
//! PerChannel  r = min(clip, max_c magnitude[c] * max|x_c| / 2^31)   (-r, r), or (0, r) if no x is negative
//! ```
//!
//! Cost: one read of the input.

use crate::isa::{Isa, Kernel};
use crate::window::Place;

/// The range of a whole tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Where the integers are.
    pub x: Place,
    /// The range that i32 stands for.
    pub range: [f32; 2],
}

impl Params {
    /// The real value of an integer, as Eigen's `QuantizedToFloat` has it.
    pub fn decode(&self, x: i32) -> f32 {
        let [min, max] = self.range;
        if min == max {
            return min;
        }
        const STEPS: f64 = 4_294_967_296.0;
        let scale = f64::from(max - min) * (STEPS / (STEPS - 1.0)) / STEPS;
        let least = round_half_away(f64::from(min) / f64::from(scale as f32)) * f64::from(scale as f32);
        (least + (f64::from(x) - f64::from(i32::MIN)) * scale) as f32
    }
}

/// The nearest integer, ties away from zero; `core` has no such function.
fn round_half_away(v: f64) -> f64 {
    const TWO_52: f64 = 4_503_599_627_370_496.0;
    let a = v.abs();
    if a >= TWO_52 {
        return v;
    }
    let even = (a + TWO_52) - TWO_52;
    (if a - even == 0.5 { even + 1.0 } else { even }).copysign(v)
}

/// The meaning of a range of a whole tensor; of none, that of 0.
pub fn reference(params: &Params, x: &[i32]) -> [f32; 2] {
    let [least, greatest] = extremes(&params.x, x);
    [params.decode(least).min(0.0), params.decode(greatest)]
}

/// Least and greatest integer of a tensor.
#[inline(always)]
fn extremes(at: &Place, x: &[i32]) -> [i32; 2] {
    let mut ends = [i32::MAX, i32::MIN];
    for n in 0..at.batch {
        for oy in 0..at.height {
            for ox in 0..at.width {
                for &x in &x[at.at(n, oy, ox)..][..at.channels] {
                    ends = [ends[0].min(x), ends[1].max(x)];
                }
            }
        }
    }
    if at.pixels() * at.channels == 0 { [0, 0] } else { ends }
}

/// The fast form of [`reference()`].
pub struct Whole<'a> {
    /// Shape and range.
    pub params: &'a Params,
    /// The input's buffer.
    pub x: &'a [i32],
    /// One element: the minimum.
    pub min: &'a mut [f32],
    /// One element: the maximum.
    pub max: &'a mut [f32],
}

impl Kernel for Whole<'_> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _isa: I) {
        [self.min[0], self.max[0]] = reference(self.params, self.x);
    }
}

/// The range of a tensor whose channels have ranges of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerChannelParams {
    /// Where the integers are.
    pub x: Place,
    /// The most that the range may be.
    pub clip: f32,
}

/// The meaning of a range over channels; one `magnitude` a channel: what 2^31 stands for.
pub fn per_channel_reference(params: &PerChannelParams, magnitude: &[f32], x: &[i32]) -> [f32; 2] {
    let at = &params.x;
    let (mut most, mut negative) = (0.0f32, false);
    for c in 0..at.channels {
        let mut greatest = 0;
        for n in 0..at.batch {
            for oy in 0..at.height {
                for ox in 0..at.width {
                    let x = x[at.at(n, oy, ox) + c];
                    negative |= x < 0;
                    greatest = greatest.max(x.unsigned_abs());
                }
            }
        }
        most = most.max(magnitude[c] * greatest as f32 / 2_147_483_648.0);
    }
    let most = most.min(params.clip);
    [if negative { -most } else { 0.0 }, most]
}

/// [`per_channel_reference`] as a kernel: graphs that run in earnest have constant ranges, so it is not made fast.
pub struct PerChannel<'a> {
    /// Shape and clip.
    pub params: &'a PerChannelParams,
    /// What 2^31 stands for, one a channel.
    pub magnitude: &'a [f32],
    /// The input's buffer.
    pub x: &'a [i32],
    /// One element: the minimum.
    pub min: &'a mut [f32],
    /// One element: the maximum.
    pub max: &'a mut [f32],
}

impl Kernel for PerChannel<'_> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _isa: I) {
        [self.min[0], self.max[0]] = per_channel_reference(self.params, self.magnitude, self.x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn worked_ranges_on_every_isa() {
        let x = Place { pixel: 3, row: 6, image: 6, ..Place::dense([1, 1, 2, 2]) };
        let bytes = [1 << 30, -(1 << 29), i32::MIN, 5, 0, i32::MAX];
        let (whole, channels) = (Params { x, range: [-2.0, 2.0] }, PerChannelParams { x, clip: 1e30 });
        let clipped = PerChannelParams { clip: 0.25, ..channels };
        for isa in testing::isas() {
            let run = |params: &PerChannelParams, x: &[i32]| {
                let (mut min, mut max) = ([9.0], [9.0]);
                let magnitude = [0.5, 2.0];
                let (min_y, max_y) = (&mut min, &mut max);
                testing::run(isa, PerChannel { params, magnitude: &magnitude, x, min: min_y, max: max_y });
                [min[0], max[0]]
            };
            let (mut min, mut max) = ([9.0], [9.0]);
            testing::run(isa, Whole { params: &whole, x: &bytes, min: &mut min, max: &mut max });
            assert_eq!([min, max], [[-0.5], [1.0]], "{isa}");
            assert_eq!(run(&channels, &bytes), [-0.5, 0.5], "{isa}");
            assert_eq!(run(&clipped, &bytes), [-0.25, 0.25], "{isa}");
            assert_eq!(run(&channels, &[1 << 30, 0, -1, 0, 1 << 30, -1]), [0.0, 1.0], "{isa}");
        }
    }

    #[test]
    fn the_minimum_is_at_most_zero() {
        let params = Params { x: Place::dense([1, 1, 1, 2]), range: [-1.0, 1.0] };
        assert_eq!(reference(&params, &[1 << 30, 1 << 29])[0], 0.0);
        let empty = Params { x: Place::dense([1, 1, 0, 2]), ..params };
        assert!(reference(&empty, &[]).iter().all(|v| v.abs() < 1e-6));
    }

    #[test]
    fn halves_go_away_from_zero() {
        for v in [0.5, -0.5, 1.5, 2.5, -2.5, 0.49999999999999994, 4503599627370497.5, 7.0] {
            assert_eq!(round_half_away(v), f64::round(v), "{v}");
        }
    }
}
