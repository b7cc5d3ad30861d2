//! Elementwise regions: from bytes through functions of f32 and back to bytes, as one layer with the same bits.
//!
//! A calibrated graph leaves the bytes for what has no int8 op of its own:
//!
//! ```text
//! Dequantize -> x * Relu6(x + 3) / 6 -> QuantizeV2     becomes     y = table[x]
//! ```
//!
//! [`find`] goes forward and notes which tensors are functions of one byte tensor, element by element, then backward
//! from the graph's outputs: what is needed and has such a form becomes a layer of its own, and what only those
//! layers would have read is not computed at all. A tensor may be an operand of several regions.
use crate::error::Reason;
use crate::facts::Facts;
use crate::graph::{Edge, Graph, NodeId};
use crate::lower::{Element, Site, nhwc};
use crate::ops::{Fact, Op};
use combination::Combination;
use std::collections::HashMap;
use table::Table;

mod combination;
mod table;

/// The most nodes of a region, counted once a path: what bounds the time to understand one.
const MAX_NODES: usize = 64;

/// The most channels that have a table each: 256 KiB, which a second-level cache holds.
const MAX_CHANNELS: usize = 1024;

/// What runs, and how.
pub(super) struct Fusions {
    /// Nodes that are lowered as the end of a region.
    regions: HashMap<NodeId, Region>,
    /// Nodes whose outputs somebody reads.
    needed: Vec<bool>,
}

/// A node with what is computed on the way to it.
pub(super) struct Region {
    /// The tensors it is computed from.
    pub(super) inputs: Vec<Edge>,
    /// The ops from first to last, for the reader.
    pub(super) ops: String,
    kind: Kind,
}

enum Kind {
    Table(Table),
    Combination(Combination),
}

impl Fusions {
    /// The region that ends at a node.
    pub(super) fn region(&self, id: NodeId) -> Option<&Region> {
        self.regions.get(&id)
    }
    /// Whether anything reads the node.
    pub(super) fn needs(&self, id: NodeId) -> bool {
        self.needed.get(id.0).copied().unwrap_or_default()
    }
}

impl Region {
    /// Appends the calls that compute output 0.
    pub(super) fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        match &self.kind {
            Kind::Table(table) => table.lower(site),
            Kind::Combination(combination) => combination.lower(site),
        }
    }
}

/// The regions of a graph, whose nodes are given with producers first.
pub(super) fn find(graph: &Graph, facts: &Facts, order: &[NodeId]) -> Fusions {
    let mut finder = Finder { graph, facts, origins: HashMap::new() };
    for &id in order {
        finder.note(id);
    }
    let mut fusions = Fusions { regions: HashMap::new(), needed: vec![false; graph.nodes.len()] };
    graph.outputs.iter().for_each(|edge| fusions.needed[edge.node.0] = true);
    for &id in order.iter().rev().filter(|id| !finder.is_known(**id)) {
        if !fusions.needed[id.0] {
            continue;
        }
        let region = finder.region(id);
        let inputs = region.as_ref().map_or(&graph.node(id).inputs, |region| &region.inputs);
        inputs.iter().for_each(|edge| fusions.needed[edge.node.0] = true);
        fusions.regions.extend(region.map(|region| (id, region)));
    }
    fusions
}

/// What a tensor is a function of, element by element.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Origin {
    /// A tensor of bytes.
    x: Edge,
    /// How many nodes compute it, each counted as often as it is read.
    nodes: usize,
    /// How many functions there are: 1, or one a channel.
    channels: usize,
}

struct Finder<'a> {
    graph: &'a Graph,
    facts: &'a Facts,
    origins: HashMap<Edge, Origin>,
}

/// The ops whose output 0 is a function of each element of their inputs, and of constants that are one number or one a
/// channel.
fn is_elementwise(op: &Op) -> bool {
    let of_one_range = !matches!(op, Op::QuantizeV2(op) if op.axis.is_some());
    let listed = matches!(
        op,
        Op::Identity(_)
            | Op::Dequantize(_)
            | Op::QuantizeV2(_)
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::BiasAdd(_)
            | Op::AddN(_)
            | Op::FusedBatchNorm(_)
            | Op::Cast(_)
    );
    listed && of_one_range
}

fn is_bytes(fact: &Fact) -> bool {
    matches!(Element::of(fact.dtype), Ok(Element::U8))
}

