//! What the plan asks of the graph alone.
use crate::attributes::Attributes;
use crate::build::attributes;
use crate::graph::{Graph, NodeId};
use crate::quantize::layer::Layer;

/// Whether a node averages over an image.
pub fn is_average(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id).op.name(), "AvgPool" | "Mean")
}

/// Whether a pool pads explicitly, which the int8 pools cannot.
pub fn is_padded(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let old = attributes(&node.op);
    !matches!(Attributes::new(node.op.name(), &old.0).string("padding").as_deref(), Ok("SAME" | "VALID"))
}

/// Nodes that an int8 op reads, directly or through others that can be int8.
pub fn wanted(graph: &Graph, layers: &[Layer]) -> Vec<bool> {
    let mut wanted = vec![false; graph.nodes.len()];
    layers.iter().for_each(|l| wanted[l.x.node.0] = true);
    for id in graph.order().unwrap_or_default().into_iter().rev() {
        let node = graph.node(id);
        let passes = matches!(
            node.op.name(),
            "MaxPool" | "AvgPool" | "Mean" | "ConcatV2" | "Reshape" | "Squeeze" | "ExpandDims" | "Pad"
        );
        if passes && wanted[id.0] {
            node.inputs.iter().for_each(|e| wanted[e.node.0] = true);
        }
    }
    wanted
}

/// Marks what a node depends on, and itself.
pub fn ancestors(graph: &Graph, id: NodeId) -> Vec<bool> {
    let mut mark = vec![false; graph.nodes.len()];
    let mut stack = vec![id];
    while let Some(id) = stack.pop() {
        if !std::mem::replace(&mut mark[id.0], true) {
            stack.extend(graph.node(id).inputs.iter().map(|e| e.node));
        }
    }
    mark
}
