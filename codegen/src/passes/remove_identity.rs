//! `y = x` goes: Identity, CheckNumerics, StopGradient and their like. An output of the graph keeps its node, which
//! bears the name that the caller asks for.
use crate::error::Problems;
use crate::graph::{Edge, Graph, NodeId};
use crate::ops::Op;

/// Makes every reader of an identity read its input.
pub fn remove_identity(graph: &mut Graph) -> Result<(), Problems> {
    let source: Vec<Option<Edge>> = graph.ids().map(|id| input_of_identity(graph, id)).collect();
    // Bounded by the number of nodes, so that a cycle (which verify refuses) could not hang this either.
    let origin = |edge: Edge| {
        let sources = std::iter::successors(Some(edge), |e| source.get(e.node.0).copied().flatten());
        sources.take(source.len() + 1).last().unwrap_or(edge)
    };
    for node in &mut graph.nodes {
        node.inputs.iter_mut().for_each(|e| *e = origin(*e));
    }
    Ok(())
}

fn input_of_identity(graph: &Graph, id: NodeId) -> Option<Edge> {
    let node = graph.node(id);
    matches!(node.op, Op::Identity(_)).then(|| node.inputs.first().copied()).flatten()
}
