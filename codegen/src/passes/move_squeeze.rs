//! A Squeeze or Reshape between a convolution and what is added to it channel by channel moves behind it:
//! `BiasAdd(Squeeze(conv))` is `Squeeze(BiasAdd(conv))`, and only the latter can be fused.
//!
//! Squeeze must name its axes, all of them spatial, so that the last one stays the channels.
use crate::attributes::Attributes;
use crate::build::{Uses, attributes, floats};
use crate::error::Problems;
use crate::graph::{Graph, NodeId};

/// Swaps the two where nobody else reads what is between them.
pub fn move_squeeze(graph: &mut Graph) -> Result<(), Problems> {
    let uses = Uses::new(graph);
    for squeeze in graph.ids() {
        if !keeps_channels(graph, squeeze) {
            continue;
        }
        let Some((bias, 0)) = uses.only_reader(squeeze) else { continue };
        // The channelwise node keeps the name that readers know, so the two swap operations, not places.
        if !channelwise(graph, bias) || uses.is_output(bias) {
            continue;
        }
        let (before, after) = (graph.node(squeeze).clone(), graph.node(bias).clone());
        let first = graph.node_mut(squeeze);
        (first.op, first.inputs) = (after.op, vec![before.inputs[0], after.inputs[1]]);
        let second = graph.node_mut(bias);
        (second.op, second.inputs) = (before.op, vec![squeeze.into()]);
    }
    Ok(())
}

fn keeps_channels(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let conv =
        |e: &crate::graph::Edge| matches!(graph.node(e.node).op.name(), "Conv2D" | "DepthwiseConv2dNative");
    if node.op.name() != "Squeeze" || !node.inputs.first().is_some_and(conv) {
        return false;
    }
    let old = attributes(&node.op);
    let axes = Attributes::new("Squeeze", &old.0).ints_or("squeeze_dims", vec![]).unwrap_or_default();
    !axes.is_empty() && axes.iter().all(|a| matches!(a, 1 | 2 | -2 | -3))
}

/// BiasAdd, or an Add of a constant vector.
fn channelwise(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let vector = |e| {
        floats(graph, e).is_some() && crate::build::constant(graph, e).is_some_and(|t| t.shape.len() == 1)
    };
    matches!((node.op.name(), &node.inputs[..]), ("BiasAdd" | "Add" | "AddV2", &[_, b]) if vector(b))
}
