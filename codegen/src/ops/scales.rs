//! The arithmetic of scales and ranges, as TensorFlow with oneDNN does it: f32, one rounding an operation.
//!
//! A quantized tensor goes with a range (min, max). How a range becomes a scale depends on the op:
//!
//! ```text
//! symmetric (convolution, SCALED)   scale = amax(min, max) / (255 quint8 | 127 qint8)
//! stepwise (Eigen's MIN_FIRST)      scale = (max - min) / (2^bits - 1), the minimum on a step
//! ```
use crate::error::Reason;
use crate::tensor::{DataType, Tensor, name};
use bakelite_kernels::quant::round_half_away;

/// The greater magnitude of a range's ends.
pub fn amax([min, max]: [f32; 2]) -> f32 {
    min.abs().max(max.abs())
}

/// Whether a type is the signed byte; refuses what is no quantized byte.
pub fn is_signed(dtype: DataType) -> Result<bool, Reason> {
    match dtype {
        DataType::DtQuint8 => Ok(false),
        DataType::DtQint8 => Ok(true),
        _ => Err(Reason::new(format!("the type {}", name(dtype))).supported("quint8 or qint8")),
    }
}

/// Positive steps of a byte type: 255 or 127.
pub fn levels(dtype: DataType) -> Result<f32, Reason> {
    Ok(if is_signed(dtype)? { 127.0 } else { 255.0 })
}

/// What a kernel's bytes hold for 0: signed tensors are stored with 128 added.
pub fn zero_point(dtype: DataType) -> u8 {
    if dtype == DataType::DtQint8 { 128 } else { 0 }
}

/// Real value of one step of a symmetric range.
pub fn scale(range: [f32; 2], dtype: DataType) -> Result<f32, Reason> {
    Ok(amax(range) / levels(dtype)?)
}

/// `1 / scale`, which an output is multiplied with.
pub fn inverse(scale: f32) -> Result<f32, Reason> {
    let inverse = 1.0 / scale;
    if inverse.is_finite() && scale > 0.0 {
        return Ok(inverse);
    }
    Err(Reason::new(format!("the scale {scale} of the output"))
        .supported("a range that is not empty")
        .help("calibrate with samples on which this layer is not zero everywhere"))
}

/// Greatest magnitude of each channel's range; one element where all share one.
pub fn magnitudes([min, max]: [&[f32]; 2]) -> Vec<f32> {
    min.iter().zip(max).map(|(&min, &max)| amax([min, max])).collect()
}

/// One element for each of `channels`, from as many or from one for all.
pub fn spread(v: Vec<f32>, channels: usize) -> Vec<f32> {
    if v.len() == 1 { vec![v[0]; channels] } else { v }
}

/// The output range of a product with qint32 output: the levels of input and weights, times the range of i32.
pub fn accumulator_range(
    [min, max]: [f32; 2],
    x: DataType,
    [min_w, max_w]: [&[f32]; 2],
) -> Result<[Vec<f32>; 2], Reason> {
    let level = (max - min) / if is_signed(x)? { 254.0 } else { 255.0 };
    let each = |end: f32| {
        min_w.iter().zip(max_w).map(|(&min, &max)| level * ((max - min) / 254.0) * end).collect::<Vec<_>>()
    };
    Ok([each(-2_147_483_648.0), each(2_147_483_648.0)])
}

/// A range output: a scalar, or one element a channel in the shape of `like`.
pub fn range_tensor(v: Vec<f32>, like: &[usize]) -> Result<Tensor, Reason> {
    Tensor::f32(like.to_vec(), v)
}

/// Eigen's stepwise coding of a range (`quantization_utils.h`), for quint8, qint8 and qint32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stepwise {
    /// The least integer.
    pub low: f32,
    /// The greatest integer, rounded to f32.
    pub high: f32,
    range: [f32; 2],
}

impl Stepwise {
    /// The coding of a type.
    pub fn new(dtype: DataType, range: [f32; 2]) -> Result<Self, Reason> {
        let [low, high] = limits(dtype)?;
        Ok(Self { low, high, range })
    }
    /// Number of steps, rounded to f32.
    fn steps(&self) -> f32 {
        self.high - self.low
    }
    /// `[base, scale]`: the real value is `base + q * scale`.
    pub fn decoding(&self) -> [f32; 2] {
        let [min, max] = self.range;
        let scale = (max - min) / self.steps();
        let least = if min == max { min } else { round_half_away(min / scale) * scale };
        [least - self.low * scale, scale]
    }
    /// `[scale, shift]`: the integer is `clamp(RHA(x * scale) - shift, low, high)`.
    pub fn encoding(&self) -> [f32; 2] {
        let [min, max] = self.range;
        let scale = if min == max { 0.0 } else { self.steps() / (max - min) };
        [scale, round_half_away(min * scale) - self.low]
    }
}

/// Least and greatest integer of a quantized type, as f32.
pub fn limits(dtype: DataType) -> Result<[f32; 2], Reason> {
    match dtype {
        DataType::DtQuint8 => Ok([0.0, 255.0]),
        DataType::DtQint8 => Ok([-128.0, 127.0]),
        DataType::DtQint32 => Ok([-2_147_483_648.0, 2_147_483_648.0]),
        _ => Err(Reason::new(format!("the type {}", name(dtype))).supported("quint8, qint8 or qint32")),
    }
}
