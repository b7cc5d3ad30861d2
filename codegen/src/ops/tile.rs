//! Tile: a tensor repeated along each dimension. Any type and rank.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Site};
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{DataType, Shape, Tensor, elements};
use std::ops::RangeInclusive;

/// Repeats a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// Element type.
    pub dtype: DataType,
    /// Type of the multiples operand, int32 or int64.
    pub index: DataType,
}

/// The result's shape, and the loops `(repeat, element)` of each dimension with their strides in x.
struct Repeated {
    shape: Shape,
    extent: Shape,
    stride: Vec<isize>,
}

impl Repeated {
    fn new(x: &[usize], multiples: &[i64]) -> Result<Self, Reason> {
        let multiples = check::shape(multiples)?;
        if multiples.len() != x.len() {
            return Err(Reason::new(format!("multiples {multiples:?} of shape {x:?}")).supported("one a dimension"));
        }
        let shape: Option<Shape> = x.iter().zip(&multiples).map(|(&n, &m)| n.checked_mul(m)).collect();
        let shape = shape.ok_or_else(|| Reason::new(format!("multiples {multiples:?} of shape {x:?}")))?;
        elements(&shape)?;
        let extent = multiples.iter().zip(x).flat_map(|(&m, &n)| [m, n]).collect();
        let stride = strided::dense(x).into_iter().flat_map(|s| [0, s]).collect();
        Ok(Self { shape, extent, stride })
    }
}

impl Operation for Tile {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { dtype: a.dtype("T")?, index: a.dtype_or("Tmultiples", DataType::DtInt32)? })
    }
    fn name(&self) -> &str {
        "Tile"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype);
 a.dtype("Tmultiples", self.index);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let shape = check::typed(x, 0, self.dtype)?;
        check::output(self.dtype, Repeated::new(shape, &check::known_ints(x, 1, "multiples")?)?.shape)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let tensor = x.get(0)?;
        let Repeated { shape, extent, stride } = Repeated::new(&tensor.shape, &x.ints(1)?)?;
        Ok(vec![Tensor { shape, ..strided::gathered(tensor, extent, &stride, 0)? }])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let multiples = site.constant(1, "multiples")?.to_i64()?;
        let Repeated { extent, stride, .. } = Repeated::new(&site.x[0].shape, &multiples)?;
        strided::lower(site, 0, &extent, &stride, 0)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
