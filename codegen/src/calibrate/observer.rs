//! What watches the values of one edge.
use crate::calibrate::Range;
use crate::calibrate::histogram::Histogram;

/// The weight of a new sample in a moving average, from the sample on at which the plain average gives it no more.
/// Without that start a few samples would say little but what the first one was.
const SHARE: f64 = 0.01;

/// What an edge was seen to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Observer {
    /// Of all samples, exactly.
    pub(super) range: Option<Range>,
    /// Counts of finite values.
    pub(super) histogram: Histogram,
    /// How many values were NaN or infinite. They enter nothing else.
    pub(super) not_finite: u64,
}

impl Observer {
    /// What one sample shows.
    pub(super) fn of(x: &[f32]) -> Self {
        let (min, max, check) = extremes(x);
        let mut one = Self::default();
        if check.is_nan() {
            one.not_finite = x.iter().filter(|v| !v.is_finite()).count() as u64;
        } else if !x.is_empty() {
            let range = Range { min, max };
            one.range = Some(range);
            one.histogram.observe(x, range.magnitude());
        }
        one
    }
    /// Adds what others saw; in any order the sum is the same.
    pub(super) fn add(&mut self, other: &Self) {
        self.not_finite += other.not_finite;
        self.histogram.add(&other.histogram);
        self.range = match (self.range, other.range) {
            (Some(a), Some(b)) => Some(Range { min: a.min.min(b.min), max: a.max.max(b.max) }),
            (a, b) => a.or(b),
        };
    }
}

/// Least, greatest, and a sum that is NaN if any value is NaN or infinite: `v * 0` then is, and no branch is needed. In
/// lanes, which the compiler turns into vectors.
fn extremes(x: &[f32]) -> (f32, f32, f32) {
    const LANES: usize = 16;
    let mut all = [(f32::INFINITY, f32::NEG_INFINITY, 0.0f32); LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    let take = |all: &mut [(f32, f32, f32)], x: &[f32]| {
        for ((min, max, check), &v) in all.iter_mut().zip(x) {
            (*min, *max, *check) = (min.min(v), max.max(v), *check + v * 0.0);
        }
    };
    chunks.for_each(|x| take(&mut all, x));
    take(&mut all, rest);
    all.into_iter().fold((f32::INFINITY, f32::NEG_INFINITY, 0.0), |(min, max, check), lane| {
        (min.min(lane.0), max.max(lane.1), check + lane.2)
    })
}

/// The moving average of the samples' ranges, which does depend on their order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Average {
    samples: f64,
    min: f64,
    max: f64,
}

impl Average {
    /// Takes in the next sample's range.
    pub(super) fn follow(&mut self, next: Range) {
        self.samples += 1.0;
        let share = SHARE.max(1.0 / self.samples);
        self.min += share * (f64::from(next.min) - self.min);
        self.max += share * (f64::from(next.max) - self.max);
    }
    /// The greater magnitude of the averaged ends.
    pub(super) fn magnitude(&self) -> f64 {
        self.min.abs().max(self.max.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_spans_all_samples() {
        let mut o = Observer::default();
        assert_eq!(o.range, None);
        [&[][..], &[1.0, 3.0], &[-0.5, 2.0]].iter().for_each(|x| o.add(&Observer::of(x)));
        assert_eq!(o.range, Some(Range { min: -0.5, max: 3.0 }));
        assert_eq!(o.histogram.count(), 4);
    }

    #[test]
    fn what_is_no_number_is_counted() {
        let mut o = Observer::of(&[1.0, f32::NAN, f32::INFINITY]);
        o.add(&Observer::of(&[f32::NEG_INFINITY]));
        assert_eq!((o.not_finite, o.range, o.histogram.count()), (3, None, 0));
    }

    #[test]
    fn the_average_is_plain_for_a_hundred_samples_and_then_forgets() {
        let mut average = Average::default();
        (0..100).for_each(|i| average.follow(Range { min: -1.0, max: i as f32 }));
        assert!((average.magnitude() - 49.5).abs() < 1e-9, "{average:?}");
        average.follow(Range { min: -1.0, max: 149.5 });
        assert!((average.magnitude() - 50.5).abs() < 1e-9, "{average:?}");
    }
}
