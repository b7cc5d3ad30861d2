//! What a run costs.
use crate::calibrate::Sample;
use crate::facts;
use crate::graph::{Edge, Graph, NodeId};
use std::collections::BTreeMap;

/// Multiply-accumulates of each node on a sample; of those whose shapes only a run tells, none.
pub fn macs(graph: &Graph, inputs: &[Edge], sample: &Sample) -> BTreeMap<NodeId, u64> {
    let name = |e: &Edge| graph.node(e.node).name.clone();
    let shapes = inputs.iter().zip(sample).map(|(e, t)| (name(e), t.shape.clone())).collect();
    let (facts, _) = facts::infer(graph, &shapes);
    let of = |id: NodeId| {
        let x = facts.inputs(graph, id);
        x.zip(facts.outputs(id)).map_or(0, |(x, y)| graph.node(id).op.macs(&x, y))
    };
    graph.ids().map(|id| (id, of(id))).collect()
}
