//! A node of constants becomes a constant, under its own name.
//!
//! Only what depends on Const nodes alone: a shape that is known because the batch was taken for one stays computed, so
//! that the graph still runs on any batch.
use crate::build::constant;
use crate::error::Problems;
use crate::graph::{Graph, NodeId};
use crate::limits::Budget;
use crate::ops::{Fact, Inputs, Op, Products, constant::Const};
use crate::tensor::Tensor;
use std::sync::Arc;

/// Evaluates what does not depend on an input, within [`Budget::FOLD`].
pub fn fold_constants(graph: &mut Graph) -> Result<usize, Problems> {
    let Ok(order) = graph.order() else { return Ok(0) };
    let mut folded = 0;
    let mut budget = Budget::FOLD;
    for id in order {
        if let Some(value) = value(graph, id, &mut budget) {
            let node = graph.node_mut(id);
            node.op = Const::from(value).into();
            node.inputs.clear();
            folded += 1;
        }
    }
    Ok(folded)
}

/// The value of a node of one output, if its inputs are constants. What cannot be evaluated (a random number, an op
/// outside the list) stays a node; the problem is reported by whoever needs it.
fn value(graph: &Graph, id: NodeId, budget: &mut Budget) -> Option<Tensor> {
    let node = graph.node(id);
    if node.inputs.is_empty() || node.op.ports() != 1 || matches!(node.op, Op::Opaque(_)) {
        return None;
    }
    let x: Vec<_> = node.inputs.iter().map(|&e| constant(graph, e)).collect::<Option<_>>()?;
    let facts: Vec<_> = x.iter().map(|&t| Fact::constant(Arc::clone(t))).collect();
    let y = node.op.infer(&facts).ok()?;
    crate::facts::check(&y).ok()?;
    budget.work(node.op.macs(&facts, &y)).ok()?;
    y.iter().try_for_each(|y| budget.take(crate::facts::bytes(y))).ok()?;
    let tensors: Vec<&Tensor> = x.iter().map(|t| t.as_ref()).collect();
    let constant = vec![true; tensors.len()];
    let inputs = Inputs { tensors: &tensors, constant: &constant, products: Products::Contract };
    node.op.eval(inputs).ok()?.pop()
}
