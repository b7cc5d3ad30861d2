//! Shape: the dimensions of a tensor. It is known at build time, so what is computed from it folds.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor};
use std::sync::Arc;
use std::ops::RangeInclusive;

/// The dimensions of a tensor, as a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The tensor's element type.
    pub dtype: DataType,
    /// Type of the result, int32 or int64.
    pub output: DataType,
}

impl Shape {
    fn of(&self, x: &[usize]) -> Result<Tensor, Reason> {
        let dimensions = x.iter().map(|&n| n as i64).collect();
        Tensor::new(self.output, vec![x.len()], check::integers(self.output, dimensions)?)
    }
}

impl Operation for Shape {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let output = a.dtype_or("out_type", DataType::DtInt32)?;
        check::integers(output, vec![])?;
        Ok(Self { dtype: a.dtype("T")?, output })
    }
    fn name(&self) -> &str {
        "Shape"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype); a.dtype("out_type", self.output);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        1..=1
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        Ok(vec![Fact::constant(Arc::new(self.of(&check::fact(x, 0)?.shape)?))])
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        Ok(vec![self.of(&x.get(0)?.shape)?])
    }
    fn lower(&self, _: &mut Site<'_, '_>) -> Result<(), Reason> {
        // Always a constant.
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
