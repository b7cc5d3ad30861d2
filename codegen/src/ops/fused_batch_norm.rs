//! FusedBatchNorm, V2, V3 with known statistics: `y = (x - mean[c]) * (gamma[c] / sqrt(variance[c] + epsilon)) + beta[c]`.
//!
//! `1 / sqrt` is rounded to f32 before gamma multiplies it, as TensorFlow does. Ports 1.. are the statistics passed on.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Element, Site};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor};
use bakelite_kernels::float::{affine::Affine, unary};
use std::ops::RangeInclusive;

/// Batch normalisation at inference, channels last.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedBatchNorm {
    /// 1, 2 or 3: which of TensorFlow's ops.
    pub version: u8,
    /// Added to the variance.
    pub epsilon: f32,
}

/// TensorFlow's default of `epsilon`.
const EPSILON: f32 = 1e-4;

impl FusedBatchNorm {
    /// `gamma / sqrt(variance + epsilon)`.
    pub fn factor(&self, gamma: &[f32], variance: &[f32]) -> Vec<f32> {
        let inverse = |&v: &f32| unary::reference(unary::Function::Rsqrt, v + self.epsilon);
        gamma.iter().zip(variance).map(|(gamma, v)| inverse(v) * gamma).collect()
    }
    /// Refuses operands of other lengths than the last dimension.
    fn check(x: &[usize], operands: [&[usize]; 4]) -> Result<(), Reason> {
        let channels = *x.last().ok_or_else(|| Reason::new("a scalar").supported("an image"))?;
        match operands.iter().find(|s| **s != [channels]) {
            None => Ok(()),
            Some(s) => Err(Reason::new(format!("an operand of shape {s:?} for {x:?}"))
                .supported(format!("[{channels}], one number a channel"))),
        }
    }
}

impl Operation for FusedBatchNorm {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        check::nhwc(a)?;
        if a.bool_or("is_training", true)? {
            return Err(Reason::new("is_training = true")
                .supported("false")
                .help("freeze the graph for inference, e.g. with training=False"));
        }
        let version = match a.op() {
            "FusedBatchNorm" => 1,
            "FusedBatchNormV2" => 2,
            _ => 3,
        };
        Ok(Self { version, epsilon: a.float_or("epsilon", EPSILON)? })
    }
    fn name(&self) -> &str {
        match self.version {
            1 => "FusedBatchNorm",
            2 => "FusedBatchNormV2",
            _ => "FusedBatchNormV3",
        }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
        if self.version > 1 {
            a.dtype("U", DataType::DtFloat);
        }
        a.float("epsilon", self.epsilon);
        a.string("data_format", "NHWC");
        a.bool("is_training", false);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        5..=5
    }
    fn ports(&self) -> usize {
        if self.version < 3 { 5 } else { 6 }
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let y = check::float_shape(x, 0)?.to_vec();
        let mut operands: [&[usize]; 4] = [&[]; 4];
        for (i, operand) in operands.iter_mut().enumerate() {
            *operand = check::float_shape(x, i + 1)?;
        }
        Self::check(&y, operands)?;
        let statistic = Fact::new(DataType::DtFloat, operands[0].to_vec());
        let mut ports = check::output(DataType::DtFloat, y)?;
        ports.extend(std::iter::repeat_n(statistic, 4));
        ports.extend((self.version == 3).then(|| Fact::new(DataType::DtFloat, vec![0])));
        Ok(ports)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let image = x.get(0)?;
        let [gamma, beta, mean, variance] = [x.get(1)?, x.get(2)?, x.get(3)?, x.get(4)?];
        Self::check(&image.shape, [gamma, beta, mean, variance].map(|t| t.shape.as_slice()))?;
        let factor = self.factor(gamma.as_f32()?, variance.as_f32()?);
        let (x, mut y) = (image.as_f32()?, vec![0.0; image.data.len()]);
        check::run(Affine { mean: mean.as_f32()?, factor: &factor, offset: beta.as_f32()?, x, y: &mut y });
        let mut ports = vec![Tensor::f32(image.shape.clone(), y)?];
        ports.extend([mean, variance, mean, variance].map(Tensor::clone));
        ports.extend((self.version == 3).then(|| Tensor::f32(vec![0], vec![])).transpose()?);
        Ok(ports)
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let constant = |i: usize, what: &str| site.constant(i, what)?.as_f32();
        let (gamma, offset) = (constant(1, "scale")?, constant(2, "offset")?);
        let (mean, variance) = (constant(3, "mean")?, constant(4, "variance")?);
        let factor = site.floats(&self.factor(gamma, variance));
        let (mean, offset) = (site.floats(mean), site.floats(offset));
        let (x, y) = (site.x_dense(0)?, site.y_dense(0)?);
        let call = Call::bare("float::affine::Affine").constant("mean", mean, Element::F32);
        let call = call.constant("factor", factor, Element::F32).constant("offset", offset, Element::F32);
        site.call(call.read("x", x).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
