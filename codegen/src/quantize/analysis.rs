//! How the error grows along the network: every result of the int8 graph against the fp32 graph's, on a few samples.
//!
//! ```text
//! cumulative[t] = 10 log10(Σ y[t]^2 / Σ (y[t] - y8[t])^2)     decibels; y8 decoded, everything before it quantized
//! ```
//!
//! An int8 result is `NODE/int8` in the int8 graph, decoded by the range of its place; any other keeps the fp32 node's name.
//! One sample costs a run of both graphs, with all results of the fp32 graph in memory.
use crate::calibrate::{Source, feeds};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph};
use crate::interpret::run;
use crate::ops::Products;
use crate::quantize::judge::Slice;
use crate::quantize::layer::Layer;
use crate::quantize::{Place, weights};
use crate::tensor::{DataType, Tensor};
use std::collections::BTreeMap;

/// Ratios beyond this count as it: there is no noise to speak of.
const MOST: f64 = 200.0;
/// Samples that are looked at: a picture has enough values for a ratio.
const SAMPLES: usize = 4;

/// What a report tells of errors. All ratios are signal to noise in decibels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Errors {
    /// At the last int8 results; `None` where there is nothing to measure it by.
    pub output: Option<f64>,
    /// Samples that `cumulative` was measured on.
    pub samples: usize,
    /// Of each place, by its node's name.
    pub cumulative: BTreeMap<String, f64>,
    /// Of each layer's weights alone, by its last node's name.
    pub weights: BTreeMap<String, f64>,
}

impl Errors {
    /// Measures all but `output`.
    pub(super) fn measure(
        (graph, inputs): (&Graph, &[Edge]),
        quantized: &Graph,
        places: &[Place],
        samples: &Slice<'_>,
    ) -> Result<Self, Problems> {
        let samples = samples.few(SAMPLES);
        let cumulative = cumulative(graph, inputs, quantized, places, &samples)?;
        Ok(Self { samples: samples.count(), cumulative, ..Self::default() })
    }
}

/// How well a layer's weights are kept.
pub(super) fn weights_sqnr(layer: &Layer, per_tensor: bool) -> Result<f64, Reason> {
    let q = weights::quantize(&layer.weights, layer.channels, per_tensor)?;
    let range = q.max.as_f32()?;
    let decoded: Vec<f32> =
        q.q.as_i8()?
            .iter()
            .enumerate()
            .map(|(i, &q)| f32::from(q) * range[i % range.len()] / 127.0)
            .collect();
    let mut sums = [0.0, 0.0];
    add(&mut sums, &layer.weights, &decoded);
    Ok(decibels(sums))
}

/// Of each place, by its node's name, the ratio of signal to noise in decibels.
fn cumulative(
    graph: &Graph,
    inputs: &[Edge],
    quantized: &Graph,
    places: &[Place],
    samples: &dyn Source,
) -> Result<BTreeMap<String, f64>, Problems> {
    let results: Vec<(&Place, Edge, Edge)> =
        places.iter().filter_map(|p| Some((p, graph.edge(&p.node)?, result(quantized, p)?))).collect();
    let fed: Option<Vec<Edge>> = inputs.iter().map(|&e| quantized.edge(&graph.name(e))).collect();
    let fed = fed.ok_or_else(|| Problems::file(Reason::new("an input lost its name on the way to int8")))?;
    let mut sums = vec![[0.0, 0.0]; results.len()];
    for i in 0..samples.count() {
        let sample = samples.get(i)?;
        let edges = |pick: fn(&(&Place, Edge, Edge)) -> Edge| results.iter().map(pick).collect::<Vec<_>>();
        let want = run(graph, &feeds(inputs, &sample)?, &edges(|r| r.1), Products::Fast)?;
        let found = run(quantized, &feeds(&fed, &sample)?, &edges(|r| r.2), Products::Fast)?;
        for (((sums, (place, ..)), want), found) in sums.iter_mut().zip(&results).zip(&want).zip(&found) {
            add(sums, want, &decoded(found, place.range));
        }
    }
    let named = results.iter().zip(&sums).filter(|(_, [signal, _])| *signal > 0.0);
    Ok(named.map(|((place, ..), &sums)| (place.node.clone(), decibels(sums))).collect())
}

/// `10 log10(signal / noise)`, at most [`MOST`].
fn decibels([signal, noise]: [f64; 2]) -> f64 {
    (10.0 * (signal / noise).log10()).min(MOST)
}

/// Adds the squares of `want` and of what `found` is off.
fn add(sums: &mut [f64; 2], want: &Tensor, found: &[f32]) {
    let want = want.as_f32().unwrap_or_default();
    if want.len() == found.len() {
        sums[0] += want.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
        sums[1] += want.iter().zip(found).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    }
}

fn result(quantized: &Graph, place: &Place) -> Option<Edge> {
    let int8 = place.range.and_then(|_| quantized.edge(&format!("{}/int8", place.node)));
    int8.or_else(|| quantized.edge(&place.node))
}

/// The numbers that a tensor stands for; none if it is of another type.
fn decoded(y: &Tensor, range: Option<f32>) -> Vec<f32> {
    let scale = |steps: f32| range.unwrap_or(0.0) / steps;
    match y.dtype {
        DataType::DtFloat => y.as_f32().map(<[f32]>::to_vec).unwrap_or_default(),
        DataType::DtQint8 => {
            y.as_i8().map(|q| q.iter().map(|&q| f32::from(q) * scale(127.0)).collect()).unwrap_or_default()
        }
        DataType::DtQuint8 => {
            y.as_u8().map(|q| q.iter().map(|&q| f32::from(q) * scale(255.0)).collect()).unwrap_or_default()
        }
        _ => vec![],
    }
}
