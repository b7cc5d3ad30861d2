//! Elementwise regions between bytes, as calibrated graphs have them: one layer of compiled code each.
use DataType::{DtFloat, DtQint8, DtQuint8};
use bakelite_codegen::build::{add_constant, op};
use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::tensor::{Data, DataType, Tensor};

/// A graph of byte placeholders `x0`, `x1`, whose output is a QuantizeV2, and the kernels of its layers.
pub(crate) struct Region {
    pub(crate) name: &'static str,
    pub(crate) graph: Graph,
    /// The value of each placeholder.
    pub(crate) feeds: Vec<(Edge, Tensor)>,
    pub(crate) kernels: Vec<&'static str>,
}

/// A graph that grows at its end.
struct Builder {
    graph: Graph,
    feeds: Vec<(Edge, Tensor)>,
}

/// Every byte in an order without a pattern, as long as it takes.
fn bytes(dtype: DataType, shape: &[usize], seed: usize) -> Tensor {
    let byte = |i: usize| ((i * 167 + i / 256 * 31 + seed * 97) % 256) as u8;
    let bytes = (0..shape.iter().product()).map(byte);
    let signed = dtype == DtQint8;
    let data = if signed { Data::I8(bytes.map(|b| b as i8).collect()) } else { Data::U8(bytes.collect()) };
    Tensor::new(dtype, shape.to_vec(), data).unwrap()
}

impl Builder {
    fn new() -> Self {
        Self { graph: Graph::default(), feeds: vec![] }
    }
    /// A placeholder of bytes, decoded.
    fn input(&mut self, dtype: DataType, shape: &[usize], range: f32) -> Edge {
        let sizes: Vec<i64> = shape.iter().map(|&d| d as i64).collect();
        let placeholder = op("Placeholder", |a| {
            a.dtype("dtype", dtype);
            a.shape("shape", Some(&sizes));
        });
        let x = self.graph.add(format!("x{}", self.feeds.len()), placeholder.unwrap(), vec![]).into();
        self.feeds.push((x, bytes(dtype, shape, self.feeds.len())));
        self.decode(x, dtype, range)
    }
    fn decode(&mut self, x: Edge, dtype: DataType, range: f32) -> Edge {
        let low = if dtype == DtQint8 { -range } else { 0.0 };
        let [min, max] = [low, range].map(|end| self.scalar(end));
        self.op("Dequantize", &[x, min, max], |a| {
            a.dtype("T", dtype);
            a.string("mode", "SCALED");
        })
    }
    fn encode(&mut self, x: Edge, dtype: DataType, range: f32) -> Edge {
        let low = if dtype == DtQint8 { -range } else { 0.0 };
        let [min, max] = [low, range].map(|end| self.scalar(end));
        self.op("QuantizeV2", &[x, min, max], |a| {
            a.dtype("T", dtype);
            a.string("mode", "SCALED");
            a.string("round_mode", "HALF_TO_EVEN");
        })
    }
    fn scalar(&mut self, value: f32) -> Edge {
        self.constant(&[], |_| value)
    }
    fn constant(&mut self, shape: &[usize], f: impl Fn(usize) -> f32) -> Edge {
        let value = Tensor::f32(shape.to_vec(), (0..shape.iter().product()).map(f).collect()).unwrap();
        let name = format!("c{}", self.graph.nodes.len());
        add_constant(&mut self.graph, &name, value)
    }
    fn op(
        &mut self,
        name: &str,
        inputs: &[Edge],
        set: impl FnOnce(&mut bakelite_codegen::attributes::AttributeWriter),
    ) -> Edge {
        let name_of = format!("{}_{}", name.to_lowercase(), self.graph.nodes.len());
        self.graph.add(name_of, op(name, set).unwrap(), inputs.to_vec()).into()
    }
    fn float(&mut self, name: &str, inputs: &[Edge]) -> Edge {
        self.op(name, inputs, |a| a.dtype("T", DtFloat))
    }
    fn hard_sigmoid(&mut self, x: Edge) -> Edge {
        let (three, sixth) = (self.scalar(3.0), self.scalar(1.0 / 6.0));
        let shifted = self.float("AddV2", &[x, three]);
        let clipped = self.float("Relu6", &[shifted]);
        self.float("Mul", &[clipped, sixth])
    }
    fn finish(mut self, name: &'static str, y: Edge, kernels: &[&'static str]) -> Region {
        self.graph.outputs = vec![y];
        Region { name, graph: self.graph, feeds: self.feeds, kernels: kernels.to_vec() }
    }
}

const SHAPE: [usize; 4] = [2, 5, 7, 19];

