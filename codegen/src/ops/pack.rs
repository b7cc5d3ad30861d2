//! Pack: tensors of one shape stacked along a new dimension. Any type and rank.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{DataType, Shape, Tensor, elements};
use crate::ops::concat::Joined;
use std::ops::RangeInclusive;

/// Stacks tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Pack {
    /// How many tensors.
    pub count: usize,
    /// Element type.
    pub dtype: DataType,
    /// Where the new dimension goes; -1 is behind the last.
    pub axis: i64,
}

impl Pack {
    /// The tensors' shape with a dimension of 1 where they are joined.
    pub(super) fn expanded(&self, x: &[usize]) -> Result<Shape, Reason> {
        let mut shape = x.to_vec();
        shape.insert(check::axis(self.axis, x.len() + 1)?, 1);
        Ok(shape)
    }
    /// Where they come to lie.
    pub(super) fn joined(&self, shapes: &[&[usize]]) -> Result<Joined, Reason> {
        let expanded: Vec<_> = shapes.iter().map(|s| self.expanded(s)).collect::<Result<_, _>>()?;
        let expanded: Vec<_> = expanded.iter().map(Vec::as_slice).collect();
        for s in &expanded {
            check::same(expanded[0], s)?;
        }
        Joined::new(&expanded, self.axis)
    }
}

impl Operation for Pack {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { count: check::count(a, "N")?, dtype: a.dtype("T")?, axis: a.int_or("axis", 0)? })
    }
    fn name(&self) -> &str {
        "Pack"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype); a.int("N", self.count as i64); a.int("axis", self.axis);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        self.count..=self.count
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let shapes: Vec<_> = (0..x.len()).map(|i| check::typed(x, i, self.dtype)).collect::<Result<_, _>>()?;
        check::output(self.dtype, self.joined(&shapes)?.shape)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let shapes: Vec<_> = x.tensors.iter().map(|t| t.shape.as_slice()).collect();
        let joined = self.joined(&shapes)?;
        let first = x.get(0)?;
        let mut y = strided::filled(&first.data, None, elements(&joined.shape)?)?;
        for (i, tensor) in x.tensors.iter().enumerate() {
            strided::place(&tensor.data, &joined.nest(i, &self.expanded(&tensor.shape)?)?, &mut y)?;
        }
        Ok(vec![Tensor::new(first.dtype, joined.shape, y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let shapes: Vec<_> = site.x.iter().map(|x| x.shape.clone()).collect();
        let joined = self.joined(&shapes.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let y = site.y_dense(0)?;
        for (i, shape) in shapes.iter().enumerate() {
            let (x, nest) = (site.x_dense(i)?, joined.nest(i, &self.expanded(shape)?)?);
            strided::copy(site, x, y, &nest);
        }
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
