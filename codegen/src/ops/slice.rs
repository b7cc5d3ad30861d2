//! Slice: `size` elements of each dimension from `begin` on; -1 is all that are left. Any type and rank.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Site};
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{DataType, Shape, Tensor};
use std::ops::RangeInclusive;

/// A block of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// Element type.
    pub dtype: DataType,
    /// Type of the begin and size operand, int32 or int64.
    pub index: DataType,
}

/// The block's shape and its first element in x.
fn block(x: &[usize], begin: &[i64], size: &[i64]) -> Result<(Shape, usize), Reason> {
    let found = || Reason::new(format!("a slice from {begin:?} of size {size:?} of shape {x:?}"));
    let wrong = || found().supported("a block inside the tensor");
    if begin.len() != x.len() || size.len() != x.len() {
        return Err(wrong());
    }
    let (strides, mut shape, mut first) = (strided::dense(x), vec![], 0usize);
    for d in 0..x.len() {
        let from = usize::try_from(begin[d]).ok().filter(|&b| b <= x[d]).ok_or_else(wrong)?;
        let left = x[d] - from;
        let n = if size[d] == -1 { Some(left) } else { usize::try_from(size[d]).ok() };
        shape.push(n.filter(|&n| n <= left).ok_or_else(wrong)?);
        first = first.saturating_add(from.saturating_mul(strides[d] as usize));
    }
    Ok((shape, first))
}

impl Operation for Slice {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { dtype: a.dtype("T")?, index: a.dtype_or("Index", DataType::DtInt32)? })
    }
    fn name(&self) -> &str {
        "Slice"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype);
 a.dtype("Index", self.index);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        3..=3
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let (begin, size) = (check::known_ints(x, 1, "begin")?, check::known_ints(x, 2, "size")?);
        check::output(self.dtype, block(check::typed(x, 0, self.dtype)?, &begin, &size)?.0)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let tensor = x.get(0)?;
        let (shape, first) = block(&tensor.shape, &x.ints(1)?, &x.ints(2)?)?;
        Ok(vec![strided::gathered(tensor, shape, &strided::dense(&tensor.shape), first)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let (begin, size) = (site.constant(1, "begin")?.to_i64()?, site.constant(2, "size")?.to_i64()?);
        let (shape, first) = block(&site.x[0].shape, &begin, &size)?;
        let strides = strided::dense(&site.x[0].shape);
        strided::lower(site, 0, &shape, &strides, first)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
