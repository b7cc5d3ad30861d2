//! Concatenations: of branches with types and ranges that differ, and of branches that live in the concatenation's buffer.
use super::{Form, first, form, last, layer, relu};
use crate::network::Network;
use bakelite_codegen::graph::Edge;
use bakelite_codegen::tensor::{DataType, Tensor};

pub(super) const CONCATS: &[Form] = &[
    form("concat", concat, &[("QuantizedConcatV2", 1), ("QuantizeV2", 1)], 32.0),
    form("concat_signs", concat_signs, &[("QuantizedConcatV2", 1), ("QuantizeV2", 1)], 32.0),
    form("concat_signs_shared", concat_signs_shared, &[("QuantizedConcatV2", 1), ("QuantizeV2", 2)], 32.0),
    form("concat_relu6", concat_relu6, &[("QuantizedConcatV2", 1), ("QuantizeV2", 2)], 32.0),
    form("concat_pools", concat_pools, &[("QuantizedMaxPool", 1), ("QuantizedAvgPool", 1)], 30.0),
    form("concat_places", concat_places, &[("QuantizedConcatV2", 1)], 30.0),
    form("concat_twice", concat_twice, &[("QuantizedConcatV2", 1), ("QuantizeV2", 1)], 30.0),
    form("concat_nested", concat_nested, &[("QuantizedConcatV2", 2), ("QuantizeV2", 1)], 30.0),
];

pub(super) fn joined(n: &mut Network, parts: &[Edge]) -> Edge {
    let axis = n.constant(Tensor { shape: vec![], ..Tensor::ints(&[3]) });
    let count = parts.len() as i64;
    n.with("ConcatV2", &[parts, &[axis]].concat(), |a| {
        a.int("N", count);
        a.dtype("Tidx", DataType::DtInt32);
    })
}

fn pool(n: &mut Network, name: &str, x: Edge) -> Edge {
    n.with(name, &[x], |w| {
        w.hw("ksize", [3, 3]);
        w.hw("strides", [1, 1]);
        w.string("padding", "SAME");
    })
}

fn concat(n: &mut Network) -> Edge {
    let a = first(n);
    let (b, c) = (relu(n, a, &[1, 1, 8, 4]), relu(n, a, &[3, 3, 8, 4]));
    let y = joined(n, &[b, c, a]);
    last(n, y, 16)
}

/// Only the concat reads the branch with a relu: its layer writes qint8.
fn concat_signs(n: &mut Network) -> Edge {
    let a = first(n);
    let (b, c) = (relu(n, a, &[1, 1, 8, 4]), layer(n, a, &[3, 3, 8, 4]));
    let y = joined(n, &[b, c]);
    last(n, y, 8)
}

fn concat_signs_shared(n: &mut Network) -> Edge {
    let a = first(n);
    let c = layer(n, a, &[3, 3, 8, 4]);
    let y = joined(n, &[a, c]);
    last(n, y, 12)
}

fn concat_relu6(n: &mut Network) -> Edge {
    let a = first(n);
    let y = layer(n, a, &[3, 3, 8, 4]);
    let b = n.op("Relu6", &[y]);
    let c = relu(n, a, &[3, 3, 8, 4]);
    let y = joined(n, &[b, c]);
    last(n, y, 8)
}

fn concat_pools(n: &mut Network) -> Edge {
    let a = first(n);
    let (b, c) = (pool(n, "MaxPool", a), pool(n, "AvgPool", a));
    let y = joined(n, &[b, c]);
    last(n, y, 16)
}

/// Channels that fill no vector and begin at odd offsets; one branch is read beside the concat, too, by a window, and
/// what reads the concat are windows with their halo, a depthwise one and a pool among them.
fn concat_places(n: &mut Network) -> Edge {
    let a = first(n);
    let (b, c, d) = (relu(n, a, &[1, 1, 8, 5]), relu(n, a, &[3, 3, 8, 20]), relu(n, a, &[1, 3, 8, 3]));
    let e = relu(n, b, &[3, 3, 5, 28]);
    let y = joined(n, &[b, c, d]);
    let max = pool(n, "MaxPool", y);
    let conv = relu(n, y, &[3, 3, 28, 28]);
    let depthwise = n.conv("DepthwiseConv2dNative", y, &[3, 3, 28, 1], "SAME");
    let bias = n.weights(&[28]);
    let depthwise = n.op("BiasAdd", &[depthwise, bias]);
    let depthwise = n.op("Relu", &[depthwise]);
    let [max, conv, depthwise, e] = [max, conv, depthwise, e].map(|x| relu(n, x, &[1, 1, 28, 8]));
    let y = n.op("AddV2", &[max, conv]);
    let y = n.op("AddV2", &[y, depthwise]);
    let y = n.op("AddV2", &[y, e]);
    last(n, y, 8)
}

/// A branch can live in one place only.
fn concat_twice(n: &mut Network) -> Edge {
    let a = first(n);
    let (b, c) = (relu(n, a, &[1, 1, 8, 7]), relu(n, a, &[3, 3, 8, 2]));
    let y = joined(n, &[b, c, b]);
    let y = relu(n, y, &[3, 3, 16, 8]);
    last(n, y, 8)
}

/// A concatenation that lives in another.
fn concat_nested(n: &mut Network) -> Edge {
    let a = first(n);
    let (b, c, d) = (relu(n, a, &[1, 1, 8, 3]), relu(n, a, &[3, 3, 8, 6]), relu(n, a, &[1, 1, 8, 5]));
    let inner = joined(n, &[b, c]);
    let other = relu(n, inner, &[3, 3, 9, 4]);
    let y = joined(n, &[inner, d, other]);
    let y = relu(n, y, &[3, 3, 18, 8]);
    last(n, y, 8)
}
