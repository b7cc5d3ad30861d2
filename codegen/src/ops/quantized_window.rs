//! A quantized convolution of either API: `Quantized*Conv2D*` and `_FusedQuantized*Conv2D` differ in where their
//! inputs stand and how their attributes are spelt, not in what they compute.
//!
//! ```text
//! ss    = amax(x range) / (255 | 127)             scale[c] = ss * (amax(w range[c]) / 127)
//! bias  = f32(b) * (1 / q) for a qint32 bias,     q = (255*127 | 127*127) / (amax(x range) * amax(w range[c]))
//! v     = f32(acc) * scale[c] + bias[c], + summand, relu
//! y     = RNE(clamp(v * (1 / ds))),               ds = amax(y range) / (255 | 127), or for qint32 one for all channels
//! ```
use crate::error::Reason;
use crate::lower::{Activation, Output, Product, Site, Stages, Sum};
use crate::ops::known::Known;
use crate::ops::quantized_product;
use crate::ops::scales::{
    accumulator_range, amax, inverse, is_signed, magnitudes, range_tensor, scale, spread,
};
use crate::ops::window::{Geometry, Padding};
use crate::ops::{Fact, Inputs};
use crate::tensor::{DataType, Tensor, elements, name};
use bakelite_kernels::epilogue::{Requantize, ToI32};
use std::sync::Arc;

/// Which input is what; ranges are two inputs from that one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The bias.
    pub bias: Option<usize>,
    /// The range of the activations; that of the weights follows it.
    pub ranges: usize,
    /// The summand.
    pub summand: Option<usize>,
    /// The summand's range, where it is quantized.
    pub summand_range: Option<usize>,
    /// The calibrated range of the output.
    pub output_range: Option<usize>,
}

/// A quantized convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Convolution {
    /// Which input is what.
    pub layout: Layout,
    /// Whether each output channel reads one input channel.
    pub depthwise: bool,
    /// From an output pixel to the next, in input pixels.
    pub stride: [usize; 2],
    /// From a tap to the next, in input pixels.
    pub dilation: [usize; 2],
    /// What lies around the image.
    pub padding: Padding,
    /// Type of the activations.
    pub x: DataType,
    /// Type of the bias, where there is one.
    pub bias: DataType,
    /// Type of the summand, where there is one.
    pub summand: DataType,
    /// Whether negative values become 0.
    pub relu: bool,
    /// Type of the output.
    pub y: DataType,
}

impl Convolution {
    /// The window, and the shape of the output.
    pub fn geometry(&self, k: &Known<'_>) -> Result<(Geometry, [usize; 4]), Reason> {
        let ([batch, height, width, ic], [kernel_h, kernel_w, inputs, last]) = (k.nhwc(0)?, k.nhwc(1)?);
        if ic != inputs {
            let found = format!("a filter of {inputs} input channels over an image of {ic}");
            return Err(Reason::new(found).supported("as many of one as of the other"));
        }
        let kernel = [kernel_h, kernel_w];
        let geometry = Geometry::new([height, width], kernel, self.stride, self.dilation, self.padding)?;
        let channels = if self.depthwise { inputs.saturating_mul(last) } else { last };
        let y = [batch, geometry.output[0], geometry.output[1], channels];
        elements(&y)?;
        Ok((geometry, y))
    }

    /// Types, shapes, and the range where it is known.
    pub fn infer(&self, k: &Known<'_>) -> Result<Vec<Fact>, Reason> {
        k.expect(0, self.x)?;
        k.expect(1, DataType::DtQint8)?;
        let (_, y) = self.geometry(k)?;
        if let Some(bias) = self.layout.bias {
            k.expect(bias, self.bias)?;
            if k.shape(bias)? != [y[3]] {
                let found = format!("a bias of shape {:?}", k.shape(bias)?);
                return Err(Reason::new(found).supported(format!("[{}], one an output channel", y[3])));
            }
        }
        if let Some(summand) = self.layout.summand {
            k.expect(summand, self.summand)?;
            if k.shape(summand)? != y {
                let found = format!("a summand of shape {:?}", k.shape(summand)?);
                return Err(Reason::new(found).supported(format!("{y:?}, that of the output")));
            }
        }
        let mut facts = vec![Fact::new(self.y, y.to_vec())];
        facts.extend(self.range_facts(k)?);
        Ok(facts)
    }

    fn range_facts(&self, k: &Known<'_>) -> Result<Vec<Fact>, Reason> {
        let first = self.layout.output_range.unwrap_or(self.layout.ranges);
        let count = if self.layout.output_range.is_some() { 2 } else { 4 };
        if k.has(first..first + count) {
            return Ok(self.range(k)?.map(|t| Fact::constant(Arc::new(t))).into());
        }
        let shape = match self.layout.output_range {
            Some(_) => vec![],
            None => k.shape(self.layout.ranges + 2)?.to_vec(),
        };
        Ok(vec![Fact::new(DataType::DtFloat, shape); 2])
    }

    /// The range of the output: the calibrated one, or that of the accumulator.
    fn range(&self, k: &Known<'_>) -> Result<[Tensor; 2], Reason> {
        if let Some(i) = self.layout.output_range {
            return Ok(k.range(i, "output")?.map(Tensor::scalar));
        }
        let [min, max] = self.ranges(k, None)?;
        let like = k.shape(self.layout.ranges + 2)?;
        let [low, high] = accumulator_range(k.range(self.layout.ranges, "input")?, self.x, [min, max])?;
        Ok([range_tensor(low, like)?, range_tensor(high, like)?])
    }

