//! Cross-layer equalisation (Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019).
//!
//! What scales before a layer can be undone behind it, since Relu, LeakyRelu and nothing at all are homogeneous:
//!
//! ```text
//! w1'[.., c] = w1[.., c] / s[c]     bias1'[c] = bias1[c] / s[c]     w2'[c, ..] = w2[c, ..] * s[c]
//! s[c] = sqrt(r1[c] / r2[c])        which makes the ranges r1 / s and r2 * s equal
//! ```
//!
//! The two ranges are of what shares one scale among channels, or nothing would be won: before, the activation, and with one range for all weights
//! of a layer the weights too (the geometric mean of both); behind, the weights, unless they are depthwise with a range
//! a channel. Where there is nothing behind, the activations are made equal.
//!
//! A Relu6 is no such function: `6 / s` is another clip. A channel that reaches it keeps its scale; others may grow up
//! to `BELOW` it, on the samples that were seen.
//!
//! Pairs go on through pools, and through a Pad of zeros; every reader of the first layer must be a layer. They are gone
//! through again and again, since a layer between two others takes part twice.
use crate::attributes::Attributes;
use crate::build::{Uses, add_constant, attributes, constant, floats};
use crate::error::{Problems, Reason};
use crate::graph::{Graph, NodeId};
use crate::passes::product::Product;
use crate::quantize::channels::Channels;
use crate::quantize::layer::{Kind, Layer};
use crate::tensor::Tensor;

mod chains;
pub use chains::Chains;

/// How often the pairs are gone through: a scale moves one layer a round, and halves its way each time.
const ROUNDS: usize = 20;
/// A channel behind a Relu6 grows to this at most.
const BELOW: f64 = 5.9;
/// From here on a channel has reached the clip.
const CLIPPED: f32 = 5.999;
/// Scales are kept within this factor of one, so that channels that carry next to nothing stay far from overflow.
const MOST: f64 = 128.0;

/// A layer and those that read it.
struct Pair {
    first: usize,
    readers: Vec<usize>,
    relu6: bool,
}

/// The graph with all pairs equalised; `None` if there are none.
pub fn equalise(
    graph: &Graph,
    layers: &[Layer],
    channels: &[Channels],
    per_tensor: bool,
) -> Result<Option<Graph>, Problems> {
    let pairs = pairs(graph, layers);
    if pairs.is_empty() {
        return Ok(None);
    }
    let tables: Vec<Table> =
        layers.iter().map(|l| Table::of(graph, l)).collect::<Option<_>>().unwrap_or_default();
    if tables.len() != layers.len() {
        return Ok(None);
    }
    let mut scales = Scales { tables, per_tensor, layers, channels, output: vec![] };
    scales.output = layers.iter().map(|l| vec![1.0; l.channels]).collect();
    for _ in 0..ROUNDS {
        pairs.iter().for_each(|pair| scales.balance(pair));
    }
    let mut equalised = graph.clone();
    for (i, layer) in layers.iter().enumerate() {
        let node = graph.node(layer.core);
        let applied = apply(&mut equalised, layer, &scales.tables[i].input, &scales.output[i]);
        applied.map_err(|r| Problems::at(&node.name, node.op.name(), r))?;
    }
    Ok(Some(equalised))
}

fn pairs(graph: &Graph, layers: &[Layer]) -> Vec<Pair> {
    let uses = Uses::new(graph);
    let pair = |(first, layer): (usize, &Layer)| {
        let readers = readers(graph, &uses, layers, layer)?;
        let relu6 = graph.node(layer.end).op.name() == "Relu6";
        Some(Pair { first, readers, relu6 })
    };
    layers.iter().enumerate().filter_map(pair).collect()
}

/// The layers that read a layer, if nothing else does.
fn readers(graph: &Graph, uses: &Uses, layers: &[Layer], layer: &Layer) -> Option<Vec<usize>> {
    let (mut found, mut stack) = (vec![], vec![layer.end]);
    while let Some(id) = stack.pop() {
        if uses.is_output(id) || uses.readers(id).is_empty() {
            return None;
        }
        for &(reader, input) in uses.readers(id) {
            match layers.iter().position(|l| l.core == reader) {
                Some(i) if input == 0 && Product::of(graph, reader)?.x.count == layer.channels => {
                    found.push(i)
                }
                None if input == 0 && keeps_channels(graph, reader) => stack.push(reader),
                _ => return None,
            }
        }
    }
    Some(found)
}

/// Whether a node does with a scaled channel what it does with the channel, scaled.
fn keeps_channels(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let integers = |i: usize| constant(graph, *node.inputs.get(i)?)?.to_i64().ok();
    match node.op.name() {
        "MaxPool" | "AvgPool" | "Pad" | "Relu" | "LeakyRelu" => true,
        "PadV2" => node.inputs.get(2).and_then(|&e| floats(graph, e)) == Some(&[0.0]),
        "Mean" => integers(1).is_some_and(|axes| axes.iter().all(|a| matches!(a, 1 | 2 | -2 | -3))),
        "Squeeze" => {
            let old = attributes(&node.op);
            let axes = Attributes::new("Squeeze", &old.0).ints_or("squeeze_dims", vec![]).unwrap_or_default();
            !axes.is_empty() && axes.iter().all(|a| matches!(a, 1 | 2 | -2 | -3))
        }
        _ => false,
    }
}

/// The greatest magnitude of the weights between each input and output channel, and the scales of the inputs.
struct Table {
    /// Of a depthwise convolution the diagonal.
    greatest: Vec<f64>,
    inputs: usize,
    depthwise: bool,
    input: Vec<f64>,
}

