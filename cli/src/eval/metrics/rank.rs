//! Whether a class is among the `k` highest scores. Of equal scores the lower class comes first, as in `top_k`.

/// By sample, whether fewer than `k` classes come before the true one.
pub(crate) fn within(k: usize, outputs: &[Vec<f32>], classes: &[i64]) -> Vec<bool> {
    outputs.iter().zip(classes).map(|(y, &class)| rank(y, class).is_some_and(|r| r < k)).collect()
}

/// How many classes come before this one.
fn rank(scores: &[f32], class: i64) -> Option<usize> {
    let class = usize::try_from(class).ok()?;
    let score = *scores.get(class)?;
    let before = |&(i, &s): &(usize, &f32)| s > score || s == score && i < class;
    Some(scores.iter().enumerate().filter(before).count())
}

/// The class of the highest score.
pub(crate) fn greatest(scores: &[f32]) -> usize {
    let better = |best: usize, i: usize| if scores[i] > scores[best] { i } else { best };
    (1..scores.len()).fold(0, better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_keep_their_order() {
        let y = vec![vec![0.1, 0.7, 0.7, 0.3], vec![0.0; 4]];
        assert_eq!(within(1, &y, &[1, 0]), [true, true]);
        assert_eq!(within(1, &y, &[2, 1]), [false, false]);
        assert_eq!(within(2, &y, &[2, 1]), [true, true]);
        assert_eq!(within(3, &y, &[0, 3]), [false, false]);
        assert_eq!(within(4, &y, &[0, 3]), [true, true]);
        assert_eq!((greatest(&y[0]), greatest(&y[1])), (1, 0));
    }

    #[test]
    fn a_class_outside_is_never_right() {
        assert_eq!(within(9, &[vec![1.0], vec![1.0]], &[-1, 1]), [false, false]);
    }
}
