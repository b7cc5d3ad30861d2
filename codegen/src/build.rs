//! Nodes made, read and matched by what TensorFlow calls them: how passes and the quantizer touch ops.
//!
//! A pass says `op("BiasAdd", |a| ...)` with the attributes of the registry, which go through the op's own parser; so a
//! pass cannot make a node that the reader would refuse, and it depends on no op's fields.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::graph::{Edge, Graph, NodeId};
use crate::ops::{Op, constant::Const};
use crate::tensor::Tensor;
use std::collections::HashMap;
use std::sync::Arc;

/// The op of a name with attributes.
pub fn op(name: &str, set: impl FnOnce(&mut AttributeWriter)) -> Result<Op, Reason> {
    let mut attributes = AttributeWriter::default();
    set(&mut attributes);
    Op::parse(Attributes::new(name, &attributes.0))
}

/// The attributes of an op.
pub fn attributes(op: &Op) -> AttributeWriter {
    let mut attributes = AttributeWriter::default();
    op.write(&mut attributes);
    attributes
}

/// The same op with some attributes changed.
pub fn changed(old: &Op, set: impl FnOnce(&mut AttributeWriter)) -> Result<Op, Reason> {
    let mut attributes = attributes(old);
    set(&mut attributes);
    Op::parse(Attributes::new(old.name(), &attributes.0))
}

/// The value of an edge that comes from a Const node.
pub fn constant(graph: &Graph, edge: Edge) -> Option<&Arc<Tensor>> {
    match &graph.node(edge.node).op {
        Op::Const(c) if edge.port == 0 => Some(&c.value),
        _ => None,
    }
}

/// The value of an edge that comes from a Const node of f32.
pub fn floats(graph: &Graph, edge: Edge) -> Option<&[f32]> {
    constant(graph, edge)?.as_f32().ok()
}

/// Appends a Const node under `name`, or a name near it.
pub fn add_constant(graph: &mut Graph, name: &str, value: Tensor) -> Edge {
    let name = graph.fresh(name);
    graph.add(name, Const::from(value), vec![]).into()
}

/// Who reads what, taken once at the start of a pass.
pub struct Uses {
    readers: HashMap<NodeId, Vec<(NodeId, usize)>>,
    outputs: Vec<Edge>,
}

impl Uses {
    /// The uses in a graph as it stands.
    pub fn new(graph: &Graph) -> Self {
        Self { readers: graph.readers(), outputs: graph.outputs.clone() }
    }
    /// (reader, which of its inputs) of all outputs of a node.
    pub fn readers(&self, id: NodeId) -> &[(NodeId, usize)] {
        self.readers.get(&id).map_or(&[], Vec::as_slice)
    }
    /// Whether the caller wants a node's value computed.
    pub fn is_output(&self, id: NodeId) -> bool {
        self.outputs.iter().any(|e| e.node == id)
    }
    /// The one reader of a node whose value nobody else needs: that reader may take the node's work over.
    pub fn only_reader(&self, id: NodeId) -> Option<(NodeId, usize)> {
        match self.readers(id) {
            [reader] if !self.is_output(id) => Some(*reader),
            _ => None,
        }
    }
}

/// Edges whose readers shall read another, collected and applied in one walk. Outputs of the graph stay: their nodes bear
/// the names that the caller asks for.
#[derive(Clone, Debug, Default)]
pub struct Rewire(HashMap<Edge, Edge>);

impl Rewire {
    /// Readers of `from` shall read `to`.
    pub fn set(&mut self, from: Edge, to: Edge) {
        self.0.insert(from, to);
    }
    /// What a reader of `edge` shall read in the end. Each step is taken once: what was found is kept.
    pub fn origin(&mut self, edge: Edge) -> Edge {
        let (mut path, mut at) = (vec![], edge);
        // Bounded, so that a cycle (which verify refuses) could not hang this either.
        while let Some(&to) = self.0.get(&at).filter(|_| path.len() <= self.0.len()) {
            path.push(at);
            at = to;
        }
        self.0.extend(path.into_iter().map(|passed| (passed, at)));
        at
    }
    /// Rewires every reader; how many inputs changed.
    pub fn apply(mut self, graph: &mut Graph) -> usize {
        let mut changed = 0;
        for edge in graph.nodes.iter_mut().flat_map(|n| &mut n.inputs) {
            let to = self.origin(*edge);
            changed += usize::from(to != *edge);
            *edge = to;
        }
        changed
    }
}
