//! OneHot: `y[.., d, ..] = on where x[.., ..] = d, else off`; the classes lie along `axis`, -1 behind all others.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Shape, Tensor, elements};
use bakelite_kernels::float::one_hot;
use std::ops::RangeInclusive;

/// Classes as rows of one and zeros, in f32.
#[derive(Clone, Debug, PartialEq)]
pub struct OneHot {
    /// Type of the numbers, int32 or int64.
    pub indices: DataType,
    /// Where the classes lie in the result.
    pub axis: i64,
}

impl OneHot {
    /// The shape for so many classes, and how many numbers are neighbours.
    fn placed(&self, x: &[usize], classes: &[i64]) -> Result<(Shape, usize), Reason> {
        let classes = check::shape(&[check::single(classes, "depth")?])?[0];
        let axis = check::axis(self.axis, x.len() + 1)?;
        let mut shape = x.to_vec();
        shape.insert(axis, classes);
        elements(&shape)?;
        Ok((shape, elements(&x[axis..])?))
    }
}

impl Operation for OneHot {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        let indices = check::one_of(a, "TI", &[DataType::DtInt32, DataType::DtInt64])?;
        Ok(Self { indices, axis: a.int_or("axis", -1)? })
    }
    fn name(&self) -> &str {
        "OneHot"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
        a.dtype("TI", self.indices);
        a.int("axis", self.axis);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        4..=4
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        for value in [2, 3] {
            check::ranked::<0>(check::float_shape(x, value)?, "a value")?;
        }
        let classes = check::known_ints(x, 1, "depth")?;
        check::output(DataType::DtFloat, self.placed(check::typed(x, 0, self.indices)?, &classes)?.0)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let (on, off, numbers) = (x.scalar(2)?, x.scalar(3)?, x.ints(0)?);
        let (shape, inner) = self.placed(&x.get(0)?.shape, &x.ints(1)?)?;
        let axis = check::axis(self.axis, shape.len())?;
        let mut y = vec![0.0; elements(&shape)?];
        let (on, off) = (&[on], &[off]);
        check::run(one_hot::OneHot { classes: shape[axis], inner, x: &numbers, on, off, y: &mut y });
        Ok(vec![Tensor::f32(shape, y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let classes = site.constant(1, "depth")?.to_i64()?;
        let (shape, inner) = self.placed(&site.x[0].shape, &classes)?;
        let classes = shape[check::axis(self.axis, shape.len())?];
        let (x, on, off, y) = (site.x_dense(0)?, site.x_dense(2)?, site.x_dense(3)?, site.y_dense(0)?);
        let call = Call::bare("float::one_hot::OneHot").value("classes", &classes).value("inner", &inner);
        site.call(call.read("x", x).read("on", on).read("off", off).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
