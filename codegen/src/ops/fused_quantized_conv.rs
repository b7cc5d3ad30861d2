//! `_FusedQuantizedConv2D`, `_FusedQuantizedDepthwiseConv2D`: the same convolutions, what is fused being a list.
//!
//! Inputs: x, w, bias?, summand?, min and max of x, of w, of the summand (where it is bytes), of y?. See
//! [`quantized_window`](crate::ops::quantized_window) for the arithmetic.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::known::Known;
use crate::ops::quantized_window::{Convolution, Layout, type_of};
use crate::ops::window::{PadAttribute, Padding};
use crate::ops::{Fact, Inputs, Operation};
use crate::tensor::{DataType, Tensor};
use DataType::{DtFloat, DtQint8, DtQint32, DtQuint8};
use std::ops::RangeInclusive;

/// The lists that TensorFlow's kernels accept.
const LISTS: &[&[&str]] = &[
    &[],
    &["BiasAdd"],
    &["Relu"],
    &["Requantize"],
    &["BiasAdd", "Relu"],
    &["BiasAdd", "Requantize"],
    &["Relu", "Requantize"],
    &["BiasAdd", "Relu", "Requantize"],
    &["BiasAdd", "Sum", "Relu"],
    &["BiasAdd", "Sum", "Relu", "Requantize"],
];

/// A convolution with a list of what is fused.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedQuantizedConv {
    fused: &'static [&'static str],
    /// Whether each output channel reads one input channel.
    pub depthwise: bool,
    /// From an output pixel to the next, in input pixels.
    pub stride: [usize; 2],
    /// From a tap to the next, in input pixels.
    pub dilation: [usize; 2],
    /// What lies around the image.
    pub padding: Padding,
    /// Type of the activations: quint8 or qint8.
    pub x: DataType,
    /// Type of the bias: float or qint32.
    pub bias: DataType,
    /// Type of the summand: quint8, qint8 or float.
    pub summand: DataType,
    /// Type of the output: quint8 or qint8 if it is requantized, else qint32.
    pub y: DataType,
}

impl FusedQuantizedConv {
    /// A convolution of stride 1, SAME, from quint8 to quint8 (or qint32, if there is no `Requantize` in the list), with
    /// a float bias. `None` for a list that TensorFlow does not accept.
    pub fn new(depthwise: bool, fused: &[&str]) -> Option<Self> {
        let fused = *LISTS.iter().find(|list| **list == fused)?;
        let y = if fused.contains(&"Requantize") { DtQuint8 } else { DtQint32 };
        let (stride, dilation, padding) = ([1, 1], [1, 1], Padding::Same);
        let (x, bias, summand) = (DtQuint8, DtFloat, DtQuint8);
        Some(Self { fused, depthwise, stride, dilation, padding, x, bias, summand, y })
    }
    fn has(&self, what: &str) -> bool {
        self.fused.contains(&what)
    }
    fn summand_is_bytes(&self) -> bool {
        self.has("Sum") && self.summand != DtFloat
    }
    fn layout(&self) -> Layout {
        let (bias, sum) = (self.has("BiasAdd"), self.has("Sum"));
        let ranges = 2 + usize::from(bias) + usize::from(sum);
        let summand_range = self.summand_is_bytes().then_some(ranges + 4);
        let output = summand_range.map_or(ranges + 4, |i| i + 2);
        Layout {
            bias: bias.then_some(2),
            ranges,
            summand: sum.then_some(3),
            summand_range,
            output_range: self.has("Requantize").then_some(output),
        }
    }
    /// How many inputs are tensors of the network; the others are range bounds.
    fn tensors(&self) -> Vec<DataType> {
        let mut types = vec![self.x, DtQint8];
        types.extend(self.has("BiasAdd").then_some(self.bias));
        types.extend(self.has("Sum").then_some(self.summand));
        types
    }
    fn bounds(&self) -> usize {
        4 + if self.summand_is_bytes() { 2 } else { 0 } + if self.has("Requantize") { 2 } else { 0 }
    }
    /// What it computes.
    pub fn convolution(&self) -> Convolution {
        Convolution {
            layout: self.layout(),
            depthwise: self.depthwise,
            stride: self.stride,
            dilation: self.dilation,
            padding: self.padding,
            x: self.x,
            bias: self.bias,
            summand: self.summand,
            relu: self.has("Relu"),
            y: self.y,
        }
    }
    /// Refuses summands that TensorFlow cannot overwrite with the output.
    fn check_summand(&self) -> Result<(), Reason> {
        let fits = match self.summand {
            DtFloat => self.y == DtQint32,
            DtQint8 => self.y != DtQint32,
            _ => self.y == DtQuint8,
        };
        if fits || !self.has("Sum") {
            return Ok(());
        }
        let [summand, y] = [self.summand, self.y].map(crate::tensor::name);
        Err(Reason::new(format!("Tsummand = {summand} with out_type = {y}"))
            .supported("quint8 to quint8, qint8 to quint8 or qint8, float to qint32"))
    }
}

