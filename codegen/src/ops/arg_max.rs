//! ArgMax, ArgMin: the index of the greatest or the least number along one dimension, the first of equals.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Shape, Tensor, elements};
use bakelite_kernels::float::arg_max;
use std::ops::RangeInclusive;

/// Where the greatest or the least number is.
#[derive(Clone, Debug, PartialEq)]
pub struct ArgMax {
    /// Type of the axis operand, int32 or int64.
    pub index: DataType,
    /// Type of the result, int32 or int64.
    pub output: DataType,
    /// ArgMin.
    pub least: bool,
}

impl ArgMax {
    /// The shape without the axis; refuses an axis of nothing.
    fn left(x: &[usize], axes: &[i64]) -> Result<(usize, Shape), Reason> {
        let axis = check::axis(check::single(axes, "axis")?, x.len())?;
        if x[axis] == 0 {
            return Err(Reason::new(format!("the greatest or least of no numbers, of shape {x:?}")));
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
        Ok(Self { index: a.dtype_or("Tidx", DataType::DtInt32)?, output, least: a.op() == "ArgMin" })
    }
    fn name(&self) -> &str {
        if self.least { "ArgMin" } else { "ArgMax" }
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
        let (count, inner) = (tensor.shape[axis], elements(&tensor.shape[axis + 1..])?);
        let mut y = vec![0i64; elements(&shape)?];
        check::run(arg_max::ArgMax { least: self.least, count, inner, x: numbers, y: &mut y });
        Ok(vec![Tensor::new(self.output, shape, check::integers(self.output, y)?)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let shape = site.x[0].shape.clone();
        let (axis, _) = Self::left(&shape, &site.constant(1, "axis")?.to_i64()?)?;
        let (count, inner) = (shape[axis], elements(&shape[axis + 1..])?);
        let (x, y) = (site.x_dense(0)?, site.y_dense(0)?);
        let call = Call::bare("float::arg_max::ArgMax").value("least", &self.least);
        site.call(call.value("count", &count).value("inner", &inner).read("x", x).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
