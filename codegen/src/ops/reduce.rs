//! Mean, Sum, Prod, Max, Min over some dimensions; floats and, for shape arithmetic, integers.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{Data, DataType, Shape, Tensor, elements};
use bakelite_kernels::float::{Nest, reduce};
use std::ops::RangeInclusive;

/// Makes one number of all numbers along some dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduce {
    /// What is computed.
    pub function: Function,
    /// Of float, int32 or int64.
    pub dtype: DataType,
    /// Type of the axes operand, int32 or int64.
    pub index: DataType,
    /// Whether reduced dimensions stay, as 1.
    pub keep_dims: bool,
}

/// What is computed, by TensorFlow's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named as TensorFlow names it")]
pub enum Function {
    Mean,
    Sum,
    Prod,
    Max,
    Min,
}

impl Reduce {
    /// The shape that is left; `marked` says which dimensions go.
    fn left(&self, x: &[usize], marked: &[bool]) -> Shape {
        let dimensions = x.iter().zip(marked);
        dimensions.filter_map(|(&n, &gone)| if !gone { Some(n) } else { self.keep_dims.then_some(1) }).collect()
    }
    /// The loops that stay, over (x, y), and those that go, over x.
    pub(super) fn nests(x: &[usize], marked: &[bool]) -> Result<(Nest<2>, Nest<1>), Reason> {
        let strides = strided::dense(x);
        let pick = |gone: bool| (0..x.len()).filter(move |&d| marked[d] == gone);
        let extent = |gone| pick(gone).map(|d| x[d]).collect::<Vec<_>>();
        let stride = |gone| pick(gone).map(|d| strides[d]).collect::<Vec<_>>();
        let kept = extent(false);
        let kept = strided::nest(&kept, [&stride(false), &strided::dense(&kept)], [0, 0])?;
        Ok((kept, strided::nest(&extent(true), [&stride(true)], [0])?))
    }
    /// The function of f32, or why there is none.
    pub(super) fn kernel(&self) -> Result<reduce::Function, Reason> {
        match self.function {
            Function::Mean => Ok(reduce::Function::Mean),
            Function::Sum => Ok(reduce::Function::Sum),
            Function::Max => Ok(reduce::Function::Max),
            Function::Min => Ok(reduce::Function::Min),
            Function::Prod => Err(Reason::new("Prod of floats").supported("int32 and int64")),
        }
    }
    fn integers(&self, x: &[i64], kept: &Nest<2>, reduced: &Nest<1>, y: &mut [i64]) -> Result<(), Reason> {
        let count = reduced.turns() as i64;
        if count == 0 && matches!(self.function, Function::Mean) {
            return Err(Reason::new("the mean of no integers"));
        }
        kept.each(|[i, o]| {
            let mut acc = match self.function {
                Function::Mean | Function::Sum => 0,
                Function::Prod => 1,
                Function::Max => i64::MIN,
                Function::Min => i64::MAX,
            };
            reduced.each(|[r]| {
                let x = x[i + r];
                acc = match self.function {
                    Function::Mean | Function::Sum => acc.wrapping_add(x),
                    Function::Prod => acc.wrapping_mul(x),
                    Function::Max => acc.max(x),
                    Function::Min => acc.min(x),
                };
            });
            y[o] = if self.function == Function::Mean { acc / count } else { acc };
        });
        Ok(())
    }
}

impl Operation for Reduce {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let function = match a.op() {
            "Mean" => Function::Mean,
            "Sum" => Function::Sum,
            "Prod" => Function::Prod,
            "Max" => Function::Max,
            "Min" => Function::Min,
            op => return Err(Reason::new(format!("the op {op}"))),
        };
        let dtype = check::one_of(a, "T", &[DataType::DtFloat, DataType::DtInt32, DataType::DtInt64])?;
        let index = a.dtype_or("Tidx", DataType::DtInt32)?;
        Ok(Self { function, dtype, index, keep_dims: a.bool_or("keep_dims", false)? })
    }
    fn name(&self) -> &str {
        match self.function {
            Function::Mean => "Mean",
            Function::Sum => "Sum",
            Function::Prod => "Prod",
            Function::Max => "Max",
            Function::Min => "Min",
        }
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("T", self.dtype); a.dtype("Tidx", self.index); a.bool("keep_dims", self.keep_dims);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let shape = check::typed(x, 0, self.dtype)?;
        let marked = check::axes(&check::known_ints(x, 1, "axis")?, shape.len())?;
        check::output(self.dtype, self.left(shape, &marked))
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let tensor = x.get(0)?;
        let marked = check::axes(&x.ints(1)?, tensor.shape.len())?;
        let shape = self.left(&tensor.shape, &marked);
        let count = elements(&shape)?;
        let (kept, reduced) = Self::nests(&tensor.shape, &marked)?;
        let data = if let Data::F32(x) = &tensor.data {
            let mut y = vec![0.0; count];
            check::run(reduce::Reduce { function: self.kernel()?, kept: &kept, reduced: &reduced, x, y: &mut y });
            Data::F32(y)
        } else {
            let mut y = vec![0; count];
            self.integers(&tensor.to_i64()?, &kept, &reduced, &mut y)?;
            check::integers(tensor.dtype, y)?
        };
        Ok(vec![Tensor::new(tensor.dtype, shape, data)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let marked = check::axes(&site.constant(1, "axis")?.to_i64()?, site.x[0].shape.len())?;
        if self.dtype != DataType::DtFloat {
            let found = format!("{} of integers that depend on an input of the graph", self.name());
            return Err(Reason::new(found).supported("float in compiled code"));
        }
        let (kept, reduced) = Self::nests(&site.x[0].shape, &marked)?;
        let (x, y) = (site.x_dense(0)?, site.y_dense(0)?);
        let call = Call::bare("float::reduce::Reduce").value("function", &self.kernel()?);
        site.call(call.by_ref("kept", &kept).by_ref("reduced", &reduced).read("x", x).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
