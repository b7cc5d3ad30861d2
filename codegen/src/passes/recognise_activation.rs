//! Activations that are spelled out become the one node that layers fuse:
//!
//! ```text
//! max(x, 0)                                               Relu(x)
//! min(Relu(x), 6)   Relu(min(x, 6))   clip(x, 0, 6)       Relu6(x)
//! max(x, a * x), 0 <= a <= 1                              LeakyRelu(x)
//! ```
use super::remove_neutral::scalar;
use crate::build::{Uses, op};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph, NodeId};
use crate::tensor::DataType;

/// Rewrites every such pattern whose inner values nobody else reads.
pub fn recognise_activation(graph: &mut Graph) -> Result<usize, Problems> {
    let uses = Uses::new(graph);
    let mut recognised = 0;
    for id in graph.ids() {
        let done = clip(graph, &uses, id);
        let node = graph.node(id);
        recognised += usize::from(done.map_err(|r| Problems::at(&node.name, node.op.name(), r))?);
    }
    Ok(recognised)
}

/// Relu, Relu6, LeakyRelu.
fn clip(graph: &mut Graph, uses: &Uses, id: NodeId) -> Result<bool, Reason> {
    let Some((name, x, alpha)) = clipped(graph, uses, id) else { return Ok(false) };
    let made = op(name, |a| {
        a.dtype("T", DataType::DtFloat);
        alpha.iter().for_each(|&v| a.float("alpha", v));
    })?;
    let node = graph.node_mut(id);
    (node.op, node.inputs) = (made, vec![x]);
    Ok(true)
}

fn clipped(graph: &Graph, uses: &Uses, id: NodeId) -> Option<(&'static str, Edge, Option<f32>)> {
    let node = graph.node(id);
    let own = |e: Edge| uses.only_reader(e.node).is_some().then(|| graph.node(e.node));
    let (x, bound) = match (node.op.name(), &node.inputs[..]) {
        ("Relu", &[x]) => {
            let inner = own(x).filter(|n| n.op.name() == "Minimum")?;
            let (x, six) = with_scalar(graph, &inner.inputs)?;
            return (six == 6.0).then_some(("Relu6", x, None));
        }
        ("ClipByValue", &[x, low, high]) => {
            let is = [scalar(graph, low), scalar(graph, high)] == [Some(0.0), Some(6.0)];
            return is.then_some(("Relu6", x, None));
        }
        ("Maximum", inputs) if with_scalar(graph, inputs).is_none() => {
            let &[a, b] = inputs else { return None };
            return leaky(graph, a, b).or_else(|| leaky(graph, b, a));
        }
        ("Maximum" | "Minimum", inputs) => with_scalar(graph, inputs)?,
        _ => return None,
    };
    match (node.op.name(), bound) {
        ("Maximum", 0.0) => Some(("Relu", x, None)),
        ("Minimum", 6.0) => {
            let inner = own(x).filter(|n| n.op.name() == "Relu")?;
            Some(("Relu6", *inner.inputs.first()?, None))
        }
        _ => None,
    }
}

/// `max(x, alpha * x)`; `scaled` is the product.
fn leaky(graph: &Graph, x: Edge, scaled: Edge) -> Option<(&'static str, Edge, Option<f32>)> {
    let node = graph.node(scaled.node);
    let (of, alpha) = with_scalar(graph, &node.inputs).filter(|_| node.op.name() == "Mul")?;
    (of == x && (0.0..=1.0).contains(&alpha)).then_some(("LeakyRelu", x, Some(alpha)))
}

/// The one of two inputs that is no scalar constant, and the scalar.
pub(super) fn with_scalar(graph: &Graph, inputs: &[Edge]) -> Option<(Edge, f32)> {
    let &[a, b] = inputs else { return None };
    match (scalar(graph, a), scalar(graph, b)) {
        (None, Some(value)) => Some((a, value)),
        (Some(value), None) => Some((b, value)),
        _ => None,
    }
}
