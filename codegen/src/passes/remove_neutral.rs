//! What computes its own input goes: `x + 0`, `x - 0`, `x * 1`, `x / 1` of scalars; a Pad of no width; a Transpose that
//! keeps the order; a ConcatV2 or AddN of one; a Reshape of a Reshape, of which the last decides alone.
use crate::build::{Rewire, constant, floats};
use crate::error::Problems;
use crate::graph::{Edge, Graph, NodeId};

/// Makes readers of such nodes read their input.
pub fn remove_neutral(graph: &mut Graph) -> Result<usize, Problems> {
    let mut rewire = Rewire::default();
    for id in graph.ids() {
        if let Some(x) = neutral(graph, id) {
            rewire.set(id.into(), x);
        }
    }
    let mut changed = rewire.apply(graph);
    for id in graph.ids() {
        if let Some(x) = reshaped(graph, id) {
            graph.node_mut(id).inputs[0] = x;
            changed += 1;
        }
    }
    Ok(changed)
}

/// What a node gives back unchanged.
fn neutral(graph: &Graph, id: NodeId) -> Option<Edge> {
    let node = graph.node(id);
    let is = |e: Edge, value: f32| scalar(graph, e) == Some(value);
    let integers = |e: Edge| constant(graph, e).and_then(|t| t.to_i64().ok());
    match (node.op.name(), &node.inputs[..]) {
        ("Add" | "AddV2", &[x, c]) | ("Add" | "AddV2", &[c, x]) if is(c, 0.0) => Some(x),
        ("Sub", &[x, c]) if is(c, 0.0) => Some(x),
        ("Mul", &[x, c]) | ("Mul", &[c, x]) if is(c, 1.0) => Some(x),
        ("RealDiv", &[x, c]) if is(c, 1.0) => Some(x),
        ("Pad" | "PadV2", &[x, pads, ..]) if integers(pads)?.iter().all(|&p| p == 0) => Some(x),
        ("Transpose", &[x, order]) if integers(order)?.iter().zip(0..).all(|(&o, i)| o == i) => Some(x),
        ("ConcatV2", &[x, _]) | ("AddN", &[x]) => Some(x),
        _ => None,
    }
}

/// What is in front of the first of two Reshapes.
fn reshaped(graph: &Graph, id: NodeId) -> Option<Edge> {
    let reshape = |id: NodeId| Some(graph.node(id)).filter(|n| n.op.name() == "Reshape");
    let inner = reshape(reshape(id)?.inputs.first()?.node)?;
    inner.inputs.first().copied()
}

/// A constant of rank zero: it neither broadcasts nor raises a rank.
pub(super) fn scalar(graph: &Graph, edge: Edge) -> Option<f32> {
    match (floats(graph, edge)?, &constant(graph, edge)?.shape[..]) {
        (&[value], []) => Some(value),
        _ => None,
    }
}
