//! Batch norms, and all else that is `y[c] = scale[c] * x[c] + offset[c]`, behind a convolution or matrix product fold
//! into its weights and one BiasAdd:
//!
//! ```text
//! BiasAdd, Add, Sub, Mul, RealDiv of a constant; FusedBatchNorm, V2, V3; BatchNormWithGlobalNormalization
//! scale = gamma / sqrt(variance + epsilon)      offset = beta - mean * scale
//! w'[.., c] = w[.., c] * scale[c]               bias' = the chain applied to 0
//! ```
//!
//! A chain of such nodes folds whole, in double precision, and is rounded once. The decomposed batch norm of TF-slim
//! is `Add(Mul(conv, m), Sub(beta, Mul(mean, m)))`, which constant folding leaves as such a chain. The BiasAdd takes
//! the name of the chain's last node. Weights that several nodes share are not touched: each gets its own.
use crate::attributes::Attributes;
use crate::build::{Uses, add_constant, attributes, constant, floats, op};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph, NodeId};
use crate::tensor::Tensor;
use std::sync::Arc;

/// `y = scale * x + offset`, per channel.
#[derive(Clone, Debug, PartialEq)]
struct Affine {
    scale: Vec<f64>,
    offset: Vec<f64>,
}

impl Affine {
    fn identity(channels: usize) -> Self {
        Self { scale: vec![1.0; channels], offset: vec![0.0; channels] }
    }
    /// `next` after `self`.
    fn then(&self, next: &Self) -> Self {
        let zip = |f: fn(f64, f64, f64) -> f64, x: &[f64]| {
            x.iter().zip(&next.scale).zip(&next.offset).map(|((&x, &s), &o)| f(x, s, o)).collect()
        };
        Self { scale: zip(|x, s, _| x * s, &self.scale), offset: zip(|x, s, o| x * s + o, &self.offset) }
    }
}

/// Folds every chain behind every convolution and matrix product with constant weights.
pub fn fold_batch_norm(graph: &mut Graph) -> Result<(), Problems> {
    let uses = Uses::new(graph);
    for id in graph.ids() {
        let Some((weights, y)) = linear(graph, id) else { continue };
        let Some((last, affine)) = chain(graph, &uses, id, y) else { continue };
        rewrite(graph, id, last, &weights, &affine).map_err(|reason| {
            let node = graph.node(id);
            Problems::at(&node.name, node.op.name(), reason)
        })?;
    }
    Ok(())
}

/// What a convolution or product gives: its rank, and the length of its last dimension.
#[derive(Clone, Copy)]
struct Output {
    rank: usize,
    channels: usize,
}

/// Constant weights and the output of a node that is linear in its first input.
fn linear(graph: &Graph, id: NodeId) -> Option<(Arc<Tensor>, Output)> {
    let node = graph.node(id);
    let w = constant(graph, *node.inputs.get(1)?)?;
    w.as_f32().ok()?;
    let channels = match (node.op.name(), &w.shape[..]) {
        ("Conv2D", &[_, _, _, oc]) => oc,
        ("DepthwiseConv2dNative", &[_, _, ic, multiplier]) => ic * multiplier,
        ("MatMul", &[rows, columns]) => [columns, rows][usize::from(transposed(graph, id))],
        _ => return None,
    };
    (channels > 0).then(|| (Arc::clone(w), Output { rank: w.shape.len(), channels }))
}

fn transposed(graph: &Graph, id: NodeId) -> bool {
    let old = attributes(&graph.node(id).op);
    Attributes::new("MatMul", &old.0).bool_or("transpose_b", false).unwrap_or(false)
}

/// The last node of the chain behind `id` and what the chain does; `None` if it is empty or already one BiasAdd.
fn chain(graph: &Graph, uses: &Uses, id: NodeId, y: Output) -> Option<(NodeId, Affine)> {
    let (mut last, mut whole, mut length) = (id, Affine::identity(y.channels), 0);
    while let Some((next, input)) = uses.only_reader(last) {
        let side_outputs = uses.readers(next).iter().any(|&(r, i)| graph.node(r).inputs[i].port != 0);
        let Some(affine) = step(graph, next, input, y).filter(|_| !side_outputs) else { break };
        (last, whole, length) = (next, whole.then(&affine), length + 1);
    }
    let plain = length == 1 && graph.node(last).op.name() == "BiasAdd";
    let wanted = graph.outputs.iter().any(|e| e.node == last && e.port != 0);
    (length > 0 && !plain && !wanted).then_some((last, whole))
}

