//! Small graphs made by hand, node by node, so that they can be wrong.
use bakelite_codegen::tensor::DataType;
use bakelite_codegen::wire::{
    AttrValue, GraphDef, NodeDef, TensorProto, TensorShapeProto,
    attr_value::{ListValue, Value},
    tensor_shape_proto::Dim,
};
use prost::Message;

pub(crate) fn graph(node: Vec<NodeDef>) -> Vec<u8> {
    GraphDef { node, ..GraphDef::default() }.encode_to_vec()
}

pub(crate) fn node(name: &str, op: &str, input: &[&str]) -> NodeDef {
    let input = input.iter().map(|&i| i.to_owned()).collect();
    NodeDef { name: name.to_owned(), op: op.to_owned(), input, ..NodeDef::default() }
}

/// Attributes as in a builder.
pub(crate) trait With {
    fn with(self, name: &str, value: Value) -> Self;
    fn dtype(self, name: &str, dtype: DataType) -> Self;
    fn text(self, name: &str, text: &str) -> Self;
    fn ints(self, name: &str, ints: &[i64]) -> Self;
}

impl With for NodeDef {
    fn with(mut self, name: &str, value: Value) -> Self {
        self.attr.insert(name.to_owned(), AttrValue { value: Some(value) });
        self
    }
    fn dtype(self, name: &str, dtype: DataType) -> Self {
        self.with(name, Value::Type(dtype as i32))
    }
    fn text(self, name: &str, text: &str) -> Self {
        self.with(name, Value::S(text.into()))
    }
    fn ints(self, name: &str, ints: &[i64]) -> Self {
        self.with(name, Value::List(ListValue { i: ints.to_vec(), ..ListValue::default() }))
    }
}

fn shape(sizes: &[i64]) -> TensorShapeProto {
    let dim = sizes.iter().map(|&size| Dim { size, name: String::new() }).collect();
    TensorShapeProto { dim, unknown_rank: false }
}

pub(crate) fn placeholder(name: &str, dtype: DataType, sizes: &[i64]) -> NodeDef {
    node(name, "Placeholder", &[]).dtype("dtype", dtype).with("shape", Value::Shape(shape(sizes)))
}

pub(crate) fn identity(name: &str, input: &str) -> NodeDef {
    node(name, "Identity", &[input]).dtype("T", DataType::DtFloat)
}

/// A constant whose one value repeats over its shape.
pub(crate) fn splat(name: &str, dtype: DataType, sizes: &[i64], value: f32) -> NodeDef {
    let tensor = TensorProto {
        dtype: dtype as i32,
        tensor_shape: Some(shape(sizes)),
        float_val: if dtype == DataType::DtFloat { vec![value] } else { vec![] },
        int_val: if dtype == DataType::DtFloat { vec![] } else { vec![value as i32] },
        ..TensorProto::default()
    };
    node(name, "Const", &[]).dtype("dtype", dtype).with("value", Value::Tensor(tensor))
}

/// A placeholder `x` and its Identity `y`.
pub(crate) fn pass() -> Vec<u8> {
    graph(vec![placeholder("x", DataType::DtFloat, &[-1, 3]), identity("y", "x")])
}

/// Conv2D of `x` and `w`, strides 1, no padding.
pub(crate) fn conv(name: &str) -> NodeDef {
    let conv = node(name, "Conv2D", &["x", "w"]).dtype("T", DataType::DtFloat);
    conv.ints("strides", &[1, 1, 1, 1]).text("padding", "VALID")
}

/// A calibrated int8 convolution with the given inputs.
pub(crate) fn int8_conv(name: &str, inputs: &[&str]) -> NodeDef {
    let conv = node(name, "QuantizedConv2DWithBiasAndReluAndRequantize", inputs);
    let conv = conv.dtype("Tinput", DataType::DtQuint8).dtype("Tfilter", DataType::DtQint8);
    let conv = conv.dtype("Tbias", DataType::DtFloat).dtype("out_type", DataType::DtQuint8);
    conv.ints("strides", &[1, 1, 1, 1]).text("padding", "VALID")
}

/// A NumPy file, version 1.
pub(crate) fn npy(descr: &str, sizes: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {sizes}, }}");
    header.push_str(&" ".repeat(63 - (header.len() + 10) % 64));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}
