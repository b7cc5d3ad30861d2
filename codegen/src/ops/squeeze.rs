//! Squeeze: drops dimensions of 1; those listed, or all.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Shape, Tensor};
use std::ops::RangeInclusive;

/// Drops dimensions of 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Squeeze {
    /// Element type.
    pub dtype: DataType,
    /// Which dimensions; all of 1 if there are none.
    pub axes: Vec<i64>,
}

impl Squeeze {
    fn left(&self, x: &[usize]) -> Result<Shape, Reason> {
        let marked = check::axes(&self.axes, x.len())?;
        if let Some(d) = (0..x.len()).find(|&d| marked[d] && x[d] != 1) {
            return Err(Reason::new(format!("dimension {d} of shape {x:?}")).supported("a dimension of 1"));
        }
        let stays = |d: &usize| if self.axes.is_empty() { x[*d] != 1 } else { !marked[*d] };
        Ok((0..x.len()).filter(stays).map(|d| x[d]).collect())
    }
}

impl Operation for Squeeze {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { dtype: a.dtype("T")?, axes: a.ints_or("squeeze_dims", vec![])? })
    }
    fn name(&self) -> &str {
        "Squeeze"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype); a.ints("squeeze_dims", &self.axes);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        1..=1
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        check::output(self.dtype, self.left(check::typed(x, 0, self.dtype)?)?)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let tensor = x.get(0)?;
        Ok(vec![Tensor::new(tensor.dtype, self.left(&tensor.shape)?, tensor.data.clone())?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        site.alias(0, 0)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
