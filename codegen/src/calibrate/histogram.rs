//! The distribution of an edge's values, in constant memory and whatever the order in which they come.
//!
//! Magnitudes are counted in [`BINS`] bins of one width, a power of two, on each side of zero; zeros, of which behind a
//! Relu there are many and which no quantization changes, are counted apart.
//!
//! ```text
//! bin i of a side: the values v of that sign with i <= |v| / width < i + 1
//! ```
//!
//! A greater magnitude than the bins hold doubles the width and adds bins in pairs until it fits. Since
//! `floor(v / 2w) = floor(floor(v / w) / 2)`, the counts then are what they had been with that width from the start: the
//! histogram is a function of the set of values alone. So threads may fill several and add them in any order. With the
//! width that the greatest magnitude asks for, at least half of the bins lie below it.
use crate::calibrate::Range;

/// Bins a side. At least half of them are in use: 8 for each of the 255 steps of u8, 16 for each of the 127 of s8.
pub const BINS: usize = 4096;
/// The least exponent of a width; its reciprocal is still a finite f32.
const LEAST_EXPONENT: i32 = -120;

/// Counts of values by magnitude and sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    exponent: i32,
    /// Negative values by falling magnitude, zeros, positive values.
    counts: Vec<u64>,
}

/// Values of one sign in one bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Whether the values are negative.
    pub negative: bool,
    /// Least magnitude.
    pub low: f64,
    /// Greatest magnitude.
    pub high: f64,
    /// How many.
    pub count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { exponent: LEAST_EXPONENT, counts: vec![0; 2 * BINS + 1] }
    }
}

impl Histogram {
    /// Counts finite values, none of which is of greater magnitude than `magnitude`.
    pub fn observe(&mut self, x: &[f32], magnitude: f32) {
        self.widen(exponent(magnitude));
        let scale = power(-self.exponent);
        for &v in x {
            // Truncated towards zero and moved away from it by one, which leaves the middle to zeros; no branch.
            let bin = (v * scale) as i32 + i32::from(v > 0.0) - i32::from(v < 0.0);
            self.counts[(BINS as i32 + bin) as usize] += 1;
        }
    }
    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        self.widen(other.exponent);
        fold(&mut self.counts, &other.counts, other.exponent, self.exponent);
    }
    fn widen(&mut self, exponent: i32) {
        if exponent > self.exponent {
            let old = std::mem::replace(&mut self.counts, vec![0; 2 * BINS + 1]);
            fold(&mut self.counts, &old, self.exponent, exponent);
            self.exponent = exponent;
        }
    }
    /// The width of a bin.
    pub fn width(&self) -> f64 {
        f64::from(power(self.exponent))
    }
    /// How many values are zero.
    pub fn zeros(&self) -> u64 {
        self.counts[BINS]
    }
    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
    /// What the bins of a side hold, by rising magnitude.
    fn side(&self, negative: bool) -> impl Iterator<Item = u64> + '_ {
        (1..=BINS).map(move |i| self.counts[if negative { BINS - i } else { BINS + i }])
    }
    /// The bins that hold something, negative ones last; none reaches beyond the exact range of the values, so that the
    /// many that a Relu6 makes its greatest are in a bin without width.
    pub fn bins(&self, range: Range) -> Vec<Bin> {
        let width = self.width();
        let side = |negative, end: f32| {
            let end = f64::from(end.abs());
            self.side(negative).enumerate().filter(|&(_, count)| count > 0).map(move |(i, count)| {
                let (low, high) = (i as f64 * width, (i + 1) as f64 * width);
                Bin { negative, low: low.min(end), high: high.min(end), count }
            })
        };
        side(false, range.max).chain(side(true, range.min)).collect()
    }
    /// Counts by magnitude, of both signs, without zeros, up to the last that is not empty.
    pub fn magnitudes(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.side(false).zip(self.side(true)).map(|(a, b)| a + b).collect();
        all.truncate(all.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1));
        all
    }
}

/// `2^exponent`, exactly.
fn power(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) as u32) << 23)
}

/// The least exponent of a width with which `magnitude` has a bin.
fn exponent(magnitude: f32) -> i32 {
    let fits = |&e: &i32| f64::from(magnitude) < BINS as f64 * f64::from(power(e));
    (LEAST_EXPONENT..f32::MAX_EXP).find(fits).unwrap_or(f32::MAX_EXP)
}

/// Adds counts of bins of width `2^from` to those of `2^to`, which is no less.
fn fold(into: &mut [u64], counts: &[u64], from: i32, to: i32) {
    // When they have been added in pairs as often as there are bits in a bin's number, one bin is left.
    let shift = (to - from).clamp(0, BINS.ilog2() as i32);
    into[BINS] += counts[BINS];
    for i in 0..BINS {
        let bin = (i >> shift) + 1;
        into[BINS + bin] += counts[BINS + i + 1];
        into[BINS - bin] += counts[BINS - i - 1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(parts: &[&[f32]]) -> Histogram {
        let mut all = Histogram::default();
        for x in parts {
            all.observe(x, x.iter().fold(0.0, |m, v| m.max(v.abs())));
        }
        all
    }

    #[test]
    fn the_order_of_values_does_not_matter() {
        let x: Vec<f32> = (0..20_000i32).map(|i| ((i * 7919) % 20_011) as f32 * 1.37e-3 - 11.0).collect();
        let mut reverse = x.clone();
        reverse.reverse();
        let parts: Vec<&[f32]> = reverse.chunks(37).collect();
        let (one, many) = (filled(&[&x]), filled(&parts));
        assert_eq!(one, many);
        let mut added = Histogram::default();
        parts.iter().for_each(|p| added.add(&filled(&[p])));
        assert_eq!(one, added);
    }

    #[test]
    fn a_wider_range_keeps_the_counts() {
        let h = filled(&[&[0.0, 1e-6, -3e-6], &[1e30, 0.0]]);
        assert_eq!((h.count(), h.zeros()), (5, 2));
        let bins = h.bins(Range { min: -3e-6, max: 1e30 });
        assert_eq!(
            bins.iter().map(|b| (b.negative, b.count)).collect::<Vec<_>>(),
            [(false, 1), (false, 1), (true, 1)]
        );
        assert!(bins[1].low <= 1e30 && bins[1].high == f64::from(1e30f32), "{bins:?}");
    }

    #[test]
    fn each_value_is_in_its_bin_and_half_of_them_are_used() {
        for greatest in [1.0f32, 6.0, 1.999, 255.0, 3e-9, f32::MAX] {
            let h = filled(&[&[greatest, -greatest / 3.0, 0.0]]);
            assert!(h.magnitudes().len() > BINS / 2, "{greatest}");
            for (bin, v) in
                h.bins(Range { min: -greatest / 3.0, max: greatest }).iter().zip([greatest, greatest / 3.0])
            {
                assert!(bin.low <= f64::from(v) && f64::from(v) <= bin.high, "{greatest}: {bin:?}");
            }
        }
    }

    #[test]
    fn the_least_magnitudes_share_a_bin() {
        let h = filled(&[&[f32::from_bits(1), -f32::MIN_POSITIVE]]);
        assert_eq!((h.count(), h.zeros()), (2, 0));
        assert_eq!(h.magnitudes(), [2]);
    }
}
