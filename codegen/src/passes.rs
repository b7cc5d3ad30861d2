//! The fp32 optimiser: transforms that make a graph smaller and its meaning plain, one a file.
//!
//! The invariants of `verify` are checked after each; the meaning stays what it was, up to f32 rounding.
use crate::error::{Problem, Problems};
use crate::graph::Graph;
use crate::verify::verify;

pub mod fold_batch_norm;
pub mod fold_constants;
pub mod fuse_pad;
pub mod move_squeeze;
pub mod remove_dropout;
pub mod remove_identity;
pub mod strip_unused;

/// A transform; it may leave nodes behind that nobody reads.
type Pass = fn(&mut Graph) -> Result<(), Problems>;

/// The transforms, in order: what is dead, then what is constant, then what is linear.
const PASSES: &[(&str, Pass)] = &[
    ("remove_identity", remove_identity::remove_identity),
    ("fold_constants", fold_constants::fold_constants),
    ("remove_dropout", remove_dropout::remove_dropout),
    ("move_squeeze", move_squeeze::move_squeeze),
    ("fuse_pad", fuse_pad::fuse_pad),
    ("fold_batch_norm", fold_batch_norm::fold_batch_norm),
];

/// Cuts the graph to what leads from `inputs` to `outputs` (empty: the placeholders, the graph's own outputs) and
/// simplifies it.
pub fn optimise(mut graph: Graph, inputs: &[String], outputs: &[String]) -> Result<Graph, Problems> {
    strip_unused::strip_unused(&mut graph, inputs, outputs)?;
    check("strip_unused", &mut graph)?;
    for (name, pass) in PASSES {
        pass(&mut graph)?;
        check(name, &mut graph)?;
    }
    Ok(graph)
}

/// Drops what a pass left behind and checks what it made; a violation is an error in the pass, which is named.
fn check(pass: &str, graph: &mut Graph) -> Result<(), Problems> {
    let broken = |problems: Problems| {
        let blame = |mut p: Problem| {
            p.reason.found = format!("after the pass {pass}: {}", p.reason.found);
            p.reason.help = "this is an error in Bakelite: please report it with the graph".into();
            p
        };
        Problems(problems.0.into_iter().map(blame).collect())
    };
    verify(graph).map_err(broken)?;
    graph.prune().map_err(|id| {
        let reason = crate::error::Reason::new("this node depends on itself");
        broken(Problems::at(&graph.node(id).name, graph.node(id).op.name(), reason))
    })
}
