//! Area under the ROC curve: the chance that a positive sample scores above a negative one, ties counting half.

/// The one score of an output, or the second's lead over the first.
fn score(y: &[f32]) -> f32 {
    match y {
        [no, yes] => yes - no,
        _ => y.first().copied().unwrap_or(f32::NAN),
    }
}

/// Whether an output says yes: a probability above a half, or the second score above the first.
pub(crate) fn positive(y: &[f32]) -> bool {
    let threshold = if y.len() == 2 { 0.0 } else { 0.5 };
    score(y) > threshold
}

/// The scores of all samples.
pub(crate) fn scores(outputs: &[Vec<f32>]) -> Vec<f32> {
    outputs.iter().map(|y| score(y)).collect()
}

/// By sample, whether the decision is the label.
pub(crate) fn right(outputs: &[Vec<f32>], classes: &[i64]) -> Vec<bool> {
    outputs.iter().zip(classes).map(|(y, &class)| positive(y) == (class == 1)).collect()
}

/// Samples by rising score, in groups of equal ones.
pub(crate) struct Ranked(Vec<Vec<(usize, bool)>>);

impl Ranked {
    pub(crate) fn new(scores: &[f32], classes: &[i64]) -> Self {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        let groups = order.chunk_by(|&a, &b| scores[a] == scores[b]);
        Self(groups.map(|g| g.iter().map(|&i| (i, classes.get(i) == Some(&1))).collect()).collect())
    }
    /// The area, each sample as often as its weight says; NaN without samples of both kinds. Linear in the samples.
    pub(crate) fn area(&self, weights: &[u32]) -> f64 {
        let (mut below, mut positives, mut area) = (0.0, 0.0, 0.0);
        for group in &self.0 {
            let (mut yes, mut no) = (0.0, 0.0);
            for &(i, positive) in group {
                let weight = f64::from(weights.get(i).copied().unwrap_or(0));
                if positive { yes += weight } else { no += weight }
            }
            area += yes * (below + no / 2.0);
            below += no;
            positives += yes;
        }
        area / (positives * below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_counted_by_hand() {
        // Positives 0.8 and 0.4 against negatives 0.6 and 0.4: above, above, below, tied.
        let ranked = Ranked::new(&[0.8, 0.4, 0.6, 0.4], &[1, 1, 0, 0]);
        assert_eq!(ranked.area(&[1; 4]), 2.5 / 4.0);
        // The tied positive twice: (2 + 2 * 0.5) / 6.
        assert_eq!(ranked.area(&[1, 2, 1, 1]), 3.0 / 6.0);
        assert!(ranked.area(&[1, 1, 0, 0]).is_nan());
    }

    #[test]
    fn it_is_the_share_of_ordered_pairs() {
        let scores: Vec<f32> = (0..300_u32).map(|i| (i * 7919 % 53) as f32).collect();
        let classes: Vec<i64> = (0..300_u32).map(|i| i64::from(i * 104_729 % 3 == 0)).collect();
        let (mut ordered, mut pairs) = (0.0, 0.0);
        for (i, j) in (0..300).flat_map(|i| (0..300).map(move |j| (i, j))) {
            if classes[i] == 1 && classes[j] == 0 {
                pairs += 1.0;
                ordered += if scores[i] > scores[j] {
                    1.0
                } else {
                    0.5 * f64::from(u8::from(scores[i] == scores[j]))
                };
            }
        }
        let area = Ranked::new(&scores, &classes).area(&[1; 300]);
        assert!((area - ordered / pairs).abs() < 1e-12, "{area} {}", ordered / pairs);
    }

    #[test]
    fn decisions_of_one_score_and_of_two() {
        assert!(positive(&[0.6]) && !positive(&[0.5]));
        assert!(positive(&[-2.0, -1.0]) && !positive(&[0.6, 0.4]));
        assert_eq!(right(&[vec![0.9], vec![0.9]], &[1, 0]), [true, false]);
    }
}
