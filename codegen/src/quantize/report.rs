//! What became int8, and why the rest did not.
use crate::build::constant;
use crate::calibrate::Statistics;
use crate::facts::{Facts, bytes};
use crate::graph::{Edge, Graph, NodeId};
use crate::ops::Op;
use crate::quantize::analysis::Errors;
use crate::quantize::carry::outputs;
use crate::quantize::choose::Choice;
use crate::quantize::plan::{Plan, Role};
use crate::quantize::sensitivity::Sensitivity;
use crate::quantize::target::Reached;
use crate::tensor::{Shape, name};
use std::collections::BTreeMap;
use std::fmt;

/// Of nodes that stay fp32 for one reason, this many are named.
const NAMED: usize = 3;

/// How a place computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By an int8 op.
    Int8,
    /// In fp32 between int8 tensors, which compiled code does on bytes.
    Chain,
    /// In fp32.
    Float,
}

/// What became of one operation of the fp32 graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The last fp32 node that the op computes.
    pub node: String,
    /// The fp32 ops, in order: `Conv2D+BiasAdd+Relu6`.
    pub ops: String,
    /// How it computes.
    pub form: Form,
    /// The places, inputs of the graph among them, whose values it reads.
    pub inputs: Vec<String>,
    /// Shape of its result; empty where it is not known.
    pub shape: Shape,
    /// Type and range of an int8 result, or `float`.
    pub result: String,
    /// The `R` of an int8 result's range, `(0, R)` or `(-R, R)`.
    pub range: Option<f32>,
    /// Multiply-accumulates of one run.
    pub macs: u64,
    /// Bytes of its parameters, as they are stored.
    pub parameters: u64,
    /// Bytes that it reads and writes in one run, parameters aside.
    pub traffic: u64,
    /// Why it stays fp32; empty for what became int8.
    pub reason: String,
}

/// What the quantizer did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Every node that computes, in order.
    pub places: Vec<Place>,
    /// Nodes of the quantized graph that turn fp32 into int8 or back.
    pub conversions: usize,
    /// What was decided by measurement.
    pub choices: Vec<Choice>,
    /// What keeping layers in fp32 for a target came to.
    pub target: Option<Reached>,
    /// What each layer costs, in their order; empty where it was not measured.
    pub sensitivity: Vec<Sensitivity>,
    /// How the error grows along the network, where it was measured.
    pub errors: Option<Errors>,
    /// What calibration saw and chose, an edge each.
    pub calibration: Vec<Statistics>,
}

impl Report {
    /// How many became int8.
    pub fn int8(&self) -> usize {
        self.places.iter().filter(|p| p.reason.is_empty()).count()
    }
    /// Multiply-accumulates: of int8 ops, and all.
    pub fn macs(&self) -> [u64; 2] {
        let sum =
            |all: bool| self.places.iter().filter(|p| all || p.form == Form::Int8).map(|p| p.macs).sum();
        [sum(false), sum(true)]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [int8, all] = self.macs();
        let share = if all == 0 { 100.0 } else { int8 as f64 / all as f64 * 100.0 };
        let (done, places) = (self.int8(), self.places.len());
        writeln!(
            f,
            "{done} of {places} operations are int8, with {share:.2} % of the multiply-accumulates; {} conversions",
            self.conversions
        )?;
        self.choices.iter().try_for_each(|choice| writeln!(f, "  {choice}"))?;
        self.target.iter().try_for_each(|reached| writeln!(f, "  {reached}"))?;
        let mut reasons: Vec<(&str, Vec<String>)> = vec![];
        for place in self.places.iter().filter(|p| !p.reason.is_empty()) {
            let shown = format!("{} `{}`", place.ops, place.node);
            match reasons.iter_mut().find(|(reason, _)| *reason == place.reason) {
                Some((_, places)) => places.push(shown),
                None => reasons.push((&place.reason, vec![shown])),
            }
        }
        for (reason, places) in reasons {
            let more = places.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            writeln!(f, "  fp32: {}{more}: {reason}", places[..places.len().min(NAMED)].join(", "))?;
        }
        Ok(())
    }
}

/// Compares plan and result.
pub fn report(graph: &Graph, facts: &Facts, plan: &Plan, quantized: &Graph) -> Report {
    let order = graph.order().unwrap_or_default();
    let places = order.into_iter().filter_map(|id| place(graph, facts, plan, id)).collect();
    let converts = |n: &&crate::graph::Node| matches!(n.op.name(), "QuantizeV2" | "Dequantize");
    let conversions = quantized.nodes.iter().filter(converts).count();
    Report { places, conversions, ..Report::default() }
}

fn place(graph: &Graph, facts: &Facts, plan: &Plan, id: NodeId) -> Option<Place> {
    let node = graph.node(id);
    let (nodes, form) = match plan.roles[id.0] {
        Role::Inside => return None,
        Role::Float if matches!(node.op, Op::Const(_) | Op::Placeholder(_) | Op::Identity(_)) => return None,
        Role::Float => (vec![id], Form::Float),
        Role::Layer(i) => (plan.layers[i].nodes().collect(), Form::Int8),
        Role::Pool | Role::Mean(_) | Role::Concat | Role::Carry => (vec![id], Form::Int8),
        Role::Elementwise => (vec![id], Form::Chain),
    };
    let ops: Vec<_> = nodes.iter().map(|&n| graph.node(n).op.name()).collect();
    let dtype = plan.types.get(&id.into()).copied();
    let range = dtype.map(|_| plan.range(id.into()));
    let result = dtype.zip(range).map_or("float".into(), |(t, range)| format!("{} {range}", name(t)));
    let read = inputs(graph, &nodes);
    let size = |e: Edge| facts.get(e).map_or(0, bytes) / if plan.types.contains_key(&e) { 4 } else { 1 };
    let (values, constants): (Vec<Edge>, Vec<Edge>) =
        read.into_iter().partition(|&e| constant(graph, e).is_none());
    let stored = if form == Form::Int8 { 4 } else { 1 };
    Some(Place {
        node: node.name.clone(),
        ops: ops.join("+"),
        form,
        inputs: values.iter().map(|e| graph.node(e.node).name.clone()).collect(),
        shape: facts.get(id.into()).map(|f| f.shape.clone()).unwrap_or_default(),
        result,
        range,
        macs: nodes.iter().map(|&n| macs(graph, facts, n)).sum(),
        parameters: constants.iter().map(|&e| facts.get(e).map_or(0, bytes) / stored).sum(),
        traffic: values.iter().copied().chain(outputs(graph, id)).map(size).sum(),
        reason: if form == Form::Float {
            plan.reasons.get(&id).cloned().unwrap_or_default()
        } else {
            String::new()
        },
    })
}

/// What a group of nodes reads from outside of it, each tensor once.
fn inputs(graph: &Graph, nodes: &[NodeId]) -> Vec<Edge> {
    let mut read: BTreeMap<Edge, usize> = BTreeMap::new();
    for edge in nodes.iter().flat_map(|&n| &graph.node(n).inputs).filter(|e| !nodes.contains(&e.node)) {
        let next = read.len();
        read.entry(*edge).or_insert(next);
    }
    let mut edges: Vec<(usize, Edge)> = read.into_iter().map(|(e, i)| (i, e)).collect();
    edges.sort();
    edges.into_iter().map(|(_, e)| e).collect()
}

fn macs(graph: &Graph, facts: &Facts, id: NodeId) -> u64 {
    match (facts.inputs(graph, id), facts.outputs(id)) {
        (Some(x), Some(y)) => graph.node(id).op.macs(&x, y),
        _ => 0,
    }
}
