//! LogSoftmax over the last dimension: `y[c] = x[c] - max - ln Σ_c e^(x[c] - max)`.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor};
use bakelite_kernels::float::log_softmax;
use std::ops::RangeInclusive;

/// The logarithms of a softmax, in f32.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogSoftmax;

impl LogSoftmax {
    /// The last dimension.
    fn classes(x: &[usize]) -> Result<usize, Reason> {
        x.last().copied().ok_or_else(|| Reason::new("LogSoftmax of a scalar").supported("one dimension or more"))
    }
}

impl Operation for LogSoftmax {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        Ok(Self)
    }
    fn name(&self) -> &str {
        "LogSoftmax"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        1..=1
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let y = check::float_shape(x, 0)?;
        Self::classes(y)?;
        check::output(DataType::DtFloat, y.to_vec())
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let (tensor, x) = (x.get(0)?, x.f32(0)?);
        let mut y = vec![0.0; x.len()];
        check::run(log_softmax::LogSoftmax { classes: Self::classes(&tensor.shape)?, x, y: &mut y });
        Ok(vec![Tensor::f32(tensor.shape.clone(), y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let classes = Self::classes(&site.x[0].shape)?;
        let (x, y) = (site.x_dense(0)?, site.y_dense(0)?);
        let call = Call::bare("float::log_softmax::LogSoftmax").value("classes", &classes);
        site.call(call.read("x", x).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
