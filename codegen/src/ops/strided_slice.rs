//! StridedSlice: NumPy's `x[begin:end:stride, ..., newaxis, index]` with its masks. Any type and rank.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{DataType, Shape, Tensor};
use std::ops::Range;
use std::ops::RangeInclusive;

/// A slice with steps. Bit i of a mask speaks of entry i of begin, end and strides.
#[derive(Clone, Debug, PartialEq)]
pub struct StridedSlice {
    /// Element type.
    pub dtype: DataType,
    /// Type of the begin, end and strides operand, int32 or int64.
    pub index: DataType,
    /// From the first element on.
    pub begin_mask: i64,
    /// To the last element.
    pub end_mask: i64,
    /// All dimensions that no other entry speaks of; one bit at most.
    pub ellipsis_mask: i64,
    /// A new dimension of 1.
    pub new_axis_mask: i64,
    /// One element, whose dimension goes.
    pub shrink_axis_mask: i64,
}

/// A slice in terms of the input's elements.
pub(super) struct Slice {
    pub(super) shape: Shape,
    pub(super) stride: Vec<isize>,
    pub(super) first: usize,
}

impl StridedSlice {
    /// Resolves one entry for a dimension of `n`: the first index, the step and how many.
    fn entry(&self, i: usize, n: usize, [begin, end, step]: [i64; 3]) -> Result<[i64; 3], Reason> {
        let found = || Reason::new(format!("begin {begin}, end {end}, stride {step} of a dimension of {n}"));
        let (n, bit) = (n as i64, 1i64 << i);
        let from_front = |v: i64| if v < 0 { v.saturating_add(n) } else { v };
        if self.shrink_axis_mask & bit != 0 {
            let index = from_front(begin);
            if !(0..n).contains(&index) || step <= 0 {
                return Err(found().supported("an index inside, stride 1"));
            }
            return Ok([index, 1, 1]);
        }
        if step == 0 {
            return Err(found().supported("a stride other than 0"));
        }
        // Backwards, the place before the first element is -1.
        let [low, high] = if step > 0 { [0, n] } else { [-1, n - 1] };
        let first = if step > 0 { low } else { high };
        let last = if step > 0 { high } else { low };
        let begin = if self.begin_mask & bit != 0 { first } else { from_front(begin).clamp(low, high) };
        let end = if self.end_mask & bit != 0 { last } else { from_front(end).clamp(low, high) };
        let span = if step > 0 { end - begin } else { begin - end };
        let count = if span <= 0 { 0 } else { (span - 1) / step.saturating_abs() + 1 };
        Ok([begin, step, count])
    }
    /// The slice of a tensor of shape `x`.
    pub(super) fn slice(&self, x: &[usize], begin: &[i64], end: &[i64], steps: &[i64]) -> Result<Slice, Reason> {
        crate::tensor::elements(x)?;
        let entries = begin.len();
        if end.len() != entries || steps.len() != entries || entries > 32 {
            let found = format!("{entries} begins, {} ends, {} strides", end.len(), steps.len());
            return Err(Reason::new(found).supported("equally many, at most 32"));
        }
        let is = |mask: i64, i: usize| mask >> i & 1 != 0;
        let spoken = (0..entries).filter(|&i| !is(self.ellipsis_mask | self.new_axis_mask, i)).count();
        let open = x.len().checked_sub(spoken).ok_or_else(|| {
            Reason::new(format!("{spoken} entries for shape {x:?}")).supported("at most one a dimension")
        })?;
        let strides = strided::dense(x);
        let mut slice = Slice { shape: vec![], stride: vec![], first: 0 };
        let (mut d, mut seen) = (0, false);
        for i in 0..entries {
            if is(self.ellipsis_mask, i) {
                if std::mem::replace(&mut seen, true) {
                    return Err(Reason::new("two ellipses").supported("one"));
                }
                slice.all(x, &strides, d..d + open);
                d += open;
            } else if is(self.new_axis_mask, i) {
                slice.shape.push(1);
                slice.stride.push(0);
            } else {
                let [first, step, count] = self.entry(i, x[d], [begin[i], end[i], steps[i]])?;
                if count > 0 {
                    slice.first += first as usize * strides[d] as usize;
                }
                if !is(self.shrink_axis_mask, i) {
                    slice.shape.push(count as usize);
                    slice.stride.push(strides[d].saturating_mul(step as isize));
                }
                d += 1;
            }
        }
        slice.all(x, &strides, d..x.len());
        Ok(slice)
    }
}

