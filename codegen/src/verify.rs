//! The invariants of a [`Graph`], checked after reading and after every pass:
//!
//! 1. every name is there once and is not empty;
//! 2. every edge names a node of the graph and one of its outputs;
//! 3. every op has as many inputs as it takes;
//! 4. there is no cycle.
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph};
use std::collections::HashSet;

/// All violations of the invariants above.
pub fn verify(graph: &Graph) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let mut names = HashSet::new();
    for node in &graph.nodes {
        if node.name.is_empty() {
            problems.add("", node.op.name(), Reason::new("a node without a name"));
        } else if !names.insert(node.name.as_str()) {
            let reason = Reason::new("two nodes have this name").help("node names must be unique in a graph");
            problems.add(&node.name, node.op.name(), reason);
        }
        for edge in &node.inputs {
            if let Err(reason) = port(graph, *edge) {
                problems.add(&node.name, node.op.name(), reason);
            }
        }
        let arity = node.op.arity();
        if !arity.contains(&node.inputs.len()) {
            let found = format!("{} inputs", node.inputs.len());
            let takes =
                if arity.start() == arity.end() { arity.start().to_string() } else { format!("{arity:?}") };
            let help = match node.op.name() {
                op if op.contains("Quantize") && node.inputs.len() < *arity.start() => {
                    "every 8-bit tensor comes with its min and max: calibrate the fp32 graph with `bakelite quantize`"
                }
                _ => "the graph was cut or damaged: export it again",
            };
            problems.add(&node.name, node.op.name(), Reason::new(found).supported(takes).help(help));
        }
    }
    for edge in &graph.outputs {
        if let Err(reason) = port(graph, *edge) {
            problems.add("", "", reason);
        }
    }
    problems.into_result(())?;
    graph.order().map(drop).map_err(|id| {
        let node = graph.node(id);
        Problems::at(
            &node.name,
            node.op.name(),
            Reason::new("this node depends on itself").help("break the cycle; loops are not supported"),
        )
    })
}

fn port(graph: &Graph, edge: Edge) -> Result<(), Reason> {
    let Some(node) = graph.nodes.get(edge.node.0) else {
        return Err(Reason::new(format!("an edge to node {}, of {}", edge.node.0, graph.nodes.len())));
    };
    if edge.port >= node.op.ports() {
        let found = format!("it reads output {} of {} `{}`", edge.port, node.op.name(), node.name);
        return Err(
            Reason::new(found).supported(format!("outputs 0 to {}", node.op.ports().saturating_sub(1)))
        );
    }
    Ok(())
}