/// A region of one tensor.
fn unary(
    name: &'static str,
    [from, to]: [DataType; 2],
    kernel: &'static str,
    f: impl Fn(&mut Builder, Edge) -> Edge,
) -> Region {
    let mut b = Builder::new();
    let x = b.input(from, &SHAPE, 7.3);
    let y = f(&mut b, x);
    let y = b.encode(y, to, 5.1);
    b.finish(name, y, &[kernel])
}

/// A region of two tensors of one shape.
fn binary(name: &'static str, [a, b, y]: [DataType; 3], ops: &[&str]) -> Region {
    let mut builder = Builder::new();
    let (a, b) = (builder.input(a, &SHAPE, 6.1), builder.input(b, &SHAPE, 3.7));
    let mut v = builder.float(ops[0], &[a, b]);
    for op in &ops[1..] {
        v = builder.float(op, &[v]);
    }
    let y = builder.encode(v, y, 6.5);
    builder.finish(name, y, &["combine::Pair"])
}

/// Squeeze and excite: channels times their gates, which have a layer of their own.
fn gated(name: &'static str, gate: impl Fn(&mut Builder, Edge) -> Edge) -> Region {
    let mut b = Builder::new();
    let x = b.input(DtQint8, &SHAPE, 6.1);
    let [batch, _, _, channels] = SHAPE;
    let g = b.input(DtQint8, &[batch, 1, 1, channels], 4.0);
    let g = gate(&mut b, g);
    let y = b.float("Mul", &[x, g]);
    let y = b.encode(y, DtQint8, 6.5);
    b.finish(name, y, &["lut::Map", "combine::Channels"])
}

/// All regions.
pub(crate) fn all() -> Vec<Region> {
    let table = "lut::Map";
    vec![
        unary("requantized", [DtQuint8, DtQint8], table, |_, x| x),
        unary("relu", [DtQint8, DtQuint8], table, |b, x| b.float("Relu", &[x])),
        unary("leaky_relu", [DtQint8, DtQint8], table, |b, x| b.float("LeakyRelu", &[x])),
        unary("sigmoid", [DtQint8, DtQuint8], table, |b, x| b.float("Sigmoid", &[x])),
        unary("swish", [DtQint8, DtQint8], table, |b, x| {
            let gate = b.float("Sigmoid", &[x]);
            b.float("Mul", &[x, gate])
        }),
        unary("identities", [DtQint8, DtQint8], table, |b, x| {
            let x = b.float("Identity", &[x]);
            let y = b.float("Tanh", &[x]);
            b.float("Identity", &[y])
        }),
        unary("hard_swish", [DtQint8, DtQint8], table, |b, x| {
            let gate = b.hard_sigmoid(x);
            b.float("Mul", &[x, gate])
        }),
        unary("through_bytes", [DtQint8, DtQuint8], table, |b, x| {
            let bytes = b.encode(x, DtQint8, 4.0);
            let x = b.decode(bytes, DtQint8, 4.0);
            b.float("Tanh", &[x])
        }),
        unary("factors", [DtQint8, DtQint8], "combine::Channels", |b, x| {
            let factor = b.constant(&[19], |c| 0.1 * c as f32 - 0.7);
            b.float("Mul", &[factor, x])
        }),
        unary("bias_relu", [DtQuint8, DtQuint8], "combine::Channels", |b, x| {
            let bias = b.constant(&[19], |c| 0.4 * c as f32 - 3.0);
            let y = b.float("BiasAdd", &[x, bias]);
            b.float("Relu", &[y])
        }),
        gated("gate", |_, g| g),
        gated("gate_hard_sigmoid", Builder::hard_sigmoid),
        binary("add", [DtQint8, DtQint8, DtQint8], &["AddV2"]),
        binary("add_unsigned", [DtQuint8, DtQint8, DtQint8], &["Add"]),
        binary("add_relu", [DtQint8, DtQuint8, DtQuint8], &["AddV2", "Relu"]),
        binary("add_relu6", [DtQint8, DtQint8, DtQint8], &["AddV2", "Identity", "Relu6"]),
        binary("sub", [DtQuint8, DtQint8, DtQint8], &["Sub"]),
        binary("mul", [DtQuint8, DtQint8, DtQint8], &["Mul"]),
        binary("maximum", [DtQint8, DtQint8, DtQint8], &["Maximum", "Relu6"]),
        binary("minimum", [DtQuint8, DtQuint8, DtQuint8], &["Minimum"]),
        unary("per_channel", [DtQint8, DtQint8], "lut::PerChannel", |b, x| {
            let factor = b.constant(&[19], |c| 0.1 * c as f32 - 0.7);
            let offset = b.constant(&[1, 1, 1, 19], |c| 0.3 * c as f32 - 2.0);
            let y = b.float("Mul", &[factor, x]);
            b.float("AddV2", &[y, offset])
        }),
    ]
}
