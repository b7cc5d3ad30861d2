//! The quantized ops as TensorFlow's registry has them.
use crate::attributes::{AttributeWriter, Attributes};
use crate::build::{attributes, op};
use crate::error::Reason;
use crate::ops::Op;
use crate::quantize::OpSet;
use crate::quantize::layer::{Kind, Layer};
use crate::tensor::DataType::{self, DtFloat, DtQint8, DtQuint8};
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

/// Dequantize of a symmetric range.
pub fn dequantize(dtype: DataType) -> Result<Op, Reason> {
    op("Dequantize", |a| {
        a.dtype("T", dtype);
        a.string("mode", "SCALED");
        a.bool("narrow_range", false);
        a.int("axis", -1);
        a.dtype("dtype", DtFloat);
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

/// A convolution, and whether its summand is the fourth input (`_Fused..`) or behind the ranges (the old names).
pub struct Conv {
    /// The op.
    pub op: Op,
    /// Place of the summand.
    pub summand_fourth: bool,
}

/// The convolution `old` with what the layer fuses, requantized.
pub fn conv(layer: &Layer, old: &Op, x: DataType, op_set: OpSet) -> Result<Conv, Reason> {
    let classic = match (op_set, layer.kind, layer.relu, layer.sum.is_some(), x) {
        (OpSet::Fused, ..) => None,
        (_, Kind::Conv, true, true, DtQuint8) => Some("QuantizedConv2DWithBiasSumAndReluAndRequantize"),
        (_, Kind::Conv, true, false, _) => Some("QuantizedConv2DWithBiasAndReluAndRequantize"),
        (_, Kind::Conv, false, false, _) => Some("QuantizedConv2DWithBiasAndRequantize"),
        (_, Kind::Depthwise, true, false, DtQuint8) => {
            Some("QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize")
        }
        _ => None,
    };
    let op = match classic {
        Some(name) => classic_conv(name, layer, old, x)?,
        None => fused_conv(layer, old, x)?,
    };
    Ok(Conv { op, summand_fourth: classic.is_none() })
}

fn output(layer: &Layer) -> DataType {
    if layer.relu { DtQuint8 } else { DtQint8 }
}

/// An explicit padding is VALID with a `padding_list` here.
fn classic_conv(name: &str, layer: &Layer, old: &Op, x: DataType) -> Result<Op, Reason> {
    let from = attributes(old);
    let explicit = Attributes::new(old.name(), &from.0).string("padding")? == "EXPLICIT";
    op(name, |a| {
        a.dtype("Tinput", x);
        a.dtype("Tfilter", DtQint8);
        a.dtype("Tbias", DtFloat);
        a.dtype("out_type", output(layer));
        if layer.sum.is_some() {
            a.dtype("Tsummand", DtQuint8);
        }
        copy(&from.0, a, &["strides", "padding", "dilations"]);
        a.ints("padding_list", &[]);
        if explicit {
            a.string("padding", "VALID");
            a.ints("padding_list", &integers(old, "explicit_paddings"));
        }
    })
}

fn fused_conv(layer: &Layer, old: &Op, x: DataType) -> Result<Op, Reason> {
    let from = attributes(old);
    let y = output(layer);
    let (sum, relu) = (layer.sum.is_some(), layer.relu);
    let name = match layer.kind {
        Kind::Depthwise => "_FusedQuantizedDepthwiseConv2D",
        Kind::Conv | Kind::MatMul => "_FusedQuantizedConv2D",
    };
    op(name, |a| {
        a.dtype("Tinput", x);
        a.dtype("Tfilter", DtQint8);
        a.dtype("Tbias", DtFloat);
        // Without a sum the kernel wants the type of the output here.
        a.dtype("Tsummand", if sum { DtQuint8 } else { y });
        a.dtype("out_type", y);
        let device = [x, DtQint8, DtFloat, DtQuint8];
        a.dtypes("Tdevice_inputs", if sum { &device } else { &device[..3] });
        a.dtypes("Thost_inputs", &vec![DtFloat; if sum { 8 } else { 6 }]);
        a.dtypes("Tdevice_outputs", &[y]);
        a.dtypes("Thost_outputs", &[DtFloat; 2]);
        a.string("data_format", "NHWC");
        copy(&from.0, a, &["strides", "padding", "dilations", "explicit_paddings"]);
        let all = [("BiasAdd", true), ("Sum", sum), ("Relu", relu), ("Requantize", true)];
        let fused: Vec<_> = all.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        a.strings("fused_ops", &fused);
        a.float("alpha", 0.0);
        a.bool("is_filter_const", true);
        a.bool("is_bias_const", true);
    })
}

/// `_QuantizedMatMul`, the only one with a weight range a column; `y` is float, quint8 or qint8.
pub fn matmul(layer: &Layer, x: DataType, y: DataType) -> Result<Op, Reason> {
    let requantized = y != DtFloat;
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
        let relu: &[&str] = if layer.relu { &["Relu"] } else { &[] };
        a.strings("fused_ops", &[&["BiasAdd"], relu, &[last]].concat());
        a.string("input_quant_mode", "SCALED");
        a.string("output_quant_mode", "SCALED");
        a.float("leakyrelu_alpha", 0.2);
    })
}
