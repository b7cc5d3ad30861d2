//! The closed list of operations.
//!
//! One op a file in `ops/`: the struct holds the attributes, [`Operation`] says everything else. A new op is its file
//! and one line in the list below; the compiler then names what is missing, since no `match` on [`Op`] has a `_` arm.
//! What is not in the list becomes [`opaque::Opaque`]: it can be inspected and written back, not run.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::tensor::{DataType, Shape, Tensor};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Everything the compiler asks of an operation. No method has a default: what an op forgets does not compile.
pub trait Operation: Sized {
    /// Reads the attributes; refuses what it cannot honour.
    fn parse(attributes: Attributes<'_>) -> Result<Self, Reason>;
    /// TensorFlow's name of the op.
    fn name(&self) -> &str;
    /// Writes every attribute, so that TensorFlow runs the node with the same meaning.
    fn write(&self, attributes: &mut AttributeWriter);
    /// How many data inputs.
    fn arity(&self) -> RangeInclusive<usize>;
    /// How many outputs.
    fn ports(&self) -> usize;
    /// Types and shapes of the outputs. Values need not be given where all inputs are known: the caller evaluates. But
    /// outputs that only depend on inputs that are known, such as the range of a convolution with calibrated ranges,
    /// must have their value: ranges of compiled code are constants.
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason>;
    /// The op's meaning: the bits that TensorFlow computes.
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason>;
    /// Appends the op's kernel calls to the program that is being compiled; see [`crate::lower`]. Not asked of a node
    /// all of whose outputs are constants.
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason>;
    /// Multiply-accumulates of one run, those on padding too, as papers count; zero for what has none.
    fn macs(&self, x: &[Fact], y: &[Fact]) -> u64;
}

/// Makes the modules, the enum and its delegation from the list.
macro_rules! ops {
    ($($module:ident::$ty:ident: $($name:literal),+;)*) => {
        $(pub mod $module;)*

        /// An operation with its attributes.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "each variant is the type of its file")]
        pub enum Op {
            $($ty($module::$ty),)*
            Opaque(opaque::Opaque),
        }

        $(impl From<$module::$ty> for Op {
            fn from(op: $module::$ty) -> Self { Self::$ty(op) }
        })*

        impl Op {
            /// Every op name that is read as more than [`opaque::Opaque`].
            pub const NAMES: &[&str] = &[$($($name),+),*];

            /// Reads the op of a node from its TensorFlow name and attributes.
            pub fn parse(attributes: Attributes<'_>) -> Result<Self, Reason> {
                match attributes.op() {
                    $($($name)|+ => $module::$ty::parse(attributes).map(Self::$ty),)*
                    _ => opaque::Opaque::parse(attributes).map(Self::Opaque),
                }
            }
        }

        /// Runs an expression on the operation of whichever variant an [`Op`] holds.
        macro_rules! each_op {
            ($on:expr, $op:ident => $body:expr) => {
                match $on { $(Op::$ty($op) => $body,)* Op::Opaque($op) => $body }
            };
        }
    };
}

mod check;
mod contract;
pub mod known;
pub mod opaque;
mod product;
pub mod quantized_product;
pub mod quantized_window;
pub mod scales;
mod strided;
pub mod window;

ops! {
    placeholder::Placeholder: "Placeholder";
    constant::Const: "Const", "HostConst";
    identity::Identity: "Identity", "StopGradient", "CheckNumerics", "PreventGradient", "Snapshot";
    conv2d::Conv2D: "Conv2D";
    depthwise_conv2d::DepthwiseConv2d: "DepthwiseConv2dNative";
    matmul::MatMul: "MatMul";
    einsum::Einsum: "Einsum", "BatchMatMulV2", "BatchMatMul";
    bias_add::BiasAdd: "BiasAdd";
    binary::Binary: "Add", "AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "SquaredDifference", "DivNoNan", "Pow", "FloorDiv", "FloorMod";
    add_n::AddN: "AddN";
    unary::Unary: "Relu", "Relu6", "LeakyRelu", "Elu", "Sigmoid", "Tanh", "Softplus", "Exp", "Log", "Sqrt", "Rsqrt", "Neg", "Abs", "Square", "Reciprocal", "Erf", "Erfc", "Expm1", "Log1p", "Selu", "Softsign", "Sign", "Floor", "Ceil", "Round", "Rint";
    fused_batch_norm::FusedBatchNorm: "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3";
    softmax::Softmax: "Softmax";
    log_softmax::LogSoftmax: "LogSoftmax";
    pool::Pool: "MaxPool", "AvgPool";
    reduce::Reduce: "Mean", "Sum", "Prod", "Max", "Min";
    pad::Pad: "Pad", "PadV2";
    concat::Concat: "ConcatV2";
    reshape::Reshape: "Reshape";
    squeeze::Squeeze: "Squeeze";
    expand_dims::ExpandDims: "ExpandDims";
    shape::Shape: "Shape";
    strided_slice::StridedSlice: "StridedSlice";
    pack::Pack: "Pack";
    cast::Cast: "Cast";
    bitcast::Bitcast: "Bitcast";
    transpose::Transpose: "Transpose";
    depth_to_space::DepthToSpace: "DepthToSpace", "SpaceToDepth";
    arg_max::ArgMax: "ArgMax", "ArgMin";
    one_hot::OneHot: "OneHot";
    quantize::QuantizeV2: "QuantizeV2";
    dequantize::Dequantize: "Dequantize";
    quantized_conv::QuantizedConv: "QuantizedConv2D", "QuantizedConv2DPerChannel", "QuantizedConv2DAndRelu", "QuantizedConv2DAndRequantize", "QuantizedConv2DAndReluAndRequantize", "QuantizedConv2DWithBias", "QuantizedConv2DWithBiasAndRelu", "QuantizedConv2DWithBiasAndRequantize", "QuantizedConv2DWithBiasAndReluAndRequantize", "QuantizedConv2DWithBiasSumAndRelu", "QuantizedConv2DWithBiasSumAndReluAndRequantize", "QuantizedConv2DWithBiasSignedSumAndReluAndRequantize", "QuantizedDepthwiseConv2D", "QuantizedDepthwiseConv2DWithBias", "QuantizedDepthwiseConv2DWithBiasAndRelu", "QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize";
    fused_quantized_conv::FusedQuantizedConv: "_FusedQuantizedConv2D", "_FusedQuantizedDepthwiseConv2D";
    quantized_matmul::QuantizedMatMul: "QuantizedMatMulWithBias", "QuantizedMatMulWithBiasAndRelu", "QuantizedMatMulWithBiasAndRequantize", "QuantizedMatMulWithBiasAndReluAndRequantize", "QuantizedMatMulWithBiasAndDequantize";
    fused_quantized_matmul::FusedQuantizedMatMul: "_QuantizedMatMul";
    quantized_pool::QuantizedPool: "QuantizedMaxPool", "QuantizedAvgPool";
    quantized_concat::QuantizedConcat: "QuantizedConcatV2", "QuantizedConcat";
    requantize::Requantize: "Requantize", "RequantizePerChannel";
    requantization_range::RequantizationRange: "RequantizationRange", "RequantizationRangePerChannel";
    gather::Gather: "GatherV2", "Gather";
    slice::Slice: "Slice";
    split::Split: "Split", "Unpack";
    fill::Fill: "Fill";
    range::Range: "Range";
    tile::Tile: "Tile";
    mirror_pad::MirrorPad: "MirrorPad";
    compare::Compare: "Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual";
    logical::Logical: "LogicalAnd", "LogicalOr", "LogicalNot";
    select::Select: "Select", "SelectV2";
    top_k::TopK: "TopKV2";
    resize::Resize: "ResizeBilinear", "ResizeNearestNeighbor";
}

impl Op {
    /// TensorFlow's name of the op.
    pub fn name(&self) -> &str {
        each_op!(self, op => op.name())
    }
    /// Whether it leads back to the start of a loop. Such loops are carried along; nothing that runs has one.
    pub fn closes_loop(&self) -> bool {
        matches!(self.name(), "NextIteration" | "RefNextIteration")
    }
    /// See [`Operation::write`].
    pub fn write(&self, attributes: &mut AttributeWriter) {
        each_op!(self, op => op.write(attributes))
    }
    /// See [`Operation::arity`].
    pub fn arity(&self) -> RangeInclusive<usize> {
        each_op!(self, op => op.arity())
    }
    /// See [`Operation::ports`].
    pub fn ports(&self) -> usize {
        each_op!(self, op => op.ports())
    }
    /// See [`Operation::infer`]; the caller has checked the arity.
    pub fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        each_op!(self, op => op.infer(x))
    }
    /// See [`Operation::eval`]; the caller has checked the arity.
    pub fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        each_op!(self, op => op.eval(x))
    }
    /// See [`Operation::lower`].
    pub fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        each_op!(self, op => op.lower(site))
    }
    /// See [`Operation::macs`].
    pub fn macs(&self, x: &[Fact], y: &[Fact]) -> u64 {
        each_op!(self, op => op.macs(x, y))
    }
}