impl Table {
    fn of(graph: &Graph, layer: &Layer) -> Option<Self> {
        let product = Product::of(graph, layer.core)?;
        let (inputs, depthwise) = (product.x.count, layer.kind == Kind::Depthwise);
        let mut greatest = vec![0.0f64; layer.channels * if depthwise { 1 } else { inputs }];
        for (w, ic, oc) in product.each() {
            let at = if depthwise { oc } else { ic * layer.channels + oc };
            greatest[at] = greatest[at].max(w.abs());
        }
        Some(Self { greatest, inputs, depthwise, input: vec![1.0; inputs] })
    }
    /// The range of each output channel's weights, or of each input channel's, as they are scaled now.
    fn ranges(&self, output: &[f64], of_inputs: bool) -> Vec<f64> {
        let mut ranges = vec![0.0f64; if of_inputs { self.inputs } else { output.len() }];
        for (i, &w) in self.greatest.iter().enumerate() {
            let oc = i % output.len();
            let ic = if self.depthwise { oc * self.inputs / output.len() } else { i / output.len() };
            let range = &mut ranges[if of_inputs { ic } else { oc }];
            *range = range.max(w * self.input[ic] / output[oc]);
        }
        ranges
    }
}

struct Scales<'a> {
    tables: Vec<Table>,
    per_tensor: bool,
    layers: &'a [Layer],
    channels: &'a [Channels],
    /// What each output channel was divided by.
    output: Vec<Vec<f64>>,
}

impl Scales<'_> {
    /// Makes the ranges before and behind equal.
    fn balance(&mut self, pair: &Pair) {
        let seen = &self.channels[pair.first].greatest;
        let before = self.before(pair.first);
        let behind = self.behind(&pair.readers);
        let wanted: Vec<Option<f64>> = (0..before.len())
            .map(|c| {
                let s = match &behind {
                    Some(behind) => (before[c] / behind[c]).sqrt(),
                    None => before[c],
                };
                (s.is_finite() && s > 0.0).then_some(s * self.output[pair.first][c])
            })
            .collect();
        let clipped = |c: usize| pair.relu6 && seen[c] >= CLIPPED;
        let unit = unit(&wanted, seen, clipped);
        for (c, wanted) in wanted.iter().enumerate() {
            let total = match wanted {
                Some(s) if !clipped(c) => s / unit,
                _ => 1.0,
            };
            let least = if pair.relu6 && !clipped(c) { f64::from(seen[c]) / BELOW } else { 0.0 };
            let total = total.clamp(1.0 / MOST, MOST).max(least);
            let step = total / std::mem::replace(&mut self.output[pair.first][c], total);
            for &reader in &pair.readers {
                self.tables[reader].input[c] *= step;
            }
        }
    }
    /// The range of each channel of what shares a scale before the pair's middle.
    fn before(&self, first: usize) -> Vec<f64> {
        let output = &self.output[first];
        let seen = self.channels[first].greatest.iter().zip(output).map(|(&g, s)| f64::from(g) / s);
        if !self.per_tensor {
            return seen.collect();
        }
        let weights = self.tables[first].ranges(output, false);
        seen.zip(weights).map(|(a, w)| (a * w).sqrt()).collect()
    }
    /// The range of each input channel of the weights behind that share a scale among them.
    fn behind(&self, readers: &[usize]) -> Option<Vec<f64>> {
        let shares = |&&r: &&usize| self.per_tensor || self.layers[r].kind != Kind::Depthwise;
        let all = readers.iter().filter(shares).map(|&r| self.tables[r].ranges(&self.output[r], true));
        all.reduce(|a, b| a.into_iter().zip(b).map(|(a, b)| a.max(b)).collect())
    }
}

/// What the scales are divided by. Only their ratios matter, unless some channels must keep theirs: then these are one
/// on average; else the greatest activation stays what it was.
fn unit(wanted: &[Option<f64>], seen: &[f32], clipped: impl Fn(usize) -> bool) -> f64 {
    let fixed: Vec<f64> =
        wanted.iter().enumerate().filter(|&(c, _)| clipped(c)).filter_map(|(_, s)| *s).map(f64::ln).collect();
    if !fixed.is_empty() {
        return (fixed.iter().sum::<f64>() / fixed.len() as f64).exp();
    }
    let greatest = seen.iter().fold(0f32, |a, &b| a.max(b));
    let scaled = wanted.iter().zip(seen).filter_map(|(s, &g)| Some(f64::from(g) / (*s)?)).fold(0.0, f64::max);
    let unit = f64::from(greatest) / scaled;
    if unit.is_finite() && unit > 0.0 { unit } else { 1.0 }
}

/// Scales the weights and the bias of a layer in the graph.
fn apply(graph: &mut Graph, layer: &Layer, input: &[f64], output: &[f64]) -> Result<(), Reason> {
    if input.iter().chain(output).all(|&s| s == 1.0) {
        return Ok(());
    }
    if let Some(product) = Product::of(graph, layer.core) {
        product.scale(graph, |ic, oc| input[ic] / output[oc])?;
    }
    let add = layer.nodes().find(|&id| graph.node(id).op.name() == "BiasAdd");
    if let (Some(bias), Some(add)) = (&layer.bias, add) {
        let values = bias.as_f32()?.iter().zip(output).map(|(&b, s)| (f64::from(b) / s) as f32).collect();
        let name = format!("{}/equalised", graph.node(add).name);
        graph.node_mut(add).inputs[1] =
            add_constant(graph, &name, Tensor::f32(vec![layer.channels], values)?);
    }
    Ok(())
}
