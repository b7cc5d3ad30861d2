//! Batch norms, and all else that is affine per channel (see `affine.rs`), behind a convolution or matrix product fold
//! into its weights and one BiasAdd:
//!
//! ```text
//! w'[.., c] = w[.., c] * scale[c]               bias' = the chain applied to 0
//! ```
//!
//! A chain of such nodes folds whole. The decomposed batch norm of TF-slim is `Add(Mul(conv, m), Sub(beta, Mul(mean, m)))`,
//! which constant folding leaves as such a chain; an Add of a constant alone becomes a BiasAdd, a Mul goes into the weights.
//! The BiasAdd takes the name of the chain's last node. Weights that several nodes share part.
use super::affine::Affine;
use super::product::{Product, bias, bias_add};
use crate::build::Uses;
use crate::error::{Problems, Reason};
use crate::graph::{Graph, NodeId};

/// Folds every chain behind every convolution and matrix product with constant weights.
pub fn fold_batch_norm(graph: &mut Graph) -> Result<usize, Problems> {
    let uses = Uses::new(graph);
    let mut folded = 0;
    for id in graph.ids() {
        let Some(product) = Product::of(graph, id) else { continue };
        let Some((last, affine)) = chain(graph, &uses, id, &product) else { continue };
        rewrite(graph, id, last, &product, &affine).map_err(|reason| {
            let node = graph.node(id);
            Problems::at(&node.name, node.op.name(), reason)
        })?;
        folded += 1;
    }
    Ok(folded)
}

/// The last node of the chain behind `id` and what the chain does; `None` if it is empty or already one BiasAdd.
fn chain(graph: &Graph, uses: &Uses, id: NodeId, product: &Product) -> Option<(NodeId, Affine)> {
    let (mut last, mut whole, mut length) = (id, Affine::identity(product.y.count), 0);
    while let Some((next, input)) = uses.only_reader(last) {
        // Nobody may need the statistics that a FusedBatchNorm passes on.
        let read = uses.readers(next).iter().any(|&(r, i)| graph.node(r).inputs[i].port != 0);
        let Some(affine) = Affine::of(graph, next, input, product.y).filter(|_| !read) else { break };
        (last, whole, length) = (next, whole.then(&affine), length + 1);
    }
    let plain = length == 1 && graph.node(last).op.name() == "BiasAdd";
    let wanted = graph.outputs.iter().any(|e| e.node == last && e.port != 0);
    (length > 0 && !plain && !wanted).then_some((last, whole))
}

fn rewrite(
    graph: &mut Graph,
    id: NodeId,
    last: NodeId,
    product: &Product,
    affine: &Affine,
) -> Result<(), Reason> {
    if affine.scale.iter().any(|&s| s != 1.0) {
        product.scale(graph, |_, oc| affine.scale[oc])?;
    }
    let name = graph.node(id).name.clone();
    let bias = bias(graph, &name, &affine.offset)?;
    let node = graph.node_mut(last);
    (node.op, node.inputs) = (bias_add()?, vec![id.into(), bias]);
    Ok(())
}
