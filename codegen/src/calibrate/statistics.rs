//! What calibration saw of an edge and chose for it: the ranges that the plan uses, and what a report draws.
use crate::calibrate::histogram::{Bin, Histogram};
use crate::calibrate::noise::{Steps, signal};
use crate::calibrate::{Method, Range, Watched, kl, mse, percentile};

/// One edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// `node` or `node:port` of the optimised fp32 graph.
    pub name: String,
    /// Exactly what was seen.
    pub seen: Range,
    /// All values.
    pub histogram: Histogram,
    /// What each method would do, in the order of [`Method::PLAIN`].
    pub candidates: Vec<Candidate>,
    /// The method of the candidate that was chosen.
    pub chosen: Method,
}

/// A threshold that a method gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Whose it is.
    pub method: Method,
    /// The `R` of `(0, R)` or `(-R, R)`; at most the greatest magnitude seen.
    pub threshold: f32,
    /// Share of the values that are clipped.
    pub clipped: f64,
    /// Expected squared error over the mean square of the values: rounding and clipping, by the histogram.
    pub error: f64,
    /// Squared error over mean square at the network's last observed edges, if this edge alone is quantized; known where
    /// `auto` had something to choose.
    pub downstream: Option<f64>,
}

impl Statistics {
    /// What all methods make of what was seen.
    pub(super) fn new(name: String, edge: Distribution, percent: f64) -> Self {
        let energy = signal(&edge.bins);
        let candidate = |method| {
            let threshold = edge.threshold(method, percent);
            let steps = Steps::new(f64::from(threshold), edge.seen.min < 0.0);
            // Of an edge that never was anything but zero there is no error.
            let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
            let clipped = share(steps.clipped(&edge.bins), edge.histogram.count() as f64);
            let error = if energy > 0.0 { steps.noise(&edge.bins) / energy } else { 0.0 };
            Candidate { method, threshold, clipped, error, downstream: None }
        };
        let candidates = Method::PLAIN.map(candidate).to_vec();
        Self { name, seen: edge.seen, candidates, histogram: edge.histogram, chosen: Method::MinMax }
    }
    /// Whether a value was negative.
    pub fn signed(&self) -> bool {
        self.seen.min < 0.0
    }
    /// What a method gives.
    pub fn candidate(&self, method: Method) -> Option<&Candidate> {
        self.candidates.iter().find(|c| c.method == method)
    }
    /// The method of the least error downstream, if that is less than `share` of the error of `base`; else `base`.
    pub fn best(&self, base: Method, share: f64) -> Method {
        let error = |c: &Candidate| c.downstream.unwrap_or(f64::INFINITY);
        let bar = share * self.candidate(base).map_or(f64::INFINITY, error);
        let best = self.candidates.iter().min_by(|a, b| error(a).total_cmp(&error(b)));
        best.filter(|c| error(c) < bar).map_or(base, |c| c.method)
    }
    /// What was chosen; `None` only if somebody took it out of the candidates.
    pub fn choice(&self) -> Option<&Candidate> {
        self.candidate(self.chosen)
    }
    /// The range to quantize: what was seen, clipped at the chosen threshold.
    pub fn range(&self) -> Range {
        let threshold = self.choice().map_or(self.seen.magnitude(), |c| c.threshold);
        self.seen.clipped(threshold)
    }
}

/// What methods make a threshold of.
pub(super) struct Distribution {
    seen: Range,
    histogram: Histogram,
    bins: Vec<Bin>,
    /// The moving average's magnitude.
    average: f64,
}

impl Distribution {
    pub(super) fn new(seen: Range, (observer, average): Watched) -> Self {
        let bins = observer.histogram.bins(seen);
        Self { seen, histogram: observer.histogram, bins, average: average.magnitude() }
    }
    /// The threshold of a plain method.
    fn threshold(&self, method: Method, percent: f64) -> f32 {
        let (magnitude, signed) = (f64::from(self.seen.magnitude()), self.seen.min < 0.0);
        let found = match method {
            Method::MinMax | Method::Auto => None,
            Method::MovingAverage => Some(self.average),
            Method::Percentile => percentile::threshold(&self.histogram, percent),
            Method::Kl => kl::threshold(&self.histogram, signed),
            Method::Mse => Some(mse::threshold(&self.bins, magnitude, signed)),
        };
        found.filter(|&t| t > 0.0 && t < magnitude).map_or(self.seen.magnitude(), |t| t as f32)
    }
    /// The range to quantize by a plain method.
    pub(super) fn range(&self, method: Method, percent: f64) -> Range {
        self.seen.clipped(self.threshold(method, percent))
    }
}
