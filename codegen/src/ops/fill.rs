//! Fill: a tensor of a given shape full of one value. Any type.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Site};
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{DataType, Tensor};
use std::ops::RangeInclusive;

/// One value everywhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Fill {
    /// Element type.
    pub dtype: DataType,
    /// Type of the shape operand, int32 or int64.
    pub index: DataType,
}

impl Operation for Fill {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { dtype: a.dtype("T")?, index: a.dtype_or("index_type", DataType::DtInt32)? })
    }
    fn name(&self) -> &str {
        "Fill"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype);
 a.dtype("index_type", self.index);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        check::ranked::<0>(check::typed(x, 1, self.dtype)?, "the value")?;
        check::output(self.dtype, check::shape(&check::known_ints(x, 0, "shape")?)?)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let (shape, value) = (check::shape(&x.ints(0)?)?, x.get(1)?);
        check::ranked::<0>(&value.shape, "the value")?;
        let strides = vec![0; shape.len()];
        Ok(vec![strided::gathered(value, shape, &strides, 0)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let shape = site.y[0].shape.clone();
        let strides = vec![0; shape.len()];
        strided::lower(site, 1, &shape, &strides, 0)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
