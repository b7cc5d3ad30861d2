//! How long inferences took: least, median and ninth decile.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// Times in ascending order; there is at least one.
pub(super) struct Times(Vec<Duration>);

impl Times {
    pub(super) fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that `tenths` tenths of the runs did not exceed, by nearest rank.
    pub(super) fn decile(&self, tenths: usize) -> Duration {
        let rank = (self.0.len() * tenths).div_ceil(10).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

/// A time in milliseconds.
pub(super) struct Milliseconds(pub(super) Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} ms", self.0.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec;

    #[test]
    fn deciles_are_nearest_ranks() {
        let times = Times::new((1..=20).rev().map(Duration::from_millis).collect());
        assert_eq!([0, 5, 9].map(|tenths| times.decile(tenths).as_millis()), [1, 10, 18]);
        let times = Times::new(vec![Duration::from_millis(7)]);
        assert_eq!([0, 5, 9].map(|tenths| times.decile(tenths).as_millis()), [7, 7, 7]);
        assert_eq!(Milliseconds(times.decile(5)).to_string(), "7.0000 ms");
    }
}
