//! GatherV2, Gather: slices of x along one axis, picked by number; `batch_dims` leading dimensions have
//! numbers of their own. Any type and rank.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Shape, Tensor, elements};
use crate::map_data;
use std::ops::RangeInclusive;

/// Picks slices.
#[derive(Clone, Debug, PartialEq)]
pub struct Gather {
    /// Element type.
    pub dtype: DataType,
    /// Type of the numbers, int32 or int64.
    pub indices: DataType,
    /// Type of the axis operand; `None` for Gather, which has none and takes axis 0.
    pub axis: Option<DataType>,
    /// Leading dimensions that x and the numbers share; negative ones count from the numbers' end.
    pub batch: i64,
}

/// Blocks of `rows` slices of `inner` elements; `blocks` in turn pick by the same `picks` numbers.
struct Blocks {
    blocks: usize,
    rows: usize,
    inner: usize,
    picks: usize,
    shape: Shape,
}

impl Blocks {
    fn new(x: &[usize], indices: &[usize], axis: i64, batch: i64) -> Result<Self, Reason> {
        let axis = check::axis(axis, x.len())?;
        // As many as the numbers have dimensions is allowed.
        let batch = if batch < 0 { batch.saturating_add(indices.len() as i64) } else { batch };
        let shared = usize::try_from(batch).ok().filter(|&b| b <= axis && b <= indices.len());
        let shared = shared.filter(|&b| x[..b] == indices[..b]).ok_or_else(|| {
            Reason::new(format!("batch_dims = {batch}, axis {axis}, of shapes {x:?} and {indices:?}"))
                .supported("no more than axis, of equal dimensions")
        })?;
        let shape = [&x[..axis], &indices[shared..], &x[axis + 1..]].concat();
        elements(&shape)?;
        let [blocks, inner] = [elements(&x[shared..axis])?, elements(&x[axis + 1..])?];
        Ok(Self { blocks, rows: x[axis], inner, picks: elements(&indices[shared..])?, shape })
    }
    fn pick<T: Clone>(&self, x: &[T], indices: &[i64]) -> Result<Vec<T>, Reason> {
        let count = elements(&self.shape)?;
        let mut y = Vec::with_capacity(count);
        let turns = count.checked_div(self.picks * self.inner).unwrap_or(0);
        for o in 0..turns {
            for &index in &indices[o / self.blocks * self.picks..][..self.picks] {
                let row = usize::try_from(index).ok().filter(|&row| row < self.rows).ok_or_else(|| {
                    Reason::new(format!("the index {index} of {} slices", self.rows))
                })?;
                y.extend_from_slice(&x[(o * self.rows + row) * self.inner..][..self.inner]);
            }
        }
        Ok(y)
    }
}

impl Operation for Gather {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let axis = if a.op() == "GatherV2" { Some(a.dtype_or("Taxis", DataType::DtInt32)?) } else { None };
        let batch = if axis.is_some() { a.int_or("batch_dims", 0)? } else { 0 };
        Ok(Self { dtype: a.dtype("Tparams")?, indices: a.dtype("Tindices")?, axis, batch })
    }
    fn name(&self) -> &str {
        if self.axis.is_some() { "GatherV2" } else { "Gather" }
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("Tparams", self.dtype); a.dtype("Tindices", self.indices);
        if let Some(axis) = self.axis {
            a.dtype("Taxis", axis);
            a.int("batch_dims", self.batch);
        }
    }
    fn arity(&self) -> RangeInclusive<usize> {
        if self.axis.is_some() { 3..=3 } else { 2..=2 }
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let axis = if self.axis.is_some() { check::single(&check::known_ints(x, 2, "axis")?, "axis")? } else { 0 };
        let (shape, indices) = (check::typed(x, 0, self.dtype)?, check::typed(x, 1, self.indices)?);
        check::output(self.dtype, Blocks::new(shape, indices, axis, self.batch)?.shape)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let axis = if self.axis.is_some() { check::single(&x.ints(2)?, "axis")? } else { 0 };
        let (tensor, indices) = (x.get(0)?, x.get(1)?);
        let blocks = Blocks::new(&tensor.shape, &indices.shape, axis, self.batch)?;
        let indices = indices.to_i64()?;
        let data = map_data!(&tensor.data, v => blocks.pick(v, &indices)?);
        Ok(vec![Tensor::new(tensor.dtype, blocks.shape, data)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let axis = if self.axis.is_some() { check::single(&site.constant(2, "axis")?.to_i64()?, "axis")? } else { 0 };
        let Blocks { blocks, rows, inner, picks, .. } =
            Blocks::new(&site.x[0].shape, &site.x[1].shape, axis, self.batch)?;
        let (x, indices, y) = (site.x_dense(0)?, site.x_dense(1)?, site.y_dense(0)?);
        let call = Call::bare("float::gather::Gather").value("rows", &rows).value("inner", &inner);
        let call = call.value("blocks", &blocks).value("picks", &picks);
        site.call(call.read("x", x).read("indices", indices).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
