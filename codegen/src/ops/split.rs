//! Split, Unpack: equal parts of a tensor along one axis; Unpack drops the axis, which its parts have one of.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Site};
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{DataType, Shape, Tensor};
use std::ops::RangeInclusive;

/// Cuts a tensor into equal parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// How many parts.
    pub count: usize,
    /// Element type.
    pub dtype: DataType,
    /// Unpack's axis; Split's is its first operand.
    pub unpack: Option<i64>,
}

/// A part: its shape, and the elements from one part to the next.
struct Part {
    shape: Shape,
    step: usize,
}

impl Split {
    /// Which operand the tensor is.
    fn tensor(&self) -> usize {
        usize::from(self.unpack.is_none())
    }
    fn part(&self, x: &[usize], axis: i64) -> Result<Part, Reason> {
        let axis = check::axis(axis, x.len())?;
        let mut shape = x.to_vec();
        shape[axis] = x[axis] / self.count;
        if shape[axis] * self.count != x[axis] || self.unpack.is_some() && shape[axis] != 1 {
            return Err(Reason::new(format!("{} parts of shape {x:?} along axis {axis}", self.count))
                .supported("equal parts, of one slice each for Unpack"));
        }
        let step = shape[axis].saturating_mul(strided::dense(x)[axis] as usize);
        Ok(Part { shape, step })
    }
    /// The parts' shape as it is given out.
    fn left(&self, mut part: Shape, axis: i64) -> Result<Shape, Reason> {
        if self.unpack.is_some() {
            part.remove(check::axis(axis, part.len())?);
        }
        Ok(part)
    }
}

impl Operation for Split {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(match a.op() {
            "Unpack" => {
                let unpack = Some(a.int_or("axis", 0)?);
                Self { count: check::count(a, "num")?, dtype: a.dtype("T")?, unpack }
            }
            _ => Self { count: check::count(a, "num_split")?, dtype: a.dtype("T")?, unpack: None },
        })
    }
    fn name(&self) -> &str {
        if self.unpack.is_some() { "Unpack" } else { "Split" }
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype);
        match self.unpack {
            Some(axis) => {
                a.int("num", self.count as i64);
                a.int("axis", axis);
            }
            None => a.int("num_split", self.count as i64),
        }
    }
    fn arity(&self) -> RangeInclusive<usize> {
        self.tensor() + 1..=self.tensor() + 1
    }
    fn ports(&self) -> usize {
        self.count
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let axis = match self.unpack {
            Some(axis) => axis,
            None => check::single(&check::known_ints(x, 0, "axis")?, "axis")?,
        };
        let shape = self.left(self.part(check::typed(x, self.tensor(), self.dtype)?, axis)?.shape, axis)?;
        Ok(vec![Fact::new(self.dtype, shape); self.count])
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let axis = match self.unpack {
            Some(axis) => axis,
            None => check::single(&x.ints(0)?, "axis")?,
        };
        let tensor = x.get(self.tensor())?;
        let Part { shape, step } = self.part(&tensor.shape, axis)?;
        let left = self.left(shape.clone(), axis)?;
        let strides = strided::dense(&tensor.shape);
        let part = |i: usize| {
            let y = strided::gathered(tensor, shape.clone(), &strides, i * step)?;
            Ok(Tensor { shape: left.clone(), ..y })
        };
        (0..self.count).map(part).collect()
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let axis = match self.unpack {
            Some(axis) => axis,
            None => check::single(&site.constant(0, "axis")?.to_i64()?, "axis")?,
        };
        let shape = site.x[self.tensor()].shape.clone();
        let (strides, part) = (strided::dense(&shape), self.part(&shape, axis)?);
        for port in 0..self.count {
            let nest = strided::nest(&part.shape, [&strides, &strided::dense(&part.shape)], [port * part.step, 0])?;
            let (x, y) = (site.x_dense(self.tensor())?, site.y_dense(port)?);
            strided::copy(site, x, y, &nest);
        }
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
