//! Small networks with random weights, made as TensorFlow makes them.
use bakelite_codegen::build::{add_constant, op};
use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::tensor::{DataType, Tensor};

/// Numbers in [-1, 1), from a seed.
pub(crate) fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    Tensor::f32(shape.to_vec(), (0..shape.iter().product()).map(|_| next()).collect()).unwrap()
}

/// A graph that grows at its end.
pub(crate) struct Network {
    graph: Graph,
    pub(crate) x: Edge,
    seed: u64,
}

impl Network {
    pub(crate) fn new(shape: &[i64]) -> Self {
        let mut graph = Graph::default();
        let placeholder = op("Placeholder", |a| {
            a.dtype("dtype", DataType::DtFloat);
            a.shape("shape", Some(shape));
        });
        let x = graph.add("x", placeholder.unwrap(), vec![]).into();
        Self { graph, x, seed: 0 }
    }
    pub(crate) fn weights(&mut self, shape: &[usize]) -> Edge {
        self.seed += 1;
        let value = random(shape, self.seed);
        add_constant(&mut self.graph, &format!("w{}", self.seed), value)
    }
    /// Like `weights`, above zero: a variance.
    pub(crate) fn positive(&mut self, count: usize) -> Edge {
        self.seed += 1;
        let value = random(&[count], self.seed);
        let above = value.as_f32().unwrap().iter().map(|v| v + 1.5).collect();
        add_constant(&mut self.graph, &format!("v{}", self.seed), Tensor::f32(vec![count], above).unwrap())
    }
    pub(crate) fn constant(&mut self, value: Tensor) -> Edge {
        self.seed += 1;
        add_constant(&mut self.graph, &format!("c{}", self.seed), value)
    }
    /// A node of an op with T = float.
    pub(crate) fn op(&mut self, name: &str, inputs: &[Edge]) -> Edge {
        self.with(name, inputs, |_| {})
    }
    pub(crate) fn with(
        &mut self,
        name: &str,
        inputs: &[Edge],
        set: impl FnOnce(&mut bakelite_codegen::attributes::AttributeWriter),
    ) -> Edge {
        let made = op(name, |a| {
            a.dtype("T", DataType::DtFloat);
            set(a);
        });
        let name = self.graph.fresh(&name.to_lowercase());
        self.graph.add(name, made.unwrap(), inputs.to_vec()).into()
    }
    pub(crate) fn conv(&mut self, name: &str, x: Edge, shape: &[usize], padding: &str) -> Edge {
        let w = self.weights(shape);
        self.with(name, &[x, w], |a| {
            a.hw("strides", [1, 1]);
            a.string("padding", padding);
        })
    }
    pub(crate) fn batch_norm(&mut self, x: Edge, channels: usize) -> Edge {
        let [gamma, beta, mean] = [0; 3].map(|_| self.weights(&[channels]));
        let variance = self.positive(channels);
        self.with("FusedBatchNormV3", &[x, gamma, beta, mean, variance], |a| {
            a.dtype("U", DataType::DtFloat);
            a.float("epsilon", 1e-3);
            a.bool("is_training", false);
        })
    }
    /// Names the last node `y`.
    pub(crate) fn finish(mut self, y: Edge) -> Graph {
        self.graph.node_mut(y.node).name = "y".into();
        self.graph.outputs = vec![y];
        self.graph
    }
}

type Build = fn(&mut Network) -> Edge;

pub(crate) const BATCH_NORMS: &[(&str, Build)] = &[
    ("slim", slim),
    ("fused_after_bias", fused_after_bias),
    ("depthwise", depthwise),
    ("matmul", matmul),
    ("sub_div_mul", sub_div_mul),
];

/// TF-slim: Add(Mul(conv, m), Sub(beta, Mul(mean, m))), m = gamma * Rsqrt(variance + epsilon).
fn slim(n: &mut Network) -> Edge {
    let y = n.conv("Conv2D", n.x, &[3, 3, 4, 5], "SAME");
    let (variance, epsilon) = (n.positive(5), n.constant(Tensor::scalar(1e-3)));
    let [gamma, beta, mean] = [0; 3].map(|_| n.weights(&[5]));
    let sum = n.op("Add", &[variance, epsilon]);
    let root = n.op("Rsqrt", &[sum]);
    let m = n.op("Mul", &[root, gamma]);
    let scaled = n.op("Mul", &[y, m]);
    let shift = n.op("Mul", &[mean, m]);
    let offset = n.op("Sub", &[beta, shift]);
    let y = n.op("Add", &[scaled, offset]);
    n.op("Relu6", &[y])
}

