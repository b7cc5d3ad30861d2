//! Ranges of activations: the fp32 graph runs on samples, and an observer an edge sees every value.
//!
//! Samples stream: a few are held at a time, one a thread. Each observer sees the samples in their order whatever the
//! number of threads, so the ranges are the same for any.
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

/// Samples as they come: decoding one may fail.
pub type Samples<'a> = &'a mut dyn Iterator<Item = Result<Sample, Problems>>;

/// Told (samples done, samples expected) as they are done; expected is 0 where the iterator does not know.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

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
    samples: Samples<'_>,
    progress: Progress<'_>,
) -> Result<Ranges, Problems> {
    let mut observers = vec![MinMax::default(); edges.len()];
    let total = samples.size_hint().1.unwrap_or(0);
    let mut done = 0;
    progress(done, total);
    loop {
        let batch: Vec<Sample> = samples.take(rayon::current_num_threads()).collect::<Result<_, _>>()?;
        if batch.is_empty() {
            break;
        }
        let values: Vec<Vec<Arc<Tensor>>> =
            batch.par_iter().map(|s| values(graph, inputs, edges, s)).collect::<Result<_, _>>()?;
        observers.par_iter_mut().enumerate().for_each(|(i, o)| {
            values.iter().filter_map(|v| v[i].as_f32().ok()).for_each(|x| o.observe(x));
        });
        done += batch.len();
        progress(done, total);
    }
    if done == 0 {
        let help = "give pictures or arrays that look like what the network will see; 100 to 200 are plenty";
        return Err(Problems::file(Reason::new("there are no calibration samples").help(help)));
    }
    ranges(graph, edges, &observers)
}

/// All observed values of one sample.
fn values(
    graph: &Graph,
    inputs: &[Edge],
    edges: &[Edge],
    sample: &Sample,
) -> Result<Vec<Arc<Tensor>>, Problems> {
    if sample.len() != inputs.len() {
        let found = format!("a calibration sample of {} tensors", sample.len());
        let supported = format!("{}, one for each input", inputs.len());
        return Err(Problems::file(Reason::new(found).supported(supported)));
    }
    let feeds: HashMap<Edge, Arc<Tensor>> = inputs.iter().copied().zip(sample.iter().cloned()).collect();
    let y = run(graph, &feeds, edges, Products::Fast)?;
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