impl Finder<'_> {
    fn is_known(&self, id: NodeId) -> bool {
        self.facts.outputs(id).is_some_and(|y| y.iter().all(|y| y.value.is_some()))
    }

    /// Notes the origin of a node's output 0; bytes that have no other are their own.
    fn note(&mut self, id: NodeId) {
        for (port, fact) in self.facts.outputs(id).unwrap_or_default().iter().enumerate() {
            let edge = Edge { node: id, port };
            let itself = is_bytes(fact).then_some(Origin { x: edge, nodes: 0, channels: 1 });
            let earlier = if port == 0 { self.origin(id, fact) } else { None };
            if let Some(origin) = earlier.or(itself).filter(|_| fact.value.is_none()) {
                self.origins.insert(edge, origin);
            }
        }
    }

    /// The origin that all inputs share.
    fn origin(&self, id: NodeId, y: &Fact) -> Option<Origin> {
        let node = self.graph.node(id);
        if !is_elementwise(&node.op) {
            return None;
        }
        let shape = nhwc(&y.shape);
        let mut found: Option<Origin> = None;
        let (mut nodes, mut channels) = (1, 1);
        for &edge in &node.inputs {
            let fact = self.facts.get(edge)?;
            if fact.value.is_some() {
                channels = channels.max(functions(&fact.shape, shape[3])?);
                continue;
            }
            let origin = self.origins.get(&edge)?;
            if nhwc(&fact.shape) != shape || found.is_some_and(|other| other.x != origin.x) {
                return None;
            }
            (nodes, channels) = (nodes + origin.nodes, channels.max(origin.channels));
            found = Some(*origin);
        }
        found.filter(|_| nodes <= MAX_NODES).map(|origin| Origin { nodes, channels, ..origin })
    }

    /// The region that ends at a node. One table is the cheapest; a table a channel is slower than arithmetic.
    fn region(&self, id: NodeId) -> Option<Region> {
        if self.is_alias(id) {
            return None;
        }
        let region = |inputs: &[Edge], kind: Kind| {
            let nodes = self.nodes(id.into(), inputs);
            Region { inputs: inputs.to_vec(), ops: self.ops(id, &nodes), kind }
        };
        let table =
            |origin: Origin| Some(region(&[origin.x], Kind::Table(Table::of(self, id.into(), origin)?)));
        let origin = self.origins.get(&id.into()).copied().filter(|origin| self.is_worth(id, origin));
        let one = origin.filter(|origin| origin.channels == 1).and_then(table);
        let combination = || {
            let combination = Combination::of(self, id)?;
            Some(region(&combination.inputs.clone(), Kind::Combination(combination)))
        };
        one.or_else(combination).or_else(|| origin.and_then(table))
    }

    /// Whether a table would do more than one op.
    fn is_worth(&self, id: NodeId, origin: &Origin) -> bool {
        self.nodes(id.into(), &[origin.x]).iter().filter(|id| !self.is_alias(**id)).count() > 1
    }

    /// Whether a node costs nothing; and what it names may be needed itself.
    fn is_alias(&self, id: NodeId) -> bool {
        matches!(self.graph.node(id).op, Op::Identity(_))
    }

    /// The ops of a region that ends at `y`, those in between with their names.
    fn ops(&self, y: NodeId, nodes: &[NodeId]) -> String {
        let name = |id: &NodeId| {
            let node = self.graph.node(*id);
            let plain = *id == y || matches!(node.op, Op::Dequantize(_));
            if plain { node.op.name().to_owned() } else { format!("{} `{}`", node.op.name(), node.name) }
        };
        nodes.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    /// The nodes from `inputs` to `y`, producers first.
    fn nodes(&self, y: Edge, inputs: &[Edge]) -> Vec<NodeId> {
        let mut order = vec![];
        self.collect(y, inputs, &mut order);
        order
    }

    fn collect(&self, edge: Edge, inputs: &[Edge], order: &mut Vec<NodeId>) {
        if inputs.contains(&edge) || order.contains(&edge.node) || self.is_known(edge.node) {
            return;
        }
        self.graph.node(edge.node).inputs.iter().for_each(|&x| self.collect(x, inputs, order));
        order.push(edge.node);
    }
}

/// How many functions an operand of this shape makes out of one: 1, or one a channel.
fn functions(shape: &Vec<usize>, channels: usize) -> Option<usize> {
    match nhwc(shape) {
        [1, 1, 1, 1] => Some(1),
        [1, 1, 1, n] if n == channels && n <= MAX_CHANNELS => Some(n),
        _ => None,
    }
}
