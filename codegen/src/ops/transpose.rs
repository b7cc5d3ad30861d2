//! Transpose: dimension `perm[d]` of x becomes dimension d of y. Any type and rank.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{DataType, Shape, Tensor};
use std::ops::RangeInclusive;

/// Permutes dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Transpose {
    /// Element type.
    pub dtype: DataType,
    /// Type of the permutation operand, int32 or int64.
    pub index: DataType,
}

/// The result's shape, and its strides in x.
pub(super) fn permuted(x: &[usize], perm: &[i64]) -> Result<(Shape, Vec<isize>), Reason> {
    let marked = check::axes(perm, x.len())?;
    if perm.len() != x.len() || marked.contains(&false) {
        return Err(Reason::new(format!("the permutation {perm:?} of {} dimensions", x.len()))
            .supported("each dimension once"));
    }
    let strides = strided::dense(x);
    let from: Vec<usize> = perm.iter().map(|&p| check::axis(p, x.len())).collect::<Result<_, _>>()?;
    Ok((from.iter().map(|&d| x[d]).collect(), from.iter().map(|&d| strides[d]).collect()))
}

impl Operation for Transpose {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { dtype: a.dtype("T")?, index: a.dtype_or("Tperm", DataType::DtInt32)? })
    }
    fn name(&self) -> &str {
        "Transpose"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype);
 a.dtype("Tperm", self.index);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let shape = check::typed(x, 0, self.dtype)?;
        check::output(self.dtype, permuted(shape, &check::known_ints(x, 1, "permutation")?)?.0)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let tensor = x.get(0)?;
        let (shape, strides) = permuted(&tensor.shape, &x.ints(1)?)?;
        Ok(vec![strided::gathered(tensor, shape, &strides, 0)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let (shape, strides) = permuted(&site.x[0].shape, &site.constant(1, "permutation")?.to_i64()?)?;
        strided::lower(site, 0, &shape, &strides, 0)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
