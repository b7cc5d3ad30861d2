//! The QuantizedMatMulWithBias family: x `[M,K]` times w `[K,N]`, as TensorFlow with oneDNN computes it.
//!
//! ```text
//! ss    = (max - min)/255 in MIN_FIRST, amax(min, max)/255 in SCALED;   scale = ss * (amax(w range)/127)
//! bias  MIN_FIRST float   b + f32(Σ_k w) * f32(255*min / (max - min))
//!       MIN_FIRST qint32  f32(b) / f32(255*127 / f32((max - min) * amax(w range)))
//!       SCALED float      b
//!       SCALED qint32     f32(b) * (1 / f32(255*127 / f32(max * amax(w range))))
//! ```
//!
//! Two things are as TensorFlow has them, not as they should be: all members but AndDequantize run as MIN_FIRST whatever
//! `input_quant_mode` says, and the compensation of a float bias mixes units, so it is right for a minimum of 0 only.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Activation, Output, Product, Site, Stages, Sum};
use crate::ops::known::Known;
use crate::ops::quantize::Mode;
use crate::ops::quantized_product;
use crate::ops::quantized_window::type_of;
use crate::ops::scales::{accumulator_range, amax, inverse, scale};
use crate::ops::{Fact, Inputs, Operation};
use crate::tensor::{DataType, Tensor, elements};
use DataType::{DtFloat, DtQint8, DtQint32, DtQuint8};
use bakelite_kernels::Window;
use bakelite_kernels::epilogue::ToI32;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Name, relu, output.
type Member = (&'static str, bool, DataType);

const FAMILY: &[Member] = &[
    ("QuantizedMatMulWithBias", false, DtQint32),
    ("QuantizedMatMulWithBiasAndRelu", true, DtQint32),
    ("QuantizedMatMulWithBiasAndRequantize", false, DtQuint8),
    ("QuantizedMatMulWithBiasAndReluAndRequantize", true, DtQuint8),
    ("QuantizedMatMulWithBiasAndDequantize", false, DtFloat),
];

/// One op of the family. Inputs: x, w, bias, min and max of x, of w, and of y if y is quint8 or float.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedMatMul {
    member: &'static Member,
    /// Type of the bias: float or qint32.
    pub bias: DataType,
    /// The attribute `input_quant_mode`; see [`QuantizedMatMul::effective_mode`].
    pub mode: Mode,
}

impl QuantizedMatMul {
    /// The op with or without relu and with that output: qint32, quint8 or, without relu, float; float bias, SCALED.
    pub fn new(relu: bool, y: DataType) -> Option<Self> {
        let member = FAMILY.iter().find(|m| m.1 == relu && m.2 == y)?;
        Some(Self { member, bias: DtFloat, mode: Mode::Scaled })
    }
    /// Type of the output.
    pub fn y(&self) -> DataType {
        self.member.2
    }
    /// Whether negative values become 0.
    pub fn relu(&self) -> bool {
        self.member.1
    }
    /// The mode that TensorFlow really runs.
    pub fn effective_mode(&self) -> Mode {
        if self.y() == DtFloat { self.mode } else { Mode::MinFirst }
    }
    fn typed_bias(&self) -> bool {
        self.member.0 != "QuantizedMatMulWithBiasAndRelu"
    }
    /// Real value of one step of x.
    fn step(&self, range: [f32; 2]) -> Result<f32, Reason> {
        let [min, max] = range;
        match self.effective_mode() {
            Mode::MinFirst if max <= min => {
                Err(Reason::new(format!("the input range {range:?}")).supported("a range that is not empty"))
            }
            Mode::MinFirst => Ok((max - min) / 255.0),
            Mode::Scaled | Mode::MinCombined => scale(range, DtQuint8),
        }
    }
    /// The bias as real values.
    fn real_bias(&self, k: &Known<'_>, [min, max]: [f32; 2], w: f32, n: usize) -> Result<Vec<f32>, Reason> {
        const LIMIT: f64 = 255.0 * 127.0;
        let min_first = self.effective_mode() == Mode::MinFirst;
        if self.bias == DtQint32 {
            let width = if min_first { max - min } else { max };
            let q = (LIMIT / f64::from(width * w)) as f32;
            let real = |&b: &i32| if min_first { b as f32 / q } else { b as f32 * (1.0 / q) };
            return Ok(k.tensor(2, "bias")?.as_i32()?.iter().map(real).collect());
        }
        let bias = k.vector(2, "bias")?;
        if !min_first {
            return Ok(bias.to_vec());
        }
        let factor = 255.0 * min / (max - min);
        let mut sums = vec![0i64; n];
        for row in k.tensor(1, "weight")?.as_i8()?.chunks(n.max(1)) {
            sums.iter_mut().zip(row).for_each(|(sum, &w)| *sum += i64::from(w));
        }
        Ok(bias.iter().zip(sums).map(|(b, sum)| b + sum as f32 * factor).collect())
    }
    /// The numbers that the product is computed with; all but the activations must be known.
    pub fn product<'a>(&self, k: &Known<'a>) -> Result<Product<'a>, Reason> {
        let [_, _, n] = shape(k)?;
        let (x_range, w_range) = (k.range(3, "a")?, k.range(5, "b")?);
        let (ss, w) = (self.step(x_range)?, amax(w_range));
        let scale_y = ss * (w / 127.0);
        let output = match self.y() {
            DtFloat => Output::F32,
            DtQint32 => Output::I32(ToI32 { inverse: inverse(scale_y)? }),
            y => quantized_product::bytes(y, inverse(scale(k.range(7, "output")?, y)?)?),
        };
        let activation = if self.relu() { Activation::Relu } else { Activation::Linear };
        Ok(Product {
            x: 0,
            window: Window::POINT,
            weights: k.tensor(1, "weight")?.as_i8()?,
            depthwise: false,
            scale: vec![scale_y; n],
            bias: self.real_bias(k, x_range, w, n)?,
            stages: Stages { sum: Sum::None, activation, output },
        })
    }
    /// The range of the output, of none for float.
    fn range(&self, k: &Known<'_>) -> Result<Vec<Tensor>, Reason> {
        Ok(match self.y() {
            DtFloat => vec![],
            DtQuint8 => k.range(7, "output")?.map(Tensor::scalar).into(),
            _ => {
                let [min, max] = k.ranges(5, 1, "b")?;
                let [low, high] = accumulator_range(k.range(3, "a")?, DtQuint8, [min, max])?;
                low.into_iter().chain(high).map(Tensor::scalar).collect()
            }
        })
    }
}

