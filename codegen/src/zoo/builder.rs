//! Builds a network layer by layer, and keeps an estimate of how large its activations are.
//!
//! ```text
//! weights   w = N(0, 1 / fan_in) * g[oc],  g in 0.5..2    channels differ as those of trained networks do
//! conv      E[y[oc]^2] = mean over ic of E[x[ic]^2] * g[oc]^2      independent weights of mean 0
//! batchnorm variance = E[x^2], mean = shift * deviation, shift in +-0.2, gamma in 0.6..1.4, beta in +-0.5
//!           E[y^2] = gamma^2 (1 + shift^2) + beta^2                whatever came in
//! relu      E[y^2] = E[x^2] / 2                                    x symmetric about 0
//! ```
//!
//! Every batch norm restores the size, so an error of the estimate does not grow along the network. All of it is plain
//! f32 arithmetic in a fixed order: the same bits on every machine.
use crate::attributes::AttributeWriter;
use crate::build::{add_constant, op};
use crate::graph::{Edge, Graph};
use crate::tensor::{DataType, Tensor};
use crate::zoo::random::Random;

/// An activation in the making.
#[derive(Clone, Debug)]
pub struct Value {
    /// The tensor, NHWC.
    pub edge: Edge,
    /// Estimate of the mean square of each channel.
    squares: Vec<f32>,
}

impl Value {
    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.squares.len()
    }
    /// Mean square over all channels.
    fn square(&self) -> f32 {
        self.squares.iter().sum::<f32>() / self.squares.len() as f32
    }
}

/// How a window moves.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Height and width.
    pub size: [usize; 2],
    /// Both strides.
    pub stride: usize,
    /// `SAME` or `VALID`.
    pub padding: &'static str,
}

impl Window {
    /// A window of `size`, stride 1, padded so that the image keeps its extent.
    pub const fn same(height: usize, width: usize) -> Self {
        Self { size: [height, width], stride: 1, padding: "SAME" }
    }
    /// A window of `size` moved by `stride`, inside the image.
    pub const fn valid(size: usize, stride: usize) -> Self {
        Self { size: [size, size], stride, padding: "VALID" }
    }
    /// The same window moved by another stride.
    pub const fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
        a.string("data_format", "NHWC");
        a.hw("strides", [self.stride; 2]);
        a.string("padding", self.padding);
    }
}

/// What a batch norm of Keras is made with.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm {
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether it has a gamma of its own; otherwise gamma is a constant of ones.
    pub scale: bool,
}

/// The graph in the making.
#[derive(Debug)]
pub struct Builder {
    graph: Graph,
    random: Random,
    input: Value,
}

