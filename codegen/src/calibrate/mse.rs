//! The threshold of the least expected squared error.
//!
//! A narrower range has smaller steps and clips more. The error as a function of the threshold is a valley with small
//! ripples, so it is looked at on a grid of ratios, and on a finer one around the best. What is clipped only grows as the
//! threshold falls: where that alone is more than the least error so far, there is nothing to find below.
use crate::calibrate::histogram::Bin;
use crate::calibrate::noise::Steps;

/// Points of the grid for each halving of the threshold.
const PER_HALVING: i32 = 16;
/// Halvings; below 2^-12 of the greatest magnitude, a bin is as wide as the range.
const HALVINGS: i32 = 12;
/// Points of the finer grid between two of the first.
const BETWEEN: i32 = 16;

/// The threshold, at most `magnitude`.
pub(super) fn threshold(bins: &[Bin], magnitude: f64, signed: bool) -> f64 {
    let at = |i: i32, per: i32| magnitude * (-f64::from(i) / f64::from(per)).exp2();
    let best = |points: std::ops::RangeInclusive<i32>, per: i32| {
        let mut best = (0, f64::INFINITY);
        for i in points {
            let steps = Steps::new(at(i, per), signed);
            if steps.clipping(bins) > best.1 {
                break;
            }
            let noise = steps.noise(bins);
            if noise < best.1 {
                best = (i, noise);
            }
        }
        best.0
    };
    let coarse = best(0..=HALVINGS * PER_HALVING, PER_HALVING) * BETWEEN;
    let fine = best((coarse - BETWEEN).max(0)..=coarse + BETWEEN, PER_HALVING * BETWEEN);
    at(fine, PER_HALVING * BETWEEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::draw;

    /// The answer is as good as the best of a thousand thresholds tried on the values themselves.
    #[test]
    fn no_threshold_does_better_on_the_values() {
        for (name, x) in draw::all() {
            let (histogram, range) = draw::histogram(&x);
            let (magnitude, signed) = (f64::from(range.magnitude()), range.min < 0.0);
            let found = threshold(&histogram.bins(range), magnitude, signed);
            let noise = |t: f64| draw::noise(&x, t, signed);
            let best =
                (1..=1000).map(|i| noise(magnitude * f64::from(i) / 1000.0)).fold(f64::INFINITY, f64::min);
            assert!(noise(found) <= 1.01 * best, "{name}: {found} gives {}, best is {best}", noise(found));
        }
    }

    #[test]
    fn what_clips_nothing_and_loses_nothing_stays() {
        let x: Vec<f32> = (0..256).map(|i| i as f32).collect();
        let (histogram, range) = draw::histogram(&x);
        let found = threshold(&histogram.bins(range), 255.0, false);
        assert!((250.0..=255.0).contains(&found), "{found}");
    }
}
