//! Equalisation through a chain of elementwise work, which need not be homogeneous: what is scaled before it is undone
//! at its start, and what is scaled at its end is undone in the layers behind.
//!
//! ```text
//! layer -> f -> readers        becomes        layer * s -> 1/s -> f -> t -> readers / t
//! s[c] = max(r) / r[c]         r the range of the layer's channels: each fills the tensor's
//! t[c] = max(h) / h[c]         h the range behind f; sqrt(w[c] / h[c]) where the readers' input channels share a scale
//! ```
//!
//! Between bytes the two products cost nothing: the chain is a table a channel. They are exact but for f32's rounding. A
//! hard swish between a batch norm and a depthwise convolution, whose channels differ by a factor of fifty in MobileNet
//! v3, is what this is for. Weights must have a range an output channel.
//!
//! A chain without a layer before it is what a MatMul reads from fp32, such as embeddings and numbers side by side: one
//! product more, in fp32, before it is rounded.
use super::{MOST, Table, apply};
use crate::build::{Uses, add_constant, op};
use crate::calibrate::{Progress, Source, feeds};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph, NodeId};
use crate::interpret::watch;
use crate::ops::Products;
use crate::passes::product::Product;
use crate::quantize::layer::{Activation, Kind, Layer};
use crate::quantize::plan::look::{Nature, data, nature, wanted};
use crate::tensor::{DataType, Tensor};
use std::collections::{BTreeMap, BTreeSet};

/// Chains of more channels are left alone: compiled code has a table of 256 bytes for each channel.
const CHANNELS: usize = 1024;

/// Elementwise nodes behind a layer that are a function of it alone, or an fp32 tensor that layers read.
#[derive(Debug)]
struct Chain {
    /// Which layer; none before an fp32 tensor.
    first: Option<usize>,
    nodes: BTreeSet<NodeId>,
    ends: Vec<End>,
    channels: usize,
}

impl Chain {
    /// The node whose channels it is about first.
    fn start(&self, layers: &[Layer]) -> NodeId {
        self.first.map_or_else(|| self.ends[0].node, |i| layers[i].end)
    }
}

/// A node of a chain that layers read.
#[derive(Debug)]
struct End {
    node: NodeId,
    readers: Vec<usize>,
    /// Whether others read it too: for them it stays as it is, the layers get a chain of their own.
    shared: bool,
}

/// The chains of a graph, with the ranges of their channels.
pub struct Chains<'a> {
    graph: &'a Graph,
    layers: &'a [Layer],
    chains: Vec<Chain>,
    /// The greatest magnitude of each channel where chains start and end.
    greatest: BTreeMap<Edge, Vec<f64>>,
}

impl<'a> Chains<'a> {
    /// Finds them and looks at their channels; `None` if there are none.
    pub fn see(
        graph: &'a Graph,
        inputs: &[Edge],
        layers: &'a [Layer],
        samples: &dyn Source,
        progress: Progress<'_>,
    ) -> Result<Option<Self>, Problems> {
        let chains = chains(graph, layers);
        if chains.is_empty() {
            return Ok(None);
        }
        let edges = chains.iter().flat_map(|chain| {
            let start = chain.first.map(|i| layers[i].end);
            let ends = chain.ends.iter().map(|end| end.node);
            ends.chain(start).map(|id| (id.into(), chain.channels))
        });
        let greatest = greatest(graph, inputs, &edges.collect(), samples, progress)?;
        Ok(Some(Self { graph, layers, chains, greatest }))
    }
    /// The name of the node that a chain starts at.
    pub fn name(&self, i: usize) -> &str {
        &self.graph.node(self.chains[i].start(self.layers)).name
    }
    /// How many there are.
    pub fn count(&self) -> usize {
        self.chains.len()
    }
    /// The graph with those chains equalised that are `chosen`.
    pub fn equalised(&self, chosen: &[bool]) -> Result<Graph, Problems> {
        let mut scaling =
            Scaling { all: self, graph: self.graph.clone(), before: vec![], behind: BTreeMap::new() };
        scaling.before = self.layers.iter().map(|l| vec![1.0; l.channels]).collect();
        for (chain, _) in self.chains.iter().zip(chosen).filter(|(_, chosen)| **chosen) {
            let node = self.graph.node(chain.start(self.layers));
            scaling.chain(chain).map_err(|r| Problems::at(&node.name, node.op.name(), r))?;
        }
        scaling.weights()
    }
}

/// A graph in which chains are being equalised.
struct Scaling<'a> {
    all: &'a Chains<'a>,
    graph: Graph,
    /// What the output channels of each layer are divided by.
    before: Vec<Vec<f64>>,
    /// What the input channels of readers are multiplied with.
    behind: BTreeMap<usize, Vec<f64>>,
}

