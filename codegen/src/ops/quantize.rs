//! QuantizeV2: f32 to quint8 or qint8, with the range that the bytes stand for.
//!
//! TensorFlow has two kernels, which do not agree. oneDNN's runs where it can: on SCALED with ties to even and on
//! MIN_FIRST to quint8, unless the range is narrow, there is an axis, or **the input is a Const node**. Eigen's runs else.
//! The numbers of each are in [`QuantizeV2::coding`], the arithmetic is [`bakelite_kernels::quantize::Rule`].
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::known::Known;
use crate::ops::quantized_product::restored;
use crate::ops::quantized_window::type_of;
use crate::ops::scales::{Stepwise, amax, is_signed, limits, zero_point};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor};
use bakelite_kernels::Place;
use bakelite_kernels::quantize::{Params, Rule};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// How a range becomes a coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The minimum is the least integer. TensorFlow's default, which Intel's graphs do not use.
    MinCombined,
    /// The minimum is the least integer, moved onto a step.
    MinFirst,
    /// 0 is 0, whatever the range.
    Scaled,
}

impl Mode {
    /// Reads the attribute `mode`.
    pub fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let mode = a.string_or("mode", "MIN_COMBINED".into())?;
        match mode.as_str() {
            "MIN_COMBINED" => Ok(Self::MinCombined),
            "MIN_FIRST" => Ok(Self::MinFirst),
            "SCALED" => Ok(Self::Scaled),
            _ => Err(Reason::new(format!("mode {mode:?}")).supported("SCALED, MIN_FIRST or MIN_COMBINED")),
        }
    }
    /// TensorFlow's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::MinCombined => "MIN_COMBINED",
            Self::MinFirst => "MIN_FIRST",
            Self::Scaled => "SCALED",
        }
    }
}

/// Inputs: x, min, max. Outputs: y, and its min and max.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizeV2 {
    /// quint8 or qint8.
    pub dtype: DataType,
    /// SCALED or MIN_FIRST.
    pub mode: Mode,
    /// Whether ties go away from zero, else to even.
    pub ties_away: bool,
    /// Whether the least integer is not used.
    pub narrow_range: bool,
    /// The dimension that has a range for each index.
    pub axis: Option<usize>,
    /// The least width of the range, as a part of its magnitude.
    pub ensure_minimum_range: f32,
}

impl QuantizeV2 {
    /// SCALED with ties to even: what Intel's graphs use.
    pub fn scaled(dtype: DataType) -> Self {
        Self {
            dtype,
            mode: Mode::Scaled,
            ties_away: false,
            narrow_range: false,
            axis: None,
            ensure_minimum_range: 0.01,
        }
    }

    /// The function of one element and the range it gives, for the range that the op is told; `constant` if the input
    /// is a Const node.
    pub fn coding(&self, told: [f32; 2], constant: bool) -> Result<(Rule, [f32; 2]), Reason> {
        if told[1] < told[0] {
            let found = format!("the range {told:?}");
            return Err(Reason::new(found).supported("a maximum that is no less than the minimum"));
        }
        let range = if self.axis.is_some() { told } else { self.widened(told) };
        let plain = !self.narrow_range && self.axis.is_none() && !constant;
        let unsigned = self.dtype == DataType::DtQuint8;
        match self.mode {
            Mode::Scaled if plain && !self.ties_away => self.onednn_scaled(range),
            Mode::Scaled => self.eigen_scaled(range),
            Mode::MinFirst if plain && unsigned => self.onednn_min_first(range),
            Mode::MinFirst => self.eigen_min_first(range),
            Mode::MinCombined => Err(Self::min_combined()),
        }
    }

    fn min_combined() -> Reason {
        let help = "quantize with mode SCALED, as Intel's tools do";
        Reason::new("mode \"MIN_COMBINED\"").supported("SCALED or MIN_FIRST").help(help)
    }

    /// The range with 0 in it and wide enough.
    fn widened(&self, told: [f32; 2]) -> [f32; 2] {
        let min = told[0].min(0.0);
        let least = amax(told).max(1.0) * self.ensure_minimum_range;
        [min, told[1].max(min + least).max(0.0)]
    }

