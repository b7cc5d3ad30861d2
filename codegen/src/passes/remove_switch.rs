//! Conditionals whose predicate is constant go: what `tf.cond` on a learning phase leaves in a frozen graph.
//!
//! ```text
//! Switch(x, p)     output p is x, the other is dead; what reads a dead value, or runs after one, is dead too
//! Merge(a, b)      the one that is alive
//! ```
//!
//! Runs before control edges are dropped: they alone say on which branch a constant is.
use super::remove_identity::sources;
use crate::build::{Rewire, constant};
use crate::graph::{Edge, Graph, NodeId};
use crate::tensor::Data;
use std::collections::HashSet;

/// Makes readers of such switches and merges read what comes through.
pub fn remove_switch(graph: &mut Graph) -> usize {
    let Ok(order) = graph.order() else { return 0 };
    let (mut rewire, mut dead) = (Rewire::default(), HashSet::new());
    // What a predicate comes from.
    let mut through = Rewire::default();
    for id in order {
        let node = graph.node(id);
        sources(graph, id).into_iter().for_each(|(from, to)| through.set(from, to));
        let alive = |e: &Edge| !dead.contains(e);
        match (node.op.name(), &node.inputs[..]) {
            ("Merge" | "RefMerge", inputs) => {
                if let [x] = inputs.iter().copied().filter(alive).collect::<Vec<_>>()[..] {
                    rewire.set(id.into(), x);
                }
            }
            ("Switch" | "RefSwitch", &[x, predicate]) if alive(&x) => {
                let predicate = through.origin(predicate);
                let Some(taken) = truth(graph, predicate) else { continue };
                rewire.set(Edge { node: id, port: usize::from(taken) }, x);
                dead.insert(Edge { node: id, port: usize::from(!taken) });
            }
            (_, inputs) => {
                let runs = |c: &NodeId| alive(&Edge::from(*c));
                if !inputs.iter().all(alive) || !node.control.iter().all(runs) {
                    dead.extend((0..PORTS).map(|port| Edge { node: id, port }));
                }
            }
        }
    }
    rewire.apply(graph)
}

/// Outputs of a node that may be dead; those beyond are not looked at, and keep their conditional.
const PORTS: usize = 8;

fn truth(graph: &Graph, edge: Edge) -> Option<bool> {
    match constant(graph, edge)?.data {
        Data::Bool(ref v) if v.len() == 1 => v.first().copied(),
        _ => None,
    }
}
