//! The greatest scores, without an allocation.

use heapless::Vec;

/// A class and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    /// Its index in the network's output.
    pub index: usize,
    /// Its score: a probability where the network ends in a softmax.
    pub score: f32,
}

/// The `K` greatest scores, greatest first; of equals the lower index first; NaN never.
///
/// One pass with an insertion into at most `K` places: n*K comparisons at worst, for the small `K` it is meant for.
pub fn top_k<const K: usize>(scores: &[f32]) -> Vec<Class, K> {
    let mut top = Vec::<Class, K>::new();
    for (index, &score) in scores.iter().enumerate().filter(|(_, score)| !score.is_nan()) {
        let place = top.iter().position(|class| class.score < score).unwrap_or(top.len());
        if place < K {
            top.truncate(K - 1);
            // There is room: at most K - 1 are left and place is among them or behind the last.
            let _ = top.insert(place, Class { index, score });
        }
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices<const K: usize>(scores: &[f32]) -> std::vec::Vec<usize> {
        top_k::<K>(scores).iter().map(|class| class.index).collect()
    }

    #[test]
    fn the_greatest_come_first_and_equals_keep_their_order() {
        assert_eq!(indices::<3>(&[0.1, 0.7, 0.2, 0.7, 0.0]), [1, 3, 2]);
        assert_eq!(indices::<5>(&[0.5, 0.5]), [0, 1]);
        assert_eq!(indices::<2>(&[f32::NAN, -1.0, f32::INFINITY, f32::NEG_INFINITY]), [2, 1]);
        assert!(indices::<1>(&[]).is_empty());
    }

    #[test]
    fn it_agrees_with_a_stable_sort() {
        let scores: std::vec::Vec<f32> = (0..200_u32).map(|n| (n * 7919 % 101) as f32).collect();
        let mut order: std::vec::Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        assert_eq!(indices::<10>(&scores), order[..10]);
    }
}
