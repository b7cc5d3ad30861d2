//! QuantizedConcatV2, QuantizedConcat: bytes side by side; inputs of another range than the output's are coded anew.
//!
//! ```text
//! V2    all ranges within 1e-6 of the first: bytes as they are, the first range
//!       else quint8 (0, max of maxima), qint8 (-R, R) with R = amax of the extremes
//! V1    quint8 (min of minima, max of maxima), qint8 as above
//! anew  q' = clamp(RHA(real(q) * scale) - shift), stepwise coding on both sides
//! ```
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Element, Site};
use crate::ops::known::Known;
use crate::ops::quantized_product::{restored, stored};
use crate::ops::quantized_window::type_of;
use crate::ops::scales::{Stepwise, amax, is_signed, zero_point};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor, elements};
use DataType::{DtFloat, DtInt32, DtInt64, DtQint8, DtQuint8};
use bakelite_kernels::lut;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Inputs of V2: values, axis, minima, maxima; of V1: axis, values, minima, maxima. Outputs: y, and its min and max.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedConcat {
    /// Whether it is QuantizedConcatV2, the one that Intel's graphs use.
    pub v2: bool,
    /// Number of tensors.
    pub count: usize,
    /// quint8 or qint8.
    pub dtype: DataType,
    /// Type of the axis: int32 or, for V2, int64.
    pub index: DataType,
}

impl QuantizedConcat {
    /// QuantizedConcatV2 of `count` tensors.
    pub fn new(count: usize, dtype: DataType) -> Self {
        Self { v2: true, count, dtype, index: DtInt32 }
    }
    /// Where the values begin, and where the axis is.
    fn places(&self) -> (usize, usize) {
        if self.v2 { (0, self.count) } else { (1, 0) }
    }
    /// The inputs that are values.
    fn values(&self) -> std::ops::Range<usize> {
        let (first, _) = self.places();
        first..first + self.count
    }
    fn axis(&self, k: &Known<'_>) -> Result<usize, Reason> {
        let (first, axis) = self.places();
        let value = check::single(&k.tensor(axis, "axis")?.to_i64()?, "axis")?;
        check::axis(value, k.shape(first)?.len())
    }
    /// The axis and the output's shape.
    fn shape(&self, k: &Known<'_>) -> Result<(usize, Vec<usize>), Reason> {
        let axis = self.axis(k)?;
        let mut shape = k.shape(self.values().start)?.to_vec();
        let mut length = 0usize;
        for i in self.values() {
            let mut x = k.shape(i)?.to_vec();
            let Some(d) = x.get_mut(axis) else {
                return Err(Reason::new(format!("input {i} of shape {x:?} has no axis {axis}")));
            };
            length = length.saturating_add(*d);
            *d = shape[axis];
            check::same(&x, &shape)?;
        }
        shape[axis] = length;
        elements(&shape)?;
        Ok((axis, shape))
    }
    fn ranges(&self, k: &Known<'_>) -> Result<Vec<[f32; 2]>, Reason> {
        let min = 1 + self.count;
        let bound = |i: usize| Ok([k.scalar(i, "minimum")?, k.scalar(i + self.count, "maximum")?]);
        (min..min + self.count).map(bound).collect()
    }
    /// The range of the output, and whether bytes are copied whatever their range.
    fn output(&self, ranges: &[[f32; 2]]) -> Result<([f32; 2], bool), Reason> {
        let first = *ranges.first().ok_or_else(|| Reason::new("no inputs"))?;
        let close = |r: &[f32; 2]| (0..2).all(|end| (r[end] - first[end]).abs() < 1e-6);
        if self.v2 && ranges.iter().all(close) {
            return Ok((first, true));
        }
        let least = ranges.iter().map(|r| r[0]).fold(f32::MAX, f32::min);
        let most = ranges.iter().map(|r| r[1]).fold(f32::MIN, f32::max);
        let largest = amax([least, most]);
        let range = match (is_signed(self.dtype)?, self.v2) {
            (true, _) => [-largest, largest],
            (false, true) => [0.0, most],
            (false, false) => [least, most],
        };
        Ok((range, false))
    }
    /// The new byte of each byte as kernels store it, or none where it is the same.
    fn table(&self, from: [f32; 2], to: [f32; 2]) -> Result<Option<[u8; 256]>, Reason> {
        if from == to {
            return Ok(None);
        }
        let (x, y) = (Stepwise::new(self.dtype, from)?, Stepwise::new(self.dtype, to)?);
        let ([base, step], [scale, shift]) = (x.decoding(), y.encoding());
        let zero = f32::from(zero_point(self.dtype));
        Ok(Some(std::array::from_fn(|byte| {
            let real = base + (byte as f32 - zero) * step;
            let q = (bakelite_kernels::quant::round_half_away(real * scale) - shift).clamp(y.low, y.high);
            (q + zero) as u8
        })))
    }
    /// The output's range, and the table of each input.
    #[allow(clippy::type_complexity, reason = "a range and a list of tables")]
    fn tables(&self, k: &Known<'_>) -> Result<([f32; 2], Vec<Option<[u8; 256]>>), Reason> {
        let ranges = self.ranges(k)?;
        let (range, as_is) = self.output(&ranges)?;
        let table = |&r: &[f32; 2]| if as_is { Ok(None) } else { self.table(r, range) };
        Ok((range, ranges.iter().map(table).collect::<Result<_, _>>()?))
    }
}

