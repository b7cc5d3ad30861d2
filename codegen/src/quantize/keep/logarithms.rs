//! Layers before a logarithm that other layers lie behind, such as a spectrogram that is computed in the graph.
//!
//! Rounding errs by the same amount on all values of a tensor; a logarithm turns that into the same share of each, and next
//! to nothing is left of small ones: 30 decibels before it are 10 behind it. A logarithm at the end, of probabilities, is
//! nobody's input.
use crate::build::Uses;
use crate::graph::{Graph, NodeId};
use crate::quantize::layer::Layer;
use std::collections::BTreeSet;

/// The layers that lead to such a logarithm, in their order.
pub(super) fn before(graph: &Graph, layers: &[Layer]) -> Vec<usize> {
    let uses = Uses::new(graph);
    let readers =
        |id: NodeId| -> Vec<NodeId> { uses.readers(id).iter().map(|&(reader, _)| reader).collect() };
    let sources = |id: NodeId| -> Vec<NodeId> { graph.node(id).inputs.iter().map(|e| e.node).collect() };
    let leads = |id: &NodeId| {
        let behind = reached(vec![*id], readers);
        layers.iter().any(|layer| behind.contains(&layer.core))
    };
    let logarithms = graph.ids().filter(|&id| graph.node(id).op.name() == "Log").filter(leads);
    let before = reached(logarithms.collect(), sources);
    (0..layers.len()).filter(|&i| before.contains(&layers[i].core)).collect()
}

/// All nodes that steps lead to.
fn reached(mut stack: Vec<NodeId>, step: impl Fn(NodeId) -> Vec<NodeId>) -> BTreeSet<NodeId> {
    let mut all = BTreeSet::new();
    while let Some(id) = stack.pop() {
        stack.extend(step(id).into_iter().filter(|&next| all.insert(next)));
    }
    all
}
