//! The quantized ops as TensorFlow's registry has them.
//!
//! Two names often say the same arithmetic: the old `QuantizedConv2DWithBiasAndReluAndRequantize` and its kind, which
//! every TensorFlow since 1.14 has, and `_FusedQuantizedConv2D` with a list of what is fused. What only one of them says:
//!
//! | | old names | lists |
//! |---|---|---|
//! | depthwise without relu, or of s8 | - | yes |
//! | a residual sum of s8 activations | - | yes |
//! | a product with a weight range a column, of s8, with leaky relu | - | `_QuantizedMatMul` |
//! | explicit padding | `padding_list` | `explicit_paddings` |
//!
//! So [`OpSet::Auto`], the default, keeps most: the old name where it says what is meant, the list elsewhere. `Classic`
//! writes old names alone: products have one weight range, and what no old name says is done in fp32 around them.
use crate::attributes::{AttributeWriter, Attributes};
use crate::build::{attributes, op};
use crate::error::Reason;
use crate::ops::Op;
use crate::quantize::OpSet;
use crate::quantize::layer::{Activation, Kind, Layer};
use crate::tensor::DataType::{self, DtFloat, DtQint8, DtQint32, DtQuint8};
use crate::wire::AttrValue;
use std::collections::BTreeMap;

/// QuantizeV2 as oneDNN runs it: symmetric, half to even. The least range is zero, since the range is known.
pub fn quantize(dtype: DataType) -> Result<Op, Reason> {
    op("QuantizeV2", |a| {
        a.dtype("T", dtype);
        a.string("mode", "SCALED");
        a.string("round_mode", "HALF_TO_EVEN");
        a.bool("narrow_range", false);
        a.int("axis", -1);
        a.float("ensure_minimum_range", 0.0);
    })
}

/// Dequantize of a symmetric range. For qint32, of which oneDNN has no kernel, in the mode that TensorFlow does not hand
/// to oneDNN; its least value is then a whole number of steps, and its base 0.
pub fn dequantize(dtype: DataType) -> Result<Op, Reason> {
    op("Dequantize", |a| {
        a.dtype("T", dtype);
        a.string("mode", if dtype == DtQint32 { "MIN_FIRST" } else { "SCALED" });
        a.bool("narrow_range", false);
        a.int("axis", -1);
        a.dtype("dtype", DtFloat);
    })
}

/// Bitcast to another type of eight bits.
pub fn bitcast(from: DataType, to: DataType) -> Result<Op, Reason> {
    op("Bitcast", |a| {
        a.dtype("T", from);
        a.dtype("type", to);
    })
}

/// QuantizedMaxPool or QuantizedAvgPool with the window of the fp32 one.
pub fn pool(old: &Op, dtype: DataType) -> Result<Op, Reason> {
    let from = attributes(old);
    let name = if old.name() == "MaxPool" { "QuantizedMaxPool" } else { "QuantizedAvgPool" };
    op(name, |a| {
        a.dtype("T", dtype);
        copy(&from.0, a, &["ksize", "strides", "padding"]);
    })
}

/// QuantizedAvgPool over the whole image.
pub fn mean(extent: [usize; 2], dtype: DataType) -> Result<Op, Reason> {
    op("QuantizedAvgPool", |a| {
        a.dtype("T", dtype);
        a.hw("ksize", extent);
        a.hw("strides", [1, 1]);
        a.string("padding", "VALID");
    })
}

/// QuantizedConcatV2 of `count` tensors.
pub fn concat(count: usize, dtype: DataType) -> Result<Op, Reason> {
    op("QuantizedConcatV2", |a| {
        a.int("N", count as i64);
        a.dtype("T", dtype);
        a.dtype("Tidx", DataType::DtInt32);
    })
}

/// `name` of `op`'s attributes, or empty.
pub fn integers(op: &Op, name: &str) -> Vec<i64> {
    Attributes::new(op.name(), &attributes(op).0).ints_or(name, vec![]).unwrap_or_default()
}

fn copy(from: &BTreeMap<String, AttrValue>, to: &mut AttributeWriter, names: &[&str]) {
    for &name in names {
        if let Some(value) = from.get(name) {
            to.0.insert(name.to_owned(), value.clone());
        }
    }
}

/// What a convolution reads and writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Types {
    /// Of the activations: quint8 or qint8.
    pub x: DataType,
    /// Of the summand, if there is one.
    pub summand: Option<DataType>,
    /// Of the result: quint8, qint8, or qint32, which is not rounded.
    pub y: DataType,
}

