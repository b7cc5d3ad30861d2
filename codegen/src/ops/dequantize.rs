//! Dequantize: bytes or qint32 to f32.
//!
//! ```text
//! SCALED        y = q * s,  s = max/255 (quint8), else max(min/lowest, max/highest)
//! MIN_FIRST     y = base + q * s,  s = (max - min)/(2^bits - 1),  base = RHA(min/s)*s - lowest*s
//! MIN_COMBINED  y = (q + half) * s + min,  half = -lowest
//! ```
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Element, Site};
use crate::ops::known::Known;
use crate::ops::quantize::Mode;
use crate::ops::quantized_product::stored;
use crate::ops::quantized_window::type_of;
use crate::ops::scales::{Stepwise, limits, zero_point};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor};
use DataType::{DtFloat, DtQint8, DtQint32, DtQuint8};
use bakelite_kernels::decode::{self, Rule};
use bakelite_kernels::lut;
use std::ops::RangeInclusive;

/// Inputs: x, min, max.
#[derive(Clone, Debug, PartialEq)]
pub struct Dequantize {
    /// quint8, qint8 or qint32.
    pub dtype: DataType,
    /// How the range codes.
    pub mode: Mode,
    /// Whether the least integer is not used.
    pub narrow_range: bool,
}

impl Dequantize {
    /// SCALED, from a type.
    pub fn scaled(dtype: DataType) -> Self {
        Self { dtype, mode: Mode::Scaled, narrow_range: false }
    }

    /// The function of one element.
    pub fn decoding(&self, [min, max]: [f32; 2]) -> Result<Rule, Reason> {
        const NOTHING: f32 = -0.0;
        let [lowest, highest] = limits(self.dtype)?;
        Ok(match self.mode {
            Mode::Scaled if self.dtype == DtQuint8 && !self.narrow_range => {
                Rule { half: NOTHING, scale: max / highest, base: NOTHING }
            }
            Mode::Scaled => {
                let low = if self.narrow_range { lowest + 1.0 } else { lowest };
                Rule { half: NOTHING, scale: (min / low).max(max / highest), base: NOTHING }
            }
            Mode::MinFirst => {
                let [base, scale] = Stepwise::new(self.dtype, [min, max])?.decoding();
                Rule { half: NOTHING, scale, base }
            }
            Mode::MinCombined => {
                Rule { half: -lowest, scale: (max - min) / (highest - lowest), base: min }
            }
        })
    }

    /// The value of each byte as kernels store it: signed ones with 128 added.
    pub fn table(&self, range: [f32; 2]) -> Result<[f32; 256], Reason> {
        let (decoding, zero) = (self.decoding(range)?, f32::from(zero_point(self.dtype)));
        Ok(std::array::from_fn(|byte| decoding.apply(byte as f32 - zero)))
    }
}

impl Dequantize {
    fn lower_integers(&self, site: &mut Site<'_, '_>, range: [f32; 2]) -> Result<(), Reason> {
        let (x, y) = (site.x(0)?, site.y(0)?);
        let params = decode::Params { x: x.place, y: y.place, rule: self.decoding(range)? };
        site.call(Call::new("decode::Decode", &params).read("x", x).write("y", y));
        Ok(())
    }
}

impl Operation for Dequantize {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        type_of(a, "dtype", Some(DtFloat), &[DtFloat])?;
        let axis = a.int_or("axis", -1)?;
        if axis != -1 {
            let help = "dequantize weights where the graph is frozen";
            return Err(Reason::new(format!("axis {axis}")).supported("-1: one range").help(help));
        }
        Ok(Self {
            dtype: type_of(a, "T", None, &[DtQuint8, DtQint8, DtQint32])?,
            mode: Mode::parse(a)?,
            narrow_range: a.bool_or("narrow_range", false)?,
        })
    }
    fn name(&self) -> &str {
        "Dequantize"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", self.dtype);
        a.string("mode", self.mode.name());
        a.bool("narrow_range", self.narrow_range);
        a.int("axis", -1);
        a.dtype("dtype", DtFloat);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        3..=3
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        check::output(DtFloat, check::typed(x, 0, self.dtype)?.to_vec())
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let k = Known::from(x);
        let (range, tensor) = (k.range(1, "range")?, x.get(0)?);
        let y = if self.dtype == DtQint32 {
            let decoding = self.decoding(range)?;
            tensor.as_i32()?.iter().map(|&q| decoding.apply(q as f32)).collect()
        } else {
            let table = self.table(range)?;
            stored(tensor)?.iter().map(|&byte| table[usize::from(byte)]).collect()
        };
        Ok(vec![Tensor::f32(tensor.shape.clone(), y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let facts = site.x.clone();
        let range = Known::from(&facts[..]).range(1, "range")?;
        if self.dtype == DtQint32 {
            return self.lower_integers(site, range);
        }
        let table = site.floats(&self.table(range)?);
        let (x, y) = (site.x(0)?, site.y(0)?);
        let params = lut::Params { x: x.place, y: y.place };
        let call = Call::new("lut::Map", &params).constant("table", table, Element::F32);
        site.call(call.read("x", x).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