fn fused_after_bias(n: &mut Network) -> Edge {
    let y = n.conv("Conv2D", n.x, &[1, 1, 4, 3], "VALID");
    let bias = n.weights(&[3]);
    let y = n.op("BiasAdd", &[y, bias]);
    let y = n.batch_norm(y, 3);
    n.op("Relu", &[y])
}

fn depthwise(n: &mut Network) -> Edge {
    let y = n.conv("DepthwiseConv2dNative", n.x, &[3, 3, 4, 2], "SAME");
    n.batch_norm(y, 8)
}

fn matmul(n: &mut Network) -> Edge {
    let shape = n.constant(Tensor::ints(&[-1, 144]));
    let y = n.with("Reshape", &[n.x, shape], |a| a.dtype("Tshape", DataType::DtInt32));
    let (w, scale, offset) = (n.weights(&[7, 144]), n.weights(&[7]), n.weights(&[1, 7]));
    let y = n.with("MatMul", &[y, w], |a| a.bool("transpose_b", true));
    let y = n.op("Mul", &[scale, y]);
    n.op("AddV2", &[y, offset])
}

fn sub_div_mul(n: &mut Network) -> Edge {
    let y = n.conv("Conv2D", n.x, &[2, 2, 4, 6], "SAME");
    let (mean, deviation, gamma, beta) = (n.weights(&[6]), n.positive(6), n.weights(&[6]), n.weights(&[6]));
    let y = n.op("Sub", &[y, mean]);
    let y = n.op("RealDiv", &[y, deviation]);
    let y = n.op("Mul", &[y, gamma]);
    n.op("BiasAdd", &[y, beta])
}

/// The convolution is read twice, so nothing behind it may change it.
pub(crate) fn shared(n: &mut Network) -> Edge {
    let y = n.conv("Conv2D", n.x, &[1, 1, 4, 4], "SAME");
    let scale = n.weights(&[4]);
    let scaled = n.op("Mul", &[y, scale]);
    n.op("AddV2", &[scaled, y])
}

pub(crate) fn pad_and_squeeze(n: &mut Network) -> Edge {
    let pads = Tensor { shape: vec![4, 2], ..Tensor::ints(&[0, 0, 1, 0, 0, 2, 0, 0]) };
    let pads = n.constant(pads);
    let y = n.op("Identity", &[n.x]);
    let y = n.with("Pad", &[y, pads], |a| a.dtype("Tpaddings", DataType::DtInt32));
    let y = n.conv("Conv2D", y, &[7, 8, 4, 5], "VALID");
    let y = n.with("Squeeze", &[y], |a| a.ints("squeeze_dims", &[1, 2]));
    let y = n.op("StopGradient", &[y]);
    let bias = n.weights(&[5]);
    let y = n.op("BiasAdd", &[y, bias]);
    n.op("Relu", &[y])
}

/// TensorFlow 1's dropout, frozen with a keep probability of one.
pub(crate) fn dropout(n: &mut Network) -> Edge {
    let (one, shape) = (n.constant(Tensor::scalar(1.0)), n.constant(Tensor::ints(&[1, 6, 6, 4])));
    let divided = n.op("RealDiv", &[n.x, one]);
    let random = n.op("RandomUniform", &[shape]);
    let sum = n.op("Add", &[random, one]);
    let floor = n.op("Floor", &[sum]);
    let y = n.op("Mul", &[divided, floor]);
    n.op("Relu", &[y])
}

/// What `tf.cond` on a learning phase leaves: both branches, and a constant of the dead one that only a control edge
/// says is dead.
pub(crate) fn conditional(n: &mut Network) -> Edge {
    let truth = Tensor::new(DataType::DtBool, vec![], bakelite_codegen::tensor::Data::Bool(vec![false]));
    let phase = n.constant(truth.unwrap());
    let phase = n.with("PlaceholderWithDefault", &[phase], |a| a.dtype("dtype", DataType::DtBool));
    let switch = n.op("Switch", &[n.x, phase]);
    let [no, yes] = [0, 1].map(|port| Edge { port, ..switch });
    let trained = n.op("Exp", &[yes]);
    let used = n.op("Relu", &[no]);
    let y = n.op("Merge", &[used, trained]);
    let zeros = n.weights(&[6, 6, 4]);
    n.graph.node_mut(zeros.node).control.push(trained.node);
    let y = n.op("Merge", &[zeros, y]);
    let y = n.op("IdentityN", &[y]);
    let y = n.op("Print", &[y, zeros]);
    n.op("Tanh", &[y])
}
