//! What is affine per channel (see `affine.rs`) before a convolution or matrix product folds into its weights:
//!
//! ```text
//! w'[.., ic, oc] = w[.., ic, oc] * scale[ic]    bias'[oc] = Σ w[.., ic, oc] * offset[ic]
//! ```
//!
//! A scale folds always. An offset does only where every tap of every window lies in the image: a halo of zeros before
//! the offset is none behind it. Every reader must be a product, or the node would stay anyway; and the node must not
//! broadcast, which its shapes tell.
use super::affine::{Affine, Channels};
use super::product::{Product, bias, bias_add};
use crate::attributes::Attributes;
use crate::build::{Uses, attributes, constant};
use crate::error::{Problems, Reason};
use crate::facts::{Facts, infer};
use crate::graph::{Edge, Graph, NodeId};
use std::collections::{HashMap, HashSet};

/// Folds every such node into all its readers.
pub fn fold_scale(graph: &mut Graph) -> Result<usize, Problems> {
    let uses = Uses::new(graph);
    let affine =
        |&id: &NodeId| matches!(channels(graph, &uses, id), Some(x) if source(graph, id, x).is_some());
    let candidates: Vec<NodeId> = graph.ids().filter(affine).collect();
    if candidates.is_empty() {
        return Ok(0);
    }
    let (facts, _) = infer(graph, &HashMap::new());
    let (mut folded, mut touched) = (0, HashSet::new());
    for id in candidates {
        let Some((x, affine)) = foldable(graph, &uses, &facts, id) else { continue };
        // A reader that changed in this walk (of two such nodes in a row) is left to the next.
        let readers: Vec<NodeId> = uses.readers(id).iter().map(|&(r, _)| r).collect();
        if readers.iter().chain([&id, &x.node]).any(|n| touched.contains(n)) {
            continue;
        }
        touched.extend(readers.iter().copied().chain([id]));
        for reader in readers {
            fold(graph, reader, x, &affine).map_err(|reason| {
                let node = graph.node(reader);
                Problems::at(&node.name, node.op.name(), reason)
            })?;
        }
        folded += 1;
    }
    Ok(folded)
}

/// The channels that a node's readers take, if all read it as the input of a product.
fn channels(graph: &Graph, uses: &Uses, id: NodeId) -> Option<Channels> {
    let reads = |&(reader, input): &(NodeId, usize)| {
        let port = graph.node(reader).inputs[input].port;
        Product::of(graph, reader).filter(|_| input == 0 && port == 0).map(|p| p.x)
    };
    let all: Vec<Channels> = uses.readers(id).iter().map(reads).collect::<Option<_>>()?;
    let first = *all.first()?;
    (all.iter().all(|&x| x == first) && !uses.is_output(id)).then_some(first)
}

/// What an affine node is applied to.
fn source(graph: &Graph, id: NodeId, x: Channels) -> Option<(Edge, Affine)> {
    let inputs = &graph.node(id).inputs;
    let input = inputs.iter().position(|&e| constant(graph, e).is_none())?;
    Some((inputs[input], Affine::of(graph, id, input, x)?))
}

fn foldable(graph: &Graph, uses: &Uses, facts: &Facts, id: NodeId) -> Option<(Edge, Affine)> {
    let (x, affine) = source(graph, id, channels(graph, uses, id)?)?;
    let same = facts.get(x)?.shape == facts.get(id.into())?.shape;
    let inside = || uses.readers(id).iter().all(|&(r, _)| inside(graph, r));
    let finite = affine.scale.iter().chain(&affine.offset).all(|v| v.is_finite());
    (same && finite && (affine.scales_only() || inside())).then_some((x, affine))
}

/// Whether a product reads nothing beside its input.
fn inside(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let old = attributes(&node.op);
    node.op.name() == "MatMul"
        || matches!(Attributes::new(node.op.name(), &old.0).string("padding").as_deref(), Ok("VALID"))
}

fn fold(graph: &mut Graph, id: NodeId, x: Edge, affine: &Affine) -> Result<(), Reason> {
    let Some(product) = Product::of(graph, id) else { return Ok(()) };
    product.scale(graph, |ic, _| affine.scale[ic])?;
    graph.node_mut(id).inputs[0] = x;
    if affine.scales_only() {
        return Ok(());
    }
    let mut sums = vec![0.0; product.y.count];
    product.each().for_each(|(w, ic, oc)| sums[oc] += w * affine.offset[ic]);
    // The product moves to a node of its own; the one that readers know adds the bias.
    let (name, bias_add) = (graph.node(id).name.clone(), bias_add()?);
    let bias = bias(graph, &name, &sums)?;
    let moved = graph.node(id).clone();
    let moved = graph.add(graph.fresh(&format!("{name}/product")), moved.op, moved.inputs);
    let node = graph.node_mut(id);
    (node.op, node.inputs) = (bias_add, vec![moved.into(), bias]);
    Ok(())
}