    fn rule(&self) -> Result<Rule, Reason> {
        let [low, high] = limits(self.dtype)?;
        let zero_point = zero_point(self.dtype);
        let [low, high] = [low as i16, high as i16];
        Ok(Rule { offset: 0.0, scale: 1.0, ties_away: self.ties_away, shift: 0.0, low, high, zero_point })
    }

    fn onednn_scaled(&self, range: [f32; 2]) -> Result<(Rule, [f32; 2]), Reason> {
        let most = amax(range);
        let (steps, min) = if is_signed(self.dtype)? { (127.5, -most) } else { (255.0, 0.0) };
        let scale = finite(steps / most, range)?;
        Ok((Rule { scale, ..self.rule()? }, [min, most]))
    }

    fn onednn_min_first(&self, range: [f32; 2]) -> Result<(Rule, [f32; 2]), Reason> {
        let [min, max] = range;
        let scale = finite((255.0 / f64::from(max - min)) as f32, range)?;
        Ok((Rule { offset: min, scale, ties_away: false, ..self.rule()? }, range))
    }

    fn eigen_scaled(&self, range: [f32; 2]) -> Result<(Rule, [f32; 2]), Reason> {
        let [low, high] = limits(self.dtype)?;
        let low = if self.narrow_range { low + 1.0 } else { low };
        let side = |bound: f32, end: f32| if bound * end > 0.0 { bound / end } else { f32::MAX };
        let scale = side(low, range[0]).min(side(high, range[1]));
        let rule = Rule { scale, low: low as i16, ..self.rule()? };
        Ok((rule, [low / scale, high / scale]))
    }

    fn eigen_min_first(&self, range: [f32; 2]) -> Result<(Rule, [f32; 2]), Reason> {
        let [scale, shift] = Stepwise::new(self.dtype, range)?.encoding();
        Ok((Rule { scale, shift, ties_away: true, ..self.rule()? }, range))
    }

    /// The shape of the ranges.
    fn range_shape(&self, x: &[usize]) -> Result<Vec<usize>, Reason> {
        match self.axis {
            None => Ok(vec![]),
            Some(axis) => match x.get(axis) {
                Some(&d) => Ok(vec![d]),
                None => Err(Reason::new(format!("axis {axis} of {} dimensions", x.len()))),
            },
        }
    }

    /// One coding, or one for each index of the axis.
    fn codings(&self, k: &Known<'_>, constant: bool) -> Result<Vec<(Rule, [f32; 2])>, Reason> {
        let channels: usize = self.range_shape(k.shape(0)?)?.iter().product();
        let [min, max] = [k.vector(1, "min_range")?, k.vector(2, "max_range")?];
        if [min.len(), max.len()] != [channels; 2] {
            let found = format!("{} minima and {} maxima", min.len(), max.len());
            return Err(Reason::new(found).supported(format!("{channels} of each")));
        }
        min.iter().zip(max).map(|(&min, &max)| self.coding([min, max], constant)).collect()
    }

    fn ranges(&self, codings: &[(Rule, [f32; 2])], x: &[usize]) -> Result<[Tensor; 2], Reason> {
        let shape = self.range_shape(x)?;
        let end = |end: usize| Tensor::f32(shape.clone(), codings.iter().map(|(_, r)| r[end]).collect());
        Ok([end(0)?, end(1)?])
    }
}

impl QuantizeV2 {
    /// One call for each index of the axis: the tensor is seen as `[outer, axis, inner]`.
    fn lower_slices(&self, site: &mut Site<'_, '_>, codings: &[(Rule, [f32; 2])]) -> Result<(), Reason> {
        if codings.len() > MAX_SLICES {
            let found = format!("an axis of {} ranges", codings.len());
            let help = "quantize weights where the graph is frozen";
            return Err(Reason::new(found).supported(format!("at most {MAX_SLICES} in compiled code")).help(help));
        }
        let shape = site.x.first().map(|x| x.shape.clone()).unwrap_or_default();
        let axis = self.axis.unwrap_or_default();
        let outer = shape.iter().take(axis).product();
        let inner: usize = shape.iter().skip(axis + 1).product();
        let (x, y) = (site.x_dense(0)?, site.y_dense(0)?);
        for (i, &(rule, _)) in codings.iter().enumerate() {
            let whole = Place::dense([1, 1, outer, codings.len() * inner]);
            let slice = Place { channels: inner, first: i * inner, ..whole };
            let params = Params { x: slice, y: slice, rule };
            site.call(Call::new("quantize::Quantize", &params).read("x", x).write("y", y));
        }
        Ok(())
    }
}

