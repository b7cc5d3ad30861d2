//! Bias correction: rounded weights are off by as much up as down, but what they are multiplied with is mostly positive,
//! so the error of a channel has a mean. It is subtracted from the bias:
//!
//! ```text
//! bias'[oc] = bias[oc] + Σ_{tap,ic} (w - w8)[tap,ic,oc] * window[tap,ic]
//! ```
//!
//! with the mean window of the fp32 network (see `channels`), in one pass for all layers.
use crate::error::{Problems, Reason};
use crate::graph::Graph;
use crate::quantize::channels::Channels;
use crate::quantize::layer::Layer;
use crate::quantize::weights::{self, Quantized};
use crate::tensor::Tensor;
use std::sync::Arc;

/// The layers with their biases corrected.
pub fn correct(
    graph: &Graph,
    layers: &[Layer],
    channels: &[Channels],
    per_tensor: bool,
) -> Result<Vec<Layer>, Problems> {
    let mut corrected = layers.to_vec();
    for (layer, channels) in corrected.iter_mut().zip(channels) {
        let node = graph.node(layer.core);
        let bias = bias(layer, channels, per_tensor);
        layer.bias = Some(Arc::new(bias.map_err(|r| Problems::at(&node.name, node.op.name(), r))?));
    }
    Ok(corrected)
}

fn bias(layer: &Layer, channels: &Channels, per_tensor: bool) -> Result<Tensor, Reason> {
    let w8 = decoded(&weights::quantize(&layer.weights, layer.channels, per_tensor)?)?;
    let lost: Vec<f32> = layer.weights.as_f32()?.iter().zip(&w8).map(|(w, w8)| w - w8).collect();
    let mut bias: Vec<f32> = channels.mean(layer, &lost).into_iter().map(|m| m as f32).collect();
    if let Some(old) = &layer.bias {
        bias.iter_mut().zip(old.as_f32()?).for_each(|(new, old)| *new += old);
    }
    Tensor::f32(vec![layer.channels], bias)
}

/// What the op makes of eight-bit weights.
fn decoded(w: &Quantized) -> Result<Vec<f32>, Reason> {
    let range = w.max.as_f32()?;
    let decode = |(i, &q): (usize, &i8)| (f64::from(q) * f64::from(range[i % range.len()]) / 127.0) as f32;
    Ok(w.q.as_i8()?.iter().enumerate().map(decode).collect())
}
