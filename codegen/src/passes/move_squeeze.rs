//! A Squeeze, ExpandDims or Reshape between a convolution or matrix product and what works channel by channel behind it moves
//! behind that: `Relu(BiasAdd(Squeeze(conv)))` is `Squeeze(Relu(BiasAdd(conv)))`, and only the latter is one layer.
//!
//! Channels must stay the last dimension: Squeeze must name its axes and Reshape's shape must be constant, ending with their
//! number. The elementwise node keeps the name that readers know, so the two swap operations, not places.
use super::affine::{Affine, Channels};
use super::product::Product;
use crate::attributes::Attributes;
use crate::build::{Uses, add_constant, attributes, constant};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph, NodeId};

/// Swaps the two where nobody else reads what is between them.
pub fn move_squeeze(graph: &mut Graph) -> Result<usize, Problems> {
    let uses = Uses::new(graph);
    let (mut moved, order) = (0, graph.order().unwrap_or_default());
    for squeeze in order {
        let Some(x) = behind_product(graph, squeeze) else { continue };
        if !keeps_channels(graph, squeeze, x) {
            continue;
        }
        let Some((next, input)) = uses.only_reader(squeeze) else { continue };
        let Some(operand) = elementwise(graph, next, input, x) else { continue };
        swap(graph, squeeze, next, operand)
            .map_err(|r| Problems::at(&graph.node(next).name, graph.node(next).op.name(), r))?;
        moved += 1;
    }
    Ok(moved)
}

/// The channels of what a node reads, if that is a product, or a bias or activation behind one.
fn behind_product(graph: &Graph, id: NodeId) -> Option<Channels> {
    let mut at = graph.node(id).inputs.first()?.node;
    for _ in 0..3 {
        if let Some(product) = Product::of(graph, at) {
            return Some(product.y);
        }
        let node = graph.node(at);
        let follows = is_activation(node.op.name()) || node.op.name() == "BiasAdd";
        at = node.inputs.first().filter(|_| follows)?.node;
    }
    None
}

fn is_activation(op: &str) -> bool {
    matches!(op, "Relu" | "Relu6" | "LeakyRelu")
}

fn keeps_channels(graph: &Graph, id: NodeId, x: Channels) -> bool {
    let (node, last) = (graph.node(id), x.rank as i64 - 1);
    let integers = |i: usize| constant(graph, *node.inputs.get(i)?)?.to_i64().ok();
    match node.op.name() {
        "Squeeze" => {
            let old = attributes(&node.op);
            let axes = Attributes::new("Squeeze", &old.0).ints_or("squeeze_dims", vec![]).unwrap_or_default();
            !axes.is_empty() && axes.iter().all(|&a| (0..last).contains(&a) || (-last - 1..-1).contains(&a))
        }
        "ExpandDims" => {
            matches!(integers(1).as_deref(), Some(&[a]) if (0..=last).contains(&a) || (-last - 2..-1).contains(&a))
        }
        "Reshape" => {
            integers(1).is_some_and(|shape| shape.len() > 1 && shape.last() == Some(&(x.count as i64)))
        }
        _ => false,
    }
}

/// The operand of what works channel by channel: none of an activation, else a constant by its place.
enum Operand {
    None,
    At(usize, Edge),
}

fn elementwise(graph: &Graph, id: NodeId, input: usize, x: Channels) -> Option<Operand> {
    let node = graph.node(id);
    match (node.op.name(), &node.inputs[..]) {
        (op, [_]) if is_activation(op) => Some(Operand::None),
        ("BiasAdd" | "Add" | "AddV2" | "Sub" | "Mul" | "RealDiv", &[a, b]) => {
            let operand = [b, a][input];
            // Of whatever rank: it is made a vector, or stays a scalar.
            let rank = constant(graph, operand)?.shape.len();
            Affine::of(graph, id, input, Channels { rank, ..x })?;
            Some(Operand::At(1 - input, operand))
        }
        _ => None,
    }
}

fn swap(graph: &mut Graph, squeeze: NodeId, next: NodeId, operand: Operand) -> Result<(), Reason> {
    let (before, after) = (graph.node(squeeze).clone(), graph.node(next).clone());
    let mut inputs = vec![before.inputs[0]];
    if let Operand::At(place, edge) = operand {
        inputs.insert(place, vector(graph, edge)?);
    }
    let first = graph.node_mut(squeeze);
    (first.op, first.inputs) = (after.op, inputs);
    let second = graph.node_mut(next);
    (second.op, second.inputs) = (before.op, before.inputs);
    second.inputs[0] = squeeze.into();
    Ok(())
}

/// A constant whose dimensions but the last are one, without these.
fn vector(graph: &mut Graph, edge: Edge) -> Result<Edge, Reason> {
    let Some(value) = constant(graph, edge).cloned() else { return Ok(edge) };
    if value.shape.len() <= 1 {
        return Ok(edge);
    }
    let flat =
        crate::tensor::Tensor { shape: vec![value.data.len()], ..crate::tensor::Tensor::clone(&value) };
    let name = format!("{}/vector", graph.node(edge.node).name);
    Ok(add_constant(graph, &name, flat))
}