impl Operation for FusedQuantizedConv {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let list = a.strings_or("fused_ops", vec![])?;
        let words: Vec<&str> = list.iter().map(String::as_str).collect();
        let depthwise = a.op() == "_FusedQuantizedDepthwiseConv2D";
        let mut op = Self::new(depthwise, &words).ok_or_else(|| {
            let lists: Vec<_> = LISTS.iter().map(|l| format!("[{}]", l.join(", "))).collect();
            Reason::new(format!("fused_ops [{}]", list.join(", "))).supported(lists.join(", "))
        })?;
        a.only("data_format", "NHWC", "freeze the graph with data_format NHWC")?;
        op.stride = a.hw("strides", None)?;
        op.dilation = a.hw("dilations", Some([1, 1]))?;
        op.padding = Padding::parse(a, PadAttribute::Explicit)?;
        op.x = type_of(a, "Tinput", Some(DtQuint8), &[DtQuint8, DtQint8])?;
        type_of(a, "Tfilter", Some(DtQint8), &[DtQint8])?;
        let outputs: &[_] = if op.has("Requantize") { &[DtQuint8, DtQint8] } else { &[DtQint32] };
        op.y = type_of(a, "out_type", Some(DtQint32), outputs)?;
        if op.has("BiasAdd") {
            op.bias = type_of(a, "Tbias", Some(DtQint32), &[DtFloat, DtQint32])?;
        }
        if op.has("Sum") {
            op.summand = type_of(a, "Tsummand", None, &[DtFloat, DtQuint8, DtQint8])?;
        }
        op.check_summand()?;
        Ok(op)
    }
    fn name(&self) -> &str {
        if self.depthwise { "_FusedQuantizedDepthwiseConv2D" } else { "_FusedQuantizedConv2D" }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("Tinput", self.x);
        a.dtype("Tfilter", DtQint8);
        a.dtype("Tbias", self.bias);
        // TensorFlow wants the output's type where nothing is added.
        a.dtype("Tsummand", if self.has("Sum") { self.summand } else { self.y });
        a.dtype("out_type", self.y);
        a.dtypes("Tdevice_inputs", &self.tensors());
        a.dtypes("Thost_inputs", &vec![DtFloat; self.bounds()]);
        a.dtypes("Tdevice_outputs", &[self.y]);
        a.dtypes("Thost_outputs", &[DtFloat, DtFloat]);
        a.string("data_format", "NHWC");
        a.hw("strides", self.stride);
        a.hw("dilations", self.dilation);
        self.padding.write(a);
        a.strings("fused_ops", self.fused);
        a.float("alpha", 0.0);
        a.bool("is_filter_const", true);
        a.bool("is_bias_const", true);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        let inputs = self.tensors().len() + self.bounds();
        inputs..=inputs
    }
    fn ports(&self) -> usize {
        3
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        self.convolution().infer(&Known::from(x))
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        self.convolution().eval(x)
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        self.convolution().lower(site)
    }
    fn macs(&self, x: &[Fact], _: &[Fact]) -> u64 {
        self.convolution().macs(x)
    }
}
