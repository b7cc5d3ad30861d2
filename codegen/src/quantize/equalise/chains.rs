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
use super::{MOST, Table, apply};
use crate::build::{Uses, add_constant, op};
use crate::calibrate::{Progress, Source, feeds};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph, NodeId};
use crate::interpret::watch;
use crate::ops::Products;
use crate::passes::product::Product;
use crate::quantize::layer::{Activation, Kind, Layer};
use crate::quantize::plan::look::{Nature, data, nature};
use crate::tensor::{DataType, Tensor};
use std::collections::{BTreeMap, BTreeSet};

/// Chains of more channels are left alone: compiled code has a table of 256 bytes for each channel.
const CHANNELS: usize = 1024;

/// Elementwise nodes behind a layer that are a function of it alone.
#[derive(Debug)]
struct Chain {
    /// Which layer.
    first: usize,
    nodes: BTreeSet<NodeId>,
    ends: Vec<End>,
}

/// A node of a chain that layers read.
#[derive(Debug)]
struct End {
    node: NodeId,
    readers: Vec<usize>,
    /// Whether others read it too: for them it stays as it is, the layers get a chain of their own.
    shared: bool,
}

/// The graph with all chains equalised; `None` if there are none.
pub fn equalise_chains(
    graph: &Graph,
    inputs: &[Edge],
    layers: &[Layer],
    samples: &dyn Source,
    progress: Progress<'_>,
) -> Result<Option<Graph>, Problems> {
    let chains = chains(graph, layers);
    if chains.is_empty() {
        return Ok(None);
    }
    let edges: BTreeMap<Edge, usize> = chains
        .iter()
        .flat_map(|chain| {
            let first = &layers[chain.first];
            let ends = chain.ends.iter().map(|end| end.node);
            ends.chain([first.end]).map(|id| (id.into(), first.channels))
        })
        .collect();
    let greatest = greatest(graph, inputs, &edges, samples, progress)?;
    let uses = Uses::new(graph);
    let mut equalised = graph.clone();
    let mut output: Vec<Vec<f64>> = layers.iter().map(|l| vec![1.0; l.channels]).collect();
    let mut input: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for chain in &chains {
        let layer = &layers[chain.first];
        let at = |r: Reason| Problems::at(&graph.node(layer.end).name, graph.node(layer.end).op.name(), r);
        let up = fill(&greatest[&layer.end.into()]);
        let down: Vec<f64> = up.iter().map(|s| 1.0 / s).collect();
        for &(reader, i) in uses.readers(layer.end) {
            // One for each: what two chains share would be rounded for both.
            let start = scaled(&mut equalised, layer.end, &down).map_err(at)?;
            equalised.node_mut(reader).inputs[i] = start.into();
        }
        for end in &chain.ends {
            let up = behind(graph, layers, &end.readers, &greatest[&Edge::from(end.node)]);
            let mut own = end.node;
            if end.shared {
                let start = scaled(&mut equalised, layer.end, &down).map_err(at)?;
                own = copied(&mut equalised, graph, chain, [layer.end, start, end.node]);
            }
            let y = scaled(&mut equalised, own, &up).map_err(at)?;
            for &reader in &end.readers {
                equalised.node_mut(layers[reader].core).inputs[0] = y.into();
                input.insert(reader, up.iter().map(|t| 1.0 / t).collect());
            }
        }
        output[chain.first] = down;
    }
    for (i, layer) in layers.iter().enumerate() {
        let node = graph.node(layer.core);
        let ones = || vec![1.0; Product::of(graph, layer.core).map_or(0, |p| p.x.count)];
        let input = input.remove(&i).unwrap_or_else(ones);
        apply(&mut equalised, layer, &input, &output[i])
            .map_err(|r| Problems::at(&node.name, node.op.name(), r))?;
    }
    Ok(Some(equalised))
}

fn chains(graph: &Graph, layers: &[Layer]) -> Vec<Chain> {
    let uses = Uses::new(graph);
    let of = |(first, layer): (usize, &Layer)| {
        let plain = layer.activation == Activation::Linear && layer.channels <= CHANNELS;
        Product::of(graph, layer.core).filter(|_| plain)?;
        let nodes = cone(graph, &uses, layer.end)?;
        let ends = nodes.iter().filter_map(|&id| end(graph, &uses, layers, layer, id)).collect();
        Some(Chain { first, nodes, ends })
    };
    layers.iter().enumerate().filter_map(of).collect()
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
fn end(graph: &Graph, uses: &Uses, layers: &[Layer], first: &Layer, node: NodeId) -> Option<End> {
    let all = uses.readers(node);
    let reads = |&(reader, i): &(NodeId, usize)| {
        let fits = i == 0 && Product::of(graph, reader)?.x.count == first.channels;
        layers.iter().position(|l| fits && l.core == reader)
    };
    let readers: Vec<usize> = all.iter().filter_map(reads).collect();
    let shared = uses.is_output(node) || readers.len() < all.len();
    (!readers.is_empty() && node != first.end).then_some(End { node, readers, shared })
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
