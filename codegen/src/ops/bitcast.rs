//! Bitcast: the same bytes under another name: quint8 and uint8, qint8 and int8.
//!
//! TensorFlow has kernels that move bytes (Transpose, Split, ...) for plain integers only.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor, name};
use DataType::{DtInt8, DtQint8, DtQuint8, DtUint8};
use std::ops::RangeInclusive;

/// Renames the element type.
#[derive(Clone, Debug, PartialEq)]
pub struct Bitcast {
    /// The operand's element type.
    pub from: DataType,
    /// The result's.
    pub to: DataType,
}

impl Operation for Bitcast {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let (from, to) = (a.dtype("T")?, a.dtype("type")?);
        match (from, to) {
            (DtQuint8 | DtUint8, DtQuint8 | DtUint8) | (DtQint8 | DtInt8, DtQint8 | DtInt8) => {
                Ok(Self { from, to })
            }
            _ => Err(Reason::new(format!("Bitcast of {} to {}", name(from), name(to)))
                .supported("quint8 and uint8, qint8 and int8")),
        }
    }
    fn name(&self) -> &str {
        "Bitcast"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", self.from);
        a.dtype("type", self.to);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        1..=1
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        check::output(self.to, check::typed(x, 0, self.from)?.to_vec())
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let x = x.get(0)?;
        Ok(vec![Tensor::new(self.to, x.shape.clone(), x.data.clone())?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        site.alias(0, 0)
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
