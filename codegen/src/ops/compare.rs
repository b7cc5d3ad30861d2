//! Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual: bool from two tensors, with NumPy's broadcasting.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::binary::Binary;
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{Data, DataType, Tensor, elements};
use bakelite_kernels::float::Nest;
use bakelite_kernels::float::compare::{self, Function};
use std::ops::RangeInclusive;

/// A comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Compare {
    /// Which one.
    pub function: Function,
    /// The operands' type.
    pub dtype: DataType,
}

const TYPES: [DataType; 5] =
    [DataType::DtFloat, DataType::DtInt32, DataType::DtInt64, DataType::DtUint8, DataType::DtBool];

/// The comparison of elements.
fn compared<E: PartialOrd + Copy>(function: Function, nest: &Nest<3>, a: &[E], b: &[E], y: &mut [u8]) {
    check::run(compare::Compare { function, nest, a, b, y });
}

impl Operation for Compare {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let function = match a.op() {
            "Equal" => Function::Equal,
            "NotEqual" => Function::NotEqual,
            "Less" => Function::Less,
            "LessEqual" => Function::LessEqual,
            "Greater" => Function::Greater,
            "GreaterEqual" => Function::GreaterEqual,
            op => return Err(Reason::new(format!("the op {op}"))),
        };
        if !a.bool_or("incompatible_shape_error", true)? {
            return Err(Reason::new("incompatible_shape_error = false").supported("true"));
        }
        Ok(Self { function, dtype: check::one_of(a, "T", &TYPES)? })
    }
    fn name(&self) -> &str {
        match self.function {
            Function::Equal => "Equal",
            Function::NotEqual => "NotEqual",
            Function::Less => "Less",
            Function::LessEqual => "LessEqual",
            Function::Greater => "Greater",
            Function::GreaterEqual => "GreaterEqual",
        }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", self.dtype);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let y = strided::broadcast(check::typed(x, 0, self.dtype)?, check::typed(x, 1, self.dtype)?)?;
        check::output(DataType::DtBool, y)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let (a, b) = (x.get(0)?, x.get(1)?);
        let shape = strided::broadcast(&a.shape, &b.shape)?;
        let (nest, mut y) = (Binary::nest(&a.shape, &b.shape, &shape)?, vec![0; elements(&shape)?]);
        match (&a.data, &b.data) {
            (Data::F32(a), Data::F32(b)) => compared(self.function, &nest, a, b, &mut y),
            (Data::I32(a), Data::I32(b)) => compared(self.function, &nest, a, b, &mut y),
            (Data::I64(a), Data::I64(b)) => compared(self.function, &nest, a, b, &mut y),
            (Data::U8(a), Data::U8(b)) => compared(self.function, &nest, a, b, &mut y),
            (Data::Bool(a), Data::Bool(b)) => compared(self.function, &nest, a, b, &mut y),
            _ => {
                return Err(
                    Reason::new(format!("{a} and {b}")).supported("both float, int32, int64, uint8 or bool")
                );
            }
        }
        let y = y.into_iter().map(|y| y != 0).collect();
        Ok(vec![Tensor::new(DataType::DtBool, shape, Data::Bool(y))?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let nest = Binary::nest(&site.x[0].shape, &site.x[1].shape, &site.y[0].shape)?;
        let (a, b, y) = (site.x_dense(0)?, site.x_dense(1)?, site.y_dense(0)?);
        let call = Call::bare("float::compare::Compare").value("function", &self.function);
        site.call(call.by_ref("nest", &nest).read("a", a).read("b", b).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
