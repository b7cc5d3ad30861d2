//! Pad, PadV2: constant values around a tensor; zero, or the third operand. Any type and rank.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Halo, Site};
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{DataType, Shape, Tensor, elements};
use bakelite_kernels::float::Nest;
use std::ops::RangeInclusive;

/// Puts one value around a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// PadV2: the value is an operand.
    pub value: bool,
    /// Element type.
    pub dtype: DataType,
    /// Type of the paddings operand, int32 or int64.
    pub index: DataType,
}

/// Pads before the first and the padded extent, of each dimension.
pub(super) struct Padded {
    pub(super) before: Vec<usize>,
    pub(super) shape: Shape,
}

impl Padded {
    /// Paddings come as `[rank, 2]`.
    pub(super) fn new(x: &[usize], paddings: &[i64]) -> Result<Self, Reason> {
        let found = || Reason::new(format!("paddings {paddings:?} of a tensor of shape {x:?}"));
        let pads: Option<Vec<usize>> = paddings.iter().map(|&p| usize::try_from(p).ok()).collect();
        let pads = pads.filter(|pads| pads.len() == 2 * x.len());
        let pads = pads.ok_or_else(|| found().supported("a non-negative pair for each dimension"))?;
        let extent = |(&n, pair): (&usize, &[usize])| n.checked_add(pair[0])?.checked_add(pair[1]);
        let shape: Option<Shape> = x.iter().zip(pads.chunks_exact(2)).map(extent).collect();
        let shape = shape.ok_or_else(found)?;
        elements(&shape)?;
        Ok(Self { before: pads.iter().step_by(2).copied().collect(), shape })
    }
    /// `[top, bottom, left, right]` pixels around images of NHWC, if nothing else is padded.
    fn around_pixels(&self, x: &[usize]) -> Option<Halo> {
        let height = x.len().checked_sub(3)?;
        let after = |d: usize| self.shape[d] - self.before[d] - x[d];
        let others = (0..x.len()).filter(|d| ![height, height + 1].contains(d));
        let none = others.map(|d| self.before[d] + after(d)).all(|pixels| pixels == 0);
        let [top, left] = [height, height + 1].map(|d| self.before[d]);
        none.then(|| [top, after(height), left, after(height + 1)])
    }
    /// The loops over (x, y) that put x into its place.
    pub(super) fn nest(&self, x: &[usize]) -> Result<Nest<2>, Reason> {
        let strides = strided::dense(&self.shape);
        let first = self.before.iter().zip(&strides).map(|(&b, &s)| b.saturating_mul(s as usize)).sum();
        strided::nest(x, [&strided::dense(x), &strides], [0, first])
    }
}

impl Operation for Pad {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { value: a.op() == "PadV2", dtype: a.dtype("T")?, index: a.dtype_or("Tpaddings", DataType::DtInt32)? })
    }
    fn name(&self) -> &str {
        if self.value { "PadV2" } else { "Pad" }
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype);
 a.dtype("Tpaddings", self.index);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        if self.value { 3..=3 } else { 2..=2 }
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let shape = Padded::new(check::typed(x, 0, self.dtype)?, &check::known_ints(x, 1, "padding")?)?.shape;
        check::output(self.dtype, shape)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let tensor = x.get(0)?;
        let padded = Padded::new(&tensor.shape, &x.ints(1)?)?;
        let value = if self.value { Some(&x.get(2)?.data) } else { None };
        if value.is_some_and(|v| v.len() != 1) {
            return Err(Reason::new(format!("{} as the value of the padding", x.get(2)?)).supported("one"));
        }
        let mut y = strided::filled(&tensor.data, value, elements(&padded.shape)?)?;
        if !tensor.data.is_empty() {
            strided::place(&tensor.data, &padded.nest(&tensor.shape)?, &mut y)?;
        }
        Ok(vec![Tensor::new(tensor.dtype, padded.shape, y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let padded = Padded::new(&site.x[0].shape, &site.constant(1, "padding")?.to_i64()?)?;
        let zero = strided::zero(self.dtype)?;
        let value = if self.value { site.constant(2, "padding value")?.clone() } else { zero.clone() };
        if let Some(halo) = padded.around_pixels(&site.x[0].shape)
            && value.data == zero.data
            && site.alias_with_halo(0, halo, 0)?
        {
            return Ok(());
        }
        let value = site.tensor(&Tensor { shape: vec![1], ..value })?;
        let (x, y) = (site.x_dense(0)?, site.y_dense(0)?);
        let all = strided::nest(&[y.elements()], [&[0], &[1]], [0, 0])?;
        strided::copy(site, value, y, &all);
        strided::copy(site, x, y, &padded.nest(&site.x[0].shape)?);
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