impl Slice {
    /// Appends whole dimensions.
    fn all(&mut self, x: &[usize], strides: &[isize], dimensions: Range<usize>) {
        self.shape.extend(&x[dimensions.clone()]);
        self.stride.extend(&strides[dimensions]);
    }
}

impl Operation for StridedSlice {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let mask = |name| a.int_or(name, 0);
        Ok(Self {
            dtype: a.dtype("T")?,
            index: a.dtype_or("Index", DataType::DtInt32)?,
            begin_mask: mask("begin_mask")?,
            end_mask: mask("end_mask")?,
            ellipsis_mask: mask("ellipsis_mask")?,
            new_axis_mask: mask("new_axis_mask")?,
            shrink_axis_mask: mask("shrink_axis_mask")?,
        })
    }
    fn name(&self) -> &str {
        "StridedSlice"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype);
 a.dtype("Index", self.index);
        a.int("begin_mask", self.begin_mask);
        a.int("end_mask", self.end_mask);
        a.int("ellipsis_mask", self.ellipsis_mask);
        a.int("new_axis_mask", self.new_axis_mask);
        a.int("shrink_axis_mask", self.shrink_axis_mask);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        4..=4
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let shape = check::typed(x, 0, self.dtype)?;
        let known = |i, what| check::known_ints(x, i, what);
        let slice = self.slice(shape, &known(1, "begin")?, &known(2, "end")?, &known(3, "stride")?)?;
        check::output(self.dtype, slice.shape)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let tensor = x.get(0)?;
        let slice = self.slice(&tensor.shape, &x.ints(1)?, &x.ints(2)?, &x.ints(3)?)?;
        Ok(vec![strided::gathered(tensor, slice.shape, &slice.stride, slice.first)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let known = |i, what| site.constant(i, what)?.to_i64();
        let (begin, end, stride) = (known(1, "begin")?, known(2, "end")?, known(3, "stride")?);
        let slice = self.slice(&site.x[0].shape, &begin, &end, &stride)?;
        strided::lower(site, 0, &slice.shape, &slice.stride, slice.first)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Products;
    use crate::tensor::Data;

    fn slice(masks: [i64; 5], x: &Tensor, ranges: [&[i32]; 3]) -> Result<(Shape, Data), Reason> {
        let [begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask] = masks;
        let (dtype, index) = (DataType::DtInt32, DataType::DtInt32);
        let op = StridedSlice {
            dtype, index, begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask,
        };
        let [b, e, s] = ranges.map(Tensor::ints);
        let y = op.eval(Inputs { tensors: &[x, &b, &e, &s], constant: &[false; 4], products: Products::Contract })?;
        Ok((y[0].shape.clone(), y[0].data.clone()))
    }

    #[test]
    fn slices() {
        let x = Tensor::new(DataType::DtInt32, vec![2, 3], Data::I32((0..6).collect())).unwrap();
        // x[1, ::-1]
        let y = slice([2, 2, 0, 0, 1], &x, [&[1, 0], &[0, 0], &[1, -1]]).unwrap();
        assert_eq!(y, (vec![3], Data::I32(vec![5, 4, 3])));
        // x[..., newaxis, -1:100]
        let y = slice([0, 0, 1, 2, 0], &x, [&[0, 0, -1], &[0, 0, 100], &[1, 1, 1]]).unwrap();
        assert_eq!(y, (vec![2, 1, 1], Data::I32(vec![2, 5])));
        // x[5:], an empty one.
        let y = slice([0, 1, 0, 0, 0], &x, [&[5], &[0], &[1]]).unwrap();
        assert_eq!(y, (vec![0, 3], Data::I32(vec![])));
        // x[0:2:2**31-1] and back from far away.
        let y = slice([0; 5], &x, [&[0, i32::MAX], &[2, i32::MIN], &[i32::MAX, -2]]).unwrap();
        assert_eq!(y, (vec![1, 2], Data::I32(vec![2, 0])));
    }

    #[test]
    fn what_is_outside_is_refused() {
        let x = Tensor::ints(&[1, 2, 3]);
        assert!(slice([0, 0, 0, 0, 1], &x, [&[3], &[4], &[1]]).is_err());
        assert!(slice([0; 5], &x, [&[0], &[1], &[0]]).is_err());
        assert!(slice([0; 5], &x, [&[0, 0], &[1, 1], &[1, 1]]).is_err());
        assert!(slice([0, 0, 3, 0, 0], &x, [&[0, 0], &[1, 1], &[1, 1]]).is_err());
    }
}
