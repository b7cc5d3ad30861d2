//! A Pad of zeros before a convolution becomes its explicit padding, on top of what padding it has:
//!
//! ```text
//! VALID       the pads
//! EXPLICIT    the sums
//! SAME        where the stride is one: the pads and half the window, (k - 1) * dilation / 2, the odd one behind
//! ```
use crate::attributes::Attributes;
use crate::build::{attributes, changed, constant, floats};
use crate::error::Problems;
use crate::graph::{Edge, Graph, NodeId};
use crate::ops::Op;

/// Fuses each Pad into the convolutions that read it; other readers keep it.
pub fn fuse_pad(graph: &mut Graph) -> Result<usize, Problems> {
    let mut count = 0;
    for id in graph.ids() {
        let Some((x, pads)) = padded(graph, id) else { continue };
        let fused = changed(&graph.node(id).op, |a| {
            a.string("padding", "EXPLICIT");
            a.ints("explicit_paddings", &pads);
        });
        // An op that refuses these numbers keeps its Pad.
        if let Ok(op) = fused {
            let node = graph.node_mut(id);
            node.op = op;
            node.inputs[0] = x;
            count += 1;
        }
    }
    Ok(count)
}

/// What a convolution reads through a Pad, and all pads that there are then.
fn padded(graph: &Graph, id: NodeId) -> Option<(Edge, Vec<i64>)> {
    let node = graph.node(id);
    let pad = graph.node(node.inputs.first()?.node);
    let (x, numbers) = match (pad.op.name(), &pad.inputs[..]) {
        ("Pad", &[x, numbers]) => (x, numbers),
        ("PadV2", &[x, numbers, value]) if floats(graph, value) == Some(&[0.0][..]) => (x, numbers),
        _ => return None,
    };
    let pads = constant(graph, numbers)?.to_i64().ok()?;
    let image_only = matches!(pads[..], [0, 0, _, _, _, _, 0, 0]);
    let own = own_pads(&node.op, &constant(graph, *node.inputs.get(1)?)?.shape)?;
    let sum = pads.iter().zip(own).map(|(a, b)| a.checked_add(b)).collect::<Option<_>>()?;
    image_only.then_some((x, sum))
}

/// What a convolution pads by itself, if that does not depend on its input's size.
fn own_pads(op: &Op, weights: &[usize]) -> Option<[i64; 8]> {
    if !matches!(op.name(), "Conv2D" | "DepthwiseConv2dNative") {
        return None;
    }
    let old = attributes(op);
    let old = Attributes::new(op.name(), &old.0);
    match old.string("padding").ok()?.as_str() {
        "VALID" => Some([0; 8]),
        "EXPLICIT" => old.ints("explicit_paddings").ok()?.try_into().ok(),
        "SAME" if old.hw("strides", None).ok()? == [1, 1] => {
            let dilation = old.hw("dilations", Some([1, 1])).ok()?;
            let around = |i: usize| {
                let all = weights.get(i)?.checked_sub(1)?.checked_mul(dilation[i])?;
                Some([(all / 2) as i64, all.div_ceil(2) as i64])
            };
            let ([top, bottom], [left, right]) = (around(0)?, around(1)?);
            Some([0, 0, top, bottom, left, right, 0, 0])
        }
        _ => None,
    }
}
