//! The threshold of the least relative entropy (Kullback-Leibler divergence), as TensorRT introduced it.
//!
//! For each number `n` of bins that a range may end at, the distribution `P` that clipping leaves, whose last bin holds
//! all beyond it too, is compared to what eight bits keep of it: `Q`, where the bins that round to one level share what
//! the values inside the range give that level, evenly among those of them that are not empty.
//!
//! ```text
//! level of bin i = round((i + 1/2) L / n)         L = 127 of s8, magnitudes of both signs taken together; 255 of u8
//! D(P || Q) = sum of p ln(p / q)
//! ```
//!
//! Level 0 has half the width of the others, as rounding has it. Zeros are the same in both and are left out. Where only
//! clipped values are, `q` is nothing; it is taken as half of one value. Levels need no walk over their bins: prefix sums
//! of counts, of bins that are not empty and of `p ln p` give each threshold in `L` steps.
use crate::calibrate::histogram::Histogram;

/// The threshold; `None` if there is nothing but zeros.
pub(super) fn threshold(histogram: &Histogram, signed: bool) -> Option<f64> {
    let counts = histogram.magnitudes();
    let levels = if signed { 127 } else { 255 };
    let sums = Sums::new(&counts);
    let divergence = |&n: &usize| (n, sums.divergence(n, levels));
    let all = (levels.min(counts.len())..=counts.len()).filter(|&n| n > 0);
    // Of equals the widest, which clips nothing that the other would not.
    let best = all.map(|n| divergence(&n)).rev().min_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|(n, _)| n as f64 * histogram.width())
}

/// Prefix sums; entry `i` is the sum over the bins before `i`.
struct Sums {
    count: Vec<f64>,
    filled: Vec<f64>,
    entropy: Vec<f64>,
}

impl Sums {
    fn new(counts: &[u64]) -> Self {
        let prefix = |each: fn(f64) -> f64| {
            let sums = counts.iter().scan(0.0, |sum, &c| {
                *sum += each(c as f64);
                Some(*sum)
            });
            std::iter::once(0.0).chain(sums).collect()
        };
        Self {
            count: prefix(|c| c),
            filled: prefix(|c| f64::from(u8::from(c > 0.0))),
            entropy: prefix(|c| if c > 0.0 { c * c.ln() } else { 0.0 }),
        }
    }
    /// `D(P || Q)` of a range of `n` bins. In counts: with `p` and `q` the counts of a bin in P and Q, all values `total`
    /// and those inside the range `inside`, `D = sum of p (ln p - ln q) / total + ln(inside / total)`.
    fn divergence(&self, n: usize, levels: usize) -> f64 {
        let (inside, total) = (self.count[n], self.count[self.count.len() - 1]);
        if inside == 0.0 {
            return f64::INFINITY;
        }
        let last = inside - self.count[n - 1];
        let clipped = total - inside;
        let (mut sum, mut first, mut q_last) = (self.entropy[n], 0, 0.5);
        for level in 0..=levels {
            // The first bin of the next level: (i + 1/2) levels / n >= level + 1/2.
            let next = ((2 * level + 1) * n).saturating_sub(levels).div_ceil(2 * levels).min(n);
            let next = if level == levels { n } else { next };
            let (count, filled) =
                (self.count[next] - self.count[first], self.filled[next] - self.filled[first]);
            if filled > 0.0 {
                let q = count / filled;
                sum -= count * q.ln();
                if next == n && last > 0.0 {
                    q_last = q;
                }
            }
            first = next;
        }
        // The last bin's p is more by what is clipped.
        let p = last + clipped;
        let before = if last > 0.0 { last * last.ln() } else { 0.0 };
        if p > 0.0 {
            sum += p * p.ln() - before - clipped * f64::ln(q_last);
        }
        sum / total + (inside / total).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::draw;

    /// The definition, bin by bin.
    fn divergence(counts: &[u64], n: usize, levels: usize) -> f64 {
        let total: u64 = counts.iter().sum();
        let inside: u64 = counts[..n].iter().sum();
        let level = |i: usize| ((i as f64 + 0.5) * levels as f64 / n as f64).round() as usize;
        let mut p: Vec<f64> = counts[..n].iter().map(|&c| c as f64).collect();
        let q: Vec<f64> = (0..n)
            .map(|i| {
                let same: Vec<usize> = (0..n).filter(|&j| level(j) == level(i) && counts[j] > 0).collect();
                if counts[i] == 0 {
                    return 0.5;
                }
                same.iter().map(|&j| counts[j] as f64).sum::<f64>() / same.len() as f64
            })
            .collect();
        p[n - 1] += (total - inside) as f64;
        let term = |(p, q): (&f64, &f64)| {
            if *p > 0.0 { p / total as f64 * (p / total as f64 / (q / inside as f64)).ln() } else { 0.0 }
        };
        p.iter().zip(&q).map(term).sum()
    }

    #[test]
    fn prefix_sums_give_the_definition() {
        let mut counts: Vec<u64> = (0..90u64).map(|i| (i * 7919 % 31) * (90 - i)).collect();
        counts[40..50].fill(0);
        for levels in [7, 15] {
            for n in levels..=90 {
                let (found, want) =
                    (Sums::new(&counts).divergence(n, levels), divergence(&counts, n, levels));
                assert!((found - want).abs() < 1e-9, "{n} bins, {levels} levels: {found}, not {want}");
            }
        }
    }

    #[test]
    fn outliers_are_clipped_and_what_has_none_is_not() {
        for (name, x) in draw::all() {
            let (histogram, range) = draw::histogram(&x);
            let share = threshold(&histogram, range.min < 0.0).unwrap() / f64::from(range.magnitude());
            match name {
                "uniform" => assert!(share > 0.95, "{name}: {share}"),
                "outliers" => assert!(share < 0.5, "{name}: {share}"),
                _ => assert!(share > 0.1, "{name}: {share}"),
            }
        }
    }

    #[test]
    fn of_nothing_but_zeros_there_is_none() {
        assert_eq!(threshold(&draw::histogram(&[0.0; 9]).0, false), None);
    }
}
