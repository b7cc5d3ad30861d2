//! One small network for each thing that the quantizer can write, from `x` [1, 6, 6, 4] to `y`.
use super::network::Network;
use bakelite_codegen::graph::Edge;
use bakelite_codegen::tensor::{DataType, Tensor};
use concats::{CONCATS, joined};

mod concats;

/// A network, and what its int8 form must hold.
pub(crate) struct Form {
    pub(crate) name: &'static str,
    pub(crate) build: fn(&mut Network) -> Edge,
    /// How many nodes of an op.
    pub(crate) ops: &'static [(&'static str, usize)],
    /// Signal over noise of `y`, at least; eight bits give about 40 dB a tensor.
    pub(crate) decibels: f64,
}

const fn form(
    name: &'static str,
    build: fn(&mut Network) -> Edge,
    ops: &'static [(&'static str, usize)],
    decibels: f64,
) -> Form {
    Form { name, build, ops, decibels }
}

/// All of them.
pub(crate) fn forms() -> impl Iterator<Item = &'static Form> {
    FORMS.iter().chain(CONCATS)
}

const FORMS: &[Form] = &[
    form("leaky_conv", leaky_conv, &[("LeakyRelu", 1), ("QuantizeV2", 2), ("Dequantize", 2)], 32.0),
    form("leaky_product", leaky_product, &[("LeakyRelu", 0), ("_QuantizedMatMul", 2)], 34.0),
    form("residual", residual, &[("QuantizedConv2DWithBiasSumAndReluAndRequantize", 1), ("Add", 0)], 34.0),
    form("residual_other", residual_other, &[("QuantizedConv2DWithBiasSumAndReluAndRequantize", 1)], 34.0),
    form("residual_own", residual_own, &[("AddV2", 1), ("QuantizeV2", 2)], 34.0),
    form(
        "residual_signed",
        residual_signed,
        &[("QuantizedConv2DWithBiasSignedSumAndReluAndRequantize", 1)],
        30.0,
    ),
    form("residual_apart", residual_apart, &[("AddV2", 1), ("QuantizeV2", 2)], 30.0),
    form("residual_linear", residual_linear, &[("AddV2", 2), ("QuantizeV2", 3), ("Dequantize", 5)], 28.0),
    form("shuffle", shuffle, &[("Bitcast", 2), ("Reshape", 2), ("Dequantize", 1), ("QuantizeV2", 1)], 32.0),
    form("split", split, &[("Split", 1), ("Bitcast", 3), ("QuantizedConcatV2", 1), ("QuantizeV2", 1)], 30.0),
    form("moves", moves, &[("Dequantize", 1), ("QuantizeV2", 1), ("GatherV2", 1), ("StridedSlice", 1)], 32.0),
    form("squeeze_excite", squeeze_excite, &[("Mul", 2), ("QuantizeV2", 4), ("Dequantize", 4)], 32.0),
    form("hard_swish", hard_swish, &[("QuantizeV2", 2), ("Dequantize", 2)], 32.0),
    form("swish", swish, &[("Sigmoid", 1), ("QuantizeV2", 2), ("Dequantize", 2)], 32.0),
    form("scaled", scaled, &[("Relu", 1), ("QuantizeV2", 2), ("Dequantize", 2)], 32.0),
    form("wide_sum", wide_sum, &[("AddN", 1), ("QuantizeV2", 3)], 25.0),
    form(
        "pad_strided",
        pad_strided,
        &[("Pad", 0), ("QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize", 1)],
        34.0,
    ),
    form("head", head, &[("QuantizedConv2DWithBias", 1), ("Dequantize", 1), ("Softmax", 1)], 40.0),
    form("head_relu6", head_relu6, &[("QuantizedDepthwiseConv2DWithBias", 1), ("Relu6", 1)], 34.0),
];

/// A hard swish whose channels differ by a factor of sixty, read by a depthwise convolution that evens them out and by a
/// residual sum.
pub(crate) const UNEVEN: Form = form("uneven", uneven, &[], 0.0);

