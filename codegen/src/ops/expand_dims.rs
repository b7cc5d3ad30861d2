//! ExpandDims: a new dimension of 1 before the given one.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Shape, Tensor};
use std::ops::RangeInclusive;

/// Adds a dimension of 1.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpandDims {
    /// Element type.
    pub dtype: DataType,
    /// Type of the axis operand, int32 or int64.
    pub index: DataType,
}

/// The shape with the new dimension; -1 is behind the last.
fn expanded(x: &[usize], axes: &[i64]) -> Result<Shape, Reason> {
    let at = check::axis(check::single(axes, "axis")?, x.len() + 1)?;
    let mut shape = x.to_vec();
    shape.insert(at, 1);
    Ok(shape)
}

impl Operation for ExpandDims {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { dtype: a.dtype("T")?, index: a.dtype_or("Tdim", DataType::DtInt32)? })
    }
    fn name(&self) -> &str {
        "ExpandDims"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype);
 a.dtype("Tdim", self.index);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let shape = check::typed(x, 0, self.dtype)?;
        check::output(self.dtype, expanded(shape, &check::known_ints(x, 1, "axis")?)?)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let tensor = x.get(0)?;
        Ok(vec![Tensor::new(tensor.dtype, expanded(&tensor.shape, &x.ints(1)?)?, tensor.data.clone())?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        site.alias(0, 0)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
