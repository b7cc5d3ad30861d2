//! RequantizationRange, RequantizationRangePerChannel: the range that qint32 values really take.
//!
//! The arithmetic is [`bakelite_kernels::range`]. Calibration freezes these nodes into constants; behind one that is left,
//! nothing that needs a constant range compiles.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Element, Site, nhwc};
use crate::ops::known::Known;
use crate::ops::quantized_window::type_of;
use crate::ops::scales::{magnitudes, spread};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor};
use DataType::{DtFloat, DtQint32};
use bakelite_kernels::{Place, range};
use std::ops::RangeInclusive;

/// Inputs: x, its min and max. Outputs: min, max.
#[derive(Clone, Debug, PartialEq)]
pub struct RequantizationRange {
    /// For a range of each channel, the most that the output may be: 6 before a Relu6.
    pub clip: Option<f32>,
}

impl RequantizationRange {
    fn channel_magnitudes(k: &Known<'_>) -> Result<Vec<f32>, Reason> {
        let channels = nhwc(&k.shape(0)?.to_vec())[3];
        Ok(spread(magnitudes(k.ranges(1, channels, "input range")?), channels))
    }
}

impl Operation for RequantizationRange {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        if a.op() == "RequantizationRange" {
            type_of(a, "Tinput", None, &[DtQint32])?;
            return Ok(Self { clip: None });
        }
        type_of(a, "T", Some(DtQint32), &[DtQint32])?;
        Ok(Self { clip: Some(a.float("clip_value_max")?) })
    }
    fn name(&self) -> &str {
        if self.clip.is_some() { "RequantizationRangePerChannel" } else { "RequantizationRange" }
    }
    fn write(&self, a: &mut AttributeWriter) {
        match self.clip {
            None => a.dtype("Tinput", DtQint32),
            Some(clip) => {
                a.dtype("T", DtQint32);
                a.float("clip_value_max", clip);
            }
        }
    }
    fn arity(&self) -> RangeInclusive<usize> {
        3..=3
    }
    fn ports(&self) -> usize {
        2
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        check::typed(x, 0, DtQint32)?;
        Ok(vec![Fact::new(DtFloat, vec![]); 2])
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let (k, tensor) = (Known::from(x), x.get(0)?);
        let (at, data) = (Place::dense(nhwc(&tensor.shape)), tensor.as_i32()?);
        let ends = match self.clip {
            None => range::reference(&range::Params { x: at, range: k.range(1, "input range")? }, data),
            Some(clip) => {
                let params = range::PerChannelParams { x: at, clip };
                range::per_channel_reference(&params, &Self::channel_magnitudes(&k)?, data)
            }
        };
        Ok(ends.map(Tensor::scalar).into())
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let facts = site.x.clone();
        let k = Known::from(&facts[..]);
        let (x, min, max) = (site.x(0)?, site.y_dense(0)?, site.y_dense(1)?);
        let call = match self.clip {
            None => {
                let params = range::Params { x: x.place, range: k.range(1, "input range")? };
                Call::new("range::Whole", &params)
            }
            Some(clip) => {
                let magnitude = site.floats(&Self::channel_magnitudes(&k)?);
                let params = range::PerChannelParams { x: x.place, clip };
                Call::new("range::PerChannel", &params).constant("magnitude", magnitude, Element::F32)
            }
        };
        site.call(call.read("x", x).write("min", min).write("max", max));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
