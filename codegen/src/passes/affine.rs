//! `y[c] = scale[c] * x[c] + offset[c]`, however it is spelled: what batch norms, biases and scalings are.
//!
//! ```text
//! BiasAdd, Add, Sub, Mul, RealDiv of a constant; FusedBatchNorm, V2, V3; BatchNormWithGlobalNormalization
//! scale = gamma / sqrt(variance + epsilon)      offset = beta - mean * scale
//! ```
//!
//! Numbers are kept in double precision, so that a chain of such nodes is rounded once.
use crate::attributes::Attributes;
use crate::build::{attributes, constant, floats};
use crate::graph::{Edge, Graph, NodeId};

/// What a tensor looks like to what is applied per channel: its rank, and the length of its last dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Channels {
    pub(crate) rank: usize,
    pub(crate) count: usize,
}

/// `y = scale * x + offset`, per channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Affine {
    pub(crate) scale: Vec<f64>,
    pub(crate) offset: Vec<f64>,
}

impl Affine {
    /// `y = x`.
    pub(crate) fn identity(channels: usize) -> Self {
        Self { scale: vec![1.0; channels], offset: vec![0.0; channels] }
    }
    /// `next` after `self`.
    pub(crate) fn then(&self, next: &Self) -> Self {
        let zip = |f: fn(f64, f64, f64) -> f64, x: &[f64]| {
            x.iter().zip(&next.scale).zip(&next.offset).map(|((&x, &s), &o)| f(x, s, o)).collect()
        };
        Self { scale: zip(|x, s, _| x * s, &self.scale), offset: zip(|x, s, o| x * s + o, &self.offset) }
    }
    /// Whether it only scales.
    pub(crate) fn scales_only(&self) -> bool {
        self.offset.iter().all(|&o| o == 0.0)
    }
    /// What node `id` does to its input `input`, a tensor of channels `x`, if that is affine per channel.
    pub(crate) fn of(graph: &Graph, id: NodeId, input: usize, x: Channels) -> Option<Self> {
        let node = graph.node(id);
        let numbers = |i: usize| per_channel(graph, *node.inputs.get(i)?, x);
        let ones = || vec![1.0; x.count];
        let other = || numbers(1 - input);
        let negative = |v: Vec<f64>| v.into_iter().map(|x| -x).collect();
        Some(match (node.op.name(), input) {
            ("BiasAdd", 0) | ("Add" | "AddV2", 0 | 1) => Self { scale: ones(), offset: other()? },
            ("Sub", 0) => Self { scale: ones(), offset: negative(other()?) },
            ("Sub", 1) => Self { scale: negative(ones()), offset: other()? },
            ("Mul", 0 | 1) => Self { scale: other()?, offset: vec![0.0; x.count] },
            ("Neg", 0) => Self { scale: negative(ones()), offset: vec![0.0; x.count] },
            ("RealDiv", 0) => {
                let scale = other()?.iter().map(|x| x.recip()).collect();
                Self { scale, offset: vec![0.0; x.count] }
            }
            ("FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3", 0) => {
                let epsilon = attribute(graph, id, "epsilon", 1e-4)?;
                normalise(&numbers(1)?, &numbers(2)?, &numbers(3)?, &numbers(4)?, epsilon)
            }
            ("BatchNormWithGlobalNormalization", 0) => {
                let epsilon = attribute(graph, id, "variance_epsilon", 0.0)?;
                let old = attributes(&node.op);
                let scaled =
                    Attributes::new(node.op.name(), &old.0).bool("scale_after_normalization").ok()?;
                let gamma = if scaled { numbers(4)? } else { ones() };
                normalise(&gamma, &numbers(3)?, &numbers(1)?, &numbers(2)?, epsilon)
            }
            _ => return None,
        })
    }
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
fn per_channel(graph: &Graph, edge: Edge, x: Channels) -> Option<Vec<f64>> {
    let shape = &constant(graph, edge)?.shape;
    let values = floats(graph, edge)?;
    match values {
        _ if shape.len() > x.rank => None,
        [one] => Some(vec![f64::from(*one); x.count]),
        _ if values.len() == x.count && shape.last() == Some(&x.count) => {
            Some(values.iter().map(|&v| f64::from(v)).collect())
        }
        _ => None,
    }
}