impl Scaling<'_> {
    fn chain(&mut self, chain: &Chain) -> Result<(), Reason> {
        let Chains { graph: old, layers, greatest, .. } = self.all;
        let first = chain.start(layers);
        let mut down = vec![1.0; chain.channels];
        if let Some(layer) = chain.first {
            down = fill(&greatest[&first.into()]).iter().map(|s| 1.0 / s).collect();
            for &(reader, i) in Uses::new(old).readers(first) {
                // One for each: what two chains share would be rounded for both.
                let start = scaled(&mut self.graph, first, &down)?;
                self.graph.node_mut(reader).inputs[i] = start.into();
            }
            self.before[layer].clone_from(&down);
        }
        for end in &chain.ends {
            let up = behind(old, layers, &end.readers, &greatest[&Edge::from(end.node)]);
            let mut own = end.node;
            if end.shared {
                let start = scaled(&mut self.graph, first, &down)?;
                own = copied(&mut self.graph, old, chain, [first, start, end.node]);
            }
            let y = scaled(&mut self.graph, own, &up)?;
            for &reader in &end.readers {
                self.graph.node_mut(layers[reader].core).inputs[0] = y.into();
                self.behind.insert(reader, up.iter().map(|t| 1.0 / t).collect());
            }
        }
        Ok(())
    }
    /// Scales the weights to match.
    fn weights(mut self) -> Result<Graph, Problems> {
        let Chains { graph: old, layers, .. } = self.all;
        for (i, layer) in layers.iter().enumerate() {
            let node = old.node(layer.core);
            let ones = || vec![1.0; Product::of(old, layer.core).map_or(0, |p| p.x.count)];
            let input = self.behind.remove(&i).unwrap_or_else(ones);
            apply(&mut self.graph, layer, &input, &self.before[i])
                .map_err(|r| Problems::at(&node.name, node.op.name(), r))?;
        }
        Ok(self.graph)
    }
}

fn chains(graph: &Graph, layers: &[Layer]) -> Vec<Chain> {
    let (uses, wanted) = (Uses::new(graph), wanted(graph, layers));
    let of = |(first, layer): (usize, &Layer)| {
        // What no layer is behind is not rounded, and stays what it is: errors are measured there.
        let rounded = wanted[layer.end.0];
        let plain = rounded && layer.activation == Activation::Linear && layer.channels <= CHANNELS;
        Product::of(graph, layer.core).filter(|_| plain)?;
        let nodes = cone(graph, &uses, layer.end)?;
        let ends = nodes.iter().filter(|&&id| id != layer.end);
        let ends = ends.filter_map(|&id| end(graph, &uses, layers, layer.channels, id)).collect();
        Some(Chain { first: Some(first), nodes, ends, channels: layer.channels })
    };
    layers.iter().enumerate().filter_map(of).chain(fp32(graph, &uses, layers)).collect()
}

/// The fp32 tensors that layers of MatMul read. Those before convolutions are large, or pictures, which bytes hold exactly.
fn fp32(graph: &Graph, uses: &Uses, layers: &[Layer]) -> Vec<Chain> {
    let products = layers.iter().filter(|l| l.kind == Kind::MatMul && l.x.port == 0);
    let tensors: BTreeSet<NodeId> =
        products.map(|l| l.x.node).filter(|&x| is_fp32(graph, layers, x)).collect();
    let of = |x: NodeId| {
        let reader = layers.iter().find(|l| l.x == x.into())?;
        let channels = Product::of(graph, reader.core)?.x.count;
        let readers = end(graph, uses, layers, channels, x)?;
        Some(Chain {
            first: None,
            nodes: BTreeSet::new(),
            ends: vec![End { shared: false, ..readers }],
            channels,
        })
    };
    tensors.into_iter().filter_map(of).collect()
}

/// Whether nothing that may be int8 leads to a node.
fn is_fp32(graph: &Graph, layers: &[Layer], id: NodeId) -> bool {
    let (mut seen, mut stack) = (BTreeSet::new(), vec![id]);
    while let Some(id) = stack.pop() {
        if layers.iter().any(|l| l.nodes().any(|n| n == id)) {
            return false;
        }
        if seen.insert(id) && nature(graph, id) != Nature::Other {
            stack.extend(data(graph, id).iter().map(|e| e.node));
        }
    }
    true
}

/// The elementwise nodes that are functions of a node alone; `None` unless they are all that reads it.
fn cone(graph: &Graph, uses: &Uses, start: NodeId) -> Option<BTreeSet<NodeId>> {
    let mut cone = BTreeSet::from([start]);
    let mut grown = true;
    while grown {
        let edge: BTreeSet<NodeId> = cone.iter().flat_map(|&id| uses.readers(id)).map(|&(r, _)| r).collect();
        let inside = |id: &NodeId| {
            nature(graph, *id) == Nature::Elementwise
                && data(graph, *id).iter().all(|e| cone.contains(&e.node))
        };
        let new: Vec<NodeId> = edge.into_iter().filter(|id| !cone.contains(id)).filter(inside).collect();
        grown = !new.is_empty();
        cone.extend(new);
    }
    let readers = uses.readers(start);
    let all = !readers.is_empty() && readers.iter().all(|(r, _)| cone.contains(r));
    (all && !uses.is_output(start)).then_some(cone)
}

