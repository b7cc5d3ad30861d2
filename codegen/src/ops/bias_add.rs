//! BiasAdd: `y[.., c] = x[.., c] + bias[c]`.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::binary::{Binary, Function};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor};
use std::ops::RangeInclusive;

/// Adds one number a channel, channels last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BiasAdd;

impl BiasAdd {
    /// Refuses a bias of another length than the last dimension.
    fn check(x: &[usize], bias: &[usize]) -> Result<(), Reason> {
        if x.len() >= 2 && bias.len() == 1 && x.last() == bias.first() {
            return Ok(());
        }
        Err(Reason::new(format!("a bias of shape {bias:?} for {x:?}")).supported("one number a channel, channels last"))
    }
    /// BiasAdd as the addition that it is.
    pub(super) fn add() -> Binary {
        Binary { function: Function::AddV2, dtype: DataType::DtFloat }
    }
}

impl Operation for BiasAdd {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        check::nhwc(a)?;
        Ok(Self)
    }
    fn name(&self) -> &str {
        "BiasAdd"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
        a.string("data_format", "NHWC");
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let y = check::float_shape(x, 0)?;
        Self::check(y, check::float_shape(x, 1)?)?;
        check::output(DataType::DtFloat, y.to_vec())
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        Self::check(&x.get(0)?.shape, &x.get(1)?.shape)?;
        Self::add().eval(x)
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        Self::add().lower(site)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
