//! Values of known distributions for tests, and what quantization does to them, value by value.
use crate::calibrate::Range;
use crate::calibrate::histogram::Histogram;
use crate::calibrate::observer::Observer;

const COUNT: usize = 20_000;

/// Normal deviates by the sum of twelve uniform ones (xorshift64).
fn normal(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    std::iter::repeat_with(move || (0..12).map(|_| uniform()).sum::<f64>() - 6.0)
}

/// Distributions by name.
pub(super) fn all() -> Vec<(&'static str, Vec<f32>)> {
    let take = |f: fn(f64) -> f64, seed| normal(seed).map(|v| f(v) as f32).take(COUNT).collect::<Vec<_>>();
    let mut outliers = take(|v| v, 5);
    outliers[77] = 60.0;
    vec![
        ("gaussian", take(|v| v, 1)),
        ("relu", take(|v| v.max(0.0), 2)),
        ("relu6", take(|v| (4.0 * v).clamp(0.0, 6.0), 3)),
        ("heavy tail", take(|v| v * v * v, 4)),
        ("outliers", outliers),
        ("uniform", (0..COUNT).map(|i| (i * 7919 % COUNT) as f32 / 997.0).collect()),
        ("mostly negative", take(|v| 0.3 * v - 1.0, 6)),
    ]
}

/// What an observer makes of values.
pub(super) fn histogram(x: &[f32]) -> (Histogram, Range) {
    let seen = Observer::of(x);
    (seen.histogram, seen.range.unwrap())
}

/// Sum of the squares of the errors, by quantizing every value.
pub(super) fn noise(x: &[f32], threshold: f64, signed: bool) -> f64 {
    let (low, high) = if signed { (-128.0, 127.0) } else { (0.0, 255.0) };
    let step = threshold / high;
    x.iter()
        .map(|&v| (f64::from(v) - (f64::from(v) / step).round_ties_even().clamp(low, high) * step).powi(2))
        .sum()
}
