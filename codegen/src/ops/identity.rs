//! Identity and the ops that are one at inference: y = x.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation};
use crate::tensor::{DataType, Tensor};
use std::ops::RangeInclusive;

/// y = x. Keeps its TensorFlow name, so that a graph that is only read and written stays what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    name: String,
    dtype: DataType,
    /// CheckNumerics must carry its message.
    message: Option<String>,
}

impl Identity {
    /// A plain Identity.
    pub fn new(dtype: DataType) -> Self {
        Self { name: "Identity".into(), dtype, message: None }
    }
}

impl Operation for Identity {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let message = if a.op() == "CheckNumerics" { Some(a.string_or("message", String::new())?) } else { None };
        Ok(Self { name: a.op().to_owned(), dtype: a.dtype("T")?, message })
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", self.dtype);
        if let Some(message) = &self.message {
            a.string("message", message);
        }
    }
    fn arity(&self) -> RangeInclusive<usize> {
        1..=1
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        Ok(x.to_vec())
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        Ok(vec![x.get(0)?.clone()])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        site.alias(0, 0)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
