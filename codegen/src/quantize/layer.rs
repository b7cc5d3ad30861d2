//! Layers: a convolution or matrix product with the bias, activation and residual sum that one int8 op can do with it.
//!
//! ```text
//! Conv2D, DepthwiseConv2dNative, MatMul -> [BiasAdd] -> [Relu | Relu6]
//!                      Conv2D -> [BiasAdd] -> Add -> Relu | Relu6          the residual form
//! ```
//!
//! Everything between the first and the last node must have no other reader. Relu6 needs no clip of its own: the range
//! of the output, which is measured behind it, is it.
use crate::attributes::Attributes;
use crate::build::{Uses, attributes, constant};
use crate::graph::{Edge, Graph, NodeId};
use crate::tensor::Tensor;
use std::sync::Arc;

/// What computes the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Conv2D.
    Conv,
    /// DepthwiseConv2dNative.
    Depthwise,
    /// MatMul of an activation with weights.
    MatMul,
}

/// A residual sum behind a layer: `relu(layer + summand)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sum {
    /// The Add.
    pub add: NodeId,
    /// Its other operand.
    pub summand: Edge,
    /// The activation behind it.
    pub end: NodeId,
}

/// A layer that has an int8 form.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// What computes the sums.
    pub kind: Kind,
    /// The convolution or product.
    pub core: NodeId,
    /// What it reads.
    pub x: Edge,
    /// Its weights; of a MatMul `[K, N]`.
    pub weights: Arc<Tensor>,
    /// Number of output channels.
    pub channels: usize,
    /// One number an output channel.
    pub bias: Option<Arc<Tensor>>,
    /// Whether the last node is an activation, behind which nothing is negative.
    pub relu: bool,
    /// The last node, whose value the layer computes.
    pub end: NodeId,
    /// Fused nodes before the last.
    pub inside: Vec<NodeId>,
    /// The residual form that this layer can take in place of ending at `end`.
    pub sum: Option<Sum>,
}

/// All layers, in the graph's order.
pub fn find(graph: &Graph) -> Vec<Layer> {
    let uses = Uses::new(graph);
    graph.ids().filter_map(|id| layer(graph, &uses, id)).collect()
}

/// Whether a node is a convolution or matrix product, with an int8 form or without.
pub fn is_core(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id).op.name(), "Conv2D" | "DepthwiseConv2dNative" | "MatMul")
}

fn layer(graph: &Graph, uses: &Uses, core: NodeId) -> Option<Layer> {
    let node = graph.node(core);
    let w = constant(graph, *node.inputs.get(1)?)?;
    w.as_f32().ok()?;
    let (kind, weights, channels) = match (node.op.name(), &w.shape[..]) {
        ("Conv2D", &[_, _, _, oc]) => (Kind::Conv, Arc::clone(w), oc),
        ("DepthwiseConv2dNative", &[_, _, ic, multiplier]) => {
            (Kind::Depthwise, Arc::clone(w), ic * multiplier)
        }
        ("MatMul", &[_, _]) => {
            let w = matrix(graph, core, w)?;
            let columns = w.shape[1];
            (Kind::MatMul, w, columns)
        }
        _ => return None,
    };
    if channels == 0 || constant(graph, node.inputs[0]).is_some() {
        return None;
    }
    let x = node.inputs[0];
    let mut layer = Layer {
        kind,
        core,
        x,
        weights,
        channels,
        bias: None,
        relu: false,
        end: core,
        inside: vec![],
        sum: None,
    };
    layer.grow(graph, uses);
    Some(layer)
}

impl Layer {
    /// The nodes whose work the layer does.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.inside.iter().copied().chain([self.end])
    }
    /// Takes in the nodes behind the core.
    fn grow(&mut self, graph: &Graph, uses: &Uses) {
        if let Some((next, 0)) = uses.only_reader(self.end)
            && graph.node(next).op.name() == "BiasAdd"
            && let Some(bias) = constant(graph, graph.node(next).inputs[1])
        {
            self.bias = Some(Arc::clone(bias));
            self.advance(next);
        }
        match uses.only_reader(self.end) {
            Some((next, _)) if is_relu(graph, next) => {
                self.relu = true;
                self.advance(next);
            }
            Some((add, i)) if self.kind == Kind::Conv => self.sum = sum(graph, uses, add, i),
            _ => {}
        }
    }
    fn advance(&mut self, next: NodeId) {
        self.inside.push(self.end);
        self.end = next;
    }
}

fn is_relu(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id).op.name(), "Relu" | "Relu6")
}

fn sum(graph: &Graph, uses: &Uses, add: NodeId, input: usize) -> Option<Sum> {
    let node = graph.node(add);
    let &[_, _] = &node.inputs[..] else { return None };
    let (end, _) = uses.only_reader(add)?;
    let adds = matches!(node.op.name(), "Add" | "AddV2" | "AddN") && is_relu(graph, end);
    adds.then(|| Sum { add, summand: node.inputs[1 - input], end })
}

/// The weights of a matrix product as `[K, N]`; `None` if the activation is transposed.
fn matrix(graph: &Graph, core: NodeId, w: &Arc<Tensor>) -> Option<Arc<Tensor>> {
    let old = attributes(&graph.node(core).op);
    let read = |name| Attributes::new("MatMul", &old.0).bool_or(name, false).unwrap_or(true);
    match (read("transpose_a"), read("transpose_b")) {
        (true, _) => None,
        (_, false) => Some(Arc::clone(w)),
        (_, true) => {
            let (n, k) = (w.shape[0], w.shape[1]);
            let values = w.as_f32().ok()?;
            let turned = (0..k * n).map(|i| values[i % n * k + i / n]).collect();
            Tensor::f32(vec![k, n], turned).ok().map(Arc::new)
        }
    }
}
