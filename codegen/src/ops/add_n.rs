//! AddN: the sum of tensors of one shape, from the first to the last.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::binary::Binary;
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor};
use bakelite_kernels::float::binary;
use std::ops::RangeInclusive;

/// A sum of several tensors in f32.
#[derive(Clone, Debug, PartialEq)]
pub struct AddN {
    /// How many there are.
    pub count: usize,
}

impl Operation for AddN {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        Ok(Self { count: check::count(a, "N")? })
    }
    fn name(&self) -> &str {
        "AddN"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
        a.int("N", self.count as i64);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        self.count..=self.count
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let y = check::float_shape(x, 0)?;
        for i in 1..x.len() {
            check::same(y, check::float_shape(x, i)?)?;
        }
        check::output(DataType::DtFloat, y.to_vec())
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let first = x.get(0)?;
        let mut y = first.as_f32()?.to_vec();
        for tensor in &x.tensors[1..] {
            check::same(&first.shape, &tensor.shape)?;
            y.iter_mut().zip(tensor.as_f32()?).for_each(|(y, x)| *y += x);
        }
        Ok(vec![Tensor::f32(first.shape.clone(), y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let shape = site.y[0].shape.clone();
        let (last, nest) = (self.count - 1, Binary::nest(&shape, &shape, &shape)?);
        if last == 0 {
            return site.alias(0, 0);
        }
        let mut a = site.x_dense(0)?;
        for i in 1..=last {
            let b = site.x_dense(i)?;
            let y = if i == last { site.y_dense(0)? } else { site.scratch(a.element, a.shape()).exact() };
            let call = Binary::call(binary::Function::Add);
            site.call(call.by_ref("nest", &nest).read("a", a).read("b", b).write("y", y));
            a = y;
        }
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
