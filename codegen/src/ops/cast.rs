//! Cast: another element type. Floats are cut towards zero and stop at the range; integers keep their low bits.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Element, Site};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{Data, DataType, Tensor};
use std::ops::RangeInclusive;

/// Converts elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    /// The operand's element type.
    pub from: DataType,
    /// The result's.
    pub to: DataType,
}

/// What can be converted, from and to.
const TYPES: [DataType; 8] = [
    DataType::DtFloat,
    DataType::DtDouble,
    DataType::DtInt8,
    DataType::DtInt16,
    DataType::DtInt32,
    DataType::DtInt64,
    DataType::DtUint8,
    DataType::DtBool,
];

/// `v as to`, element by element.
macro_rules! converted {
    ($v:expr, $to:expr) => {
        match $to {
            DataType::DtFloat => Some(Data::F32($v.map(|x| x as f32).collect())),
            DataType::DtDouble => Some(Data::F64($v.map(|x| x as f64).collect())),
            DataType::DtInt8 => Some(Data::I8($v.map(|x| x as i8).collect())),
            DataType::DtInt16 => Some(Data::I16($v.map(|x| x as i16).collect())),
            DataType::DtInt32 => Some(Data::I32($v.map(|x| x as i32).collect())),
            DataType::DtInt64 => Some(Data::I64($v.map(|x| x as i64).collect())),
            DataType::DtUint8 => Some(Data::U8($v.map(|x| x as u8).collect())),
            DataType::DtBool => Some(Data::Bool($v.map(|x| x as f64 != 0.0).collect())),
            _ => None,
        }
    };
}

/// Integers go through i64 and floats through f64, which hold them all.
fn convert(x: &Data, to: DataType) -> Option<Data> {
    match x {
        Data::F32(v) => converted!(v.iter().map(|&x| f64::from(x)), to),
        Data::F64(v) => converted!(v.iter().copied(), to),
        Data::I8(v) => converted!(v.iter().map(|&x| i64::from(x)), to),
        Data::I16(v) => converted!(v.iter().map(|&x| i64::from(x)), to),
        Data::I32(v) => converted!(v.iter().map(|&x| i64::from(x)), to),
        Data::I64(v) => converted!(v.iter().copied(), to),
        Data::U8(v) => converted!(v.iter().map(|&x| i64::from(x)), to),
        Data::Bool(v) => converted!(v.iter().map(|&x| i64::from(x)), to),
        Data::U16(_) | Data::U32(_) | Data::U64(_) | Data::Bytes(_) => None,
    }
}

impl Operation for Cast {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { from: check::one_of(a, "SrcT", &TYPES)?, to: check::one_of(a, "DstT", &TYPES)? })
    }
    fn name(&self) -> &str {
        "Cast"
    }
    fn write(&self, a: &mut AttributeWriter) {
a.dtype("SrcT", self.from); a.dtype("DstT", self.to);
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
        let tensor = x.get(0)?;
        let data = convert(&tensor.data, self.to)
            .ok_or_else(|| Reason::new(format!("{tensor} to {}", crate::tensor::name(self.to))))?;
        Ok(vec![Tensor::new(self.to, tensor.shape.clone(), data)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        use Element::{Bool, F32, I32, I64, U8};
        if self.from == self.to {
            return site.alias(0, 0);
        }
        let signed = |t: DataType| Element::zero_point(t) != 0;
        match (Element::of(self.from)?, Element::of(self.to)?) {
            (U8 | Bool, F32 | I32 | I64) if !signed(self.from) => {}
            (I32, F32 | I64) | (I64, F32 | I32) | (F32, I32 | I64) => {}
            _ => {
                let [from, to] = [self.from, self.to].map(crate::tensor::name);
                let found = format!("Cast of {from} to {to} of what depends on an input of the graph");
                return Err(Reason::new(found)
                    .supported("bytes, int32, int64 and float to float, int32 and int64 in compiled code"));
            }
        }
        let (x, y) = (site.x_dense(0)?, site.y_dense(0)?);
        site.call(Call::bare("float::cast::Cast").read("x", x).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions() {
        let to = |x, t| convert(&x, t).unwrap();
        assert_eq!(to(Data::F32(vec![-1.9, 2.9]), DataType::DtInt32), Data::I32(vec![-1, 2]));
        assert_eq!(to(Data::I32(vec![257, -1]), DataType::DtUint8), Data::U8(vec![1, 255]));
        assert_eq!(to(Data::Bool(vec![true, false]), DataType::DtFloat), Data::F32(vec![1.0, 0.0]));
        assert_eq!(to(Data::F32(vec![0.5, 0.0]), DataType::DtBool), Data::Bool(vec![true, false]));
    }
}
