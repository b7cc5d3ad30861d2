//! The QuantizedConv2D and QuantizedDepthwiseConv2D family: an int8 convolution and what is fused behind it.
//!
//! The op's name says what is fused; see [`quantized_window`](crate::ops::quantized_window) for the arithmetic. Inputs: x, w,
//! bias?, min and max of x, min and max of w, (min and max of y)?, (summand, (its min and max)?)?.
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

/// What is fused into a convolution, in the order in which it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fusion {
    /// A bias is added.
    pub bias: bool,
    /// A tensor of this type is added: quint8 or qint8 before requantizing, else float.
    pub sum: Option<DataType>,
    /// Negative values become 0.
    pub relu: bool,
    /// The output is bytes of a calibrated range: quint8 behind a relu, else qint8. Otherwise it is qint32.
    pub requantize: bool,
}

impl Fusion {
    /// Nothing is fused.
    pub const NONE: Self = Self { bias: false, sum: None, relu: false, requantize: false };
    /// Bias, then bytes of a calibrated range: quint8 with `relu`, else qint8.
    pub const fn bias(relu: bool) -> Self {
        Self { bias: true, sum: None, relu, requantize: true }
    }
    /// Bias, a summand of a type, relu, then quint8 of a calibrated range: the end of a residual block.
    pub const fn residual(summand: DataType) -> Self {
        Self { bias: true, sum: Some(summand), relu: true, requantize: true }
    }
    /// Type of the output.
    pub const fn y(self) -> DataType {
        match (self.requantize, self.relu) {
            (false, _) => DtQint32,
            (true, false) => DtQint8,
            (true, true) => DtQuint8,
        }
    }
    /// Where the inputs stand.
    fn layout(self) -> Layout {
        let ranges = 2 + usize::from(self.bias);
        let after = |skipped: bool| ranges + 4 + if skipped { 2 } else { 0 };
        let summand = self.sum.map(|_| after(self.requantize));
        Layout {
            bias: self.bias.then_some(2),
            ranges,
            summand,
            summand_range: summand.filter(|_| self.requantize).map(|i| i + 1),
            output_range: self.requantize.then_some(ranges + 4),
        }
    }
    /// How many inputs.
    fn inputs(self) -> usize {
        let summand = if self.sum.is_none() { 0 } else if self.requantize { 3 } else { 1 };
        2 + usize::from(self.bias) + 4 + if self.requantize { 2 } else { 0 } + summand
    }
}

/// A member of the family: name, depthwise, fusion, and whether it has the attribute `padding_list`.
type Member = (&'static str, bool, Fusion, bool);

const fn fused(bias: bool, sum: Option<DataType>, relu: bool, requantize: bool) -> Fusion {
    Fusion { bias, sum, relu, requantize }
}

/// Every op of the family that TensorFlow registers.
const FAMILY: &[Member] = &[
    ("QuantizedConv2D", false, Fusion::NONE, false),
    ("QuantizedConv2DPerChannel", false, Fusion::NONE, false),
    ("QuantizedConv2DAndRelu", false, fused(false, None, true, false), true),
    ("QuantizedConv2DAndRequantize", false, fused(false, None, false, true), true),
    ("QuantizedConv2DAndReluAndRequantize", false, fused(false, None, true, true), true),
    ("QuantizedConv2DWithBias", false, fused(true, None, false, false), true),
    ("QuantizedConv2DWithBiasAndRelu", false, fused(true, None, true, false), true),
    ("QuantizedConv2DWithBiasAndRequantize", false, Fusion::bias(false), true),
    ("QuantizedConv2DWithBiasAndReluAndRequantize", false, Fusion::bias(true), true),
    ("QuantizedConv2DWithBiasSumAndRelu", false, fused(true, Some(DtFloat), true, false), true),
    ("QuantizedConv2DWithBiasSumAndReluAndRequantize", false, Fusion::residual(DtQuint8), true),
    ("QuantizedConv2DWithBiasSignedSumAndReluAndRequantize", false, Fusion::residual(DtQint8), true),
    ("QuantizedDepthwiseConv2D", true, Fusion::NONE, false),
    ("QuantizedDepthwiseConv2DWithBias", true, fused(true, None, false, false), false),
    ("QuantizedDepthwiseConv2DWithBiasAndRelu", true, fused(true, None, true, false), true),
    ("QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize", true, Fusion::bias(true), true),
];

/// One op of the family.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedConv {
    member: &'static Member,
    /// From an output pixel to the next, in input pixels.
    pub stride: [usize; 2],
    /// From a tap to the next, in input pixels.
    pub dilation: [usize; 2],
    /// What lies around the image.
    pub padding: Padding,
    /// Type of the activations: quint8, and for some members qint8.
    pub x: DataType,
    /// Type of the bias: float or, where the op requantizes, qint32.
    pub bias: DataType,
}

