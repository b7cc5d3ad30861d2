//! What the plan asks of the graph alone.
use crate::attributes::Attributes;
use crate::build::{attributes, constant};
use crate::graph::{Edge, Graph, NodeId};
use crate::quantize::carry::carry;
use crate::quantize::layer::Layer;

/// What a node is to int8, layers aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// MaxPool.
    Maximum,
    /// AvgPool, Mean.
    Average,
    /// ConcatV2.
    Concat,
    /// It moves bytes.
    Carry,
    /// A function of each element: fp32 between bytes, which the compiler turns into one kernel on bytes.
    Elementwise,
    /// An interpolation: fp32 between bytes.
    Resample,
    /// It has no place among int8 ops.
    Other,
}

/// What a node is.
pub fn nature(graph: &Graph, id: NodeId) -> Nature {
    match graph.node(id).op.name() {
        "MaxPool" => Nature::Maximum,
        "AvgPool" | "Mean" => Nature::Average,
        "ConcatV2" => Nature::Concat,
        "ResizeBilinear" => Nature::Resample,
        "Add" | "AddV2" | "Sub" | "Mul" | "RealDiv" | "Maximum" | "Minimum" | "SquaredDifference"
        | "AddN" | "BiasAdd" | "Relu" | "Relu6" | "LeakyRelu" | "Elu" | "Selu" | "Sigmoid" | "Tanh"
        | "Softplus" | "Exp" | "Log" | "Sqrt" | "Rsqrt" | "Neg" | "Abs" | "Square" | "Reciprocal" | "Erf"
        | "Erfc" | "Expm1" | "Log1p" | "Softsign" | "FusedBatchNorm" | "FusedBatchNormV2"
        | "FusedBatchNormV3" => Nature::Elementwise,
        _ if carry(graph, id).is_some() => Nature::Carry,
        _ => Nature::Other,
    }
}

/// The inputs of a node that hold its values and depend on the graph's inputs.
pub fn data(graph: &Graph, id: NodeId) -> Vec<Edge> {
    let inputs = &graph.node(id).inputs[..];
    let of = match nature(graph, id) {
        Nature::Elementwise => inputs,
        Nature::Concat => inputs.split_last().map_or(inputs, |(_, values)| values),
        Nature::Carry => {
            let i = carry(graph, id).map_or(0, |c| c.data);
            inputs.get(i..=i).unwrap_or_default()
        }
        Nature::Maximum | Nature::Average | Nature::Resample | Nature::Other => {
            inputs.get(..1).unwrap_or_default()
        }
    };
    of.iter().copied().filter(|&e| constant(graph, e).is_none()).collect()
}

/// Whether a pool pads explicitly, which the int8 pools cannot.
pub fn is_padded(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let old = attributes(&node.op);
    !matches!(Attributes::new(node.op.name(), &old.0).string("padding").as_deref(), Ok("SAME" | "VALID"))
}

/// Nodes that an int8 op reads, directly or through others that can be int8.
pub fn wanted(graph: &Graph, layers: &[Layer]) -> Vec<bool> {
    let mut wanted = vec![false; graph.nodes.len()];
    layers.iter().for_each(|l| wanted[l.x.node.0] = true);
    for id in graph.order().unwrap_or_default().into_iter().rev() {
        if wanted[id.0] && nature(graph, id) != Nature::Other {
            data(graph, id).iter().for_each(|e| wanted[e.node.0] = true);
        }
    }
    wanted
}

/// Marks what a node depends on, and itself.
pub fn ancestors(graph: &Graph, id: NodeId) -> Vec<bool> {
    let mut mark = vec![false; graph.nodes.len()];
    let mut stack = vec![id];
    while let Some(id) = stack.pop() {
        if !std::mem::replace(&mut mark[id.0], true) {
            stack.extend(graph.node(id).inputs.iter().map(|e| e.node));
        }
    }
    mark
}
