//! ArgMax: the index of the greatest number along one dimension, the first of equals.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Shape, Tensor, elements};
use std::ops::RangeInclusive;

/// Where the greatest number is.
#[derive(Clone, Debug, PartialEq)]
pub struct ArgMax {
    /// Type of the axis operand, int32 or int64.
    pub index: DataType,
    /// Type of the result, int32 or int64.
    pub output: DataType,
}

impl ArgMax {
    /// The shape without the axis; refuses an axis of nothing.
    fn left(x: &[usize], axes: &[i64]) -> Result<(usize, Shape), Reason> {
        let axis = check::axis(check::single(axes, "axis")?, x.len())?;
        if x[axis] == 0 {
            return Err(Reason::new(format!("the greatest of no numbers, of shape {x:?}")));
        }
        let mut shape = x.to_vec();
        shape.remove(axis);
        Ok((axis, shape))
    }
}

impl Operation for ArgMax {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        let output = a.dtype_or("output_type", DataType::DtInt64)?;
        check::integers(output, vec![])?;
        Ok(Self { index: a.dtype_or("Tidx", DataType::DtInt32)?, output })
    }
    fn name(&self) -> &str {
        "ArgMax"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", DataType::DtFloat); a.dtype("Tidx", self.index); a.dtype("output_type", self.output);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let (_, shape) = Self::left(check::float_shape(x, 0)?, &check::known_ints(x, 1, "axis")?)?;
        check::output(self.output, shape)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let (tensor, numbers) = (x.get(0)?, x.f32(0)?);
        let (axis, shape) = Self::left(&tensor.shape, &x.ints(1)?)?;
        let (n, inner) = (tensor.shape[axis], elements(&tensor.shape[axis + 1..])?);
        let greatest = |i: usize| {
            let first = i / inner * n * inner + i % inner;
            let at = |k: usize| numbers[first + k * inner];
            (1..n).fold(0, |best, k| if at(k) > at(best) { k } else { best }) as i64
        };
        let y = (0..elements(&shape)?).map(greatest).collect();
        Ok(vec![Tensor::new(self.output, shape, check::integers(self.output, y)?)?])
    }
    fn lower(&self, _: &mut Site<'_, '_>) -> Result<(), Reason> {
        Err(Reason::new("ArgMax of what depends on an input of the graph").supported("constants in compiled code"))
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
