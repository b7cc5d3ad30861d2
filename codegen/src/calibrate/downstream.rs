//! `auto`: for each edge, the method whose threshold does the least harm downstream.
//!
//! Harm is measured where the network's last int8 results are ([`last`]). Nearer measures mislead: a clipped value is wrong
//! in the same direction in every layer that follows, a rounded one is not, so at the next layer clipping looks far better
//! than it is (by that measure, MobileNet v1 lost 4 dB at its output).
//!
//! ```text
//! alone       fp32 everywhere but one edge, quantized with each of its thresholds; what follows it runs
//! together    every edge quantized, with its own best; with its own best where that halves the error, min-max
//!             elsewhere; and with each method alone: the assignment of the least error is taken
//! ```
//!
//! The second step is there since errors of edges tried alone do not simply add up; its samples are others than the
//! first's. Errors are squares, set against the sum of the squares, summed over the last edges.
//!
//! Cost: the first step runs about half of the network for each edge and distinct threshold, the second the whole of it
//! for each assignment. As many samples are taken as a budget of multiply-accumulates allows, which are more for the second:
//! it corrects what the first is led to by few. Edges are tried in parallel, one sample at a time, whose values
//! alone are held.
use crate::build::Uses;
use crate::calibrate::trial::{Trial, energy, quantized, squares};
use crate::calibrate::{Method, Progress, Sample, Source, Statistics, feeds, last, macs};
use crate::error::Problems;
use crate::graph::{Edge, Graph, NodeId};
use crate::interpret::{alter, watch};
use crate::ops::Products;
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Samples on which thresholds are compared, at most and at least.
const MOST: usize = 16;
const FEWEST: usize = 2;
/// Multiply-accumulates that each step may take: some ten seconds.
const BUDGET: u64 = 400_000_000_000;

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
    let network = Network::new(graph, inputs, seen);
    let mut trials = network.trials(seen);
    let macs = macs(graph, inputs, &samples.get(0)?);
    let count = affordable(network.cost(&trials, &macs)).min(samples.count());
    let alone: Vec<usize> = (0..count).map(|i| i * samples.count() / count).collect();
    for (i, &sample) in alone.iter().enumerate() {
        progress("trying ranges", i, count);
        let values = network.values(seen, &samples.get(sample)?)?;
        let done: Vec<_> = trials.par_iter_mut().map(|trial| trial.run(graph, &values)).collect();
        done.into_iter().collect::<Result<(), _>>()?;
    }
    progress("trying ranges", count, count);
    trials.iter().for_each(|trial| {
        if let Some(statistics) = seen.get_mut(&trial.edge) {
            trial.tell(statistics);
        }
    });
    let assignments = assignments(seen);
    let all = macs.values().sum::<u64>().saturating_mul(assignments.len() as u64);
    let count = affordable(all).min(samples.count());
    let middles = (0..count).map(|i| (2 * i + 1) * samples.count() / (2 * count));
    let (known, fresh): (Vec<_>, Vec<_>) = middles.partition(|i| alone.contains(i));
    let others = if fresh.is_empty() { known } else { fresh };
    let best = network.together(seen, assignments, samples, others, progress)?;
    seen.values_mut().zip(best).for_each(|(statistics, method)| statistics.chosen = method);
    Ok(())
}

struct Network<'a> {
    graph: &'a Graph,
    inputs: &'a [Edge],
    /// Of each observed edge: the nodes behind it.
    behind: BTreeMap<Edge, BTreeSet<NodeId>>,
    /// Where errors are measured.
    last: Vec<Edge>,
}