/// The most indices of an axis that compiled code takes: each is a call of its own.
const MAX_SLICES: usize = 256;

/// Refuses a range so small that its steps have no number.
fn finite(scale: f32, range: [f32; 2]) -> Result<f32, Reason> {
    if scale.is_finite() {
        return Ok(scale);
    }
    Err(Reason::new(format!("the range {range:?}")).supported("a range that is not empty"))
}

impl Operation for QuantizeV2 {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let mode = Mode::parse(a)?;
        if mode == Mode::MinCombined {
            return Err(Self::min_combined());
        }
        let round = a.string_or("round_mode", "HALF_AWAY_FROM_ZERO".into())?;
        let ties_away = round == "HALF_AWAY_FROM_ZERO";
        if !ties_away && (round != "HALF_TO_EVEN" || mode != Mode::Scaled) {
            let supported = "HALF_AWAY_FROM_ZERO, or HALF_TO_EVEN with mode SCALED";
            return Err(Reason::new(format!("round_mode {round:?}")).supported(supported));
        }
        let axis = a.int_or("axis", -1)?;
        let axis = if axis == -1 { None } else { Some(axis) };
        let bad = |i: i64| Reason::new(format!("axis {i}")).supported("-1, or the number of a dimension");
        let ensure_minimum_range = a.float_or("ensure_minimum_range", 0.01)?;
        if !(0.0..=1e6).contains(&ensure_minimum_range) {
            let found = format!("ensure_minimum_range {ensure_minimum_range}");
            return Err(Reason::new(found).supported("a number from 0 to 1e6"));
        }
        Ok(Self {
            dtype: type_of(a, "T", None, &[DataType::DtQuint8, DataType::DtQint8])?,
            mode,
            ties_away,
            narrow_range: a.bool_or("narrow_range", false)?,
            axis: axis.map(|i| usize::try_from(i).map_err(|_| bad(i))).transpose()?,
            ensure_minimum_range,
        })
    }
    fn name(&self) -> &str {
        "QuantizeV2"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", self.dtype);
        a.string("mode", self.mode.name());
        a.string("round_mode", if self.ties_away { "HALF_AWAY_FROM_ZERO" } else { "HALF_TO_EVEN" });
        a.bool("narrow_range", self.narrow_range);
        a.int("axis", self.axis.map_or(-1, |i| i as i64));
        a.float("ensure_minimum_range", self.ensure_minimum_range);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        3..=3
    }
    fn ports(&self) -> usize {
        3
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let shape = check::float_shape(x, 0)?.to_vec();
        let k = Known::from(x);
        let range = if k.has(1..3) {
            self.ranges(&self.codings(&k, k.has([0]))?, &shape)?.map(|t| Fact::constant(Arc::new(t)))
        } else {
            let range = Fact::new(DataType::DtFloat, self.range_shape(&shape)?);
            [range.clone(), range]
        };
        let [min, max] = range;
        Ok(vec![Fact::new(self.dtype, shape), min, max])
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let k = Known::from(x);
        let constant = x.constant.first().copied().unwrap_or(false);
        let codings = self.codings(&k, constant)?;
        let (shape, data) = (k.shape(0)?, x.f32(0)?);
        let inner = self.axis.map_or(data.len(), |axis| shape.iter().skip(axis + 1).product());
        let mut bytes = Vec::with_capacity(data.len());
        for (x, (rule, _)) in data.chunks(inner.max(1)).zip(codings.iter().cycle()) {
            bytes.extend(x.iter().map(|&x| rule.apply(x)));
        }
        let [min, max] = self.ranges(&codings, shape)?;
        Ok(vec![Tensor::new(self.dtype, shape.to_vec(), restored(bytes, self.dtype))?, min, max])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let facts = site.x.clone();
        let codings = self.codings(&Known::from(&facts[..]), false)?;
        let [(rule, _)] = codings[..] else { return self.lower_slices(site, &codings) };
        let (x, y) = (site.x(0)?, site.y(0)?);
        let params = Params { x: x.place, y: y.place, rule };
        site.call(Call::new("quantize::Quantize", &params).read("x", x).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
