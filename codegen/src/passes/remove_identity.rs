//! `y = x` goes: Identity, CheckNumerics, StopGradient and their like; IdentityN; Print; PlaceholderWithDefault, which
//! nobody feeds unless it is declared an input. An output of the graph keeps its node, which bears the name that the caller asks for.
use crate::build::Rewire;
use crate::error::Problems;
use crate::graph::{Edge, Graph, NodeId};
use crate::ops::Op;

/// Makes every reader of an identity read its input.
pub fn remove_identity(graph: &mut Graph) -> Result<usize, Problems> {
    let mut rewire = Rewire::default();
    for id in graph.ids() {
        sources(graph, id).into_iter().for_each(|(from, to)| rewire.set(from, to));
    }
    Ok(rewire.apply(graph))
}

/// The outputs of a node that equal one of its inputs, with these.
pub(super) fn sources(graph: &Graph, id: NodeId) -> Vec<(Edge, Edge)> {
    let node = graph.node(id);
    let of = |inputs: &[Edge]| -> Vec<(Edge, Edge)> {
        inputs.iter().enumerate().map(|(port, &x)| (Edge { node: id, port }, x)).collect()
    };
    match (&node.op, node.op.name(), &node.inputs[..]) {
        (Op::Identity(_), _, [x, ..])
        | (_, "Print" | "PlaceholderWithDefault" | "DebugIdentity" | "EnsureShape", [x, ..]) => of(&[*x]),
        (_, "IdentityN", inputs) => of(inputs),
        _ => vec![],
    }
}
