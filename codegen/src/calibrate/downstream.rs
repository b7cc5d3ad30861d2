//! `auto`: for each edge, the method whose threshold does the least harm downstream.
//!
//! An error matters by what the readers make of it: a convolution may weigh a channel of outliers with nothing, a Relu6
//! may clip them anyway. So an edge is tried alone: the fp32 values of a sample stand everywhere else, the edge's own are
//! quantized with a candidate's threshold and taken back, and its readers run in fp32 up to the next edges that
//! are quantized themselves (or the outputs), behind their activations. There the error's square is summed and set
//! against the sum of the squares; an edge with readers in several places sums over them.
//!
//! Why there and not at the network's output: one layer costs what it costs once, the rest of the network half of the
//! whole for each edge and candidate; and what an error of one edge becomes at the output is drowned in all others'.
//!
//! Cost: a run for the fp32 values and one for each *distinct* threshold, so up to six runs a sample; [`SAMPLES`] samples,
//! spread evenly over all. Edges are tried in parallel, one sample at a time, whose values alone are held.
use crate::build::Uses;
use crate::calibrate::statistics::{Candidate, Statistics};
use crate::calibrate::{Progress, Sample, Source, feeds};
use crate::error::Problems;
use crate::graph::{Edge, Graph, NodeId};
use crate::interpret::{run, watch};
use crate::ops::Products;
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Samples on which thresholds are compared.
const SAMPLES: usize = 16;
/// Thresholds nearer than this are one.
const NEAR: f32 = 1e-3;

/// The edges of a graph with what was seen of them.
type Seen = BTreeMap<Edge, Statistics>;

/// Fills in the downstream errors, and chooses by them.
pub(super) fn choose(
    graph: &Graph,
    inputs: &[Edge],
    samples: &dyn Source,
    seen: &mut Seen,
    progress: Progress<'_>,
) -> Result<(), Problems> {
    let uses = Uses::new(graph);
    let mut trials: Vec<Trial> =
        seen.iter().map(|(&edge, s)| Trial::new(edge, s, ends(graph, &uses, seen, edge))).collect();
    let count = SAMPLES.min(samples.count());
    for i in 0..count {
        progress("choosing ranges", i, count);
        let values = values(graph, inputs, seen, &samples.get(i * samples.count() / count)?)?;
        let one = |trial: &mut Trial| trial.run(graph, &values);
        let done: Vec<Result<(), Problems>> = trials.par_iter_mut().map(one).collect();
        done.into_iter().collect::<Result<(), _>>()?;
    }
    progress("choosing ranges", count, count);
    trials.iter().for_each(|trial| {
        if let Some(statistics) = seen.get_mut(&trial.edge) {
            trial.decide(statistics);
        }
    });
    Ok(())
}

/// Where the readers of an edge give their results: the nearest observed edges, and outputs on the way.
fn ends(graph: &Graph, uses: &Uses, seen: &Seen, edge: Edge) -> Vec<Edge> {
    let of_node = |id: NodeId| seen.keys().filter(move |e| e.node == id);
    let outputs = |id: NodeId| graph.outputs.iter().filter(move |e| e.node == id);
    let (mut ends, mut met) = (BTreeSet::new(), BTreeSet::new());
    let mut stack = vec![edge.node];
    while let Some(id) = stack.pop() {
        for &(reader, _) in uses.readers(id) {
            if met.insert(reader) {
                ends.extend(of_node(reader).chain(outputs(reader)).copied());
                if of_node(reader).next().is_none() {
                    stack.push(reader);
                }
            }
        }
    }
    ends.into_iter().collect()
}

/// The fp32 values of inputs, observed edges and outputs.
fn values(
    graph: &Graph,
    inputs: &[Edge],
    seen: &Seen,
    sample: &Sample,
) -> Result<HashMap<Edge, Arc<Tensor>>, Problems> {
    let feeds = feeds(inputs, sample)?;
    let wanted: BTreeSet<Edge> = seen.keys().chain(&graph.outputs).copied().collect();
    let wanted: Vec<Edge> = wanted.into_iter().collect();
    let mut values = feeds.clone();
    watch(graph, &feeds, &wanted, Products::Fast, &mut |edge, tensor| {
        values.insert(edge, Arc::clone(tensor));
    })?;
    Ok(values)
}

/// One edge's thresholds, and what they did so far.
struct Trial {
    edge: Edge,
    signed: bool,
    ends: Vec<Edge>,
    thresholds: Vec<f32>,
    /// For each end: sum of squares, and for each threshold the sum of the errors' squares.
    signal: Vec<f64>,
    noise: Vec<Vec<f64>>,
}

impl Trial {
    fn new(edge: Edge, statistics: &Statistics, ends: Vec<Edge>) -> Self {
        let mut thresholds: Vec<f32> = vec![];
        for threshold in statistics.candidates.iter().map(|c| c.threshold) {
            if thresholds.iter().all(|&t| !near(t, threshold)) {
                thresholds.push(threshold);
            }
        }
        let noise = vec![vec![0.0; thresholds.len()]; ends.len()];
        Self { edge, signed: statistics.signed(), signal: vec![0.0; ends.len()], ends, thresholds, noise }
    }
    /// Tries all thresholds on a sample.
    fn run(&mut self, graph: &Graph, values: &HashMap<Edge, Arc<Tensor>>) -> Result<(), Problems> {
        let Some(x) = values.get(&self.edge) else { return Ok(()) };
        if self.thresholds.len() < 2 {
            return Ok(());
        }
        let mut feeds = values.clone();
        self.ends.iter().for_each(|end| drop(feeds.remove(end)));
        for (i, &threshold) in self.thresholds.iter().enumerate() {
            feeds.insert(self.edge, Arc::new(quantized(x, threshold, self.signed)));
            let y = run(graph, &feeds, &self.ends, Products::Fast)?;
            for (end, y) in y.iter().enumerate() {
                let (Some(want), Ok(y)) = (values.get(&self.ends[end]), y.as_f32()) else { continue };
                let want = want.as_f32().unwrap_or_default();
                self.noise[end][i] += want.iter().zip(y).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
                if i == 0 {
                    self.signal[end] += want.iter().map(|&a| f64::from(a).powi(2)).sum::<f64>();
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
    /// Of equals, the method that clips least.
    fn decide(&self, statistics: &mut Statistics) {
        if self.thresholds.len() < 2 {
            return;
        }
        for candidate in &mut statistics.candidates {
            let tried = self.thresholds.iter().position(|&t| near(t, candidate.threshold));
            candidate.downstream = tried.map(|i| self.error(i));
        }
        let error = |c: &&Candidate| c.downstream.unwrap_or(f64::INFINITY);
        let best = statistics.candidates.iter().min_by(|a, b| error(a).total_cmp(&error(b)));
        statistics.chosen = best.map_or(statistics.chosen, |c| c.method);
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
    if let crate::tensor::Data::F32(y) = &mut y.data {
        y.iter_mut().for_each(|v| *v = (*v * scale).round_ties_even().clamp(low, high) * step);
    }
    y
}
