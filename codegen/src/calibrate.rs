//! Ranges of activations: the fp32 graph runs on samples, every edge that may become int8 is watched, and a method
//! chooses the threshold beyond which its values are clipped.
//!
//! ```text
//! observe      observer.rs, histogram.rs    exact range and distribution of every edge, in one pass over the samples
//! threshold    percentile.rs kl.rs mse.rs   what each method makes of a distribution
//! try          downstream.rs, trial.rs      the harm of each threshold on some samples (`auto`)
//! ```
//!
//! Samples stream: those in work are in memory, one a thread, with the tensors that are alive, and what is kept of them
//! does not grow with their number. What threads count is added without regard to order; the moving average, which
//! has one, follows the samples' order. So the ranges are the same for any number of threads. A [`Source`] gives samples by
//! number, so that a later step can look at them again.
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph};
use crate::interpret::watch;
use crate::ops::{Op, Products};
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

mod downstream;
#[cfg(test)]
mod draw;
pub mod histogram;
mod kl;
mod last;
mod method;
mod mse;
mod noise;
mod observer;
mod percentile;
pub mod ranges;
mod statistics;
mod trial;
mod work;
pub use last::last;
pub use method::Method;
use observer::{Average, Observer};
use statistics::Distribution;
pub use statistics::{Candidate, Statistics};
pub use work::macs;

/// One tensor for each input of the graph, in the order in which the inputs are named.
pub type Sample = Vec<Arc<Tensor>>;

/// Samples by number, made when asked for, as often as asked for, from any thread.
pub trait Source: Sync {
    /// How many there are.
    fn count(&self) -> usize;
    /// Sample `i` of `count()`; the same whenever it is asked for.
    fn get(&self, i: usize) -> Result<Sample, Problems>;
}

/// Samples in memory.
impl Source for Vec<Sample> {
    fn count(&self) -> usize {
        self.len()
    }
    fn get(&self, i: usize) -> Result<Sample, Problems> {
        let absent = || Problems::file(Reason::new(format!("there is no sample {i}")));
        <[Sample]>::get(self, i).cloned().ok_or_else(absent)
    }
}

/// Told (what is being done, steps done, steps in all). A step of the quantizer that takes long tells its own name.
pub type Progress<'a> = &'a mut dyn FnMut(&'static str, usize, usize);

/// The values that an edge took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Least value.
    pub min: f32,
    /// Greatest value.
    pub max: f32,
}

impl Range {
    /// The greatest magnitude.
    pub fn magnitude(&self) -> f32 {
        self.min.abs().max(self.max.abs())
    }
    /// What is left of it within a threshold.
    fn clipped(&self, threshold: f32) -> Self {
        Self { min: self.min.max(-threshold), max: self.max.min(threshold) }
    }
}

/// Every observed edge with what was seen of it, in the edges' order.
pub type Seen = BTreeMap<Edge, Statistics>;

/// The range of every observed edge, in the edges' order.
pub type Ranges = BTreeMap<Edge, Range>;

/// How ranges are chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The method for all edges.
    pub method: Method,
    /// Of [`Method::Percentile`], in percent.
    pub percentile: f64,
    /// Ranges of a file, in place of any that are measured.
    pub ranges: Option<ranges::Saved>,
}

impl Default for Options {
    fn default() -> Self {
        Self { method: Method::default(), percentile: 99.99, ranges: None }
    }
}

/// What is known of an edge after the pass.
type Watched = (Observer, Average);

/// Samples that are in work between two steps of the progress, for each thread.
const STRIDE: usize = 4;

/// Observes `edges` while `graph` runs on `samples`, which are fed to `inputs`. A plain method is chosen for all of them;
/// for [`Method::Auto`] the errors downstream are measured, by which the quantizer chooses.
pub fn calibrate(
    graph: &Graph,
    inputs: &[Edge],
    edges: &[Edge],
    options: &Options,
    samples: &dyn Source,
    progress: Progress<'_>,
) -> Result<Seen, Problems> {
    let seen = distributions(graph, inputs, edges, samples, progress)?;
    let statistics = |(edge, seen)| (edge, Statistics::new(graph.name(edge), seen, options.percentile));
    let mut all: Seen = seen.into_par_iter().map(statistics).collect();
    match options.method {
        Method::Auto => downstream::measure(graph, inputs, samples, &mut all, progress)?,
        method => all.values_mut().for_each(|s| s.chosen = method),
    }
    Ok(all)
}

/// The ranges of a plain method, and nothing else of what [`calibrate`] tells.
pub fn plain(
    graph: &Graph,
    inputs: &[Edge],
    edges: &[Edge],
    options: &Options,
    samples: &dyn Source,
    progress: Progress<'_>,
) -> Result<Ranges, Problems> {
    let seen = distributions(graph, inputs, edges, samples, progress)?;
    let range = |(edge, seen): (Edge, Distribution)| (edge, seen.range(options.method, options.percentile));
    Ok(seen.into_par_iter().map(range).collect())
}

