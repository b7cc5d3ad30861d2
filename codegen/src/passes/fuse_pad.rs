//! A Pad of zeros before a convolution becomes its explicit padding.
use crate::attributes::Attributes;
use crate::build::{attributes, changed, constant, floats};
use crate::error::Problems;
use crate::graph::{Edge, Graph, NodeId};

/// Fuses each Pad into the convolutions that read it; other readers keep it.
pub fn fuse_pad(graph: &mut Graph) -> Result<(), Problems> {
    for id in graph.ids() {
        let Some((x, pads)) = padded(graph, id) else { continue };
        let node = graph.node(id);
        let fused = changed(&node.op, |a| {
            a.string("padding", "EXPLICIT");
            a.ints("explicit_paddings", &pads);
        });
        // An op that refuses these numbers keeps its Pad.
        if let Ok(op) = fused {
            let node = graph.node_mut(id);
            node.op = op;
            node.inputs[0] = x;
        }
    }
    Ok(())
}

/// What a convolution without padding reads through a Pad, and the eight numbers.
fn padded(graph: &Graph, id: NodeId) -> Option<(Edge, Vec<i64>)> {
    let node = graph.node(id);
    if !matches!(node.op.name(), "Conv2D" | "DepthwiseConv2dNative") {
        return None;
    }
    let old = attributes(&node.op);
    let padding = Attributes::new(node.op.name(), &old.0).string("padding").ok()?;
    let pad = graph.node(node.inputs.first()?.node);
    let (x, numbers) = match (pad.op.name(), &pad.inputs[..]) {
        ("Pad", &[x, numbers]) => (x, numbers),
        ("PadV2", &[x, numbers, value]) if floats(graph, value) == Some(&[0.0][..]) => (x, numbers),
        _ => return None,
    };
    let pads = constant(graph, numbers)?.to_i64().ok()?;
    let image_only = matches!(pads[..], [0, 0, _, _, _, _, 0, 0]);
    (padding == "VALID" && image_only).then_some((x, pads))
}
