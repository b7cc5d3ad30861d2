//! Range: `start, start + delta, ...` before `limit`, of integers. It is shape arithmetic, so it must fold.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Site};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor, elements};
use std::sync::Arc;
use std::ops::RangeInclusive;

/// Integers at equal distances.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// int32 or int64.
    pub dtype: DataType,
}

/// The numbers; few enough for one tensor.
fn numbers(start: i64, limit: i64, delta: i64) -> Result<Vec<i64>, Reason> {
    let found = || Reason::new(format!("a range from {start} to {limit} by {delta}"));
    if delta == 0 {
        return Err(found().supported("a step other than 0"));
    }
    let span = if delta > 0 { i128::from(limit) - i128::from(start) } else { i128::from(start) - i128::from(limit) };
    let step = i128::from(delta).abs();
    let count = if span <= 0 { 0 } else { (span + step - 1) / step };
    let count = usize::try_from(count).map_err(|_| found())?;
    elements(&[count])?;
    Ok((0..count).map(|i| start.wrapping_add(delta.wrapping_mul(i as i64))).collect())
}

impl Range {
    fn tensor(&self, operands: [Vec<i64>; 3]) -> Result<Tensor, Reason> {
        let [start, limit, delta] = [
            check::single(&operands[0], "start")?,
            check::single(&operands[1], "limit")?,
            check::single(&operands[2], "delta")?,
        ];
        let y = numbers(start, limit, delta)?;
        Tensor::new(self.dtype, vec![y.len()], check::integers(self.dtype, y)?)
    }
}

impl Operation for Range {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { dtype: check::one_of(a, "Tidx", &[DataType::DtInt32, DataType::DtInt64])? })
    }
    fn name(&self) -> &str {
        "Range"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("Tidx", self.dtype);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        3..=3
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let known = |i, what| check::known_ints(x, i, what);
        let y = self.tensor([known(0, "start")?, known(1, "limit")?, known(2, "delta")?])?;
        Ok(vec![Fact::constant(Arc::new(y))])
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        Ok(vec![self.tensor([x.ints(0)?, x.ints(1)?, x.ints(2)?])?])
    }
    fn lower(&self, _: &mut Site<'_, '_>) -> Result<(), Reason> {
        // Its operands are constants, so it is one.
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
