//! Dropout that never drops goes. TensorFlow 1 wrote it out, and a graph frozen with a keep probability of one holds
//!
//! ```text
//! Mul(RealDiv(x, 1), Floor(Add(RandomUniform(..), 1)))          until 1.12
//! Mul(Mul(x, 1), Cast(GreaterEqual(RandomUniform(..), 0)))      from 1.13
//! ```
//!
//! where the second factor is always one, since the random number is in `[0, 1)`.
use crate::build::floats;
use crate::error::Problems;
use crate::graph::{Edge, Graph};

/// Makes every reader of such a dropout read what goes into it.
pub fn remove_dropout(graph: &mut Graph) -> Result<(), Problems> {
    for id in graph.ids() {
        let node = graph.node(id);
        if node.op.name() != "Mul" || graph.outputs.iter().any(|e| e.node == id) {
            continue;
        }
        let [a, b] = node.inputs[..] else { continue };
        let kept = match (always_one(graph, a), always_one(graph, b)) {
            (false, true) => a,
            (true, false) => b,
            _ => continue,
        };
        let kept = unscaled(graph, kept);
        graph.replace(id.into(), kept);
    }
    Ok(())
}

/// A tensor of ones, made of a random one.
fn always_one(graph: &Graph, edge: Edge) -> bool {
    let node = graph.node(edge.node);
    let random = |e: Edge| graph.node(e.node).op.name() == "RandomUniform";
    let is = |e: Edge, value: f32| floats(graph, e) == Some(&[value][..]);
    let Some(&of) = node.inputs.first() else { return false };
    let inner = graph.node(of.node);
    match (node.op.name(), inner.op.name(), &inner.inputs[..]) {
        ("Floor", "Add" | "AddV2", &[a, b]) => (random(a) && is(b, 1.0)) || (random(b) && is(a, 1.0)),
        ("Cast", "GreaterEqual", &[a, b]) => random(a) && is(b, 0.0),
        _ => false,
    }
}

/// `x` of `x / 1` and `x * 1`.
fn unscaled(graph: &Graph, edge: Edge) -> Edge {
    let node = graph.node(edge.node);
    match (node.op.name(), &node.inputs[..]) {
        ("RealDiv" | "Mul", &[x, one]) if floats(graph, one) == Some(&[1.0][..]) => x,
        _ => edge,
    }
}