fn layer(n: &mut Network, x: Edge, shape: &[usize; 4]) -> Edge {
    let y = n.conv("Conv2D", x, shape, "SAME");
    let bias = n.weights(&shape[3..]);
    n.op("BiasAdd", &[y, bias])
}

fn relu(n: &mut Network, x: Edge, shape: &[usize; 4]) -> Edge {
    let y = layer(n, x, shape);
    n.op("Relu", &[y])
}

fn first(n: &mut Network) -> Edge {
    relu(n, n.x, &[3, 3, 4, 8])
}

fn last(n: &mut Network, x: Edge, channels: usize) -> Edge {
    layer(n, x, &[1, 1, channels, 4])
}

fn scalar(n: &mut Network, value: f32) -> Edge {
    n.constant(Tensor::scalar(value))
}

fn ints(n: &mut Network, values: &[i32]) -> Edge {
    n.constant(Tensor::ints(values))
}

fn leaky_conv(n: &mut Network) -> Edge {
    let y = layer(n, n.x, &[3, 3, 4, 8]);
    let y = n.with("LeakyRelu", &[y], |a| a.float("alpha", 0.1));
    last(n, y, 8)
}

fn leaky_product(n: &mut Network) -> Edge {
    let shape = ints(n, &[-1, 144]);
    let y = n.with("Reshape", &[n.x, shape], |_| {});
    let (w, bias) = (n.weights(&[144, 16]), n.weights(&[16]));
    let y = n.op("MatMul", &[y, w]);
    let y = n.op("BiasAdd", &[y, bias]);
    let y = n.with("LeakyRelu", &[y], |a| a.float("alpha", 0.1));
    let w = n.weights(&[16, 5]);
    n.op("MatMul", &[y, w])
}

fn residual(n: &mut Network) -> Edge {
    let a = first(n);
    let y = relu(n, a, &[1, 1, 8, 8]);
    let y = layer(n, y, &[3, 3, 8, 8]);
    let y = n.op("AddV2", &[y, a]);
    let y = n.op("Relu", &[y]);
    last(n, y, 8)
}

fn residual_other(n: &mut Network) -> Edge {
    let a = first(n);
    let y = relu(n, a, &[1, 1, 8, 8]);
    let y = layer(n, y, &[3, 3, 8, 8]);
    let y = n.op("AddV2", &[a, y]);
    let y = n.op("Relu6", &[y]);
    last(n, y, 8)
}

/// A layer that would write over what it reads.
fn residual_own(n: &mut Network) -> Edge {
    let a = first(n);
    let y = layer(n, a, &[3, 3, 8, 8]);
    let y = n.op("AddV2", &[a, y]);
    let y = n.op("Relu", &[y]);
    last(n, y, 8)
}

/// A linear branch as the summand; each is as wide as the sum, so a rounding less is worth a bit less.
fn residual_signed(n: &mut Network) -> Edge {
    let a = first(n);
    let b = layer(n, a, &[1, 1, 8, 8]);
    let y = layer(n, a, &[3, 3, 8, 8]);
    let y = n.op("AddV2", &[b, y]);
    let y = n.op("Relu", &[y]);
    last(n, y, 8)
}

/// Two branches much smaller than their sum, whose bias is large.
fn residual_apart(n: &mut Network) -> Edge {
    let a = first(n);
    let branch = |n: &mut Network| {
        let y = n.conv("Conv2D", a, &[1, 1, 8, 8], "SAME");
        let bias = n.constant(Tensor::f32(vec![8], vec![6.0; 8]).unwrap());
        n.op("BiasAdd", &[y, bias])
    };
    let (b, c) = (branch(n), branch(n));
    let y = n.op("AddV2", &[b, c]);
    let y = n.op("Relu", &[y]);
    last(n, y, 8)
}

