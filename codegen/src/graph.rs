//! The graph: nodes of a closed list of ops, edges by id.
//!
//! A [`NodeId`] is an index into `nodes`. Passes append nodes, rewire edges and at the end call [`Graph::prune`], which
//! keeps what the outputs need, in the order it stands, and renumbers. `verify` states what holds in between.
use crate::ops::Op;
use std::collections::HashMap;

/// Index of a node in [`Graph::nodes`]; valid until the next [`Graph::prune`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// Output `port` of a node; written `name` (port 0) or `name:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Edge {
    /// The producer.
    pub node: NodeId,
    /// Which of its outputs.
    pub port: usize,
}

impl From<NodeId> for Edge {
    fn from(node: NodeId) -> Self {
        Self { node, port: 0 }
    }
}

/// One operation of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique in the graph.
    pub name: String,
    /// The operation with its attributes.
    pub op: Op,
    /// Data inputs, in the op's order.
    pub inputs: Vec<Edge>,
    /// Nodes that must run before; they carry no data.
    pub control: Vec<NodeId>,
}

/// A whole network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// In no particular order; see [`Graph::order`].
    pub nodes: Vec<Node>,
    /// What the caller wants computed; everything that these do not need may be dropped.
    pub outputs: Vec<Edge>,
}

impl Graph {
    /// Appends a node. The caller sees to it that the name is new ([`Graph::fresh`]).
    pub fn add(&mut self, name: impl Into<String>, op: impl Into<Op>, inputs: Vec<Edge>) -> NodeId {
        self.nodes.push(Node { name: name.into(), op: op.into(), inputs, control: vec![] });
        NodeId(self.nodes.len() - 1)
    }
    /// The node of an id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }
    /// The node of an id, to change.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0]
    }
    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }
    /// The node of a name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|n| n.name == name).map(NodeId)
    }
    /// The edge that `name` or `name:k` means. A name may itself hold a colon only before digits that are a port.
    pub fn edge(&self, name: &str) -> Option<Edge> {
        let (node, port) = match name.rsplit_once(':').map(|(n, p)| (n, p.parse())) {
            Some((node, Ok(port))) => (node, port),
            _ => (name, 0),
        };
        self.find(node).map(|node| Edge { node, port })
    }
    /// `name` or, if it is taken, `name_1`, `name_2`, ...
    pub fn fresh(&self, name: &str) -> String {
        let free = |name: &String| self.find(name).is_none();
        std::iter::once(name.to_owned())
            .chain((1..).map(|i| format!("{name}_{i}")))
            .find(free)
            .expect("a graph is finite, the suffixes are not")
    }
    /// The edge in TensorFlow's words: `name` or `name:port`.
    pub fn name(&self, edge: Edge) -> String {
        let name = &self.node(edge.node).name;
        if edge.port == 0 { name.clone() } else { format!("{name}:{}", edge.port) }
    }
    /// Who reads each node: (reader, which of its inputs), readers in order.
    pub fn readers(&self) -> HashMap<NodeId, Vec<(NodeId, usize)>> {
        let mut readers: HashMap<NodeId, Vec<(NodeId, usize)>> = HashMap::new();
        for id in self.ids() {
            for (i, edge) in self.node(id).inputs.iter().enumerate() {
                readers.entry(edge.node).or_default().push((id, i));
            }
        }
        readers
    }
    /// Makes every reader of `from` (and the outputs, if it is one) read `to`.
    pub fn replace(&mut self, from: Edge, to: Edge) {
        let swap = |edge: &mut Edge| {
            if *edge == from {
                *edge = to;
            }
        };
        self.nodes.iter_mut().flat_map(|n| &mut n.inputs).for_each(swap);
        self.outputs.iter_mut().for_each(swap);
    }
    /// Ids with producers first, otherwise as they stand; `Err` is a node on a cycle.
    pub fn order(&self) -> Result<Vec<NodeId>, NodeId> {
        self.visit(self.ids())
    }
    /// Keeps what the outputs need, producers first and otherwise in the order it stands; `Err` is a node on a cycle.
    pub fn prune(&mut self) -> Result<(), NodeId> {
        let order = self.visit(self.outputs.clone().into_iter().map(|e| e.node))?;
        let mut kept: Vec<NodeId> = order;
        kept.sort();
        let new: HashMap<NodeId, NodeId> = kept.iter().enumerate().map(|(i, &id)| (id, NodeId(i))).collect();
        let mut old: Vec<Option<Node>> = std::mem::take(&mut self.nodes).into_iter().map(Some).collect();
        self.nodes = kept.iter().filter_map(|id| old[id.0].take()).collect();
        for node in &mut self.nodes {
            node.inputs.iter_mut().for_each(|e| e.node = new[&e.node]);
            node.control.iter_mut().for_each(|c| *c = new[c]);
        }
        self.outputs.iter_mut().for_each(|e| e.node = new[&e.node]);
        Ok(())
    }
    /// Depth-first post-order from `roots`, without recursion: a graph may be a chain of a million nodes.
    ///
    /// A loop's way back ([`Op::closes_loop`]) is the one edge that may lead forward: what it comes from is visited
    /// after the rest.
    fn visit(&self, roots: impl Iterator<Item = NodeId>) -> Result<Vec<NodeId>, NodeId> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut mark = vec![Mark::New; self.nodes.len()];
        let mut order = Vec::with_capacity(self.nodes.len());
        let (mut roots, mut back) = (roots, vec![]);
        while let Some(root) = roots.next().or_else(|| back.pop()) {
            let mut stack = vec![(root, 0)];
            while let Some((id, next)) = stack.pop() {
                match mark[id.0] {
                    Mark::Done => continue,
                    Mark::Open if next == 0 => return Err(id),
                    Mark::New | Mark::Open => mark[id.0] = Mark::Open,
                }
                let node = self.node(id);
                if node.op.closes_loop() {
                    mark[id.0] = Mark::Done;
                    order.push(id);
                    back.extend(node.inputs.iter().map(|e| e.node).chain(node.control.iter().copied()));
                    continue;
                }
                // By index: a node may have a million inputs, so walking to the next one would be quadratic.
                let control = || node.control.get(next - node.inputs.len()).copied();
                if let Some(need) = node.inputs.get(next).map(|e| e.node).or_else(control) {
                    stack.extend([(id, next + 1), (need, 0)]);
                } else {
                    mark[id.0] = Mark::Done;
                    order.push(id);
                }
            }
        }
        Ok(order)
    }
}
