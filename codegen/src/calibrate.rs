//! Ranges of activations: the fp32 graph runs on samples, and an observer an edge sees every value.
//!
//! Samples stream: a few are held at a time, one a thread. Each observer sees the samples in their order whatever the
//! number of threads, so the ranges are the same for any. A [`Source`] gives them by number, so that a later step can
//! look at them again.
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph};
use crate::interpret::run;
use crate::ops::{Op, Products};
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub mod observer;
use observer::{MinMax, Observer};

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
}

/// The range of every observed edge, in the edges' order.
pub type Ranges = BTreeMap<Edge, Range>;

/// Observes `edges` while `graph` runs on `samples`, which are fed to `inputs`.
pub fn calibrate(
    graph: &Graph,
    inputs: &[Edge],
    edges: &[Edge],
    samples: &dyn Source,
    progress: Progress<'_>,
) -> Result<Ranges, Problems> {
    let total = samples.count();
    if total == 0 {
        let help = "give pictures or arrays that look like what the network will see; 100 to 200 are plenty";
        return Err(Problems::file(Reason::new("there are no calibration samples").help(help)));
    }
    let mut observers = vec![MinMax::default(); edges.len()];
    let indices: Vec<usize> = (0..total).collect();
    for batch in indices.chunks(rayon::current_num_threads()) {
        progress("calibrating", batch[0], total);
        let values = |&i: &usize| values(graph, inputs, edges, &samples.get(i)?);
        let values: Vec<Vec<Arc<Tensor>>> = batch.par_iter().map(values).collect::<Result<_, _>>()?;
        observers.par_iter_mut().enumerate().for_each(|(i, o)| {
            values.iter().filter_map(|v| v[i].as_f32().ok()).for_each(|x| o.observe(x));
        });
    }
    progress("calibrating", total, total);
    ranges(graph, edges, &observers)
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

/// All observed values of one sample.
fn values(
    graph: &Graph,
    inputs: &[Edge],
    edges: &[Edge],
    sample: &Sample,
) -> Result<Vec<Arc<Tensor>>, Problems> {
    let y = run(graph, &feeds(inputs, sample)?, edges, Products::Fast)?;
    let mut problems = Problems::default();
    for (edge, tensor) in edges.iter().zip(&y) {
        if let Err(reason) = tensor.as_f32().map(|_| ()) {
            problems.add(&graph.node(edge.node).name, graph.node(edge.node).op.name(), reason);
        }
    }
    problems.into_result(y)
}

/// What the observers saw; a value that is no number is a problem of the first node that gives one.
fn ranges(graph: &Graph, edges: &[Edge], observers: &[MinMax]) -> Result<Ranges, Problems> {
    let mut problems = Problems::default();
    for (edge, observer) in edges.iter().zip(observers) {
        let node = graph.node(edge.node);
        if observer.not_finite() > 0 {
            let found = format!("{} values are NaN or infinite", observer.not_finite());
            let help = match node.op {
                Op::Placeholder(_) => "check the preprocessing of the calibration samples",
                _ => "check the weights of the model and the preprocessing of the calibration samples",
            };
            problems.add(&node.name, node.op.name(), Reason::new(found).help(help));
        } else if observer.range().is_none() {
            problems.add(&node.name, node.op.name(), Reason::new("no value was seen on any sample"));
        }
    }
    let seen = edges.iter().zip(observers).filter_map(|(&e, o)| Some((e, o.range()?))).collect();
    problems.into_result(seen)
}