/// As MobileNet v2 has them; the first sum is read twice.
fn residual_linear(n: &mut Network) -> Edge {
    let a = layer(n, n.x, &[3, 3, 4, 8]);
    let y = relu(n, a, &[1, 1, 8, 16]);
    let y = layer(n, y, &[1, 1, 16, 8]);
    let b = n.op("AddV2", &[a, y]);
    let y = relu(n, b, &[1, 1, 8, 16]);
    let y = layer(n, y, &[1, 1, 16, 8]);
    let y = n.op("AddV2", &[b, y]);
    last(n, y, 8)
}

fn shuffle(n: &mut Network) -> Edge {
    let a = layer(n, n.x, &[3, 3, 4, 8]);
    let (apart, order, together) =
        (ints(n, &[1, 6, 6, 2, 4]), ints(n, &[0, 1, 2, 4, 3]), ints(n, &[1, 6, 6, 8]));
    let y = n.with("Reshape", &[a, apart], |_| {});
    let y = n.with("Transpose", &[y, order], |_| {});
    let y = n.with("Reshape", &[y, together], |_| {});
    last(n, y, 8)
}

fn split(n: &mut Network) -> Edge {
    let a = layer(n, n.x, &[3, 3, 4, 8]);
    let axis = n.constant(Tensor { shape: vec![], ..Tensor::ints(&[3]) });
    let parts = n.with("Split", &[axis, a], |a| a.int("num_split", 2));
    let b = relu(n, parts, &[3, 3, 4, 4]);
    let y = joined(n, &[b, Edge { port: 1, ..parts }]);
    last(n, y, 8)
}

fn moves(n: &mut Network) -> Edge {
    let a = first(n);
    let pads = n.constant(Tensor { shape: vec![4, 2], ..Tensor::ints(&[0, 0, 1, 2, 0, 1, 0, 0]) });
    let y = n.with("Pad", &[a, pads], |_| {});
    let y = n.with("MaxPool", &[y], |w| {
        w.hw("ksize", [2, 2]);
        w.hw("strides", [1, 1]);
        w.string("padding", "VALID");
    });
    let (begin, end, step) = (ints(n, &[0, 1, 0, 0]), ints(n, &[1, 7, 6, 8]), ints(n, &[1, 1, 1, 1]));
    let y = n.with("StridedSlice", &[y, begin, end, step], |a| a.dtype("Index", DataType::DtInt32));
    let axis = n.constant(Tensor { shape: vec![], ..Tensor::ints(&[3]) });
    let picked = ints(n, &[7, 1, 3, 0]);
    let y = n.with("GatherV2", &[y, picked, axis], |a| {
        a.dtype("Tparams", DataType::DtFloat);
        a.dtype("Tindices", DataType::DtInt32);
        a.dtype("Taxis", DataType::DtInt32);
    });
    last(n, y, 4)
}

/// As Keras writes MobileNet's strided layers.
fn pad_strided(n: &mut Network) -> Edge {
    let a = first(n);
    let pads = n.constant(Tensor { shape: vec![4, 2], ..Tensor::ints(&[0, 0, 0, 1, 0, 1, 0, 0]) });
    let y = n.with("Pad", &[a, pads], |_| {});
    let (w, bias) = (n.weights(&[3, 3, 8, 1]), n.weights(&[8]));
    let y = n.with("DepthwiseConv2dNative", &[y, w], |a| {
        a.hw("strides", [2, 2]);
        a.string("padding", "VALID");
    });
    let y = n.op("BiasAdd", &[y, bias]);
    let y = n.op("Relu6", &[y]);
    last(n, y, 8)
}

fn hard_sigmoid(n: &mut Network, x: Edge) -> Edge {
    let (three, sixth) = (scalar(n, 3.0), scalar(n, 1.0 / 6.0));
    let y = n.op("AddV2", &[x, three]);
    let y = n.op("Relu6", &[y]);
    n.op("Mul", &[y, sixth])
}

