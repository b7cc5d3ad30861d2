//! What stays fp32: nodes that the caller names, by name or by pattern, the first layers if the caller says so, and layers
//! before `logarithms`.
//!
//! Names are those of the optimised graph (`bakelite optimize` shows it). A layer stays fp32 whole if any node that it
//! fuses is named.
use crate::error::{Problems, Reason};
use crate::graph::{Graph, NodeId};
use crate::ops::Op;
use crate::quantize::layer::Layer;
use std::collections::BTreeMap;
use wildmatch::WildMatch;

mod logarithms;

/// Of near names, this many are listed.
const LISTED: usize = 5;

/// What stays fp32 because the caller says so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keep {
    /// Patterns of names: `*` stands for any characters, `/` among them, `?` for one. Each must match something.
    pub patterns: Vec<String>,
    /// Whole names of nodes; those that the graph does not have are passed over.
    pub nodes: Vec<String>,
    /// Layers that no other layer leads to.
    pub first_layer: bool,
}

/// The nodes that stay fp32, each with the reason.
pub type Kept = BTreeMap<NodeId, String>;

impl Keep {
    /// Looks the names up.
    pub fn resolve(&self, graph: &Graph, layers: &[Layer]) -> Result<Kept, Problems> {
        let mut kept = Kept::new();
        let mut problems = Problems::default();
        for pattern in &self.patterns {
            let wild = WildMatch::new(pattern);
            let matched: Vec<NodeId> =
                named(graph).filter(|&id| wild.matches(&graph.node(id).name)).collect();
            if matched.is_empty() {
                let found = format!("no node is named like `{pattern}`, which is to stay fp32");
                problems.0.extend(Problems::file(Reason::new(found).help(near(graph, pattern))).0);
            }
            kept.extend(matched.into_iter().map(|id| (id, format!("kept: it is named like `{pattern}`"))));
        }
        let exact = self.nodes.iter().filter_map(|name| graph.find(name));
        kept.extend(exact.map(|id| (id, "kept: it is on the list".to_owned())));
        if self.first_layer {
            let first = firsts(graph, layers).into_iter();
            kept.extend(first.map(|i| (layers[i].core, "kept: it is a first layer".to_owned())));
        }
        let why = "a logarithm behind it would make its rounding a share of every value, the least too";
        let before = logarithms::before(graph, layers).into_iter();
        kept.extend(before.map(|i| (layers[i].core, why.to_owned())));
        for layer in layers {
            if let Some(why) = layer.nodes().find_map(|id| kept.get(&id)).cloned() {
                kept.extend(layer.nodes().map(|id| (id, why.clone())));
            }
        }
        problems.into_result(kept)
    }
}

/// What a pattern may mean: nodes that compute.
fn named(graph: &Graph) -> impl Iterator<Item = NodeId> {
    graph.ids().filter(|&id| !matches!(graph.node(id).op, Op::Const(_) | Op::Placeholder(_)))
}

fn near(graph: &Graph, pattern: &str) -> String {
    let wanted = pattern.replace(['*', '?'], "").to_lowercase();
    let score = |id: NodeId| {
        let name = graph.node(id).name.to_lowercase();
        let last = name.rsplit('/').next().unwrap_or_default();
        strsim::normalized_levenshtein(&wanted, &name).max(strsim::normalized_levenshtein(&wanted, last))
    };
    let mut names: Vec<(f64, NodeId)> = named(graph).map(|id| (score(id), id)).collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let names: Vec<&str> = names.iter().take(LISTED).map(|&(_, id)| graph.node(id).name.as_str()).collect();
    format!("the nearest names of the optimised graph: {}", names.join(", "))
}

/// The layers that depend on no other.
fn firsts(graph: &Graph, layers: &[Layer]) -> Vec<usize> {
    let mut behind = vec![false; graph.nodes.len()];
    let cores: Vec<NodeId> = layers.iter().map(|l| l.core).collect();
    for id in graph.order().unwrap_or_default() {
        behind[id.0] = graph.node(id).inputs.iter().any(|e| behind[e.node.0] || cores.contains(&e.node));
    }
    (0..layers.len()).filter(|&i| !behind[cores[i].0]).collect()
}
