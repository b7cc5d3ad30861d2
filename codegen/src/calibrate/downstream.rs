//! For `auto`: the harm that each threshold of an edge does downstream.
//!
//! Harm is measured where the network's last int8 results are ([`last`]). Nearer measures mislead: a clipped value is wrong
//! in the same direction in every layer that follows, a rounded one is not, so at the next layer clipping looks far better
//! than it is (by that measure, MobileNet v1 lost 4 dB at its output).
//!
//! An edge is tried alone: fp32 everywhere but there, quantized with each of its thresholds; what follows it runs. Errors
//! are squares, set against the sum of the squares, summed over the last edges. What edges do together is for the
//! quantizer to judge.
//!
//! Cost: about half of the network for each edge and distinct threshold, on as many samples as a budget of
//! multiply-accumulates allows. Edges are tried in parallel, one sample at a time, whose values alone are held.
use crate::build::Uses;
use crate::calibrate::trial::Trial;
use crate::calibrate::{Progress, Sample, Seen, Source, Statistics, feeds, last, macs};
use crate::error::Problems;
use crate::graph::{Edge, Graph, NodeId};
use crate::interpret::watch;
use crate::ops::Products;
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Samples on which thresholds are compared, at most and at least.
const MOST: usize = 16;
const FEWEST: usize = 2;
/// Multiply-accumulates that it may take: some ten seconds.
const BUDGET: u64 = 400_000_000_000;

/// Fills in the downstream errors.
pub(super) fn measure(
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
    for i in 0..count {
        progress("trying ranges", i, count);
        let values = network.values(seen, &samples.get(i * samples.count() / count)?)?;
        let done: Vec<_> = trials.par_iter_mut().map(|trial| trial.run(graph, &values)).collect();
        done.into_iter().collect::<Result<(), _>>()?;
    }
    progress("trying ranges", count, count);
    trials.iter().for_each(|trial| {
        if let Some(statistics) = seen.get_mut(&trial.edge) {
            trial.tell(statistics);
        }
    });
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