/// `[M, K, N]` of inputs 0 and 1.
pub(super) fn shape(k: &Known<'_>) -> Result<[usize; 3], Reason> {
    match (k.shape(0)?, k.shape(1)?) {
        (&[m, inner], &[rows, n]) if inner == rows => {
            elements(&[m, n])?;
            Ok([m, inner, n])
        }
        (x, w) => Err(Reason::new(format!("a product of shapes {x:?} and {w:?}")).supported("[M, K] and [K, N]")),
    }
}

/// Checks types and shapes of x, w and bias.
pub(super) fn check_inputs(k: &Known<'_>, x: DataType, bias: DataType) -> Result<[usize; 3], Reason> {
    k.expect(0, x)?;
    k.expect(1, DtQint8)?;
    k.expect(2, bias)?;
    let [m, inner, n] = shape(k)?;
    if k.shape(2)? != [n] {
        let found = format!("a bias of shape {:?}", k.shape(2)?);
        return Err(Reason::new(found).supported(format!("[{n}], one an output channel")));
    }
    Ok([m, inner, n])
}

/// Refuses a transposed x. A transposed w is ignored by TensorFlow, and so here.
pub(super) fn check_transposed(a: Attributes<'_>) -> Result<(), Reason> {
    if a.bool_or("transpose_a", false)? {
        return Err(Reason::new("transpose_a = true").supported("false"));
    }
    Ok(())
}

/// M * K * N.
pub(super) fn macs(x: &[Fact]) -> u64 {
    let dims = shape(&Known::from(x)).unwrap_or_default();
    dims.iter().fold(1, |n: u64, &d| n.saturating_mul(d as u64))
}

impl Operation for QuantizedMatMul {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let member = FAMILY.iter().find(|m| m.0 == a.op());
        let member = member.ok_or_else(|| Reason::new(format!("the op {}", a.op())))?;
        let mode = a.string_or("input_quant_mode", "MIN_FIRST".into())?;
        let mode = match mode.as_str() {
            "MIN_FIRST" => Mode::MinFirst,
            "SCALED" => Mode::Scaled,
            _ => {
                let reason = Reason::new(format!("input_quant_mode {mode:?}"));
                return Err(reason.supported("SCALED or MIN_FIRST"));
            }
        };
        type_of(a, "T1", None, &[DtQuint8])?;
        type_of(a, "T2", None, &[DtQint8])?;
        check_transposed(a)?;
        let mut op = Self { member, bias: DtFloat, mode };
        type_of(a, "Toutput", Some(op.y()), &[op.y()])?;
        if op.typed_bias() {
            op.bias = type_of(a, "Tbias", None, &[DtFloat, DtQint32])?;
        }
        Ok(op)
    }
    fn name(&self) -> &str {
        self.member.0
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T1", DtQuint8);
        a.dtype("T2", DtQint8);
        a.dtype("Toutput", self.y());
        if self.typed_bias() {
            a.dtype("Tbias", self.bias);
        }
        a.bool("transpose_a", false);
        a.bool("transpose_b", false);
        a.string("input_quant_mode", self.mode.name());
    }
    fn arity(&self) -> RangeInclusive<usize> {
        let inputs = if self.y() == DtQint32 { 7 } else { 9 };
        inputs..=inputs
    }
    fn ports(&self) -> usize {
        if self.y() == DtFloat { 1 } else { 3 }
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let k = Known::from(x);
        let [m, _, n] = check_inputs(&k, DtQuint8, self.bias)?;
        let mut facts = vec![Fact::new(self.y(), vec![m, n])];
        if k.has(if self.y() == DtQint32 { 3..7 } else { 7..9 }) {
            facts.extend(self.range(&k)?.into_iter().map(|t| Fact::constant(Arc::new(t))));
        } else {
            facts.resize(self.ports(), Fact::new(DtFloat, vec![]));
        }
        Ok(facts)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let k = Known::from(x);
        let [m, inner, n] = shape(&k)?;
        let product = self.product(&k)?;
        let data = quantized_product::eval(&product, x.get(0)?, [1, 1, m, inner], [1, 1, m, n], None)?;
        let mut y = vec![Tensor::new(self.y(), vec![m, n], data)?];
        y.extend(self.range(&k)?);
        Ok(y)
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let x = site.x.clone();
        site.product(self.product(&Known::from(&x[..]))?)
    }
    fn macs(&self, x: &[Fact], _: &[Fact]) -> u64 {
        macs(x)
    }
}