impl<'a> Network<'a> {
    fn new(graph: &'a Graph, inputs: &'a [Edge], seen: &Seen) -> Self {
        let uses = Uses::new(graph);
        let behind: BTreeMap<_, _> = seen.keys().map(|&e| (e, behind(&uses, e.node))).collect();
        let last = last(graph, &seen.keys().copied().collect());
        Self { graph, inputs, behind, last }
    }
    /// One for each edge: measured at the last edges behind it, or at itself if it is one.
    fn trials(&self, seen: &Seen) -> Vec<Trial> {
        let none = BTreeSet::new();
        let trial = |(&edge, statistics): (&Edge, &Statistics)| {
            let behind = self.behind.get(&edge).unwrap_or(&none);
            let ends =
                self.last.iter().filter(|e| **e == edge || behind.contains(&e.node)).copied().collect();
            let kept =
                seen.keys().chain(self.inputs).filter(|e| !behind.contains(&e.node)).copied().collect();
            Trial::new(edge, statistics, ends, kept)
        };
        seen.iter().map(trial).collect()
    }
    /// Multiply-accumulates of all trials on a sample.
    fn cost(&self, trials: &[Trial], macs: &BTreeMap<NodeId, u64>) -> u64 {
        let one = |t: &Trial| {
            let behind = self.behind.get(&t.edge).into_iter().flatten();
            behind.map(|id| macs[id]).sum::<u64>().saturating_mul(t.thresholds() as u64)
        };
        trials.iter().map(one).fold(0, u64::saturating_add)
    }
    /// The fp32 values of inputs, of observed edges and of the last.
    fn values(&self, seen: &Seen, sample: &Sample) -> Result<HashMap<Edge, Arc<Tensor>>, Problems> {
        let feeds = feeds(self.inputs, sample)?;
        let wanted: Vec<Edge> = seen.keys().chain(&self.last).copied().collect();
        let mut values = feeds.clone();
        watch(self.graph, &feeds, &wanted, Products::Fast, &mut |edge, tensor| {
            values.insert(edge, Arc::clone(tensor));
        })?;
        Ok(values)
    }
    /// The best assignment of methods to edges, in the edges' order.
    fn together(
        &self,
        seen: &Seen,
        assignments: Vec<Vec<Method>>,
        samples: &dyn Source,
        numbers: Vec<usize>,
        progress: Progress<'_>,
    ) -> Result<Vec<Method>, Problems> {
        let total = numbers.len();
        let mut errors = vec![vec![(0.0, 0.0); self.last.len()]; assignments.len()];
        for (done, i) in numbers.into_iter().enumerate() {
            progress("comparing choices", done, total);
            let feeds = feeds(self.inputs, &samples.get(i)?)?;
            let want = alter(self.graph, &feeds, &self.last, Products::Fast, &mut |_, tensor| tensor)?;
            let one = |methods: &Vec<Method>| self.quantized(seen, methods, &feeds);
            let found: Vec<Result<Vec<Arc<Tensor>>, Problems>> = assignments.par_iter().map(one).collect();
            for (errors, found) in errors.iter_mut().zip(found) {
                for ((noise, signal), (want, found)) in errors.iter_mut().zip(want.iter().zip(&found?)) {
                    *noise += squares(want, found);
                    *signal += energy(want);
                }
            }
        }
        let share =
            |e: &Vec<(f64, f64)>| e.iter().map(|(n, s)| if *s > 0.0 { n / s } else { 0.0 }).sum::<f64>();
        let best = errors.iter().map(share).enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        Ok(best.map_or_else(Vec::new, |(i, _)| assignments[i].clone()))
    }
    /// The last edges with all edges quantized.
    fn quantized(
        &self,
        seen: &Seen,
        methods: &[Method],
        feeds: &HashMap<Edge, Arc<Tensor>>,
    ) -> Result<Vec<Arc<Tensor>>, Problems> {
        let steps: HashMap<Edge, (f32, bool)> = seen
            .iter()
            .zip(methods)
            .filter_map(|((&e, s), &m)| Some((e, (s.candidate(m)?.threshold, s.signed()))))
            .collect();
        let change = |edge: Edge, tensor: Arc<Tensor>| match steps.get(&edge) {
            Some(&(threshold, signed)) => Arc::new(quantized(&tensor, threshold, signed)),
            None => tensor,
        };
        let feeds = feeds.iter().map(|(&e, t)| (e, change(e, Arc::clone(t)))).collect();
        alter(self.graph, &feeds, &self.last, Products::Fast, &mut |e, t| change(e, t))
    }
}

/// How many samples the budget is enough for.
fn affordable(one: u64) -> usize {
    usize::try_from(BUDGET / one.max(1)).unwrap_or(MOST).clamp(FEWEST, MOST)
}

/// Nodes that depend on a node.
fn behind(uses: &Uses, id: NodeId) -> BTreeSet<NodeId> {
    let (mut all, mut stack) = (BTreeSet::new(), vec![id]);
    while let Some(id) = stack.pop() {
        stack.extend(uses.readers(id).iter().map(|&(reader, _)| reader).filter(|&reader| all.insert(reader)));
    }
    all
}

/// What is compared together, the simplest first: of equals it is taken.
fn assignments(seen: &Seen) -> Vec<Vec<Method>> {
    let uniform = Method::PLAIN.map(|method| vec![method; seen.len()]);
    let own = |share: f64| seen.values().map(|s| s.best(share)).collect();
    uniform.into_iter().chain([0.5, 1.0].map(own)).collect()
}
