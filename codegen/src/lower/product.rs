//! Convolution, depthwise convolution and matrix product of bytes: from the op's numbers to a call of a kernel.
//!
//! The op gives the numbers TensorFlow computes with (`scale[c]`, `bias[c]`, the output's reciprocal); here they are
//! packed with the weights, and it is proved from the weights that no accumulator leaves i32:
//!
//! ```text
//! |start[c] + Σ x*w| <= Σ (zero_point + 255) * |w[.., c]| <= i32::MAX
//! ```
//!
//! Likewise it is proved where the products of some steps, added in pairs, stay in i16 (`conv::Params::short_steps`), which
//! AVX2 has a faster instruction for.
//!
//! Start values, scales and biases lie in the blob beside the panels, in panel order, not as literals in the code:
//! a kernel loads them with the panels, and a layer of 2048 channels stays readable.
use crate::cost::{self, Work};
use crate::error::Reason;
use crate::lower::stages::{Placed, Stages};
use crate::lower::{Call, Element, Field, Operand, Site, winograd};
use bakelite_kernels::{PerChannel, Window, conv, dwconv};

/// A product with weights, of whatever op.
#[derive(Clone, Debug)]
pub struct Product<'a> {
    /// Which input holds the activations.
    pub x: usize,
    /// The window; [`Window::POINT`] for a matrix product.
    pub window: Window,
    /// HWIO; for a matrix product [K, N]; for a depthwise convolution [h, w, in * multiplier].
    pub weights: &'a [i8],
    /// Whether each output channel reads one input channel.
    pub depthwise: bool,
    /// Scale of the accumulator, one an output channel.
    pub scale: Vec<f32>,
    /// Bias as a real value, one an output channel.
    pub bias: Vec<f32>,
    /// From accumulators to outputs.
    pub stages: Stages,
}

impl Product<'_> {
    /// The greatest magnitude of each channel's accumulator where no weight meets a factor greater than `most`. An error
    /// where that leaves i32.
    pub fn bound(&self, most: i64) -> Result<Vec<i64>, Reason> {
        let mut bound = vec![0i64; self.scale.len()];
        for row in self.weights.chunks(bound.len().max(1)) {
            bound.iter_mut().zip(row).for_each(|(bound, &w)| *bound += i64::from(w).abs());
        }
        bound.iter_mut().for_each(|bound| *bound *= most);
        let Some(c) = bound.iter().position(|&bound| bound > i64::from(i32::MAX)) else { return Ok(bound) };
        Err(Reason::new(format!("the accumulator of output channel {c} may reach {}", bound[c]))
            .supported(format!("at most {}", i32::MAX))
            .help("split the product along its inputs, or leave it in fp32"))
    }
}

impl Site<'_, '_> {
    /// Lowers a product to output 0.
    pub fn product(&mut self, product: Product<'_>) -> Result<(), Reason> {
        let y = self.y(0)?;
        let (extent, channels) = ([y.place.height, y.place.width], y.place.channels);
        if [product.scale.len(), product.bias.len()] != [channels; 2] {
            let found = format!("{} scales and {} biases", product.scale.len(), product.bias.len());
            return Err(Reason::new(found).supported(format!("{channels}, one an output channel")));
        }
        let x = self.x_under(product.x, &product.window, extent)?;
        let zero_point = self.x.get(product.x).map_or(0, |fact| Element::zero_point(fact.dtype));
        let sums = Sums::new(&product, zero_point)?;
        let (stages, summand) = self.stages(product.stages)?;
        let stages = stages.lean(sums.greatest(&product));
        let per_channel = PerChannel { start: &sums.start, scale: &product.scale, bias: &product.bias };
        let operands = Operands { x, y, summand, zero_point, stages };
        if product.depthwise && x.place.channels == y.place.channels {
            self.dwconv(&product, per_channel, operands)
        } else if product.depthwise {
            let weights = block_diagonal(product.weights, x.place.channels, y.place.channels)?;
            self.conv(&product, &weights, per_channel, operands)
        } else {
            self.conv(&product, product.weights, per_channel, operands)
        }
    }

    fn conv(
        &mut self,
        product: &Product<'_>,
        weights: &[i8],
        per_channel: PerChannel<'_>,
        o: Operands,
    ) -> Result<(), Reason> {
        let [kernel_h, kernel_w] = product.window.kernel;
        let taps = kernel_h * kernel_w * o.x.place.channels;
        check_weights(weights, taps * o.y.place.channels)?;
        let params = conv::Params {
            x: o.x.place,
            y: o.y.place,
            window: product.window,
            zero_point: o.zero_point,
            widest: 4,
            short_steps: 0,
            epilogue: o.stages,
        };
        let tile = cost::Tiled::new(&params, o.summand.is_some());
        if let Some(work) = winograd::wins(&params, tile, weights) {
            return self.winograd(&params, work, weights, per_channel, o);
        }
        let work = self.tile(tile);
        let params = conv::Params { widest: conv::widest(work.rows), ..params };
        let mut short_steps = 0;
        let image = self.pack(params.packed_bytes(), |image| {
            params.pack(weights, per_channel, image);
            short_steps = params.prove_short_steps(image);
        });
        let params = conv::Params { short_steps, ..params };
        let work = cost::Tiled { short_steps, ..work };
        let call = Call::new("conv::Conv", &params).forms(params.forms(work.rows));
        let call = call.id(work.id()).work(Work::Product(work));
        self.call(o.bind(call.field("weights", Field::Weights(image)).field("next", Field::Next)));
        Ok(())
    }