/// What is known of a tensor before anything runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Element type.
    pub dtype: DataType,
    /// Every dimension; a graph is compiled for one batch and one input size.
    pub shape: Shape,
    /// The tensor itself where it does not depend on any input: weights, axes, shapes.
    pub value: Option<Arc<Tensor>>,
}

impl Fact {
    /// A tensor known by type and shape only.
    pub fn new(dtype: DataType, shape: Shape) -> Self {
        Self { dtype, shape, value: None }
    }
    /// A tensor known whole.
    pub fn constant(value: Arc<Tensor>) -> Self {
        Self { dtype: value.dtype, shape: value.shape.clone(), value: Some(value) }
    }
    /// The value, or why the op needs it to be constant.
    pub fn known(&self, what: &str) -> Result<&Tensor, Reason> {
        self.value.as_deref().ok_or_else(|| {
            Reason::new(format!("{what} depends on an input of the graph"))
                .supported(format!("a constant {what}"))
        })
    }
}

/// How fp32 products are summed. The int8 ops do not care: their sums are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// In the order that the contract fixes and compiled code follows: the same bits on every instruction set.
    #[default]
    Contract,
    /// Through a blocked matrix product, many times faster, a few ulp away: for calibration.
    Fast,
}

/// The inputs of one evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// One tensor an input; as many as [`Operation::arity`] allows.
    pub tensors: &'a [&'a Tensor],
    /// Whether the producer is a Const node: TensorFlow picks another QuantizeV2 for it.
    pub constant: &'a [bool],
    /// How fp32 convolutions and matrix products are summed.
    pub products: Products,
}

impl<'a> Inputs<'a> {
    /// Input `i`.
    pub fn get(&self, i: usize) -> Result<&'a Tensor, Reason> {
        self.tensors.get(i).copied().ok_or_else(|| Reason::new(format!("input {i} is missing")))
    }
    /// Input `i` as f32 elements.
    pub fn f32(&self, i: usize) -> Result<&'a [f32], Reason> {
        self.get(i)?.as_f32()
    }
    /// Input `i` as one f32: a range bound.
    pub fn scalar(&self, i: usize) -> Result<f32, Reason> {
        match self.f32(i)? {
            [x] => Ok(*x),
            v => Err(Reason::new(format!("input {i} has {} elements", v.len())).supported("one float")),
        }
    }
    /// Input `i` as integers: axes, shapes, paddings.
    pub fn ints(&self, i: usize) -> Result<Vec<i64>, Reason> {
        self.get(i)?.to_i64()
    }
}