/// The ranges that were chosen.
pub fn ranges(statistics: &Seen) -> Ranges {
    statistics.iter().map(|(&edge, s)| (edge, s.range())).collect()
}

fn distributions(
    graph: &Graph,
    inputs: &[Edge],
    edges: &[Edge],
    samples: &dyn Source,
    progress: Progress<'_>,
) -> Result<Vec<(Edge, Distribution)>, Problems> {
    let watched = observe(graph, inputs, edges, samples, progress)?;
    let ranges = exact(graph, &watched)?;
    Ok(watched.into_iter().zip(ranges).map(|((e, w), seen)| (e, Distribution::new(seen, w))).collect())
}

/// One pass over the samples.
fn observe(
    graph: &Graph,
    inputs: &[Edge],
    edges: &[Edge],
    samples: &dyn Source,
    progress: Progress<'_>,
) -> Result<BTreeMap<Edge, Watched>, Problems> {
    let total = samples.count();
    if total == 0 {
        let help = "give pictures or arrays that look like what the network will see; 100 to 200 are plenty";
        return Err(Problems::file(Reason::new("there are no calibration samples").help(help)));
    }
    let observers: BTreeMap<Edge, Mutex<Observer>> = edges.iter().map(|&e| (e, Mutex::default())).collect();
    let mut averages: BTreeMap<Edge, Average> = BTreeMap::new();
    let indices: Vec<usize> = (0..total).collect();
    for batch in indices.chunks(STRIDE * rayon::current_num_threads()) {
        progress("calibrating", batch[0], total);
        let one = |&i: &usize| sample(graph, inputs, &observers, &samples.get(i)?);
        let seen: Vec<Result<BTreeMap<Edge, Range>, Problems>> = batch.par_iter().map(one).collect();
        for ranges in seen {
            ranges?.into_iter().for_each(|(edge, range)| averages.entry(edge).or_default().follow(range));
        }
    }
    progress("calibrating", total, total);
    let average = |e: &Edge| averages.get(e).copied().unwrap_or_default();
    let observer = |o: Mutex<Observer>| o.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(observers.into_iter().map(|(e, o)| (e, (observer(o), average(&e)))).collect())
}

/// Shows all values of one sample to the observers, and gives the sample's own ranges.
fn sample(
    graph: &Graph,
    inputs: &[Edge],
    observers: &BTreeMap<Edge, Mutex<Observer>>,
    sample: &Sample,
) -> Result<BTreeMap<Edge, Range>, Problems> {
    let edges: Vec<Edge> = observers.keys().copied().collect();
    let (mut ranges, mut problems) = (BTreeMap::new(), Problems::default());
    watch(
        graph,
        &feeds(inputs, sample)?,
        &edges,
        Products::Fast,
        &mut |edge, tensor| match tensor.as_f32() {
            Ok(x) => {
                let one = Observer::of(x);
                ranges.extend(one.range.map(|range| (edge, range)));
                if let Some(all) = observers.get(&edge) {
                    all.lock().unwrap_or_else(PoisonError::into_inner).add(&one);
                }
            }
            Err(reason) => problems.add(&graph.node(edge.node).name, graph.node(edge.node).op.name(), reason),
        },
    )?;
    problems.into_result(ranges)
}

/// What a sample feeds, one tensor for each input.
pub fn feeds(inputs: &[Edge], sample: &Sample) -> Result<HashMap<Edge, Arc<Tensor>>, Problems> {
    if sample.len() != inputs.len() {
        let found = format!("a calibration sample of {} tensors", sample.len());
        let supported = format!("{}, one for each input", inputs.len());
        return Err(Problems::file(Reason::new(found).supported(supported)));
    }
    Ok(inputs.iter().copied().zip(sample.iter().cloned()).collect())
}

/// The exact ranges; a value that is no number is a problem of the node that gives it.
fn exact(graph: &Graph, watched: &BTreeMap<Edge, Watched>) -> Result<Vec<Range>, Problems> {
    let mut problems = Problems::default();
    for (edge, (observer, _)) in watched {
        let node = graph.node(edge.node);
        if observer.not_finite > 0 {
            let found = format!("{} values are NaN or infinite", observer.not_finite);
            let help = match node.op {
                Op::Placeholder(_) => "check the preprocessing of the calibration samples",
                _ => "check the weights of the model and the preprocessing of the calibration samples",
            };
            problems.add(&node.name, node.op.name(), Reason::new(found).help(help));
        } else if observer.range.is_none() {
            problems.add(&node.name, node.op.name(), Reason::new("no value was seen on any sample"));
        }
    }
    problems.into_result(watched.values().filter_map(|(o, _)| o.range).collect())
}
