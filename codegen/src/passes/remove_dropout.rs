//! Dropout that never drops goes. A graph frozen with a keep probability of one, or a rate of zero, holds
//!
//! ```text
//! Mul(RealDiv(x, 1), Floor(Add(RandomUniform(..), 1)))          TensorFlow until 1.12
//! Mul(Mul(x, 1), Cast(GreaterEqual(RandomUniform(..), 0)))      from 1.13
//! SelectV2(GreaterEqual(RandomUniform(..), 0), Mul(x, 1), 0)    from 2.11
//! ```
//!
//! where the random number, which is in `[0, 1)`, decides nothing.
use crate::build::{Rewire, floats};
use crate::error::Problems;
use crate::graph::{Edge, Graph, NodeId};

/// Makes every reader of such a dropout read what goes into it.
pub fn remove_dropout(graph: &mut Graph) -> Result<usize, Problems> {
    let mut rewire = Rewire::default();
    for id in graph.ids() {
        if let Some(x) = kept(graph, id) {
            rewire.set(id.into(), unscaled(graph, x));
        }
    }
    Ok(rewire.apply(graph))
}

fn kept(graph: &Graph, id: NodeId) -> Option<Edge> {
    let node = graph.node(id);
    match (node.op.name(), &node.inputs[..]) {
        ("Mul", &[x, mask]) | ("Mul", &[mask, x]) if always_one(graph, mask) => Some(x),
        ("SelectV2" | "Select", &[mask, x, _]) if always_true(graph, mask) => Some(x),
        _ => None,
    }
}

/// A tensor of ones, made of a random one.
fn always_one(graph: &Graph, edge: Edge) -> bool {
    let node = graph.node(edge.node);
    let Some(&of) = node.inputs.first() else { return false };
    let inner = graph.node(of.node);
    match (node.op.name(), inner.op.name(), &inner.inputs[..]) {
        ("Floor", "Add" | "AddV2", &[a, b]) => {
            (is_random(graph, a) && is(graph, b, 1.0)) || (is_random(graph, b) && is(graph, a, 1.0))
        }
        ("Cast", ..) => always_true(graph, of),
        _ => false,
    }
}

/// A comparison that a random number always passes.
fn always_true(graph: &Graph, edge: Edge) -> bool {
    let node = graph.node(edge.node);
    match (node.op.name(), &node.inputs[..]) {
        ("GreaterEqual", &[a, b]) => is_random(graph, a) && is(graph, b, 0.0),
        _ => false,
    }
}

fn is_random(graph: &Graph, edge: Edge) -> bool {
    graph.node(edge.node).op.name() == "RandomUniform"
}

fn is(graph: &Graph, edge: Edge, value: f32) -> bool {
    floats(graph, edge) == Some(&[value][..])
}

/// `x` of `x / 1` and `x * 1`.
fn unscaled(graph: &Graph, edge: Edge) -> Edge {
    let node = graph.node(edge.node);
    match (node.op.name(), &node.inputs[..]) {
        ("RealDiv" | "Mul", &[x, one]) if is(graph, one, 1.0) => x,
        _ => edge,
    }
}