fn squeeze_excite(n: &mut Network) -> Edge {
    let a = first(n);
    let axes = ints(n, &[1, 2]);
    let y = n.with("Mean", &[a, axes], |a| a.bool("keep_dims", true));
    let y = relu(n, y, &[1, 1, 8, 4]);
    let y = layer(n, y, &[1, 1, 4, 8]);
    let gate = hard_sigmoid(n, y);
    let y = n.op("Mul", &[a, gate]);
    last(n, y, 8)
}

fn hard_swish(n: &mut Network) -> Edge {
    let x = layer(n, n.x, &[3, 3, 4, 8]);
    let y = hard_sigmoid(n, x);
    let y = n.op("Mul", &[x, y]);
    last(n, y, 8)
}

fn swish(n: &mut Network) -> Edge {
    let x = layer(n, n.x, &[3, 3, 4, 8]);
    let y = n.op("Sigmoid", &[x]);
    let y = n.op("Mul", &[x, y]);
    last(n, y, 8)
}

/// A batch norm before its convolution, behind a pool that keeps it from the one before.
fn scaled(n: &mut Network) -> Edge {
    let x = layer(n, n.x, &[3, 3, 4, 8]);
    let y = n.with("MaxPool", &[x], |w| {
        w.hw("ksize", [2, 2]);
        w.hw("strides", [1, 1]);
        w.string("padding", "SAME");
    });
    let (scale, offset) = (n.weights(&[8]), n.weights(&[8]));
    let y = n.op("Mul", &[y, scale]);
    let y = n.op("AddV2", &[y, offset]);
    let y = n.op("Relu", &[y]);
    last(n, y, 8)
}

/// Three sums of pairs; the last would be a function of four int8 tensors.
fn wide_sum(n: &mut Network) -> Edge {
    let a = first(n);
    let [b, c, d] = [0; 3].map(|_| layer(n, a, &[1, 1, 8, 8]));
    let left = n.op("Mul", &[b, c]);
    let y = n.with("AddN", &[left, d], |a| a.int("N", 2));
    last(n, y, 8)
}

fn head(n: &mut Network) -> Edge {
    let a = first(n);
    let y = last(n, a, 8);
    let shape = ints(n, &[36, 4]);
    let y = n.with("Reshape", &[y, shape], |_| {});
    n.op("Softmax", &[y])
}

/// What fp32 reads unrounded has no range that would clip at 6.
fn head_relu6(n: &mut Network) -> Edge {
    let a = first(n);
    let y = n.conv("DepthwiseConv2dNative", a, &[3, 3, 8, 1], "SAME");
    let bias = n.constant(Tensor::f32(vec![8], vec![4.0; 8]).unwrap());
    let y = n.op("BiasAdd", &[y, bias]);
    n.op("Relu6", &[y])
}

fn uneven(n: &mut Network) -> Edge {
    let factor = |c: usize| 0.5f32.powi(c as i32 % 7);
    let weights = |shape: &[usize], seed: u64, of: &dyn Fn(usize) -> f32| {
        let values = super::network::random(shape, seed);
        let scaled = values.as_f32().unwrap().iter().enumerate().map(|(i, v)| v * of(i % 8));
        Tensor::f32(shape.to_vec(), scaled.collect()).unwrap()
    };
    let w = n.constant(weights(&[3, 3, 4, 8], 5, &factor));
    let same = |a: &mut bakelite_codegen::attributes::AttributeWriter| {
        a.hw("strides", [1, 1]);
        a.string("padding", "SAME");
    };
    let x = n.with("Conv2D", &[n.x, w], same);
    let gate = hard_sigmoid(n, x);
    let swish = n.op("Mul", &[x, gate]);
    let w = n.constant(weights(&[3, 3, 8, 1], 6, &|c| 1.0 / factor(c)));
    let y = n.with("DepthwiseConv2dNative", &[swish, w], same);
    let y = layer(n, y, &[1, 1, 8, 8]);
    let y = n.op("AddV2", &[swish, y]);
    last(n, y, 8)
}