/// A convolution, and whether its summand is the fourth input (`_Fused..`) or behind the ranges (the old names).
pub struct Conv {
    /// The op.
    pub op: Op,
    /// Place of the summand.
    pub summand_fourth: bool,
}

/// The convolution `old` with what the layer fuses; `None` if the op set has no name for it.
pub fn conv(layer: &Layer, old: &Op, types: Types, op_set: OpSet) -> Result<Option<Conv>, Reason> {
    let explicit = Attributes::new(old.name(), &attributes(old).0).string("padding")? == "EXPLICIT";
    let classic = if op_set == OpSet::Fused { None } else { classic_name(layer, types, explicit) };
    let op = match classic {
        Some(name) => classic_conv(name, layer, old, types)?,
        None if op_set == OpSet::Classic => return Ok(None),
        None => fused_conv(layer, old, types)?,
    };
    Ok(Some(Conv { op, summand_fourth: classic.is_none() }))
}

fn classic_name(layer: &Layer, types: Types, explicit: bool) -> Option<&'static str> {
    Some(match (layer.kind, layer.relu(), types.summand, types.x, types.y) {
        (Kind::Conv, true, Some(DtQuint8), DtQuint8, DtQuint8) => {
            "QuantizedConv2DWithBiasSumAndReluAndRequantize"
        }
        (Kind::Conv, true, Some(DtQint8), DtQuint8, DtQuint8) => {
            "QuantizedConv2DWithBiasSignedSumAndReluAndRequantize"
        }
        (Kind::Conv, true, None, _, DtQuint8) => "QuantizedConv2DWithBiasAndReluAndRequantize",
        (Kind::Conv, false, None, _, DtQint8) => "QuantizedConv2DWithBiasAndRequantize",
        (Kind::Conv, true, None, _, DtQint32) => "QuantizedConv2DWithBiasAndRelu",
        (Kind::Conv, false, None, _, DtQint32) => "QuantizedConv2DWithBias",
        (Kind::Depthwise, true, None, DtQuint8, DtQuint8) => {
            "QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize"
        }
        (Kind::Depthwise, true, None, DtQuint8, DtQint32) => "QuantizedDepthwiseConv2DWithBiasAndRelu",
        (Kind::Depthwise, false, None, DtQuint8, DtQint32) if !explicit => "QuantizedDepthwiseConv2DWithBias",
        _ => return None,
    })
}

/// An explicit padding is a `padding_list` here, which TensorFlow's shape inference does not see: beside it stands what
/// comes nearest.
fn classic_conv(name: &str, layer: &Layer, old: &Op, types: Types) -> Result<Op, Reason> {
    let from = attributes(old);
    op(name, |a| {
        a.dtype("Tinput", types.x);
        a.dtype("Tfilter", DtQint8);
        if types.y != DtQint32 {
            a.dtype("Tbias", DtFloat);
        }
        a.dtype("out_type", types.y);
        if let Some(summand) = types.summand {
            a.dtype("Tsummand", summand);
        }
        copy(&from.0, a, &["strides", "padding", "dilations"]);
        let pads = integers(old, "explicit_paddings");
        if !pads.is_empty() {
            a.string("padding", if as_same(layer, old, &pads) { "SAME" } else { "VALID" });
        }
        a.ints("padding_list", &pads);
    })
}

/// Whether explicit pads are as many as SAME makes for some extent, so that outputs have its extent. For a window that
/// reaches over `reach` pixels these are `reach - stride ..= reach - 1`.
fn as_same(layer: &Layer, old: &Op, pads: &[i64]) -> bool {
    let (stride, dilation) = (integers(old, "strides"), integers(old, "dilations"));
    (0..2).all(|axis| {
        let at = |list: &[i64]| list.get(1 + axis).copied().unwrap_or(1);
        let kernel = layer.weights.shape.get(axis).map_or(1, |&taps| taps as i64);
        let most = (kernel - 1) * at(&dilation);
        let all: i64 = pads.iter().skip(2 + 2 * axis).take(2).sum();
        all <= most && most < all + at(&stride)
    })
}