/// A node with the layers that read it, if some do.
fn end(graph: &Graph, uses: &Uses, layers: &[Layer], channels: usize, node: NodeId) -> Option<End> {
    let all = uses.readers(node);
    let reads = |&(reader, i): &(NodeId, usize)| {
        let fits = i == 0 && Product::of(graph, reader)?.x.count == channels;
        layers.iter().position(|l| fits && l.core == reader)
    };
    let readers: Vec<usize> = all.iter().filter_map(reads).collect();
    let shared = uses.is_output(node) || readers.len() < all.len();
    (!readers.is_empty()).then_some(End { node, readers, shared })
}

/// The nodes of a chain up to the last, once more, with `start` in the place of the first. They are read from `old`, where
/// nothing is scaled yet.
fn copied(graph: &mut Graph, old: &Graph, chain: &Chain, [first, start, last]: [NodeId; 3]) -> NodeId {
    let mut copies = BTreeMap::from([(first, start)]);
    let mut stack = vec![last];
    while let Some(&id) = stack.last() {
        let node = old.node(id).clone();
        let inner = |e: &&Edge| chain.nodes.contains(&e.node) && !copies.contains_key(&e.node);
        if let Some(need) = node.inputs.iter().find(inner) {
            stack.push(need.node);
            continue;
        }
        let inputs =
            node.inputs.iter().map(|e| copies.get(&e.node).map_or(*e, |&copy| copy.into())).collect();
        let name = graph.fresh(&format!("{}/own", node.name));
        let copy = graph.add(name, node.op, inputs);
        copies.insert(id, copy);
        stack.pop();
    }
    copies[&last]
}

/// The greatest magnitude of each channel.
fn greatest(
    graph: &Graph,
    inputs: &[Edge],
    edges: &BTreeMap<Edge, usize>,
    samples: &dyn Source,
    progress: Progress<'_>,
) -> Result<BTreeMap<Edge, Vec<f64>>, Problems> {
    let mut all: BTreeMap<Edge, Vec<f64>> = edges.iter().map(|(&e, &count)| (e, vec![0.0; count])).collect();
    let watched: Vec<Edge> = edges.keys().copied().collect();
    for i in 0..samples.count() {
        progress("looking at chains", i, samples.count());
        watch(graph, &feeds(inputs, &samples.get(i)?)?, &watched, Products::Fast, &mut |edge, tensor| {
            let Some(seen) = all.get_mut(&edge) else { return };
            for pixel in tensor.as_f32().unwrap_or_default().chunks_exact(seen.len().max(1)) {
                seen.iter_mut().zip(pixel).for_each(|(g, v)| *g = g.max(f64::from(v.abs())));
            }
        })?;
    }
    Ok(all)
}

/// What makes each channel as wide as the widest.
fn fill(range: &[f64]) -> Vec<f64> {
    let widest = range.iter().fold(0.0f64, |a, &b| a.max(b));
    range.iter().map(|&r| if r > 0.0 { (widest / r).min(MOST) } else { 1.0 }).collect()
}

/// What the channels before the readers are multiplied with.
fn behind(graph: &Graph, layers: &[Layer], readers: &[usize], range: &[f64]) -> Vec<f64> {
    let shared = readers.iter().filter(|&&r| layers[r].kind != Kind::Depthwise);
    let tables = shared
        .filter_map(|&r| Some(Table::of(graph, &layers[r])?.ranges(&vec![1.0; layers[r].channels], true)));
    let Some(weights) = tables.reduce(|a, b| a.into_iter().zip(b).map(|(a, b)| a.max(b)).collect()) else {
        return fill(range);
    };
    // In relation to the channel that is the widest afterwards, which keeps its range.
    let wanted: Vec<f64> =
        range.iter().zip(&weights).map(|(h, w)| if *h > 0.0 { (w / h).sqrt() } else { 0.0 }).collect();
    let scaled = range.iter().zip(&wanted).map(|(h, t)| h * t).fold(0.0f64, f64::max);
    let unit = range.iter().fold(0.0f64, |a, &b| a.max(b)) / scaled;
    let usable = |t: f64| t.is_finite() && t > 0.0;
    wanted.iter().map(|t| if usable(t * unit) { (t * unit).clamp(1.0 / MOST, MOST) } else { 1.0 }).collect()
}

/// A node times one number a channel.
fn scaled(graph: &mut Graph, id: NodeId, scale: &[f64]) -> Result<NodeId, Reason> {
    let values: Vec<f32> = scale.iter().map(|&s| s as f32).collect();
    let name = graph.fresh(&format!("{}/scale", graph.node(id).name));
    let constant = add_constant(graph, &format!("{name}/factors"), Tensor::f32(vec![values.len()], values)?);
    let mul = op("Mul", |a| a.dtype("T", DataType::DtFloat))?;
    Ok(graph.add(name, mul, vec![id.into(), constant]))
}
