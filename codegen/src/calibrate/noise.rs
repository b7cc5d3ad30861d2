//! The square of the error that quantization is expected to make of the values of a histogram.
//!
//! Over `(0, R)` a u8 has 255 steps, over `(-R, R)` an s8 has 127 of them up and 128 down. Inside a bin `[a, b]` values
//! are taken as spread evenly, for which the integral has a closed form; with step `d`, `k = round(t / d)`, `r = t - k d`:
//!
//! ```text
//! up to the last step h:   integral of (t - d round(t / d))^2 from 0 to t  =  k d^3 / 12 + r^3 / 3
//! beyond it:               integral of (t - h)^2 from h to t               =  (t - h)^3 / 3
//! ```
use crate::calibrate::histogram::Bin;

/// The steps that a range has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Steps {
    step: f64,
    up: f64,
    down: f64,
}

impl Steps {
    /// Of `(-range, range)` if signed, else of `(0, range)`.
    pub(super) fn new(range: f64, signed: bool) -> Self {
        let step = range / if signed { 127.0 } else { 255.0 };
        Self { step, up: range, down: if signed { 128.0 * step } else { 0.0 } }
    }
    /// Mean square of the error over the values of one bin.
    fn bin(&self, bin: &Bin) -> f64 {
        let end = if bin.negative { self.down } else { self.up };
        if bin.high <= bin.low {
            let nearest = (bin.low / self.step).round_ties_even() * self.step;
            return (bin.low - nearest.min(end)).powi(2);
        }
        let (low, high) = (self.integral(bin.low, end), self.integral(bin.high, end));
        (high - low) / (bin.high - bin.low)
    }
    fn integral(&self, t: f64, end: f64) -> f64 {
        let inside = t.min(end);
        let k = (inside / self.step).round();
        let rounding = k * self.step.powi(3) / 12.0 + (inside - k * self.step).powi(3) / 3.0;
        rounding + (t - inside).powi(3) / 3.0
    }
    /// Sum of the squares of the errors of all values. Zeros have none.
    pub(super) fn noise(&self, bins: &[Bin]) -> f64 {
        bins.iter().map(|b| b.count as f64 * self.bin(b)).sum()
    }
    /// Less than what values in bins that are clipped whole add to it, and more for any narrower range.
    pub(super) fn clipping(&self, bins: &[Bin]) -> f64 {
        let clipped = |b: &Bin| {
            let end = if b.negative { self.down } else { self.up };
            b.count as f64 * (b.low - end).max(0.0).powi(2)
        };
        bins.iter().map(clipped).sum()
    }
    /// How many values are clipped.
    pub(super) fn clipped(&self, bins: &[Bin]) -> f64 {
        let share = |b: &Bin| {
            let end = if b.negative { self.down } else { self.up };
            match b.high > b.low {
                true => ((b.high - end) / (b.high - b.low)).clamp(0.0, 1.0),
                false => f64::from(u8::from(b.low > end)),
            }
        };
        bins.iter().map(|b| b.count as f64 * share(b)).sum()
    }
}

/// Sum of the squares of all values.
pub(super) fn signal(bins: &[Bin]) -> f64 {
    let mean = |b: &Bin| (b.low * b.low + b.low * b.high + b.high * b.high) / 3.0;
    bins.iter().map(|b| b.count as f64 * mean(b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::draw;

    #[test]
    fn it_is_what_quantizing_the_values_does() {
        for (name, x) in draw::all() {
            let (histogram, range) = draw::histogram(&x);
            let (bins, signed) = (histogram.bins(range), range.min < 0.0);
            for share in [1.0, 0.9, 0.5, 0.2] {
                let threshold = f64::from(range.magnitude()) * share;
                let steps = Steps::new(threshold, signed);
                let (found, want) = (steps.noise(&bins), draw::noise(&x, threshold, signed));
                assert!((found - want).abs() <= 0.02 * want, "{name} {share}: {found}, not {want}");
                let end = if signed { threshold * 128.0 / 127.0 } else { 0.0 };
                let out = |v: &&f32| f64::from(**v) > threshold || f64::from(**v) < -end;
                let (found, want) = (steps.clipped(&bins), x.iter().filter(out).count() as f64);
                assert!((found - want).abs() <= 2.0 + 0.05 * want, "{name} {share}: {found}, not {want}");
            }
            let want: f64 = x.iter().map(|&v| f64::from(v).powi(2)).sum();
            assert!((signal(&bins) - want).abs() < 1e-3 * want, "{name}");
        }
    }

    #[test]
    fn what_a_relu6_makes_its_greatest_is_exact() {
        let x = [0.0, 6.0, 6.0, 6.0, 0.0];
        let (histogram, range) = draw::histogram(&x);
        let bins = histogram.bins(range);
        assert_eq!(Steps::new(6.0, false).noise(&bins), 0.0);
        assert_eq!(Steps::new(6.0, false).clipped(&bins), 0.0);
        assert_eq!(Steps::new(5.0, false).noise(&bins), 3.0);
        assert_eq!(Steps::new(5.0, false).clipped(&bins), 3.0);
    }
}
