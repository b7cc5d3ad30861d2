//! Hard swish and hard sigmoid, however their factors are multiplied, get one spelling:
//!
//! ```text
//! x * Relu6(x + 3) / 6       Mul(x, Mul(Relu6(x + 3), 1/6))
//! Relu6(y) / 6               Mul(Relu6(y), 1/6)
//! ```
//!
//! The second needs no sum: `+ 3` may have gone into a bias. `1/6` is any constant within an ulp or two of it.
use super::recognise_activation::with_scalar;
use super::remove_neutral::scalar;
use crate::build::{Uses, add_constant, op};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph, NodeId};
use crate::tensor::{DataType, Tensor};

/// Rewrites every such product whose inner products nobody else reads.
pub fn recognise_hard_swish(graph: &mut Graph) -> Result<usize, Problems> {
    let uses = Uses::new(graph);
    let mut recognised = 0;
    for id in graph.ids() {
        let done = respell(graph, &uses, id);
        let node = graph.node(id);
        recognised += usize::from(done.map_err(|r| Problems::at(&node.name, node.op.name(), r))?);
    }
    Ok(recognised)
}

fn respell(graph: &mut Graph, uses: &Uses, id: NodeId) -> Result<bool, Reason> {
    let Some((x, relu6)) = pattern(graph, uses, id) else { return Ok(false) };
    if is_spelled(graph, id, x, relu6) {
        return Ok(false);
    }
    let mul = || op("Mul", |a| a.dtype("T", DataType::DtFloat));
    let name = graph.node(id).name.clone();
    let sixth = add_constant(graph, &format!("{name}/sixth"), Tensor::scalar(1.0 / 6.0));
    let inputs = match x {
        None => vec![relu6, sixth],
        Some(x) => {
            let name = graph.fresh(&format!("{name}/hard_sigmoid"));
            vec![x, graph.add(name, mul()?, vec![relu6, sixth]).into()]
        }
    };
    let node = graph.node_mut(id);
    (node.op, node.inputs) = (mul()?, inputs);
    Ok(true)
}

/// A product: its constant, and the rest.
struct Factors {
    constant: f64,
    others: Vec<Edge>,
}

/// Products in products are followed so deep.
const DEPTH: usize = 3;

impl Factors {
    fn gather(&mut self, graph: &Graph, uses: &Uses, edge: Edge, depth: usize) {
        let node = graph.node(edge.node);
        let own = depth == DEPTH || uses.only_reader(edge.node).is_some();
        match (node.op.name(), &node.inputs[..]) {
            _ if scalar(graph, edge).is_some() => self.constant *= scalar(graph, edge).map_or(1.0, f64::from),
            ("Mul", &[a, b]) if own && depth > 0 => {
                [a, b].into_iter().for_each(|e| self.gather(graph, uses, e, depth - 1));
            }
            ("RealDiv", &[a, b]) if own && depth > 0 && scalar(graph, b).is_some() => {
                self.constant /= scalar(graph, b).map_or(1.0, f64::from);
                self.gather(graph, uses, a, depth - 1);
            }
            _ => self.others.push(edge),
        }
    }
}

/// The factor `x`, if there is one, and the Relu6.
fn pattern(graph: &Graph, uses: &Uses, id: NodeId) -> Option<(Option<Edge>, Edge)> {
    if !matches!(graph.node(id).op.name(), "Mul" | "RealDiv") {
        return None;
    }
    let mut factors = Factors { constant: 1.0, others: vec![] };
    factors.gather(graph, uses, id.into(), DEPTH);
    let is_relu6 = |e: Edge| graph.node(e.node).op.name() == "Relu6";
    // The Relu6 of `x + 3`.
    let of = |relu6: Edge, x: Edge| {
        let sum = graph.node(graph.node(relu6.node).inputs.first()?.node);
        let adds = matches!(sum.op.name(), "Add" | "AddV2");
        (is_relu6(relu6) && adds && with_scalar(graph, &sum.inputs)? == (x, 3.0)).then_some((Some(x), relu6))
    };
    let found = match factors.others[..] {
        [y] if is_relu6(y) => Some((None, y)),
        [a, b] => of(a, b).or_else(|| of(b, a)),
        _ => None,
    };
    found.filter(|_| is_sixth(factors.constant))
}

fn is_sixth(value: f64) -> bool {
    (value * 6.0 - 1.0).abs() < 4.0 * f64::from(f32::EPSILON)
}

fn is_spelled(graph: &Graph, id: NodeId, x: Option<Edge>, relu6: Edge) -> bool {
    let node = graph.node(id);
    let sigmoid = |id: NodeId| {
        let node = graph.node(id);
        let sixth = || scalar(graph, node.inputs[1]).is_some_and(|v| is_sixth(f64::from(v)));
        node.op.name() == "Mul" && node.inputs[0] == relu6 && sixth()
    };
    match (x, &node.inputs[..]) {
        (None, _) => sigmoid(id),
        (Some(x), &[a, b]) => node.op.name() == "Mul" && a == x && sigmoid(b.node),
        _ => false,
    }
}
