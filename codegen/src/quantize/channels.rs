//! What the channels of every layer carry in fp32: the greatest magnitude of each output channel, and the mean window.
//!
//! The mean over all output pixels of a product is the product of its weights with the mean of what they are multiplied
//! with, halo and all, since it is linear:
//!
//! ```text
//! mean_{n,oy,ox} Σ_{tap,ic} w[tap,ic,oc] x[n, iy, ix, ic]  =  Σ_{tap,ic} w[tap,ic,oc] * window[tap,ic]
//! ```
//!
//! so the mean of every output channel, for any weights, costs one addition a tap and input channel here and none later.
use crate::calibrate::{Progress, Sample, Source, feeds};
use crate::error::Problems;
use crate::graph::{Edge, Graph};
use crate::interpret::watch;
use crate::ops::{Op, Products};
use crate::quantize::layer::{Kind, Layer};
use crate::tensor::Tensor;
use rayon::prelude::*;

/// What is known of one layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channels {
    /// Greatest magnitude of each output channel, behind the activation.
    pub greatest: Vec<f32>,
    /// Mean over output pixels of what each weight row is multiplied with: `[tap][ic]`.
    pub window: Vec<f64>,
}

impl Channels {
    /// Mean of each output channel, before the bias, with these weights instead of the layer's.
    pub fn mean(&self, layer: &Layer, weights: &[f32]) -> Vec<f64> {
        let mut mean = vec![0.0; layer.channels];
        // A row of weights belongs to one tap and input channel; depthwise, a tap's row holds all input channels.
        let multiplier = match layer.kind {
            Kind::Conv | Kind::MatMul => None,
            Kind::Depthwise => Some(*layer.weights.shape.last().unwrap_or(&1)),
        };
        for (i, &w) in weights.iter().enumerate() {
            let at = i / multiplier.unwrap_or(layer.channels).max(1);
            mean[i % layer.channels] += f64::from(w) * self.window.get(at).copied().unwrap_or(0.0);
        }
        mean
    }
    fn merge(&mut self, one: Self) {
        if self.greatest.is_empty() {
            *self = one;
            return;
        }
        self.greatest.iter_mut().zip(one.greatest).for_each(|(all, one)| *all = all.max(one));
        self.window.iter_mut().zip(one.window).for_each(|(all, one)| *all += one);
    }
}

/// Looks at every layer on all samples, in their order.
pub fn see(
    graph: &Graph,
    inputs: &[Edge],
    layers: &[Layer],
    samples: &dyn Source,
    progress: Progress<'_>,
) -> Result<Vec<Channels>, Problems> {
    let mut all = vec![Channels::default(); layers.len()];
    let numbers: Vec<usize> = (0..samples.count()).collect();
    for batch in numbers.chunks(rayon::current_num_threads()) {
        progress("looking at channels", batch[0], numbers.len());
        let one = |&i: &usize| sample(graph, inputs, layers, &samples.get(i)?);
        let seen: Vec<Vec<Channels>> = batch.par_iter().map(one).collect::<Result<_, _>>()?;
        seen.into_iter().for_each(|one| all.iter_mut().zip(one).for_each(|(all, one)| all.merge(one)));
    }
    progress("looking at channels", numbers.len(), numbers.len());
    let count = numbers.len().max(1) as f64;
    all.iter_mut().flat_map(|c| &mut c.window).for_each(|sum| *sum /= count);
    Ok(all)
}

fn sample(
    graph: &Graph,
    inputs: &[Edge],
    layers: &[Layer],
    sample: &Sample,
) -> Result<Vec<Channels>, Problems> {
    let mut seen = vec![Channels::default(); layers.len()];
    let edges: Vec<Edge> = layers.iter().flat_map(|l| [l.x, l.end.into()]).collect();
    watch(graph, &feeds(inputs, sample)?, &edges, Products::Fast, &mut |edge, tensor| {
        for (layer, seen) in layers.iter().zip(&mut seen) {
            if layer.x == edge {
                seen.window = window(graph, layer, tensor).unwrap_or_default();
            }
            if edge == layer.end.into() {
                seen.greatest = greatest(tensor, layer.channels);
            }
        }
    })?;
    Ok(seen)
}

fn greatest(x: &Tensor, channels: usize) -> Vec<f32> {
    let mut greatest = vec![0.0f32; channels];
    for pixel in x.as_f32().unwrap_or_default().chunks_exact(channels) {
        greatest.iter_mut().zip(pixel).for_each(|(g, v)| *g = g.max(v.abs()));
    }
    greatest
}

/// The mean window of one sample; none of what is not f32.
fn window(graph: &Graph, layer: &Layer, x: &Tensor) -> Option<Vec<f64>> {
    let values = x.as_f32().ok()?;
    let op = &graph.node(layer.core).op;
    let geometry = if let Op::Conv2D(conv) = op {
        conv.geometry(&x.shape, &layer.weights.shape).ok()?
    } else if let Op::DepthwiseConv2d(conv) = op {
        conv.geometry(&x.shape, &layer.weights.shape).ok()?
    } else {
        return Some(columns(values, *x.shape.last()?));
    };
    let &[batch, height, width, channels] = &x.shape[..] else { return None };
    let ([rows, pixels], [taps_y, taps_x]) = (geometry.output, geometry.window.kernel);
    let mut sums = vec![0.0; taps_y * taps_x * channels];
    for (tap, sums) in sums.chunks_exact_mut(channels.max(1)).enumerate() {
        let input = |axis, o, tap, extent| geometry.window.input(axis, o, tap, extent);
        let iy = (0..rows).filter_map(|oy| input(0, oy, tap / taps_x, height));
        let at = iy.flat_map(|iy| {
            (0..pixels).filter_map(move |ox| Some(iy * width + input(1, ox, tap % taps_x, width)?))
        });
        for at in (0..batch).flat_map(|n| at.clone().map(move |at| n * height * width + at)) {
            let pixel = &values[at * channels..][..channels];
            sums.iter_mut().zip(pixel).for_each(|(sum, &v)| *sum += f64::from(v));
        }
    }
    let count = (batch * rows * pixels).max(1) as f64;
    sums.iter_mut().for_each(|sum| *sum /= count);
    Some(sums)
}

fn columns(values: &[f32], channels: usize) -> Vec<f64> {
    let mut sums = vec![0.0; channels];
    let rows = (values.len() / channels.max(1)).max(1) as f64;
    for row in values.chunks_exact(channels.max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, &v)| *sum += f64::from(v));
    }
    sums.iter_mut().for_each(|sum| *sum /= rows);
    sums
}
