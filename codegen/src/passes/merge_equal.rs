//! Common subexpressions: of nodes that compute the same from the same, one is left.
//!
//! Equal are nodes of one op with the same attributes, to the bit, and the same inputs, of which those that were found
//! equal count as one. An op outside the list may draw random numbers, so it equals nothing. An output of the graph keeps
//! its node.
use crate::build::{Rewire, attributes};
use crate::error::Problems;
use crate::graph::{Edge, Graph, NodeId};
use crate::ops::Op;
use prost::Message;
use std::collections::HashMap;

/// Larger constants are weights: to compare them costs more than it could save.
const COMPARED: usize = 1 << 16;

/// Makes readers of all but the first of equal nodes read the first.
pub fn merge_equal(graph: &mut Graph) -> Result<usize, Problems> {
    let Ok(order) = graph.order() else { return Ok(0) };
    let mut seen: HashMap<(Vec<u8>, Vec<Edge>), NodeId> = HashMap::new();
    let mut rewire = Rewire::default();
    for id in order {
        let node = graph.node(id);
        let Some(does) = does(&node.op) else { continue };
        let inputs = node.inputs.iter().map(|&e| rewire.origin(e)).collect();
        let first = *seen.entry((does, inputs)).or_insert(id);
        if first != id {
            (0..node.op.ports())
                .for_each(|port| rewire.set(Edge { node: id, port }, Edge { node: first, port }));
        }
    }
    Ok(rewire.apply(graph))
}

/// The op and its attributes as bytes.
fn does(op: &Op) -> Option<Vec<u8>> {
    match op {
        Op::Placeholder(_) | Op::Opaque(_) => return None,
        Op::Const(c) if c.value.data.bytes() > COMPARED => return None,
        _ => {}
    }
    let mut bytes = op.name().as_bytes().to_vec();
    for (name, value) in &attributes(op).0 {
        bytes.push(0);
        bytes.extend(name.as_bytes());
        value.encode_length_delimited(&mut bytes).ok()?;
    }
    Some(bytes)
}
