//! The numbers of `inspect`.
use crate::names;
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::facts::{self, Facts};
use bakelite_codegen::graph::{Edge, Graph, NodeId};
use bakelite_codegen::ops::{Fact, Op};
use bakelite_codegen::tensor::{DataType, Shape, name};
use std::collections::{BTreeMap, HashMap};

/// What one file holds.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Nodes in the file.
    pub(crate) nodes: usize,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    /// Count and whether it is supported, by op, of needed nodes.
    pub(crate) ops: Vec<(String, usize, bool)>,
    /// Elements of needed constants of float and quantized types.
    pub(crate) parameters: u64,
    pub(crate) parameter_bytes: u64,
    pub(crate) macs: u64,
    pub(crate) int8_macs: u64,
    /// Whether all shapes are known that the MACs depend on.
    pub(crate) complete: bool,
    pub(crate) unsupported: Vec<Unsupported>,
}

/// An input or output of the graph.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) op: String,
    /// Type and shape where they are known; an open dimension is -1.
    pub(crate) fact: Option<(String, Vec<i64>)>,
}

/// A node that Bakelite cannot run, and why.
#[derive(Debug)]
pub(crate) struct Unsupported {
    pub(crate) node: String,
    pub(crate) op: String,
    pub(crate) reason: Reason,
    /// Whether the op is one of Bakelite's, so that this node is at fault.
    pub(crate) known: bool,
    /// Whether the outputs depend on it.
    pub(crate) needed: bool,
}

impl Summary {
    /// What is wrong with needed nodes of known ops; an input of open shape is not.
    pub(crate) fn contradictions(&self) -> Problems {
        let wrong = |u: &&Unsupported| u.needed && u.known && u.op != "Placeholder";
        let mut problems = Problems::default();
        self.unsupported.iter().filter(wrong).for_each(|u| problems.add(&u.node, &u.op, u.reason.clone()));
        problems
    }
}

/// Counts what the graph's outputs need.
pub(crate) fn of(graph: &Graph, shapes: &HashMap<String, Shape>) -> Summary {
    let (facts, problems) = facts::infer(graph, shapes);
    let needed = needed(graph);
    let mut summary = Summary { nodes: graph.nodes.len(), complete: true, ..Summary::default() };
    let used = |e: &Edge| needed[e.node.0];
    summary.inputs = names::inputs(graph).filter(used).map(|e| port(graph, &facts, e)).collect();
    summary.outputs = graph.outputs.iter().map(|&e| port(graph, &facts, e)).collect();
    summary.ops = ops(graph, &needed);
    for id in graph.ids().filter(|id| needed[id.0]) {
        count(&mut summary, graph, &facts, id);
    }
    for id in graph.ids() {
        let node = graph.node(id);
        if let (Op::Opaque(_), Err(reason)) = (&node.op, node.op.infer(&[])) {
            let (node, op) = (node.name.clone(), node.op.name().to_owned());
            summary.unsupported.push(Unsupported { node, op, reason, known: false, needed: needed[id.0] });
        }
    }
    let by_name: HashMap<&str, NodeId> = graph.ids().map(|id| (graph.node(id).name.as_str(), id)).collect();
    for problem in problems.0 {
        let id = by_name.get(problem.node.as_str());
        // Those of unknown ops are listed already.
        if !id.is_some_and(|id| matches!(graph.node(*id).op, Op::Opaque(_))) {
            let needed = id.is_none_or(|id| needed[id.0]);
            let (node, op, reason) = (problem.node, problem.op, problem.reason);
            summary.unsupported.push(Unsupported { node, op, reason, known: true, needed });
        }
    }
    summary
}

/// Marks what the outputs need.
fn needed(graph: &Graph) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes.len()];
    let mut stack: Vec<NodeId> = graph.outputs.iter().map(|e| e.node).collect();
    while let Some(id) = stack.pop() {
        if !std::mem::replace(&mut needed[id.0], true) {
            stack.extend(graph.node(id).inputs.iter().map(|e| e.node));
        }
    }
    needed
}

/// The declared shape of an input, the inferred one of anything else.
fn port(graph: &Graph, facts: &Facts, edge: Edge) -> Port {
    let node = graph.node(edge.node);
    let inferred = facts.get(edge).map(|f| (name(f.dtype), f.shape.iter().map(|&d| d as i64).collect()));
    let fact = match &node.op {
        Op::Placeholder(p) => p.shape.clone().map(|s| (name(p.dtype), s)).or(inferred),
        _ => inferred,
    };
    Port { name: graph.name(edge), op: node.op.name().to_owned(), fact }
}

/// Most frequent first.
fn ops(graph: &Graph, needed: &[bool]) -> Vec<(String, usize, bool)> {
    let mut counts: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for id in graph.ids().filter(|id| needed[id.0]) {
        let op = &graph.node(id).op;
        let entry = counts.entry(op.name()).or_insert((0, !matches!(op, Op::Opaque(_))));
        entry.0 += 1;
    }
    let mut ops: Vec<_> = counts.into_iter().map(|(op, (n, known))| (op.to_owned(), n, known)).collect();
    ops.sort_by_key(|(_, n, _)| std::cmp::Reverse(*n));
    ops
}

/// Adds one node's parameters and MACs.
fn count(summary: &mut Summary, graph: &Graph, facts: &Facts, id: NodeId) {
    use DataType::*;
    let node = graph.node(id);
    if let Op::Const(c) = &node.op
        && matches!(c.value.dtype, DtFloat | DtDouble | DtHalf | DtBfloat16 | DtQint8 | DtQuint8 | DtQint32)
    {
        summary.parameters += c.value.data.len() as u64;
        summary.parameter_bytes += c.value.data.bytes() as u64;
    }
    let (Some(x), Some(y)) = (facts.inputs(graph, id), facts.outputs(id)) else {
        summary.complete = false;
        return;
    };
    let macs = node.op.macs(&x, y);
    summary.macs = summary.macs.saturating_add(macs);
    if x.first().is_some_and(|x: &Fact| matches!(x.dtype, DtQuint8 | DtQint8)) {
        summary.int8_macs = summary.int8_macs.saturating_add(macs);
    }
}
