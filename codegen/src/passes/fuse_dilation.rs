//! A dilated convolution that TensorFlow spelled as one over the phases of its input gets its own spelling back:
//!
//! ```text
//! SpaceToBatchND -> [ExpandDims] -> Conv2D, VALID, stride 1 -> [Squeeze] -> BatchToSpaceND
//! [ExpandDims] -> Conv2D with dilations, padding (pads - crops) -> [Squeeze]
//! ```
//!
//! That is exact where no side crops more than it pads. ExpandDims and Squeeze are what Conv1D puts around its Conv2D.
use crate::attributes::Attributes;
use crate::build::{Uses, attributes, changed, constant};
use crate::error::Problems;
use crate::graph::{Edge, Graph, NodeId};

/// Rewrites every such chain whose inner values nobody else reads.
pub fn fuse_dilation(graph: &mut Graph) -> Result<usize, Problems> {
    let uses = Uses::new(graph);
    let mut count = 0;
    for id in graph.ids() {
        let Some(chain) = chain(graph, &uses, id) else { continue };
        let fused = changed(&graph.node(chain.conv).op, |a| {
            a.hw("dilations", chain.dilation);
            a.string("padding", "EXPLICIT");
            a.ints("explicit_paddings", &chain.pads);
        });
        // An op that refuses these numbers keeps its phases.
        let Ok(fused) = fused else { continue };
        graph.node_mut(chain.conv).op = fused;
        graph.node_mut(chain.first).inputs[0] = chain.x;
        // The last of the chain moves to the end, whose name readers know.
        let last = graph.node(graph.node(id).inputs[0].node).clone();
        let end = graph.node_mut(id);
        (end.op, end.inputs) = (last.op, last.inputs);
        count += 1;
    }
    Ok(count)
}

struct Chain {
    x: Edge,
    /// What reads the phases.
    first: NodeId,
    conv: NodeId,
    dilation: [usize; 2],
    pads: [i64; 8],
}

/// The chain that ends at a BatchToSpaceND.
fn chain(graph: &Graph, uses: &Uses, end: NodeId) -> Option<Chain> {
    let (y, block, crops) = phases(graph, end, "BatchToSpaceND")?;
    let named = |id: NodeId, op: &str| graph.node(id).op.name() == op;
    let own = |e: Edge| uses.only_reader(e.node).map(|_| e.node);
    let before = |id: NodeId| own(*graph.node(id).inputs.first()?);
    let last = own(y)?;
    let conv = if named(last, "Squeeze") { before(last)? } else { last };
    let first = if named(before(conv)?, "ExpandDims") { before(conv)? } else { conv };
    let (x, same, pads) = phases(graph, before(first)?, "SpaceToBatchND")?;
    // The dimension of the image that the first block is along.
    let along = match (first == conv, last == conv) {
        (true, true) => 0,
        (false, false) if block.len() == 1 => beside(graph, first, last)?,
        _ => return None,
    };
    if block != same || block.len() > 2 || !is_plain(graph, conv) {
        return None;
    }
    let (mut dilation, mut all) = ([1; 2], [0; 8]);
    for (i, (&b, (pad, crop))) in block.iter().zip(pads.iter().zip(&crops)).enumerate() {
        *dilation.get_mut(along + i)? = usize::try_from(b).ok()?;
        for side in 0..2 {
            all[2 * (along + i + 1) + side] = pad[side].checked_sub(crop[side]).filter(|&p| p >= 0)?;
        }
    }
    Some(Chain { x, first, conv, dilation, pads: all })
}

/// What a node of an op reads, its block, and what it pads or crops of each dimension.
fn phases(graph: &Graph, id: NodeId, op: &str) -> Option<(Edge, Vec<i64>, Vec<[i64; 2]>)> {
    let node = graph.node(id);
    let &[x, block, sides] = &node.inputs[..] else { return None };
    let integers = |e: Edge| constant(graph, e)?.to_i64().ok();
    let (block, sides) = (integers(block)?, integers(sides)?);
    let sides = sides.as_chunks::<2>().0.to_vec();
    (node.op.name() == op && block.len() == sides.len()).then_some((x, block, sides))
}

/// Of the image that ExpandDims makes of rows, the dimension that is not the new one, which Squeeze must take away.
fn beside(graph: &Graph, expand: NodeId, squeeze: NodeId) -> Option<usize> {
    let added = constant(graph, *graph.node(expand).inputs.get(1)?)?.to_i64().ok()?;
    let old = attributes(&graph.node(squeeze).op);
    let taken = Attributes::new("Squeeze", &old.0).ints("squeeze_dims").ok()?;
    match (&added[..], &taken[..]) {
        (&[added], &[taken]) if added.rem_euclid(4) == taken.rem_euclid(4) => match added {
            1 | -3 => Some(1),
            2 | -2 => Some(0),
            _ => None,
        },
        _ => None,
    }
}

/// A convolution that pads nothing, moves by one and is not dilated yet.
fn is_plain(graph: &Graph, id: NodeId) -> bool {
    let op = &graph.node(id).op;
    let old = attributes(op);
    let old = Attributes::new(op.name(), &old.0);
    let ones = |name| old.hw(name, Some([1, 1])).is_ok_and(|hw| hw == [1, 1]);
    let valid = old.string("padding").is_ok_and(|padding| padding == "VALID");
    matches!(op.name(), "Conv2D" | "DepthwiseConv2dNative") && valid && ones("strides") && ones("dilations")
}