fn fused_conv(layer: &Layer, old: &Op, types: Types) -> Result<Op, Reason> {
    let from = attributes(old);
    let Types { x, summand, y } = types;
    let name = match layer.kind {
        Kind::Depthwise => "_FusedQuantizedDepthwiseConv2D",
        Kind::Conv | Kind::MatMul => "_FusedQuantizedConv2D",
    };
    let bounds = 4 + if summand.is_some() { 2 } else { 0 } + if y == DtQint32 { 0 } else { 2 };
    op(name, |a| {
        a.dtype("Tinput", x);
        a.dtype("Tfilter", DtQint8);
        a.dtype("Tbias", DtFloat);
        // Without a sum the kernel wants the type of the output here.
        a.dtype("Tsummand", summand.unwrap_or(y));
        a.dtype("out_type", y);
        let device: Vec<DataType> = [x, DtQint8, DtFloat].into_iter().chain(summand).collect();
        a.dtypes("Tdevice_inputs", &device);
        a.dtypes("Thost_inputs", &vec![DtFloat; bounds]);
        a.dtypes("Tdevice_outputs", &[y]);
        a.dtypes("Thost_outputs", &[DtFloat; 2]);
        a.string("data_format", "NHWC");
        copy(&from.0, a, &["strides", "padding", "dilations", "explicit_paddings"]);
        let all = [
            ("BiasAdd", true),
            ("Sum", summand.is_some()),
            ("Relu", layer.relu()),
            ("Requantize", y != DtQint32),
        ];
        let fused: Vec<_> = all.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        a.strings("fused_ops", &fused);
        a.float("alpha", 0.0);
        a.bool("is_filter_const", true);
        a.bool("is_bias_const", true);
    })
}

/// The product of a layer; `y` is float, quint8 or qint8. `None` if the op set has no name for it.
pub fn matmul(layer: &Layer, x: DataType, y: DataType, op_set: OpSet) -> Result<Option<Op>, Reason> {
    match (op_set, y, layer.relu()) {
        (OpSet::Auto | OpSet::Fused, ..) => fused_matmul(layer, x, y).map(Some),
        (OpSet::Classic, DtFloat, false) => {
            classic_matmul("QuantizedMatMulWithBiasAndDequantize", y).map(Some)
        }
        (OpSet::Classic, DtQuint8, true) => {
            classic_matmul("QuantizedMatMulWithBiasAndReluAndRequantize", y).map(Some)
        }
        (OpSet::Classic, ..) => Ok(None),
    }
}

/// Of quint8 with a least value of 0, for which both modes are one.
fn classic_matmul(name: &str, y: DataType) -> Result<Op, Reason> {
    op(name, |a| {
        a.dtype("T1", DtQuint8);
        a.dtype("T2", DtQint8);
        a.dtype("Tbias", DtFloat);
        a.dtype("Toutput", y);
        a.bool("transpose_a", false);
        a.bool("transpose_b", false);
        a.string("input_quant_mode", "SCALED");
    })
}

/// `_QuantizedMatMul`, the only one with a weight range a column.
fn fused_matmul(layer: &Layer, x: DataType, y: DataType) -> Result<Op, Reason> {
    let requantized = y != DtFloat;
    let (activation, alpha): (&[&str], f32) = match layer.activation {
        Activation::Linear => (&[], 0.2),
        Activation::Relu => (&["Relu"], 0.2),
        Activation::Relu6 => (&["Relu6"], 0.2),
        Activation::LeakyRelu(alpha) => (&["LeakyRelu"], alpha),
    };
    op("_QuantizedMatMul", |a| {
        a.dtype("T1", x);
        a.dtype("T2", DtQint8);
        a.dtype("Tbias", DtFloat);
        a.dtype("U", DtFloat);
        a.dtype("Tout", y);
        a.dtypes("Tdevice_inputs", &[x, DtQint8, DtFloat]);
        a.dtypes("Thost_inputs", &vec![DtFloat; if requantized { 6 } else { 4 }]);
        a.dtypes("Tdevice_outputs", &[y]);
        a.dtypes("Thost_outputs", &vec![DtFloat; if requantized { 2 } else { 0 }]);
        a.bool("transpose_a", false);
        a.bool("transpose_b", false);
        a.bool("is_weight_const", true);
        a.bool("is_bias_const", true);
        let last = if requantized { "Requantize" } else { "Dequantize" };
        a.strings("fused_ops", &[&["BiasAdd"], activation, &[last]].concat());
        a.string("input_quant_mode", "SCALED");
        a.string("output_quant_mode", "SCALED");
        a.float("leakyrelu_alpha", alpha);
    })
}
