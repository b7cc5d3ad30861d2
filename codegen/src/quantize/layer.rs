//! Layers: a convolution or matrix product with the bias, activation and residual sum that one int8 op can do with it.
//!
//! ```text
//! Conv2D, DepthwiseConv2dNative, MatMul -> [BiasAdd] -> [Relu | Relu6]
//!                                MatMul -> [BiasAdd] -> LeakyRelu
//!                      Conv2D -> [BiasAdd] -> Add -> Relu | Relu6          the residual form
//! ```
//!
//! Everything between the first and the last node must have no other reader. No convolution fuses a clip at 6: the range
//! of its output, which is measured behind the Relu6, is it.
use crate::attributes::Attributes;
use crate::build::{Uses, attributes, constant};
use crate::graph::{Edge, Graph, NodeId};
pub use crate::lower::Activation;
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
    /// What the last node applies.
    pub activation: Activation,
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
        activation: Activation::Linear,
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
    /// Whether nothing that it computes is negative.
    pub fn relu(&self) -> bool {
        matches!(self.activation, Activation::Relu | Activation::Relu6)
    }
    /// Leaves the activation to the node that has it, which is returned; for a layer without a fused sum.
    pub fn leave_activation(&mut self) -> Option<NodeId> {
        let left = match self.activation {
            Activation::Linear => return None,
            Activation::Relu | Activation::Relu6 | Activation::LeakyRelu(_) => self.end,
        };
        self.end = self.inside.pop()?;
        self.activation = Activation::Linear;
        Some(left)
    }
    /// Ends in the residual sum that the layer can take.
    pub fn take_sum(&mut self, graph: &Graph) {
        if let Some(sum) = self.sum {
            self.inside.extend([self.end, sum.add]);
            (self.end, self.activation) = (sum.end, activation(graph, sum.end));
        }
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
            None => {}
            Some((next, i)) => match (activation(graph, next), self.kind) {
                (Activation::Linear, Kind::Conv) => self.sum = sum(graph, uses, next, i),
                (Activation::Linear, _) | (Activation::LeakyRelu(_), Kind::Conv | Kind::Depthwise) => {}
                (fused, _) => {
                    self.activation = fused;
                    self.advance(next);
                }
            },
        }
    }
    fn advance(&mut self, next: NodeId) {
        self.inside.push(self.end);
        self.end = next;
    }
}

/// What a node applies; of what is no activation, nothing.
fn activation(graph: &Graph, id: NodeId) -> Activation {
    let op = &graph.node(id).op;
    match op.name() {
        "Relu" => Activation::Relu,
        "Relu6" => Activation::Relu6,
        "LeakyRelu" => {
            let old = attributes(op);
            Activation::LeakyRelu(Attributes::new("LeakyRelu", &old.0).float_or("alpha", 0.2).unwrap_or(0.2))
        }
        _ => Activation::Linear,
    }
}

fn sum(graph: &Graph, uses: &Uses, add: NodeId, input: usize) -> Option<Sum> {
    let node = graph.node(add);
    let &[_, _] = &node.inputs[..] else { return None };
    let (end, _) = uses.only_reader(add)?;
    let adds = matches!(node.op.name(), "Add" | "AddV2" | "AddN")
        && matches!(activation(graph, end), Activation::Relu | Activation::Relu6);
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