/// What a node does to its input `input`, if that is affine per channel.
fn step(graph: &Graph, id: NodeId, input: usize, y: Output) -> Option<Affine> {
    let (node, channels) = (graph.node(id), y.channels);
    let numbers = |i: usize| per_channel(graph, *node.inputs.get(i)?, y);
    let ones = || vec![1.0; channels];
    let other = || numbers(1 - input);
    let negative = |v: Vec<f64>| v.into_iter().map(|x| -x).collect();
    Some(match (node.op.name(), input) {
        ("BiasAdd", 0) | ("Add" | "AddV2", 0 | 1) => Affine { scale: ones(), offset: other()? },
        ("Sub", 0) => Affine { scale: ones(), offset: negative(other()?) },
        ("Sub", 1) => Affine { scale: negative(ones()), offset: other()? },
        ("Mul", 0 | 1) => Affine { scale: other()?, offset: vec![0.0; channels] },
        ("RealDiv", 0) => {
            let divisor = other()?;
            let scale = divisor.iter().map(|x| x.recip()).collect();
            Affine { scale, offset: vec![0.0; channels] }
        }
        ("FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3", 0) => {
            let epsilon = attribute(graph, id, "epsilon", 1e-4)?;
            normalise(&numbers(1)?, &numbers(2)?, &numbers(3)?, &numbers(4)?, epsilon)
        }
        ("BatchNormWithGlobalNormalization", 0) => {
            let epsilon = attribute(graph, id, "variance_epsilon", 0.0)?;
            let old = attributes(&node.op);
            let scaled = Attributes::new(node.op.name(), &old.0).bool("scale_after_normalization").ok()?;
            let gamma = if scaled { numbers(4)? } else { ones() };
            normalise(&gamma, &numbers(3)?, &numbers(1)?, &numbers(2)?, epsilon)
        }
        _ => return None,
    })
}

fn attribute(graph: &Graph, id: NodeId, name: &str, default: f32) -> Option<f64> {
    let old = attributes(&graph.node(id).op);
    Attributes::new(graph.node(id).op.name(), &old.0).float_or(name, default).ok().map(f64::from)
}

fn normalise(gamma: &[f64], beta: &[f64], mean: &[f64], variance: &[f64], epsilon: f64) -> Affine {
    let scale: Vec<f64> = gamma.iter().zip(variance).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
    let offset = beta.iter().zip(mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
    Affine { scale, offset }
}

/// A constant that broadcasts along the channels, the last dimension, and neither along others nor to a higher rank.
fn per_channel(graph: &Graph, edge: Edge, y: Output) -> Option<Vec<f64>> {
    let shape = &constant(graph, edge)?.shape;
    let values = floats(graph, edge)?;
    match values {
        _ if shape.len() > y.rank => None,
        [one] => Some(vec![f64::from(*one); y.channels]),
        _ if values.len() == y.channels && shape.last() == Some(&y.channels) => {
            Some(values.iter().map(|&v| f64::from(v)).collect())
        }
        _ => None,
    }
}

fn rewrite(
    graph: &mut Graph,
    id: NodeId,
    last: NodeId,
    weights: &Tensor,
    affine: &Affine,
) -> Result<(), Reason> {
    let name = graph.node(id).name.clone();
    if affine.scale.iter().any(|&s| s != 1.0) {
        let scaled = scaled(weights, &affine.scale, transposed(graph, id))?;
        graph.node_mut(id).inputs[1] = add_constant(graph, &format!("{name}/weights"), scaled);
    }
    let bias: Vec<f32> = affine.offset.iter().map(|&o| o as f32).collect();
    let bias = add_constant(graph, &format!("{name}/bias"), Tensor::f32(vec![bias.len()], bias)?);
    let node = graph.node_mut(last);
    node.op = op("BiasAdd", |a| {
        a.dtype("T", crate::tensor::DataType::DtFloat);
        a.string("data_format", "NHWC");
    })?;
    node.inputs = vec![id.into(), bias];
    Ok(())
}

/// Weights times the scale of their output channel: the last dimension (or the last two of a depthwise convolution),
/// or the first of a transposed matrix.
fn scaled(weights: &Tensor, scale: &[f64], transposed: bool) -> Result<Tensor, Reason> {
    let w = weights.as_f32()?;
    let row = (w.len() / scale.len()).max(1);
    let channel = |i: usize| if transposed { i / row } else { i % scale.len() };
    let data = w.iter().enumerate().map(|(i, &w)| (f64::from(w) * scale[channel(i)]) as f32).collect();
    Tensor::f32(weights.shape.clone(), data)
}