    /// The filter's ranges: one, or one a channel.
    fn ranges<'a>(&self, k: &Known<'a>, channels: Option<usize>) -> Result<[&'a [f32]; 2], Reason> {
        let channels = match channels {
            Some(channels) => channels,
            None => self.geometry(k)?.1[3],
        };
        k.ranges(self.layout.ranges + 2, channels, "filter")
    }

    /// The numbers that the convolution is computed with; all but the activations must be known.
    pub fn product<'a>(&self, k: &Known<'a>) -> Result<Product<'a>, Reason> {
        let (geometry, [.., channels]) = self.geometry(k)?;
        let x_range = k.range(self.layout.ranges, "input")?;
        let ranges = self.ranges(k, Some(channels))?;
        let ss = scale(x_range, self.x)?;
        let magnitude = magnitudes(ranges);
        let scales = magnitude.iter().map(|m| ss * (m / 127.0)).collect();
        let activation = if self.relu { Activation::Relu } else { Activation::Linear };
        Ok(Product {
            x: 0,
            window: geometry.window,
            weights: k.tensor(1, "filter")?.as_i8()?,
            depthwise: self.depthwise,
            scale: spread(scales, channels),
            bias: self.bias(k, amax(x_range), spread(magnitude, channels))?,
            stages: Stages { sum: self.sum(k)?, activation, output: self.output(k, ss, ranges)? },
        })
    }

    /// The bias as real values.
    fn bias(&self, k: &Known<'_>, x: f32, w: Vec<f32>) -> Result<Vec<f32>, Reason> {
        let Some(i) = self.layout.bias else { return Ok(vec![0.0; w.len()]) };
        if self.bias == DataType::DtFloat {
            return Ok(k.vector(i, "bias")?.to_vec());
        }
        let limit = if is_signed(self.x)? { 127.0 * 127.0 } else { 255.0 * 127.0 };
        let real = |(&b, &w): (&i32, &f32)| b as f32 * (1.0 / (limit / (x * w)));
        Ok(k.tensor(i, "bias")?.as_i32()?.iter().zip(&w).map(real).collect())
    }

    fn sum(&self, k: &Known<'_>) -> Result<Sum, Reason> {
        Ok(match (self.layout.summand, self.layout.summand_range) {
            (None, _) => Sum::None,
            (Some(input), None) => Sum::Float { input },
            (Some(input), Some(i)) => {
                Sum::Quantized { input, scale: scale(k.range(i, "summand")?, self.summand)? }
            }
        })
    }

    fn output(&self, k: &Known<'_>, ss: f32, [min, max]: [&[f32]; 2]) -> Result<Output, Reason> {
        let Some(i) = self.layout.output_range else {
            let [min, max] =
                [min.iter().copied().fold(f32::MAX, f32::min), max.iter().copied().fold(f32::MIN, f32::max)];
            let step = amax([min, max]) / 127.0 * ss;
            return Ok(Output::I32(ToI32 { inverse: inverse(step)? }));
        };
        let inverse = inverse(scale(k.range(i, "output")?, self.y)?)?;
        // oneDNN writes signed bytes over the summand's, so unsigned ones end at 127.
        if self.layout.summand.is_some() && self.summand == DataType::DtQint8 && self.y == DataType::DtQuint8
        {
            return Ok(Output::Bytes(Requantize { inverse, low: 0, high: 127, zero_point: 0 }));
        }
        Ok(quantized_product::bytes(self.y, inverse))
    }

    /// Output and its range.
    pub fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let k = Known::from(x);
        let (_, y) = self.geometry(&k)?;
        let product = self.product(&k)?;
        let summand = self.layout.summand.map(|i| x.get(i)).transpose()?;
        let data = quantized_product::eval(&product, x.get(0)?, k.nhwc(0)?, y, summand)?;
        let [min, max] = self.range(&k)?;
        Ok(vec![Tensor::new(self.y, y.to_vec(), data)?, min, max])
    }

    /// One kernel call.
    pub fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let x = site.x.clone();
        site.product(self.product(&Known::from(&x[..]))?)
    }

    /// Multiply-accumulates, those on padding too.
    pub fn macs(&self, x: &[Fact]) -> u64 {
        let k = Known::from(x);
        let Ok((geometry, [batch, .., channels])) = self.geometry(&k) else { return 0 };
        let inputs = if self.depthwise { 1 } else { k.nhwc(0).map_or(0, |s| s[3]) };
        [batch, channels, inputs].iter().fold(geometry.taps(), |n, &d| n.saturating_mul(d as u64))
    }
}

/// Refuses a type attribute other than those listed.
pub fn type_of(
    attributes: crate::attributes::Attributes<'_>,
    attribute: &str,
    default: Option<DataType>,
    supported: &[DataType],
) -> Result<DataType, Reason> {
    let found = match default {
        Some(default) => attributes.dtype_or(attribute, default)?,
        None => attributes.dtype(attribute)?,
    };
    if supported.contains(&found) {
        return Ok(found);
    }
    let supported: Vec<_> = supported.iter().map(|&t| name(t)).collect();
    Err(Reason::new(format!("{attribute} = {}", name(found))).supported(supported.join(" or ")))
}
