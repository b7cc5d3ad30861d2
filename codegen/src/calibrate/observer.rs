//! What watches the values of one edge. Minimum and maximum for now; a histogram has the same shape.
use crate::calibrate::Range;

/// Sees all values of an edge, sample by sample, and says what range to quantize.
pub trait Observer {
    /// Sees the values of one sample.
    fn observe(&mut self, x: &[f32]);
    /// The range that the values call for; `None` before any was seen.
    fn range(&self) -> Option<Range>;
    /// How many values were NaN or infinite. They enter no range.
    fn not_finite(&self) -> u64;
}

/// The least and the greatest value.
#[derive(Clone, Debug, Default)]
pub struct MinMax {
    range: Option<Range>,
    not_finite: u64,
}

impl Observer for MinMax {
    fn observe(&mut self, x: &[f32]) {
        if x.is_empty() {
            return;
        }
        // Branch-free over finite values; x * 0 is NaN for the others, which one sum finds.
        let (min, max, check) =
            x.iter().fold((f32::INFINITY, f32::NEG_INFINITY, 0.0f32), |(min, max, c), &v| {
                (min.min(v), max.max(v), c + v * 0.0)
            });
        if check.is_nan() {
            self.not_finite += x.iter().filter(|v| !v.is_finite()).count() as u64;
            return;
        }
        let seen = self.range.unwrap_or(Range { min, max });
        self.range = Some(Range { min: seen.min.min(min), max: seen.max.max(max) });
    }
    fn range(&self) -> Option<Range> {
        self.range
    }
    fn not_finite(&self) -> u64 {
        self.not_finite
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_spans_all_samples() {
        let mut o = MinMax::default();
        assert_eq!(o.range(), None);
        o.observe(&[]);
        o.observe(&[1.0, 3.0]);
        o.observe(&[-0.5, 2.0]);
        assert_eq!(o.range(), Some(Range { min: -0.5, max: 3.0 }));
    }

    #[test]
    fn what_is_no_number_is_counted() {
        let mut o = MinMax::default();
        o.observe(&[1.0, f32::NAN, f32::INFINITY]);
        o.observe(&[f32::NEG_INFINITY]);
        assert_eq!((o.not_finite(), o.range()), (3, None));
    }
}
