//! GraphDef bytes (binary or text) to [`Graph`] and back. A NodeDef ends here.
//!
//! Reading checks everything a hostile file can get wrong before it is believed; writing is deterministic (producers
//! first, maps sorted), and what is written loads in TensorFlow.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph, Node, NodeId};
use crate::ops::Op;
use crate::verify::verify;
use crate::wire::{GraphDef, NodeDef, VersionDef};
use prost::Message;
use std::collections::HashMap;

mod claims;
mod decode;
mod encode;
mod guess;
pub(crate) mod text;
pub use decode::tensor;
pub use encode::tensor_proto;

/// The GraphDef version that TensorFlow 2.21 writes; what is written here asks for no newer consumer than TF 1.x.
const PRODUCER: i32 = 2000;

/// Reads a GraphDef, binary or text. The outputs are the nodes that nobody reads, constants and no-ops aside.
pub fn read(bytes: &[u8]) -> Result<Graph, Problems> {
    if guess::text(bytes) {
        let binary = text::to_binary(bytes, "tensorflow.GraphDef").map_err(Problems::file)?;
        return read_binary(&binary);
    }
    read_binary(bytes)
}

fn read_binary(bytes: &[u8]) -> Result<Graph, Problems> {
    let def = GraphDef::decode(bytes).map_err(|e| {
        Problems::file(Reason::new(format!("this is not a binary GraphDef: {e}")).help(guess::help(bytes)))
    })?;
    if def.node.is_empty() {
        return Err(Problems::file(Reason::new("the file holds no node").help(guess::help(bytes))));
    }
    believe(&def.node, bytes.len())
}

/// The nodes of a file of `length` bytes as a graph, once all that they claim is checked.
pub(crate) fn believe(defs: &[NodeDef], length: usize) -> Result<Graph, Problems> {
    claims::check(defs, length)?;
    let mut graph = nodes(defs)?;
    graph.outputs = sinks(&graph);
    verify(&graph)?;
    Ok(graph)
}

/// Writes a binary GraphDef, producers first.
pub fn write(graph: &Graph) -> Result<Vec<u8>, Problems> {
    verify(graph)?;
    let order = graph.order().map_err(|_| Problems::file(Reason::new("the graph has a cycle")))?;
    let node = order.iter().map(|&id| node_def(graph, graph.node(id))).collect();
    let versions = Some(VersionDef { producer: PRODUCER, ..VersionDef::default() });
    Ok(GraphDef { node, versions, ..GraphDef::default() }.encode_to_vec())
}

fn node_def(graph: &Graph, node: &Node) -> NodeDef {
    let mut attributes = AttributeWriter::default();
    node.op.write(&mut attributes);
    let control = node.control.iter().map(|&id| format!("^{}", graph.node(id).name));
    NodeDef {
        name: node.name.clone(),
        op: node.op.name().to_owned(),
        input: node.inputs.iter().map(|&e| graph.name(e)).chain(control).collect(),
        attr: attributes.0,
        ..NodeDef::default()
    }
}

fn nodes(defs: &[NodeDef]) -> Result<Graph, Problems> {
    let ids: HashMap<&str, NodeId> =
        defs.iter().enumerate().map(|(i, d)| (d.name.as_str(), NodeId(i))).collect();
    let (mut graph, mut problems) = (Graph::default(), Problems::default());
    for def in defs {
        match node(def, &ids) {
            Ok(node) => graph.nodes.push(node),
            Err(reason) => problems.add(&def.name, &def.op, reason),
        }
    }
    problems.into_result(graph)
}

fn node(def: &NodeDef, ids: &HashMap<&str, NodeId>) -> Result<Node, Reason> {
    let unknown = |name: &str| {
        Reason::new(format!("input `{name}` names no node of the graph"))
            .help("the graph was cut or damaged: freeze it again, with every node that its outputs need")
    };
    let (mut inputs, mut control) = (vec![], vec![]);
    for input in &def.input {
        if let Some(name) = input.strip_prefix('^') {
            control.push(*ids.get(name).ok_or_else(|| unknown(name))?);
        } else if control.is_empty() {
            inputs.push(edge(input, ids).ok_or_else(|| unknown(input))?);
        } else {
            return Err(Reason::new(format!("data input `{input}` stands after a control input")));
        }
    }
    let op = Op::parse(Attributes::new(&def.op, &def.attr))?;
    Ok(Node { name: def.name.clone(), op, inputs, control })
}

/// `name`, `name:k`; a graph's names hold no colon.
fn edge(input: &str, ids: &HashMap<&str, NodeId>) -> Option<Edge> {
    let (name, port) = match input.split_once(':') {
        Some((name, port)) => (name, port.parse().ok()?),
        None => (input, 0),
    };
    Some(Edge { node: *ids.get(name)?, port })
}

/// Output 0 of every node that nobody reads and that computes something.
fn sinks(graph: &Graph) -> Vec<Edge> {
    let readers = graph.readers();
    let computes = |id: &NodeId| {
        let node = graph.node(*id);
        !matches!(node.op, Op::Const(_)) && !matches!(node.op.name(), "NoOp" | "Assert")
    };
    graph.ids().filter(|id| !readers.contains_key(id)).filter(computes).map(Edge::from).collect()
}