impl QuantizedConv {
    /// The op that fuses this into a convolution, with stride 1, SAME, quint8 activations and a float bias; none of
    /// TensorFlow's ops may do it.
    pub fn new(depthwise: bool, fusion: Fusion) -> Option<Self> {
        let member = FAMILY.iter().find(|m| m.1 == depthwise && m.2 == fusion)?;
        Some(Self::of(member))
    }
    fn of(member: &'static Member) -> Self {
        let (stride, dilation, padding) = ([1, 1], [1, 1], Padding::Same);
        Self { member, stride, dilation, padding, x: DtQuint8, bias: DtFloat }
    }
    /// What is fused.
    pub fn fusion(&self) -> Fusion {
        self.member.2
    }
    /// Whether each output channel reads one input channel.
    pub fn depthwise(&self) -> bool {
        self.member.1
    }
    /// Types of activations that TensorFlow has kernels for.
    fn inputs(&self) -> &'static [DataType] {
        let Fusion { bias, sum, .. } = self.fusion();
        if bias && sum.is_none() && !self.depthwise() { &[DtQuint8, DtQint8] } else { &[DtQuint8] }
    }
    fn pads(&self) -> PadAttribute {
        if self.member.3 { PadAttribute::List } else { PadAttribute::None }
    }
    fn typed_bias(&self) -> bool {
        self.fusion().bias && self.fusion().requantize
    }
    fn typed_summand(&self) -> Option<DataType> {
        self.fusion().sum.filter(|_| self.fusion().requantize)
    }
    /// What it computes.
    pub fn convolution(&self) -> Convolution {
        let fusion = self.fusion();
        Convolution {
            layout: fusion.layout(),
            depthwise: self.depthwise(),
            stride: self.stride,
            dilation: self.dilation,
            padding: self.padding,
            x: self.x,
            bias: self.bias,
            summand: fusion.sum.unwrap_or(DtFloat),
            relu: fusion.relu,
            y: fusion.y(),
        }
    }
}

impl Operation for QuantizedConv {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let member = FAMILY.iter().find(|m| m.0 == a.op());
        let mut op = Self::of(member.ok_or_else(|| Reason::new(format!("the op {}", a.op())))?);
        op.stride = a.hw("strides", None)?;
        op.dilation = a.hw("dilations", Some([1, 1]))?;
        op.padding = Padding::parse(a, op.pads())?;
        op.x = type_of(a, "Tinput", None, op.inputs())?;
        type_of(a, "Tfilter", None, &[DtQint8])?;
        type_of(a, "out_type", Some(op.fusion().y()), &[op.fusion().y()])?;
        if op.typed_bias() {
            op.bias = type_of(a, "Tbias", None, &[DtFloat, DtQint32])?;
        }
        if let Some(summand) = op.typed_summand() {
            type_of(a, "Tsummand", None, &[summand])?;
        }
        Ok(op)
    }
    fn name(&self) -> &str {
        self.member.0
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("Tinput", self.x);
        a.dtype("Tfilter", DtQint8);
        a.dtype("out_type", self.fusion().y());
        if self.typed_bias() {
            a.dtype("Tbias", self.bias);
        }
        if let Some(summand) = self.typed_summand() {
            a.dtype("Tsummand", summand);
        }
        a.hw("strides", self.stride);
        a.hw("dilations", self.dilation);
        self.padding.write(a);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        let inputs = self.fusion().inputs();
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