impl Builder {
    /// A graph with a picture of `side` x `side` pixels, three channels, uniform in -1..1, as its input.
    pub fn new(seed: u64, side: usize) -> Self {
        let mut graph = Graph::default();
        let shape = [-1, side as i64, side as i64, 3];
        let placeholder = made("Placeholder", |a| {
            a.dtype("dtype", DataType::DtFloat);
            a.shape("shape", Some(&shape));
        });
        let edge = graph.add("input", placeholder, vec![]).into();
        Self { graph, random: Random::new(seed), input: Value { edge, squares: vec![1.0 / 3.0; 3] } }
    }
    /// The picture.
    pub fn input(&self) -> Value {
        self.input.clone()
    }
    /// The graph; the last node is its output.
    pub fn finish(mut self) -> Graph {
        self.graph.outputs = self.graph.ids().last().map(Edge::from).into_iter().collect();
        self.graph
    }
    /// Conv2D with kernel `NAME/kernel`, HWIO.
    pub fn conv(&mut self, x: &Value, name: &str, channels: usize, window: Window) -> Value {
        let [height, width] = window.size;
        let fan_in = height * width * x.channels();
        let factors = self.factors(channels);
        let w = self.weights(fan_in, &factors);
        let kernel =
            self.parameter(&format!("{name}/kernel"), vec![height, width, x.channels(), channels], w);
        let op = made("Conv2D", |a| window.write(a));
        let edge = self.graph.add(format!("{name}/Conv2D"), op, vec![x.edge, kernel]).into();
        let square = x.square();
        Value { edge, squares: factors.iter().map(|g| square * g * g).collect() }
    }
    /// DepthwiseConv2dNative with kernel `NAME/kernel`, `[height, width, channels, 1]`.
    pub fn depthwise(&mut self, x: &Value, name: &str, window: Window) -> Value {
        let [height, width] = window.size;
        let factors = self.factors(x.channels());
        let w = self.weights(height * width, &factors);
        let kernel = self.parameter(&format!("{name}/kernel"), vec![height, width, x.channels(), 1], w);
        let op = made("DepthwiseConv2dNative", |a| window.write(a));
        let edge = self.graph.add(format!("{name}/depthwise"), op, vec![x.edge, kernel]).into();
        Value { edge, squares: x.squares.iter().zip(&factors).map(|(s, g)| s * g * g).collect() }
    }
    /// MatMul with kernel `NAME/kernel`, `[inputs, channels]`.
    pub fn matmul(&mut self, x: &Value, name: &str, channels: usize) -> Value {
        let factors = vec![1.0; channels];
        let w = self.weights(x.channels(), &factors);
        let kernel = self.parameter(&format!("{name}/kernel"), vec![x.channels(), channels], w);
        let op = made("MatMul", |a| a.dtype("T", DataType::DtFloat));
        let edge = self.graph.add(format!("{name}/MatMul"), op, vec![x.edge, kernel]).into();
        Value { edge, squares: vec![x.square(); channels] }
    }
    /// BiasAdd of `NAME/bias`, a tenth of the deviation at most.
    pub fn bias(&mut self, x: Value, name: &str) -> Value {
        let size: Vec<f32> = x.squares.iter().map(|s| 0.1 * s.sqrt()).collect();
        let bias = size.iter().map(|&s| self.random.uniform(-s, s)).collect();
        let bias = self.parameter(&format!("{name}/bias"), vec![x.channels()], bias);
        let op = made("BiasAdd", |a| {
            a.dtype("T", DataType::DtFloat);
            a.string("data_format", "NHWC");
        });
        let edge = self.graph.add(format!("{name}/BiasAdd"), op, vec![x.edge, bias]).into();
        Value { edge, ..x }
    }
    /// FusedBatchNormV3 with parameters `NAME/gamma`, `beta`, `moving_mean`, `moving_variance`.
    pub fn batch_norm(&mut self, x: Value, name: &str, norm: BatchNorm) -> Value {
        let [mut gamma, mut beta, mut mean, mut squares] = [(); 4].map(|()| vec![]);
        for &variance in &x.squares {
            let shift = self.random.uniform(-0.2, 0.2);
            let g = if norm.scale { self.random.uniform(0.6, 1.4) } else { 1.0 };
            let b = self.random.uniform(-0.5, 0.5);
            squares.push(g * g * (1.0 + shift * shift) + b * b);
            mean.push(shift * variance.sqrt());
            gamma.push(g);
            beta.push(b);
        }
        let parts = [("gamma", gamma), ("beta", beta), ("moving_mean", mean), ("moving_variance", x.squares)];
        let parameters =
            parts.map(|(part, value)| self.parameter(&format!("{name}/{part}"), vec![value.len()], value));
        let op = made("FusedBatchNormV3", |a| {
            a.dtype("T", DataType::DtFloat);
            a.dtype("U", DataType::DtFloat);
            a.string("data_format", "NHWC");
            a.float("epsilon", norm.epsilon);
            a.bool("is_training", false);
        });
        let inputs = [&[x.edge][..], &parameters].concat();
        let edge = self.graph.add(format!("{name}/FusedBatchNormV3"), op, inputs).into();
        Value { edge, squares }
    }
    /// Relu or Relu6.
    pub fn relu(&mut self, x: Value, name: &str, op: &str) -> Value {
        let squares = x.squares.iter().map(|s| 0.5 * s).collect();
        self.unary(x, &format!("{name}/{op}"), op, squares)
    }
    /// Softmax over the channels.
    pub fn softmax(&mut self, x: Value, name: &str) -> Value {
        let squares = x.squares.clone();
        self.unary(x, &format!("{name}/Softmax"), "Softmax", squares)
    }
    fn unary(&mut self, x: Value, node: &str, op: &str, squares: Vec<f32>) -> Value {
        let op = made(op, |a| a.dtype("T", DataType::DtFloat));
        Value { edge: self.graph.add(node, op, vec![x.edge]).into(), squares }
    }
    /// Pad of the image by `[above, below]` rows and as many columns.
    pub fn pad(&mut self, x: Value, name: &str, [before, after]: [i32; 2]) -> Value {
        let pads = Tensor { shape: vec![4, 2], ..Tensor::ints(&[0, 0, before, after, before, after, 0, 0]) };
        let pads = add_constant(&mut self.graph, &format!("{name}/Pad/paddings"), pads);
        let op = made("Pad", |a| {
            a.dtype("T", DataType::DtFloat);
            a.dtype("Tpaddings", DataType::DtInt32);
        });
        Value { edge: self.graph.add(format!("{name}/Pad"), op, vec![x.edge, pads]).into(), ..x }
    }
    /// MaxPool or AvgPool. The greatest of nine is larger than they are, their average smaller.
    pub fn pool(&mut self, x: &Value, name: &str, op: &str, window: Window) -> Value {
        let factor = if op == "MaxPool" { 2.0 } else { 0.5 };
        let node = made(op, |a| {
            window.write(a);
            a.hw("ksize", window.size);
        });
        let edge = self.graph.add(format!("{name}/{op}"), node, vec![x.edge]).into();
        Value { edge, squares: x.squares.iter().map(|s| s * factor).collect() }
    }
    /// Mean over the image. Of a rectified normal variable, the square of the mean is 1/pi of the mean square.
    pub fn mean(&mut self, x: Value, name: &str, keep_dims: bool) -> Value {
        let axes = add_constant(&mut self.graph, &format!("{name}/Mean/axes"), Tensor::ints(&[1, 2]));
        let op = made("Mean", |a| {
            a.dtype("T", DataType::DtFloat);
            a.dtype("Tidx", DataType::DtInt32);
            a.bool("keep_dims", keep_dims);
        });
        let edge = self.graph.add(format!("{name}/Mean"), op, vec![x.edge, axes]).into();
        Value { edge, squares: x.squares.iter().map(|s| s * std::f32::consts::FRAC_1_PI).collect() }
    }
    /// AddV2 of two independent values.
    pub fn add(&mut self, a: &Value, b: &Value, name: &str) -> Value {
        let op = made("AddV2", |w| w.dtype("T", DataType::DtFloat));
        let edge = self.graph.add(format!("{name}/add"), op, vec![a.edge, b.edge]).into();
        Value { edge, squares: a.squares.iter().zip(&b.squares).map(|(a, b)| a + b).collect() }
    }
    /// ConcatV2 over the channels.
    pub fn concat(&mut self, parts: &[Value], name: &str) -> Value {
        let axis = self.integer(&format!("{name}/concat/axis"), 3);
        let op = made("ConcatV2", |a| {
            a.dtype("T", DataType::DtFloat);
            a.dtype("Tidx", DataType::DtInt32);
            a.int("N", parts.len() as i64);
        });
        let inputs = parts.iter().map(|p| p.edge).chain([axis]).collect();
        let edge = self.graph.add(format!("{name}/concat"), op, inputs).into();
        Value { edge, squares: parts.iter().flat_map(|p| p.squares.clone()).collect() }
    }
    /// Reshape to `[batch, channels]`, as Keras writes it: the batch is read from the tensor.
    pub fn flatten(&mut self, x: Value, name: &str) -> Value {
        let shape_op = made("Shape", |a| {
            a.dtype("T", DataType::DtFloat);
            a.dtype("out_type", DataType::DtInt32);
        });
        let shape = self.graph.add(format!("{name}/Shape"), shape_op, vec![x.edge]).into();
        let ends = [("stack", 0), ("stack_1", 1), ("stack_2", 1)].map(|(end, value)| {
            add_constant(&mut self.graph, &format!("{name}/strided_slice/{end}"), Tensor::ints(&[value]))
        });
        let slice = made("StridedSlice", |a| {
            a.dtype("T", DataType::DtInt32);
            a.dtype("Index", DataType::DtInt32);
            a.int("shrink_axis_mask", 1);
        });
        let batch = self.graph.add(format!("{name}/strided_slice"), slice, [&[shape][..], &ends].concat());
        let channels = self.integer(&format!("{name}/Reshape/shape/1"), x.channels() as i32);
        let pack = made("Pack", |a| {
            a.dtype("T", DataType::DtInt32);
            a.int("N", 2);
            a.int("axis", 0);
        });
        let shape = self.graph.add(format!("{name}/Reshape/shape"), pack, vec![batch.into(), channels]);
        let reshape = made("Reshape", |a| {
            a.dtype("T", DataType::DtFloat);
            a.dtype("Tshape", DataType::DtInt32);
        });
        Value {
            edge: self.graph.add(format!("{name}/Reshape"), reshape, vec![x.edge, shape.into()]).into(),
            ..x
        }
    }
    fn integer(&mut self, name: &str, value: i32) -> Edge {
        add_constant(&mut self.graph, name, Tensor { shape: vec![], ..Tensor::ints(&[value]) })
    }
    fn parameter(&mut self, name: &str, shape: Vec<usize>, values: Vec<f32>) -> Edge {
        let value = Tensor::f32(shape, values).expect("as many values as the shape says");
        add_constant(&mut self.graph, name, value)
    }
    /// Of each output channel, 0.5 to 2.
    fn factors(&mut self, channels: usize) -> Vec<f32> {
        (0..channels).map(|_| self.random.uniform(0.5, 2.0)).collect()
    }
    /// `fan_in` rows of one weight for each output channel.
    fn weights(&mut self, fan_in: usize, factors: &[f32]) -> Vec<f32> {
        let deviation = 1.0 / (fan_in as f32).sqrt();
        let random = &mut self.random;
        (0..fan_in)
            .flat_map(|_| factors.iter().map(|g| random.normal() * deviation * g).collect::<Vec<_>>())
            .collect()
    }
}

fn made(name: &str, set: impl FnOnce(&mut AttributeWriter)) -> crate::ops::Op {
    op(name, set).expect("the attributes are those of the op's own registry")
}
