//! Requantize, RequantizePerChannel: qint32 of one range to bytes of another.
//!
//! ```text
//! Requantize to quint8   gemmlowp's fixed point, 16 bits behind the point
//! Requantize to qint8    real value by steps of 2^32 - 1, then bytes by steps of 255
//! PerChannel             y = sat(RNE(f32(x) * (F * (amax(in[c]) / amax(out) / 2^31)))), F = 255 or 127
//! ```
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Element, Site};
use crate::ops::known::Known;
use crate::ops::quantized_product::restored;
use crate::ops::quantized_window::type_of;
use crate::ops::scales::{Stepwise, amax, levels, limits, magnitudes, spread, zero_point};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor};
use DataType::{DtQint8, DtQint32, DtQuint8};
use bakelite_kernels::quantize::Rule;
use bakelite_kernels::requantize::{self, FixedParams, Params};
use bakelite_kernels::Place;
use std::ops::RangeInclusive;

/// Inputs: x, its min and max, the wanted min and max. Outputs: y, and its min and max.
#[derive(Clone, Debug, PartialEq)]
pub struct Requantize {
    /// Whether each channel of x has a range.
    pub per_channel: bool,
    /// quint8 or qint8.
    pub y: DataType,
}

/// The numbers of one requantization.
enum Form {
    Fixed { scale: i64, offset: i64 },
    Float { base: f32, rule: Rule, scale: Vec<f32> },
}

impl Requantize {
    fn form(&self, k: &Known<'_>) -> Result<Form, Reason> {
        let wanted = k.range(3, "requested range")?;
        if wanted[1] <= wanted[0] {
            let found = format!("the requested range {wanted:?}");
            return Err(Reason::new(found).supported("a range that is not empty"));
        }
        if self.per_channel {
            self.by_channel(k, wanted)
        } else if self.y == DtQuint8 {
            Ok(fixed(k.range(1, "input range")?, wanted))
        } else {
            self.stepwise(k, k.range(1, "input range")?, wanted)
        }
    }

    /// Channels of x: its last dimension.
    fn channels(k: &Known<'_>) -> Result<usize, Reason> {
        Ok(crate::lower::nhwc(&k.shape(0)?.to_vec())[3])
    }

    fn rule(&self) -> Result<Rule, Reason> {
        let [low, high] = limits(self.y)?.map(|end| end as i16);
        let zero_point = zero_point(self.y);
        Ok(Rule { offset: 0.0, scale: 1.0, ties_away: false, shift: 0.0, low, high, zero_point })
    }

    fn by_channel(&self, k: &Known<'_>, wanted: [f32; 2]) -> Result<Form, Reason> {
        if self.y == DtQint8 && wanted[0] >= 0.0 {
            let found = format!("requested_output_min {} for qint8", wanted[0]);
            return Err(Reason::new(found).supported("a negative number"));
        }
        let channels = Self::channels(k)?;
        let magnitude = magnitudes(k.ranges(1, channels, "input range")?);
        let (levels, most) = (levels(self.y)?, amax(wanted));
        let scale = magnitude.iter().map(|m| levels * (m / most / 2_147_483_648.0)).collect();
        Ok(Form::Float { base: 0.0, rule: self.rule()?, scale: spread(scale, channels) })
    }

    fn stepwise(&self, k: &Known<'_>, range: [f32; 2], wanted: [f32; 2]) -> Result<Form, Reason> {
        let [base, step] = Stepwise::new(DtQint32, range)?.decoding();
        let [scale, shift] = Stepwise::new(self.y, wanted)?.encoding();
        let rule = Rule { scale, shift, ties_away: true, ..self.rule()? };
        Ok(Form::Float { base, rule, scale: vec![step; Self::channels(k)?] })
    }
}

/// The fixed point of `quantization_utils.h`.
fn fixed([min_x, max_x]: [f32; 2], [min_y, max_y]: [f32; 2]) -> Form {
    const ONE: f64 = 65536.0;
    let (width_x, width_y) = (f64::from(max_x - min_x), f64::from(max_y - min_y));
    let middle = ((f64::from(min_x) + f64::from(max_x)) / 2.0) as f32;
    let per_unit = (255.0 / width_y) as f32;
    let scale = (255.0 * ONE * width_x / width_y) as i64;
    let input = (middle * per_unit * ONE as f32) as i64;
    let output = (ONE * (f64::from(min_y) * 255.0) / width_y) as i64;
    Form::Fixed { scale, offset: input.saturating_sub(output).saturating_add(1 << 15) }
}

impl Operation for Requantize {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let per_channel = a.op() == "RequantizePerChannel";
        let (x, default) = if per_channel { ("T", Some(DtQint32)) } else { ("Tinput", None) };
        type_of(a, x, default, &[DtQint32])?;
        let default = per_channel.then_some(DtQuint8);
        Ok(Self { per_channel, y: type_of(a, "out_type", default, &[DtQuint8, DtQint8])? })
    }
    fn name(&self) -> &str {
        if self.per_channel { "RequantizePerChannel" } else { "Requantize" }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype(if self.per_channel { "T" } else { "Tinput" }, DtQint32);
        a.dtype("out_type", self.y);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        5..=5
    }
    fn ports(&self) -> usize {
        3
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let y = check::typed(x, 0, DtQint32)?.to_vec();
        let [min, max] = Known::from(x).passed_range(3)?;
        Ok(vec![Fact::new(self.y, y), min, max])
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let k = Known::from(x);
        let (shape, data) = (k.shape(0)?.to_vec(), x.get(0)?.as_i32()?);
        let at = Place::dense(crate::lower::nhwc(&shape));
        let mut y = vec![0; data.len()];
        match self.form(&k)? {
            Form::Fixed { scale, offset } => {
                requantize::fixed_reference(&FixedParams { x: at, y: at, scale, offset }, data, &mut y);
            }
            Form::Float { base, rule, scale } => {
                requantize::reference(&Params { x: at, y: at, base, rule }, &scale, data, &mut y);
            }
        }
        let [min, max] = k.range(3, "requested range")?.map(Tensor::scalar);
        Ok(vec![Tensor::new(self.y, shape, restored(y, self.y))?, min, max])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let facts = site.x.clone();
        let form = self.form(&Known::from(&facts[..]))?;
        let (x, y) = (site.x(0)?, site.y(0)?);
        let call = match form {
            Form::Fixed { scale, offset } => {
                let params = FixedParams { x: x.place, y: y.place, scale, offset };
                Call::new("requantize::Fixed", &params)
            }
            Form::Float { base, rule, scale } => {
                let params = Params { x: x.place, y: y.place, base, rule };
                let scale = site.floats(&scale);
                Call::new("requantize::Float", &params).constant("scale", scale, Element::F32)
            }
        };
        site.call(call.read("x", x).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
