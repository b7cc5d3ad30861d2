//! One edge's thresholds, tried alone: the edge is quantized, what is behind it runs in fp32.
use crate::calibrate::Statistics;
use crate::error::Problems;
use crate::graph::{Edge, Graph};
use crate::interpret::run;
use crate::ops::Products;
use crate::tensor::{Data, Tensor};
use std::collections::HashMap;
use std::sync::Arc;

/// Thresholds nearer than this are one.
const NEAR: f32 = 0.01;

/// The thresholds and what they did so far.
pub(super) struct Trial {
    pub(super) edge: Edge,
    signed: bool,
    /// Where errors are measured.
    ends: Vec<Edge>,
    /// Whose fp32 values stay as they are.
    kept: Vec<Edge>,
    thresholds: Vec<f32>,
    /// For each end: sum of squares, and for each threshold the sum of the errors' squares.
    signal: Vec<f64>,
    noise: Vec<Vec<f64>>,
}

impl Trial {
    pub(super) fn new(edge: Edge, statistics: &Statistics, ends: Vec<Edge>, kept: Vec<Edge>) -> Self {
        let mut thresholds: Vec<f32> = vec![];
        for threshold in statistics.candidates.iter().map(|c| c.threshold) {
            if thresholds.iter().all(|&t| !near(t, threshold)) {
                thresholds.push(threshold);
            }
        }
        let (signal, noise) = (vec![0.0; ends.len()], vec![vec![0.0; thresholds.len()]; ends.len()]);
        Self { edge, signed: statistics.signed(), ends, kept, thresholds, signal, noise }
    }
    /// How often the network behind the edge runs for a sample: not at all where there is nothing to choose.
    pub(super) fn thresholds(&self) -> usize {
        if self.thresholds.len() < 2 { 0 } else { self.thresholds.len() }
    }
    /// Tries all thresholds on a sample, given its fp32 values.
    pub(super) fn run(&mut self, graph: &Graph, values: &HashMap<Edge, Arc<Tensor>>) -> Result<(), Problems> {
        let Some(x) = values.get(&self.edge).filter(|_| self.thresholds() > 0) else { return Ok(()) };
        let kept = self.kept.iter().filter_map(|e| Some((*e, Arc::clone(values.get(e)?))));
        let mut feeds: HashMap<Edge, Arc<Tensor>> = kept.collect();
        for (i, &threshold) in self.thresholds.iter().enumerate() {
            feeds.insert(self.edge, Arc::new(quantized(x, threshold, self.signed)));
            let y = run(graph, &feeds, &self.ends, Products::Fast)?;
            for (end, y) in y.iter().enumerate() {
                let Some(want) = values.get(&self.ends[end]) else { continue };
                self.noise[end][i] += squares(want, y);
                if i == 0 {
                    self.signal[end] += energy(want);
                }
            }
        }
        Ok(())
    }
    /// The error of a threshold over all ends.
    fn error(&self, i: usize) -> f64 {
        let end = |(noise, &signal): (&Vec<f64>, &f64)| if signal > 0.0 { noise[i] / signal } else { 0.0 };
        self.noise.iter().zip(&self.signal).map(end).sum()
    }
    /// Writes down the errors, if there was anything to choose.
    pub(super) fn tell(&self, statistics: &mut Statistics) {
        for candidate in &mut statistics.candidates {
            let tried = self.thresholds.iter().position(|&t| near(t, candidate.threshold));
            candidate.downstream = tried.filter(|_| self.thresholds() > 0).map(|i| self.error(i));
        }
    }
}

fn near(a: f32, b: f32) -> bool {
    (a - b).abs() <= NEAR * a.max(b)
}

/// What eight bits keep of a tensor. One that is not f32 was refused before.
fn quantized(x: &Tensor, threshold: f32, signed: bool) -> Tensor {
    let (low, high) = if signed { (-128.0, 127.0) } else { (0.0, 255.0) };
    let (scale, step) = (high / threshold, threshold / high);
    let mut y = x.clone();
    // What never was anything but zero stays zero: its threshold is none.
    if let (Data::F32(y), true) = (&mut y.data, threshold > 0.0) {
        y.iter_mut().for_each(|v| *v = (*v * scale).round_ties_even().clamp(low, high) * step);
    }
    y
}

/// Sum of the squares of the differences of two tensors of f32.
fn squares(a: &Tensor, b: &Tensor) -> f64 {
    let (Ok(a), Ok(b)) = (a.as_f32(), b.as_f32()) else { return 0.0 };
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

/// Sum of the squares of a tensor of f32.
fn energy(x: &Tensor) -> f64 {
    x.as_f32().unwrap_or_default().iter().map(|&v| f64::from(v).powi(2)).sum()
}
