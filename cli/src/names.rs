//! Which edge of a graph a NAME on the command line means; where it means none, what it could have been.
use bakelite_codegen::error::{Problem, Problems, Reason};
use bakelite_codegen::facts::{self, Facts};
use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::ops::Op;
use bakelite_codegen::tensor;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Of candidates, this many are listed.
const LISTED: usize = 12;

/// What a name stands for on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// `--input`, `--feed`: placeholders come first.
    Input,
    /// `--output`, `--fetch`: what nobody reads comes first.
    Output,
}

/// The edge that `name` or `name:k` means.
pub(crate) fn edge(graph: &Graph, name: &str, role: Role) -> Result<Edge, Problem> {
    let problem = |reason| Problem { node: String::new(), op: String::new(), reason };
    let Some(edge) = graph.edge(name) else {
        let found = format!("the graph has no node `{name}`");
        return Err(problem(Reason::new(found).help(candidates(graph, name, role))));
    };
    let node = graph.node(edge.node);
    if edge.port >= node.op.ports() {
        let found = format!("{} `{}` has no output {}", node.op.name(), node.name, edge.port);
        let last = node.op.ports().saturating_sub(1);
        return Err(problem(Reason::new(found).supported(format!("outputs 0 to {last}"))));
    }
    Ok(edge)
}

/// All edges of a list, or all problems.
pub(crate) fn edges(graph: &Graph, names: &[String], role: Role) -> Result<Vec<Edge>, Problems> {
    let (mut edges, mut problems) = (vec![], Problems::default());
    for name in names {
        match edge(graph, name, role) {
            Ok(edge) => edges.push(edge),
            Err(problem) => problems.0.push(problem),
        }
    }
    problems.into_result(edges)
}

/// The placeholders of a graph.
pub(crate) fn inputs(graph: &Graph) -> impl Iterator<Item = Edge> {
    graph.ids().filter(|&id| matches!(graph.node(id).op, Op::Placeholder(_))).map(Edge::from)
}

/// What the graph is likely for: the nodes that nobody reads, without those that no run can give (of a graph that was
/// not stripped, savers and summaries).
pub(crate) fn outputs(graph: &Graph) -> Vec<Edge> {
    let runs = |e: &&Edge| !matches!(graph.node(e.node).op, Op::Opaque(_));
    let known: Vec<Edge> = graph.outputs.iter().filter(runs).copied().collect();
    if known.is_empty() { graph.outputs.clone() } else { known }
}

/// The help line: names alike first, then those of the role, each with its type and shape.
fn candidates(graph: &Graph, wanted: &str, role: Role) -> String {
    let role_edges = match role {
        Role::Input => inputs(graph).collect(),
        Role::Output => outputs(graph),
    };
    let mut edges: Vec<Edge> = alike(graph, wanted);
    edges.extend(role_edges);
    let mut seen = HashSet::new();
    edges.retain(|e| seen.insert(*e));
    let more = edges.len().saturating_sub(LISTED);
    edges.truncate(LISTED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    if edges.is_empty() {
        return "see its nodes with `bakelite inspect`".into();
    }
    let (facts, _) = facts::infer(graph, &HashMap::new());
    let shown: Vec<String> = edges.iter().map(|&e| described(graph, &facts, e)).collect();
    format!("candidates: {}{rest}", shown.join(", "))
}

/// `input float[?, 224, 224, 3]`, or the name alone where nothing is known.
fn described(graph: &Graph, facts: &Facts, edge: Edge) -> String {
    let typed = match &graph.node(edge.node).op {
        Op::Placeholder(op) => {
            let size = |&d: &i64| if d < 0 { "?".to_owned() } else { d.to_string() };
            let sizes = |s: &Vec<i64>| format!("[{}]", s.iter().map(size).collect::<Vec<_>>().join(", "));
            let shape = op.shape.as_ref().map_or_else(|| " of any shape".to_owned(), sizes);
            Some(format!("{}{shape}", tensor::name(op.dtype)))
        }
        _ => facts.get(edge).map(|f| format!("{}{:?}", tensor::name(f.dtype), f.shape)),
    };
    [graph.name(edge)].into_iter().chain(typed).collect::<Vec<_>>().join(" ")
}

/// Up to three nodes whose names hold the wanted one or its last part, letter case aside.
fn alike(graph: &Graph, wanted: &str) -> Vec<Edge> {
    let whole = wanted.to_lowercase();
    let part = whole.rsplit('/').next().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    let like = |name: &String| {
        let name = name.to_lowercase();
        !part.is_empty() && (name.contains(&whole) || name.rsplit('/').next() == Some(&part))
    };
    graph.ids().filter(|&id| like(&graph.node(id).name)).take(3).map(Edge::from).collect()
}

/// The outputs given, or those of a SavedModel's signature, or the one that is clear by itself.
pub(crate) fn chosen_outputs(graph: &Graph, given: &[String], file: &Path) -> Result<Vec<String>, Problems> {
    if given.is_empty() && file.is_dir() {
        return Ok(graph.outputs.iter().map(|&e| graph.name(e)).collect());
    }
    chosen(graph, given, Role::Output)
}

/// The names given, all of which the graph has; without any, what is clear by itself: all placeholders, the one output.
pub(crate) fn chosen(graph: &Graph, given: &[String], role: Role) -> Result<Vec<String>, Problems> {
    if !given.is_empty() {
        return edges(graph, given, role).map(|_| given.to_vec());
    }
    let found: Vec<Edge> = match role {
        Role::Input => inputs(graph).collect(),
        Role::Output => outputs(graph),
    };
    let wanted = if role == Role::Input { "--input" } else { "--output" };
    let problem = |found: String| Problems::file(Reason::new(found).help(candidates(graph, "", role)));
    match (role, &found[..]) {
        (_, []) => Err(problem(format!("nothing in the graph is clearly meant: {wanted} NAME is needed"))),
        (Role::Output, [_, _, ..]) => Err(problem(format!(
            "the graph has {} nodes that nobody reads: name yours with {wanted}",
            found.len()
        ))),
        _ => Ok(found.iter().map(|&e| graph.name(e)).collect()),
    }
}
