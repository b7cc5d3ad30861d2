//! LogicalAnd, LogicalOr, LogicalNot, with NumPy's broadcasting.
//!
//! Booleans are bytes 0 and 1 in compiled code: the conjunction is their minimum, the disjunction their maximum.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::binary::Binary;
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{Data, DataType, Tensor, elements};
use bakelite_kernels::float::{compare, integers};
use std::ops::RangeInclusive;

/// A function of truth values.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "each is named as TensorFlow names it")]
pub enum Logical {
    And,
    Or,
    Not,
}

/// The elements of a tensor of bool.
fn truths(x: &Tensor) -> Result<&[bool], Reason> {
    match &x.data {
        Data::Bool(x) => Ok(x),
        _ => Err(Reason::new(x.to_string()).supported("bool")),
    }
}

impl Operation for Logical {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        match a.op() {
            "LogicalAnd" => Ok(Self::And),
            "LogicalOr" => Ok(Self::Or),
            "LogicalNot" => Ok(Self::Not),
            op => Err(Reason::new(format!("the op {op}"))),
        }
    }
    fn name(&self) -> &str {
        match self {
            Self::And => "LogicalAnd",
            Self::Or => "LogicalOr",
            Self::Not => "LogicalNot",
        }
    }
    fn write(&self, _: &mut AttributeWriter) {}
    fn arity(&self) -> RangeInclusive<usize> {
        match self {
            Self::And | Self::Or => 2..=2,
            Self::Not => 1..=1,
        }
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let first = check::typed(x, 0, DataType::DtBool)?;
        let y = match self {
            Self::And | Self::Or => strided::broadcast(first, check::typed(x, 1, DataType::DtBool)?)?,
            Self::Not => first.to_vec(),
        };
        check::output(DataType::DtBool, y)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let a = x.get(0)?;
        let b = if *self == Self::Not { a } else { x.get(1)? };
        let shape = strided::broadcast(&a.shape, &b.shape)?;
        let (nest, mut y) = (Binary::nest(&a.shape, &b.shape, &shape)?, vec![false; elements(&shape)?]);
        let (a, b) = (truths(a)?, truths(b)?);
        match self {
            Self::And => nest.zip(a, b, &mut y, |a, b| a && b),
            Self::Or => nest.zip(a, b, &mut y, |a, b| a || b),
            Self::Not => nest.zip(a, b, &mut y, |a, _| !a),
        }
        Ok(vec![Tensor::new(DataType::DtBool, shape, Data::Bool(y))?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let (a, y) = (site.x_dense(0)?, site.y_dense(0)?);
        let (b, shape) = match self {
            Self::And | Self::Or => (site.x_dense(1)?, site.x[1].shape.clone()),
            Self::Not => (site.tensor(&strided::zero(DataType::DtBool)?)?, vec![1]),
        };
        let (x, y_shape) = (&site.x[0].shape, &site.y[0].shape);
        // A scalar has as many elements as the vector of one that stands for false.
        let nest = if y_shape.is_empty() {
            Binary::nest(&[1], &[1], &[1])?
        } else {
            Binary::nest(x, &shape, y_shape)?
        };
        let call = match self {
            Self::And => {
                Call::bare("float::integers::Integers").value("function", &integers::Function::Minimum)
            }
            Self::Or => {
                Call::bare("float::integers::Integers").value("function", &integers::Function::Maximum)
            }
            Self::Not => Call::bare("float::compare::Compare").value("function", &compare::Function::Equal),
        };
        site.call(call.by_ref("nest", &nest).read("a", a).read("b", b).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
