//! Keeps what leads from the inputs to the outputs.
//!
//! Every node is pure at inference, so control edges order nothing that matters, and they go: they would keep
//! assertions and training nodes alive.
use crate::attributes::Attributes;
use crate::build::attributes;
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph, NodeId};
use crate::ops::{Op, Operation, placeholder::Placeholder};
use crate::tensor::DataType;

/// Of candidates, this many are listed.
const LISTED: usize = 12;

/// Sets the outputs, makes placeholders of the inputs, drops the rest.
pub fn strip_unused(graph: &mut Graph, inputs: &[String], outputs: &[String]) -> Result<(), Problems> {
    graph.nodes.iter_mut().for_each(|n| n.control.clear());
    if !outputs.is_empty() {
        graph.outputs = find(graph, outputs, "output")?;
    }
    let inputs = find(graph, inputs, "input")?;
    for edge in &inputs {
        cut(graph, *edge)?;
    }
    let named: Vec<_> = inputs.iter().map(|e| graph.node(e.node).name.clone()).collect();
    graph.prune().map_err(|id| {
        let node = graph.node(id);
        Problems::at(&node.name, node.op.name(), Reason::new("this node depends on itself"))
    })?;
    no_loops(graph)?;
    only(graph, &named)
}

/// Makes placeholders of nodes, with what leads to them still there: their shapes can be given before the graph is cut.
pub fn cut_at(graph: &mut Graph, names: &[String]) -> Result<(), Problems> {
    find(graph, names, "input")?.into_iter().try_for_each(|edge| cut(graph, edge))
}

/// What is left runs from the inputs to the outputs, once.
fn no_loops(graph: &Graph) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for node in graph.nodes.iter().filter(|node| node.op.closes_loop()) {
        if let Op::Opaque(op) = &node.op {
            problems.add(&node.name, op.name(), op.unsupported());
        }
    }
    problems.into_result(())
}

/// The edges of names, or all names that are not there, with what is.
fn find(graph: &Graph, names: &[String], what: &str) -> Result<Vec<Edge>, Problems> {
    let mut problems = Problems::default();
    let mut edges = vec![];
    for name in names {
        match graph.edge(name).filter(|e| e.port < graph.node(e.node).op.ports()) {
            Some(edge) => edges.push(edge),
            None => problems.add(name, "", unknown(graph, what)),
        }
    }
    problems.into_result(edges)
}

fn unknown(graph: &Graph, what: &str) -> Reason {
    let mut candidates: Vec<String> = match what {
        "input" => placeholders(graph).map(|id| graph.node(id).name.clone()).collect(),
        _ => graph.outputs.iter().map(|&e| graph.name(e)).collect(),
    };
    let more = candidates.len().saturating_sub(LISTED);
    candidates.truncate(LISTED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Reason::new(format!("the graph has no {what} of this name"))
        .supported(format!("{}{more}", candidates.join(", ")))
}

fn placeholders(graph: &Graph) -> impl Iterator<Item = NodeId> {
    graph.ids().filter(|&id| matches!(graph.node(id).op, Op::Placeholder(_)))
}

/// Makes a placeholder, of float where it does not say, of a node that the caller declares an input.
fn cut(graph: &mut Graph, edge: Edge) -> Result<(), Problems> {
    let node = graph.node_mut(edge.node);
    if matches!(node.op, Op::Placeholder(_)) {
        return Ok(());
    }
    if node.op.ports() != 1 && edge.port != 0 {
        let reason = Reason::new(format!("output {} as an input", edge.port)).supported("output 0 of a node");
        return Err(Problems::at(&node.name, node.op.name(), reason));
    }
    // What has a default says its own type and shape.
    let old = attributes(&node.op);
    let says = Attributes::new(node.op.name(), &old.0);
    let dtype = says.dtype_or("dtype", DataType::DtFloat).unwrap_or(DataType::DtFloat);
    let shape = says.shape_or("shape", None).unwrap_or(None);
    node.op = match node.op.name() {
        "PlaceholderWithDefault" => Placeholder { dtype, shape }.into(),
        _ => Placeholder { dtype: DataType::DtFloat, shape: None }.into(),
    };
    node.inputs.clear();
    Ok(())
}

/// If inputs were named, the outputs must not need any other.
fn only(graph: &Graph, named: &[String]) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for id in placeholders(graph).filter(|_| !named.is_empty()) {
        let name = &graph.node(id).name;
        if !named.contains(name) {
            let reason = Reason::new("the outputs need this input, which is not declared")
                .supported(named.join(", "))
                .help("name it too, or cut the graph behind it");
            problems.add(name, "Placeholder", reason);
        }
    }
    problems.into_result(())
}
