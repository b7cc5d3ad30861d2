//! Convolutions and matrix products with constant weights, as the passes that fold into them see them.
use super::affine::Channels;
use crate::attributes::Attributes;
use crate::build::{add_constant, attributes, constant, op};
use crate::error::Reason;
use crate::graph::{Edge, Graph, NodeId};
use crate::ops::Op;
use crate::tensor::{DataType, Tensor};
use std::sync::Arc;

/// Which product, which is how its weights lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// HWIO.
    Conv,
    /// HWIM: output channel `ic * M + m`.
    Depthwise,
    /// `[K, N]`.
    MatMul,
    /// `[N, K]`.
    Transposed,
}

/// A node that is linear in its first input.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    id: NodeId,
    kind: Kind,
    weights: Arc<Tensor>,
    /// Of its input.
    pub(crate) x: Channels,
    /// Of its output.
    pub(crate) y: Channels,
}

impl Product {
    /// The product that a node is.
    pub(crate) fn of(graph: &Graph, id: NodeId) -> Option<Self> {
        let node = graph.node(id);
        let weights = constant(graph, *node.inputs.get(1)?)?;
        weights.as_f32().ok()?;
        let (kind, inputs, outputs) = match (node.op.name(), &weights.shape[..]) {
            ("Conv2D", &[_, _, ic, oc]) => (Kind::Conv, ic, oc),
            ("DepthwiseConv2dNative", &[_, _, ic, m]) => (Kind::Depthwise, ic, ic.checked_mul(m)?),
            ("MatMul", &[rows, columns]) => match transposed(graph, id)? {
                false => (Kind::MatMul, rows, columns),
                true => (Kind::Transposed, columns, rows),
            },
            _ => return None,
        };
        let rank = weights.shape.len();
        let channels = |count| Channels { rank, count };
        let empty = weights.data.is_empty();
        let product =
            || Self { id, kind, weights: Arc::clone(weights), x: channels(inputs), y: channels(outputs) };
        (!empty).then(product)
    }
    /// Input and output channel of weight `i`.
    fn channels(&self, i: usize) -> (usize, usize) {
        let (ic, oc) = (self.x.count, self.y.count);
        match self.kind {
            Kind::Conv | Kind::MatMul => (i / oc % ic, i % oc),
            Kind::Depthwise => (i % oc / (oc / ic), i % oc),
            Kind::Transposed => (i % ic, i / ic),
        }
    }
    /// Every weight with its input and output channel.
    pub(crate) fn each(&self) -> impl Iterator<Item = (f64, usize, usize)> {
        let values = self.weights.as_f32().unwrap_or_default();
        values.iter().enumerate().map(|(i, &w)| {
            let (ic, oc) = self.channels(i);
            (f64::from(w), ic, oc)
        })
    }
    /// Gives the node weights of its own, each multiplied by what belongs to its input and output channel. A constant
    /// that others read too stays theirs: this is where shared weights part.
    pub(crate) fn scale(&self, graph: &mut Graph, by: impl Fn(usize, usize) -> f64) -> Result<(), Reason> {
        let data = self.each().map(|(w, ic, oc)| (w * by(ic, oc)) as f32).collect();
        let scaled = Tensor::f32(self.weights.shape.clone(), data)?;
        let name = format!("{}/weights", graph.node(self.id).name);
        graph.node_mut(self.id).inputs[1] = add_constant(graph, &name, scaled);
        Ok(())
    }
}

/// Whether a MatMul takes its weights transposed; `None` if it transposes the activation.
fn transposed(graph: &Graph, id: NodeId) -> Option<bool> {
    let old = attributes(&graph.node(id).op);
    let read = |name| Attributes::new("MatMul", &old.0).bool_or(name, false).ok();
    (!read("transpose_a")?).then_some(read("transpose_b")?)
}

/// A BiasAdd, channels last.
pub(crate) fn bias_add() -> Result<Op, Reason> {
    op("BiasAdd", |a| {
        a.dtype("T", DataType::DtFloat);
        a.string("data_format", "NHWC");
    })
}

/// The constant of a bias.
pub(crate) fn bias(graph: &mut Graph, name: &str, values: &[f64]) -> Result<Edge, Reason> {
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    Ok(add_constant(graph, &format!("{name}/bias"), Tensor::f32(vec![values.len()], values)?))
}
