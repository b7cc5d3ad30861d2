//! TopKV2: the k greatest numbers along the last dimension and where they are, the first of equals first.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{Data, DataType, Shape, Tensor, elements};
use bakelite_kernels::float::top_k;
use std::ops::RangeInclusive;

/// Picks the greatest numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct TopK {
    /// Whether they must come in order; they always do.
    pub sorted: bool,
    /// Type of k, int32 or int64.
    pub k: DataType,
    /// Type of the places, int32 or int64.
    pub index: DataType,
}

impl TopK {
    /// How many along the last dimension, how many of them stay, and the result's shape.
    fn left(x: &[usize], k: &[i64]) -> Result<(usize, usize, Shape), Reason> {
        let wanted = check::single(k, "k")?;
        let Some((&count, outer)) = x.split_last() else {
            return Err(Reason::new("the greatest elements of a scalar").supported("1 dimension or more"));
        };
        let k = usize::try_from(wanted).ok().filter(|k| (1..=count).contains(k));
        let k = k.ok_or_else(|| {
            Reason::new(format!("k = {wanted}")).supported(format!("1 to {count}, of shape {x:?}"))
        })?;
        Ok((count, k, [outer, &[k]].concat()))
    }
}

impl Operation for TopK {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        let index = a.dtype_or("index_type", DataType::DtInt32)?;
        check::integers(index, vec![])?;
        Ok(Self { sorted: a.bool_or("sorted", true)?, k: a.dtype_or("Tk", DataType::DtInt32)?, index })
    }
    fn name(&self) -> &str {
        "TopKV2"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
        a.dtype("Tk", self.k);
        a.dtype("index_type", self.index);
        a.bool("sorted", self.sorted);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        2
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let (_, _, y) = Self::left(check::float_shape(x, 0)?, &check::known_ints(x, 1, "k")?)?;
        elements(&y)?;
        Ok(vec![Fact::new(DataType::DtFloat, y.clone()), Fact::new(self.index, y)])
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let (tensor, numbers) = (x.get(0)?, x.f32(0)?);
        let (count, k, shape) = Self::left(&tensor.shape, &x.ints(1)?)?;
        let size = elements(&shape)?;
        let mut values = vec![0.0; size];
        let indices = match self.index {
            DataType::DtInt32 => {
                let mut indices = vec![0; size];
                check::run(top_k::TopK { count, k, x: numbers, values: &mut values, indices: &mut indices });
                Data::I32(indices)
            }
            _ => {
                let mut indices = vec![0; size];
                check::run(top_k::TopK { count, k, x: numbers, values: &mut values, indices: &mut indices });
                Data::I64(indices)
            }
        };
        Ok(vec![Tensor::f32(shape.clone(), values)?, Tensor::new(self.index, shape, indices)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let (count, k, _) = Self::left(&site.x[0].shape.clone(), &site.constant(1, "k")?.to_i64()?)?;
        let (x, values, indices) = (site.x_dense(0)?, site.y_dense(0)?, site.y_dense(1)?);
        let call = Call::bare("float::top_k::TopK").value("count", &count).value("k", &k);
        site.call(call.read("x", x).write("values", values).write("indices", indices));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
