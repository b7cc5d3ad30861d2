//! Types, shapes and constants of every edge, before anything runs.
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph, NodeId};
use crate::limits::Budget;
use crate::ops::{Fact, Inputs, Op, Products};
use crate::tensor::{Shape, element_bytes, elements};
use std::collections::HashMap;
use std::sync::Arc;

/// What is known of each output of each node; nodes behind a problem are absent.
#[derive(Clone, Debug, Default)]
pub struct Facts(HashMap<NodeId, Vec<Fact>>);

impl Facts {
    /// What is known of an edge.
    pub fn get(&self, edge: Edge) -> Option<&Fact> {
        self.0.get(&edge.node)?.get(edge.port)
    }
    /// What is known of all inputs of a node.
    pub fn inputs(&self, graph: &Graph, id: NodeId) -> Option<Vec<Fact>> {
        graph.node(id).inputs.iter().map(|&e| self.get(e).cloned()).collect()
    }
    /// What is known of all outputs of a node.
    pub fn outputs(&self, id: NodeId) -> Option<&[Fact]> {
        self.0.get(&id).map(Vec::as_slice)
    }
}

/// Infers forward through the graph. `shapes` gives placeholders' shapes by name where the caller knows better than
/// the graph. A node whose inputs are all known is evaluated, so that shape arithmetic folds.
///
/// The facts that could be found come back beside the problems, for `inspect`.
pub fn infer(graph: &Graph, shapes: &HashMap<String, Shape>) -> (Facts, Problems) {
    let (mut facts, mut problems) = (Facts::default(), Problems::default());
    let Ok(order) = graph.order() else {
        return (facts, Problems::file(Reason::new("the graph has a cycle")));
    };
    let mut budget = Budget::FOLD;
    for id in order {
        let node = graph.node(id);
        let Some(x) = facts.inputs(graph, id) else { continue };
        match outputs(graph, id, &x, shapes, &mut budget) {
            Ok(y) => drop(facts.0.insert(id, y)),
            Err(reason) => problems.add(&node.name, node.op.name(), reason),
        }
    }
    (facts, problems)
}

fn outputs(
    graph: &Graph,
    id: NodeId,
    x: &[Fact],
    shapes: &HashMap<String, Shape>,
    budget: &mut Budget,
) -> Result<Vec<Fact>, Reason> {
    let node = graph.node(id);
    if let (Op::Placeholder(op), Some(shape)) = (&node.op, shapes.get(&node.name)) {
        elements(shape)?;
        return Ok(vec![Fact::new(op.dtype, shape.clone())]);
    }
    let y = node.op.infer(x)?;
    check(&y)?;
    if x.is_empty() || y.iter().all(|f| f.value.is_some()) || x.iter().any(|f| f.value.is_none()) {
        return Ok(y);
    }
    budget.work(node.op.macs(x, &y))?;
    y.iter().try_for_each(|y| budget.take(bytes(y)))?;
    let values: Vec<_> = x.iter().filter_map(|f| f.value.as_deref()).collect();
    let constant = constant_inputs(graph, id);
    let y = node.op.eval(Inputs { tensors: &values, constant: &constant, products: Products::Contract })?;
    Ok(y.into_iter().map(|t| Fact::constant(Arc::new(t))).collect())
}

/// Refuses outputs that are too large to exist, so that nobody has to wonder later.
pub(crate) fn check(y: &[Fact]) -> Result<(), Reason> {
    y.iter().try_for_each(|y| elements(&y.shape).map(drop))
}

/// Bytes that a tensor takes in memory; of strings, which only constants hold, without their text.
pub(crate) fn bytes(fact: &Fact) -> u64 {
    let each = element_bytes(fact.dtype) as u64;
    fact.shape.iter().fold(each, |n, &d| n.saturating_mul(d as u64))
}

/// Which inputs of a node come from Const nodes; see [`Inputs::constant`].
pub fn constant_inputs(graph: &Graph, id: NodeId) -> Vec<bool> {
    graph.node(id).inputs.iter().map(|e| matches!(graph.node(e.node).op, Op::Const(_))).collect()
}
