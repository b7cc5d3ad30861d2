//! Where the error of int8 is measured: at the last tensors that may be int8.
//!
//! Outputs themselves say little of it. Behind a Softmax small errors are gone, behind an ArgMax all but the largest; a
//! detector's list of its hundred best changes order with the least of them. So the walk from each output stops at the
//! first observed edges. One of them that other layers read too is not last: between layers channels may be scaled, so
//! there the output itself is looked at.
use crate::graph::{Edge, Graph, NodeId};
use std::collections::BTreeSet;

/// The last of the observed edges before the outputs, and the outputs that others stand for; in order, each once.
pub fn last(graph: &Graph, observed: &BTreeSet<Edge>) -> Vec<Edge> {
    let followed = followed(graph, observed);
    let mut found = BTreeSet::new();
    for &output in &graph.outputs {
        for edge in nearest(graph, output, observed) {
            found.insert(if followed[edge.node.0] { output } else { edge });
        }
    }
    found.into_iter().collect()
}

/// The observed edges that an output depends on through no other. Inputs have no error.
fn nearest(graph: &Graph, output: Edge, observed: &BTreeSet<Edge>) -> Vec<Edge> {
    let (mut found, mut seen, mut stack) = (vec![], BTreeSet::new(), vec![output]);
    while let Some(edge) = stack.pop() {
        let node = graph.node(edge.node);
        // A shape is the same in int8.
        if !seen.insert(edge) || matches!(node.op.name(), "Shape" | "Size") {
            continue;
        }
        if observed.contains(&edge) && !node.inputs.is_empty() {
            found.push(edge);
        } else {
            stack.extend(&node.inputs);
        }
    }
    found
}

/// Marks the nodes behind which an observed edge lies.
fn followed(graph: &Graph, observed: &BTreeSet<Edge>) -> Vec<bool> {
    let mut mark = vec![false; graph.nodes.len()];
    let inputs = |id: NodeId| graph.node(id).inputs.iter().map(|e| e.node);
    let mut stack: Vec<NodeId> = observed.iter().flat_map(|e| inputs(e.node)).collect();
    while let Some(id) = stack.pop() {
        if !std::mem::replace(&mut mark[id.0], true) {
            stack.extend(inputs(id));
        }
    }
    mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::AttributeWriter;
    use crate::build::op;
    use crate::tensor::DataType;

    fn float(a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
    }

    /// `x -> a -> b -> c` and `a -> side`, `c -> end`; outputs are `end` and `side`.
    fn graph() -> Graph {
        let mut graph = Graph::default();
        let mut x =
            graph.add("x", op("Placeholder", |a| a.dtype("dtype", DataType::DtFloat)).unwrap(), vec![]);
        for name in ["a", "b", "c", "end"] {
            x = graph.add(name, op("Relu", float).unwrap(), vec![x.into()]);
        }
        let a = graph.edge("a").unwrap();
        let side = graph.add("side", op("Sigmoid", float).unwrap(), vec![a]);
        graph.outputs = vec![x.into(), side.into()];
        graph
    }
    fn names(observed: &[&str]) -> Vec<String> {
        let graph = graph();
        let observed = observed.iter().map(|n| graph.edge(n).unwrap()).collect();
        last(&graph, &observed).into_iter().map(|e| graph.name(e)).collect()
    }

    #[test]
    fn the_nearest_before_each_output_are_last() {
        assert_eq!(names(&["x", "a"]), ["a"]);
        assert_eq!(names(&["a", "end"]), ["end", "side"]);
    }

    #[test]
    fn what_layers_read_too_is_looked_at_where_it_leaves() {
        assert_eq!(names(&["a", "b"]), ["b", "side"]);
    }

    #[test]
    fn an_input_is_none() {
        assert_eq!(names(&["x"]), [""; 0]);
    }
}