    fn dwconv(
        &mut self,
        product: &Product<'_>,
        per_channel: PerChannel<'_>,
        o: Operands,
    ) -> Result<(), Reason> {
        let [kernel_h, kernel_w] = product.window.kernel;
        check_weights(product.weights, kernel_h * kernel_w * o.y.place.channels)?;
        let params = dwconv::Params {
            x: o.x.place,
            y: o.y.place,
            window: product.window,
            zero_point: o.zero_point,
            epilogue: o.stages,
        };
        let image =
            self.pack(params.packed_bytes(), |image| params.pack(product.weights, per_channel, image));
        let work = Work::Depthwise(cost::Depthwise::new(&params));
        let call = Call::new("dwconv::DwConv", &params).id("dwconv-1x64c4").work(work);
        self.call(o.bind(call.field("weights", Field::Weights(image))));
        Ok(())
    }
}

/// What a product's call is bound to.
#[derive(Clone, Copy)]
pub(super) struct Operands {
    pub(super) x: Operand,
    y: Operand,
    summand: Option<Operand>,
    zero_point: u8,
    stages: Placed,
}

impl Operands {
    /// The same with another input.
    pub(super) fn reading(self, x: Operand) -> Self {
        Self { x, ..self }
    }

    pub(super) fn bind(&self, call: Call) -> Call {
        let summand = self.summand.map_or(Field::Empty, Field::Read);
        call.read("x", self.x).field("summand", summand).write("y", self.y)
    }
}

/// The accumulators: start values, and bounds that hold whatever the activations are.
struct Sums {
    /// `-zero_point * Σ w`, one an output channel.
    start: Vec<i32>,
    /// No accumulator of the channel is greater, start value included.
    bound: Vec<i64>,
}

impl Sums {
    /// Bytes less their zero point are summed as bytes from a start value, so on the way both count.
    fn new(product: &Product<'_>, zero_point: u8) -> Result<Self, Reason> {
        let bound = product.bound(255 + i64::from(zero_point))?;
        let mut sums = vec![0i64; bound.len()];
        for row in product.weights.chunks(bound.len().max(1)) {
            sums.iter_mut().zip(row).for_each(|(sum, &w)| *sum += i64::from(w));
        }
        let start = sums.iter().map(|&sum| (-i64::from(zero_point) * sum) as i32).collect();
        Ok(Self { start, bound })
    }

    /// The greatest magnitude of `acc * scale + bias`.
    fn greatest(&self, product: &Product<'_>) -> f64 {
        let channels = self.bound.iter().zip(product.scale.iter().zip(&product.bias));
        let each = channels
            .map(|(&bound, (&scale, &bias))| bound as f64 * f64::from(scale).abs() + f64::from(bias).abs());
        each.fold(0.0, f64::max)
    }
}

/// A depthwise convolution with a multiplier as a dense one: weights `[tap, in * multiplier]` become `[tap, in, out]`,
/// zero where output channel and input channel do not belong together. Exact, since the zeros add nothing.
fn block_diagonal(weights: &[i8], channels: usize, outputs: usize) -> Result<Vec<i8>, Reason> {
    let multiplier = outputs.checked_div(channels).unwrap_or_default();
    let taps = weights.len().checked_div(outputs).unwrap_or_default();
    let size = taps.checked_mul(channels).and_then(|n| n.checked_mul(outputs));
    let size = size.filter(|&n| n <= crate::tensor::MAX_ELEMENTS).ok_or_else(|| {
        Reason::new(format!("a depthwise convolution of {channels} channels with multiplier {multiplier}"))
    })?;
    let mut dense = vec![0; size];
    for (tap, row) in weights.chunks(outputs.max(1)).enumerate() {
        for (oc, &w) in row.iter().enumerate() {
            dense[(tap * channels + oc / multiplier) * outputs + oc] = w;
        }
    }
    Ok(dense)
}

fn check_weights(weights: &[i8], wanted: usize) -> Result<(), Reason> {
    if weights.len() == wanted {
        return Ok(());
    }
    Err(Reason::new(format!("{} weights", weights.len())).supported(format!("{wanted} for these shapes")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::{Activation, Output, Sum};

    fn product(weights: &[i8]) -> Product<'_> {
        let (sum, activation, output) = (Sum::None, Activation::Linear, Output::F32);
        let stages = Stages { sum, activation, output };
        let window = Window::POINT;
        let (scale, bias) = (vec![1.0; 2], vec![0.0; 2]);
        Product { x: 0, window, weights, depthwise: false, scale, bias, stages }
    }

    #[test]
    fn start_values_are_the_zero_point_times_the_weights() {
        assert_eq!(Sums::new(&product(&[1, -2, 3, 4]), 128).unwrap().start, [-512, -256]);
        assert_eq!(Sums::new(&product(&[1, -2, 3, 4]), 0).unwrap().start, [0, 0]);
    }

    #[test]
    fn an_accumulator_that_may_overflow_is_refused() {
        let weights = vec![-128; 2 * 70_000];
        let error = Sums::new(&product(&weights), 0).err().unwrap();
        assert_eq!(error.found, "the accumulator of output channel 0 may reach 2284800000");
        assert!(Sums::new(&product(&weights[..2 * 65_000]), 0).is_ok());
    }

    #[test]
    fn a_multiplier_becomes_blocks() {
        let dense = block_diagonal(&[1, 2, 3, 4], 2, 4).unwrap();
        assert_eq!(dense, [1, 2, 0, 0, 0, 0, 3, 4]);
    }
}
