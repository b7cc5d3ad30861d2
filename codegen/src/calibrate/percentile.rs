//! The magnitude that a share of the values do not exceed, zeros counted; linear inside a bin.
use crate::calibrate::histogram::Histogram;

/// The threshold below which `percent` of the values are; `None` if they are all zero, which is no range.
pub(super) fn threshold(histogram: &Histogram, percent: f64) -> Option<f64> {
    let wanted = histogram.count() as f64 * percent / 100.0;
    let mut below = histogram.zeros() as f64;
    if below >= wanted {
        return None;
    }
    let counts = histogram.magnitudes();
    for (i, &count) in counts.iter().enumerate() {
        let inside = wanted - below;
        if inside <= count as f64 {
            return Some((i as f64 + inside / count as f64) * histogram.width());
        }
        below += count as f64;
    }
    Some(counts.len() as f64 * histogram.width())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::draw;

    /// By sorting all magnitudes.
    fn sorted(x: &[f32], percent: f64) -> f64 {
        let mut x: Vec<f32> = x.iter().map(|v| v.abs()).collect();
        x.sort_by(f32::total_cmp);
        f64::from(x[(x.len() as f64 * percent / 100.0) as usize - 1])
    }

    #[test]
    fn it_is_what_sorting_finds() {
        for (name, x) in draw::all() {
            let (histogram, _) = draw::histogram(&x);
            for percent in [99.0, 99.9, 99.99] {
                let (found, want) = (threshold(&histogram, percent).unwrap(), sorted(&x, percent));
                assert!((found - want).abs() <= histogram.width(), "{name} {percent}: {found}, not {want}");
            }
        }
    }

    #[test]
    fn where_all_that_counts_is_zero_there_is_none() {
        let mut x = vec![0.0; 1000];
        x[0] = 1.0;
        let (histogram, _) = draw::histogram(&x);
        assert_eq!(threshold(&histogram, 99.0), None);
        assert!(threshold(&histogram, 99.99).is_some());
        assert!(threshold(&histogram, 100.0).unwrap() >= 1.0);
    }
}
