//! ConcatV2: tensors one behind the other along one dimension. Any type and rank.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{DataType, Shape, Tensor, elements};
use bakelite_kernels::float::Nest;
use std::ops::RangeInclusive;

/// Joins tensors; the axis is the last operand.
#[derive(Clone, Debug, PartialEq)]
pub struct Concat {
    /// How many tensors.
    pub count: usize,
    /// Element type.
    pub dtype: DataType,
    /// Type of the axis operand, int32 or int64.
    pub index: DataType,
}

/// Where each of several tensors begins along the axis, and the shape of the whole.
pub(super) struct Joined {
    pub(super) axis: usize,
    pub(super) begin: Vec<usize>,
    pub(super) shape: Shape,
}

impl Joined {
    pub(super) fn new(shapes: &[&[usize]], axis: i64) -> Result<Self, Reason> {
        let first = shapes.first().ok_or_else(|| Reason::new("no tensor to join"))?;
        let axis = check::axis(axis, first.len())?;
        let mut shape = first.to_vec();
        let (mut begin, mut end) = (vec![], 0usize);
        for s in shapes {
            let alike = s.len() == shape.len() && (0..s.len()).all(|d| d == axis || s[d] == shape[d]);
            if !alike {
                return Err(Reason::new(format!("shapes {first:?} and {s:?} along axis {axis}"))
                    .supported("shapes that differ only along the axis"));
            }
            begin.push(end);
            end = end.saturating_add(s[axis]);
        }
        shape[axis] = end;
        elements(&shape)?;
        Ok(Self { axis, begin, shape })
    }
    /// The loops over (x, y) that put tensor `i`, of shape `x`, into its place.
    pub(super) fn nest(&self, i: usize, x: &[usize]) -> Result<Nest<2>, Reason> {
        let strides = strided::dense(&self.shape);
        strided::nest(x, [&strided::dense(x), &strides], [0, self.begin[i] * strides[self.axis] as usize])
    }
}

impl Operation for Concat {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { count: check::count(a, "N")?, dtype: a.dtype("T")?, index: a.dtype_or("Tidx", DataType::DtInt32)? })
    }
    fn name(&self) -> &str {
        "ConcatV2"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype);
 a.dtype("Tidx", self.index);a.int("N", self.count as i64);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        self.count + 1..=self.count + 1
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let shapes: Vec<_> = (0..self.count).map(|i| check::typed(x, i, self.dtype)).collect::<Result<_, _>>()?;
        let axis = check::single(&check::known_ints(x, self.count, "axis")?, "axis")?;
        check::output(self.dtype, Joined::new(&shapes, axis)?.shape)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let axis = check::single(&x.ints(self.count)?, "axis")?;
        let shapes: Vec<_> = (0..self.count).map(|i| Ok(x.get(i)?.shape.as_slice())).collect::<Result<_, Reason>>()?;
        let joined = Joined::new(&shapes, axis)?;
        let first = x.get(0)?;
        let mut y = strided::filled(&first.data, None, elements(&joined.shape)?)?;
        for (i, shape) in shapes.iter().enumerate() {
            strided::place(&x.get(i)?.data, &joined.nest(i, shape)?, &mut y)?;
        }
        Ok(vec![Tensor::new(first.dtype, joined.shape, y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let axis = check::single(&site.constant(self.count, "axis")?.to_i64()?, "axis")?;
        let axis = check::axis(axis, site.y[0].shape.len())?;
        let inputs: Vec<usize> = (0..self.count).collect();
        site.concat(&inputs, axis, 0)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