impl Operation for QuantizedConcat {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let v2 = a.op() == "QuantizedConcatV2";
        let dtype = type_of(a, "T", None, &[DtQuint8, DtQint8])?;
        let index = if v2 { type_of(a, "Tidx", Some(DtInt32), &[DtInt32, DtInt64])? } else { DtInt32 };
        Ok(Self { v2, count: check::count(a, "N")?, dtype, index })
    }
    fn name(&self) -> &str {
        if self.v2 { "QuantizedConcatV2" } else { "QuantizedConcat" }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.int("N", self.count as i64);
        a.dtype("T", self.dtype);
        if self.v2 {
            a.dtype("Tidx", self.index);
        }
    }
    fn arity(&self) -> RangeInclusive<usize> {
        let inputs = 3 * self.count + 1;
        inputs..=inputs
    }
    fn ports(&self) -> usize {
        3
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let k = Known::from(x);
        self.values().try_for_each(|i| k.expect(i, self.dtype))?;
        let (_, shape) = self.shape(&k)?;
        let mut facts = vec![Fact::new(self.dtype, shape)];
        if k.has(1 + self.count..1 + 3 * self.count) {
            let (range, _) = self.output(&self.ranges(&k)?)?;
            facts.extend(range.map(|end| Fact::constant(Arc::new(Tensor::scalar(end)))));
        }
        facts.resize(3, Fact::new(DtFloat, vec![]));
        Ok(facts)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let k = Known::from(x);
        let ((axis, shape), (range, tables)) = (self.shape(&k)?, self.tables(&k)?);
        let inner: usize = shape.iter().skip(axis + 1).product();
        let outer: usize = shape.iter().take(axis).product();
        let mut parts = vec![];
        for (i, table) in self.values().zip(tables) {
            let mut bytes = stored(x.get(i)?)?;
            if let Some(table) = table {
                bytes.iter_mut().for_each(|b| *b = table[usize::from(*b)]);
            }
            parts.push((bytes, k.shape(i)?[axis] * inner));
        }
        let mut y = Vec::with_capacity(elements(&shape)?);
        for row in 0..outer {
            for (bytes, length) in &parts {
                y.extend_from_slice(&bytes[row * length..][..*length]);
            }
        }
        let [min, max] = range.map(Tensor::scalar);
        Ok(vec![Tensor::new(self.dtype, shape, restored(y, self.dtype))?, min, max])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let facts = site.x.clone();
        let k = Known::from(&facts[..]);
        let ((axis, _), (_, tables)) = (self.shape(&k)?, self.tables(&k)?);
        let mut from = 0;
        for (i, table) in self.values().zip(tables) {
            match table {
                None => site.concat_part(i, axis, from, 0)?,
                Some(table) => {
                    let (x, y) = site.part(i, axis, from, 0)?;
                    let table = site.pack(256, |bytes| bytes.copy_from_slice(&table));
                    let params = lut::Params { x: x.place, y: y.place };
                    let call = Call::new("lut::Map", &params).constant("table", table, Element::U8);
                    site.call(call.read("x", x).write("y", y));
                }
            }
            from += k.shape(i)?[axis];
        }
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
