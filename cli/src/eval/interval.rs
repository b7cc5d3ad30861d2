//! 95 % confidence intervals of the difference of two models that saw the same samples.
use rayon::prelude::*;

/// A difference and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Difference {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// How the interval was made.
    pub(super) method: &'static str,
}

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// Draws of a bootstrap.
const DRAWS: u64 = 2000;

/// Second share minus first: Newcombe's hybrid score interval for paired proportions (1998, method 10).
///
/// With a, b, c, d the samples that both, only the first, only the second and none got right, Wilson's intervals
/// `(l1, u1)` and `(l2, u2)` of both shares are joined as
/// `D - sqrt((p1-l1)^2 - 2 phi (p1-l1)(u2-p2) + (u2-p2)^2)` and likewise above, where phi is their correlation.
pub(super) fn newcombe(first: &[bool], second: &[bool]) -> Difference {
    let count = |x, y| first.iter().zip(second).filter(|&(&p, &q)| p == x && q == y).count() as f64;
    let [a, b, c, d] = [count(true, true), count(true, false), count(false, true), count(false, false)];
    let n = a + b + c + d;
    // As in the paper, the first of the two shares is the one that is subtracted from.
    let [p, q] = [(a + c) / n, (a + b) / n];
    let [(low_p, high_p), (low_q, high_q)] = [wilson(p, n), wilson(q, n)];
    let phi = phi(a, b, c, d, n);
    let join = |x: f64, y: f64| (x * x - 2.0 * phi * x * y + y * y).max(0.0).sqrt();
    let value = p - q;
    Difference {
        value,
        low: value - join(p - low_p, high_q - q),
        high: value + join(high_p - p, q - low_q),
        method: "Newcombe",
    }
}

/// Wilson's score interval of a share of `n`.
fn wilson(p: f64, n: f64) -> (f64, f64) {
    let z2 = Z * Z;
    let centre = p + z2 / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - half) / (1.0 + z2 / n), (centre + half) / (1.0 + z2 / n))
}

/// The correlation of the two, corrected for continuity where it is positive.
fn phi(a: f64, b: f64, c: f64, d: f64, n: f64) -> f64 {
    let margins = (a + b) * (c + d) * (a + c) * (b + d);
    let product = a * d - b * c;
    let corrected = if product > 0.0 { (product - n / 2.0).max(0.0) } else { product };
    if margins > 0.0 { corrected / margins.sqrt() } else { 0.0 }
}

/// Second value minus first over samples drawn anew with repetition: the 2.5th and 97.5th percentile of the draws.
/// `first` and `second` take how often each sample was drawn. The draws are the same every time.
pub(super) fn bootstrap(
    samples: usize,
    first: &(dyn Fn(&[u32]) -> f64 + Sync),
    second: &(dyn Fn(&[u32]) -> f64 + Sync),
) -> Difference {
    let difference = |weights: &[u32]| second(weights) - first(weights);
    let drawn = |draw: u64| difference(&draw_weights(samples, draw));
    let mut draws: Vec<f64> = (0..DRAWS).into_par_iter().map(drawn).filter(|d| d.is_finite()).collect();
    draws.sort_by(f64::total_cmp);
    let percentile = |share: f64| {
        let place = share * draws.len().saturating_sub(1) as f64;
        draws.get(place.round() as usize).copied().unwrap_or(f64::NAN)
    };
    Difference {
        value: difference(&vec![1; samples]),
        low: percentile(0.025),
        high: percentile(0.975),
        method: "paired bootstrap",
    }
}

/// How often each sample is drawn in one draw of as many as there are.
fn draw_weights(samples: usize, draw: u64) -> Vec<u32> {
    let mut weights = vec![0; samples];
    let mut state = draw.wrapping_mul(0x2545_f491_4f6c_dd1d);
    for _ in 0..samples {
        // The high word of a product maps 64 random bits to a place without a division.
        let place = ((u128::from(splitmix(&mut state)) * samples as u128) >> 64) as usize;
        if let Some(weight) = weights.get_mut(place) {
            *weight += 1;
        }
    }
    weights
}

/// SplitMix64 (Steele, Lea and Flood 2014).
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
