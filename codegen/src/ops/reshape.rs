//! Reshape: the same elements under another shape, of which one dimension may be -1: what is left.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Shape, Tensor, elements};
use std::ops::RangeInclusive;

/// Gives a tensor another shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Reshape {
    /// Element type.
    pub dtype: DataType,
    /// Type of the shape operand, int32 or int64.
    pub index: DataType,
}

/// The shape that `wanted` means for `count` elements.
fn resolve(count: usize, wanted: &[i64]) -> Result<Shape, Reason> {
    let found = || Reason::new(format!("the shape {wanted:?} for {count} elements"));
    let known: Vec<i64> = wanted.iter().copied().filter(|&d| d != -1).collect();
    let known = elements(&check::shape(&known)?)?;
    let open = wanted.len() - wanted.iter().filter(|&&d| d != -1).count();
    let left = match open {
        0 if known == count => 1,
        1 if known > 0 && count.is_multiple_of(known) => count / known,
        _ => return Err(found().supported("as many elements, and at most one -1")),
    };
    Ok(wanted.iter().map(|&d| if d == -1 { left } else { d as usize }).collect())
}

impl Operation for Reshape {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { dtype: a.dtype("T")?, index: a.dtype_or("Tshape", DataType::DtInt32)? })
    }
    fn name(&self) -> &str {
        "Reshape"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype);
 a.dtype("Tshape", self.index);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let count = elements(check::typed(x, 0, self.dtype)?)?;
        check::output(self.dtype, resolve(count, &check::known_ints(x, 1, "shape")?)?)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let tensor = x.get(0)?;
        let shape = resolve(tensor.data.len(), &x.ints(1)?)?;
        Ok(vec![Tensor::new(tensor.dtype, shape, tensor.data.clone())?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        site.alias(0, 0)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        assert_eq!(resolve(12, &[2, -1, 3]).unwrap(), [2, 2, 3]);
        assert_eq!(resolve(1, &[]).unwrap(), [] as [usize; 0]);
        assert_eq!(resolve(0, &[0, 5]).unwrap(), [0, 5]);
        for wrong in [&[5][..], &[-1, -1], &[0, -1], &[-2, -6], &[i64::MAX, i64::MAX], &[5, -1]] {
            assert!(resolve(12, wrong).is_err(), "{wrong:?}");
        }
    }
}
