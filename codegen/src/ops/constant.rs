//! Const, HostConst: a tensor in the graph.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation};
use crate::tensor::Tensor;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A constant. HostConst, which Neural Compressor writes for ranges, is read as the same and written as Const.
#[derive(Clone, Debug, PartialEq)]
pub struct Const {
    /// Shared with the facts and passes that look at it.
    pub value: Arc<Tensor>,
}

impl From<Tensor> for Const {
    fn from(value: Tensor) -> Self {
        Self { value: Arc::new(value) }
    }
}

impl Operation for Const {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let value = a.tensor("value")?;
        let dtype = a.dtype_or("dtype", value.dtype)?;
        if dtype != value.dtype {
            let [says, holds] = [dtype, value.dtype].map(crate::tensor::name);
            return Err(Reason::new(format!("dtype says {says}, the tensor holds {holds}")));
        }
        Ok(Self::from(value))
    }
    fn name(&self) -> &str {
        "Const"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("dtype", self.value.dtype);
        a.tensor("value", &self.value);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        0..=0
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, _: &[Fact]) -> Result<Vec<Fact>, Reason> {
        Ok(vec![Fact::constant(Arc::clone(&self.value))])
    }
    fn eval(&self, _: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        Ok(vec![Tensor::clone(&self.value)])
    }
    /// A constant is in the facts; its readers put it into the blob if they need it as a tensor.
    fn lower(&self, _: &mut Site<'_, '_>) -> Result<(), Reason> {
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
