//! What becomes int8, of which type and over which range.
//!
//! A tensor is *int8* if it is rounded to bytes: what a layer, a pool, a concat or a node that only moves bytes gives,
//! and the end of a chain of fp32 work between int8 tensors (`flow.rs`). What reads an int8 tensor in fp32 reads it
//! through Dequantize, what reads an fp32 tensor in int8 through QuantizeV2; `rewrite` puts them where they are needed.
//!
//! ```text
//! forward    visit      what can be int8, given that its inputs are
//!            residual   which branch takes a sum
//! backward   flow       what nobody reads in int8 goes back to fp32; chains
//!            settle     a layer that only fp32 reads gives fp32, unrounded
//! forward    classes    shared types and ranges
//! ```
//!
//! A tensor is u8 if no sample made it negative, else s8.
use crate::build::{Uses, constant};
use crate::calibrate::Ranges;
use crate::facts::Facts;
use crate::graph::{Edge, Graph, NodeId};
use crate::quantize::OpSet;
use crate::quantize::carry;
use crate::quantize::keep::Kept;
use crate::quantize::layer::{Activation, Kind, Layer};
use crate::tensor::DataType::{self, DtQint8, DtQuint8};
use std::collections::{BTreeMap, BTreeSet, HashMap};

mod classes;
mod flow;
pub mod look;
mod reasons;
mod residual;
use look::{Nature, data, is_padded, nature, wanted};

/// The least range of an activation: what never was anything but zero needs one, since its scale is inverted.
const LEAST: f32 = 1e-6;

/// An average whose greatest value is less than this share of its input's loses more than two of the eight bits if it
/// stays over the input's range; it is taken in fp32, and quantized anew.
const AVERAGE_KEEPS: f32 = 0.25;

/// What becomes of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// It stays as it is. Its result may be rounded, for int8 ops to read.
    Float,
    /// A layer does its work.
    Inside,
    /// The last node of this layer.
    Layer(usize),
    /// MaxPool or AvgPool of bytes.
    Pool,
    /// Mean over the image, of these extents, as an average pool of bytes.
    Mean([usize; 2]),
    /// ConcatV2 of bytes.
    Concat,
    /// It moves bytes.
    Carry,
    /// It stays as it is, in a chain between int8 tensors, which the compiler makes one kernel on bytes.
    Elementwise,
}

/// Everything decided.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Those with a residual sum have `sum` set only if it is fused.
    pub layers: Vec<Layer>,
    /// Of each node.
    pub roles: Vec<Role>,
    /// Type of each int8 tensor.
    pub types: HashMap<Edge, DataType>,
    /// Inputs of concats that do not share the concat's type and range.
    pub apart: BTreeSet<(NodeId, Edge)>,
    /// What QuantizeV2 makes of an fp32 tensor, and the range of every tensor: `(0, R)` or `(-R, R)`.
    ranges: HashMap<Edge, f32>,
    signed: BTreeSet<Edge>,
    /// Why a node that could be int8 stays fp32.
    pub reasons: BTreeMap<NodeId, String>,
}

impl Plan {
    /// The type of a tensor in int8, whether it is rounded or only read so.
    pub fn dtype(&self, edge: Edge) -> DataType {
        self.types.get(&edge).copied().unwrap_or_else(|| self.quantized(edge))
    }
    /// The type that fits the values of a tensor: u8 if no sample made it negative.
    fn quantized(&self, edge: Edge) -> DataType {
        if self.signed.contains(&edge) { DtQint8 } else { DtQuint8 }
    }
    /// The `R` of a tensor's range.
    pub fn range(&self, edge: Edge) -> f32 {
        self.ranges.get(&edge).copied().unwrap_or(LEAST)
    }
}

/// The edges whose range some plan may need, whatever is kept fp32.
pub fn observed(graph: &Graph, layers: &[Layer]) -> Vec<Edge> {
    let uses = Uses::new(graph);
    let wanted = wanted(graph, layers);
    let mut all: BTreeSet<Edge> = layers
        .iter()
        .flat_map(|l| [Some(l.x), Some(l.end.into()), l.sum.map(|s| s.end.into())])
        .flatten()
        .collect();
    for id in graph.ids() {
        match nature(graph, id) {
            _ if !wanted[id.0] => {}
            Nature::Average => all.extend(data(graph, id).into_iter().chain([id.into()])),
            Nature::Concat => all.extend(data(graph, id)),
            Nature::Resample => all.extend([Edge::from(id)]),
            Nature::Elementwise if may_end_chain(graph, &uses, id) => all.extend([Edge::from(id)]),
            Nature::Elementwise | Nature::Maximum | Nature::Carry | Nature::Other => {}
        }
    }
    all.into_iter().filter(|&e| constant(graph, e).is_none()).collect()
}

/// Whether the value of an elementwise node may have to be rounded: not if all that reads it is one function of it.
fn may_end_chain(graph: &Graph, uses: &Uses, id: NodeId) -> bool {
    match uses.only_reader(id) {
        Some((reader, _)) => nature(graph, reader) != Nature::Elementwise || data(graph, reader).len() > 1,
        None => true,
    }
}

/// What a plan is made of.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// The fp32 graph, optimised.
    pub graph: &'a Graph,
    /// Its shapes.
    pub facts: &'a Facts,
    /// The values that its edges take.
    pub ranges: &'a Ranges,
    /// What stays fp32.
    pub kept: &'a Kept,
    /// Which ops may be written.
    pub op_set: OpSet,
}

/// Decides.
pub fn plan(terms: Terms<'_>, layers: Vec<Layer>) -> Plan {
    let mut planner = Planner::new(terms, layers);
    let order = terms.graph.order().unwrap_or_default();
    for &id in &order {
        planner.visit(id);
    }
    planner.prune(&order);
    planner.form_chains(&order);
    planner.settle();
    planner.unite(&order);
    planner.explain(&order);
    planner.plan
}

struct Planner<'a> {
    graph: &'a Graph,
    facts: &'a Facts,
    calibrated: &'a Ranges,
    kept: &'a Kept,
    op_set: OpSet,
    uses: Uses,
    /// Layers by their last node, and by the last node of their residual form.
    ends: HashMap<NodeId, usize>,
    sums: HashMap<NodeId, Vec<usize>>,
    /// Nodes whose value some int8 op can read.
    wanted: Vec<bool>,
    fused: BTreeSet<usize>,
    plan: Plan,
}

impl<'a> Planner<'a> {
    fn new(terms: Terms<'a>, mut layers: Vec<Layer>) -> Self {
        let Terms { graph, facts, ranges: calibrated, kept, op_set } = terms;
        layers.retain(|layer| !layer.nodes().any(|id| kept.contains_key(&id)));
        for layer in &mut layers {
            layer.sum = layer.sum.filter(|s| !kept.contains_key(&s.add) && !kept.contains_key(&s.end));
            if op_set == OpSet::Classic && matches!(layer.activation, Activation::LeakyRelu(_)) {
                layer.leave_activation();
            }
        }
        let ends = layers.iter().enumerate().map(|(i, l)| (l.end, i)).collect();
        let mut sums: HashMap<NodeId, Vec<usize>> = HashMap::new();
        for (i, sum) in layers.iter().enumerate().filter_map(|(i, l)| Some((i, l.sum?))) {
            sums.entry(sum.end).or_default().push(i);
        }
        let wanted = wanted(graph, &layers);
        let plan = Plan {
            roles: vec![Role::Float; graph.nodes.len()],
            types: HashMap::new(),
            apart: BTreeSet::new(),
            ranges: calibrated.iter().map(|(&e, r)| (e, r.magnitude().max(LEAST))).collect(),
            signed: calibrated.iter().filter(|(_, r)| r.min < 0.0).map(|(&e, _)| e).collect(),
            reasons: kept.clone(),
            layers,
        };
        let uses = Uses::new(graph);
        Self {
            graph,
            facts,
            calibrated,
            kept,
            op_set,
            uses,
            ends,
            sums,
            wanted,
            fused: BTreeSet::new(),
            plan,
        }
    }
    fn visit(&mut self, id: NodeId) {
        let candidates = self.sums.get(&id).cloned().unwrap_or_default();
        if self.kept.contains_key(&id) || self.plan.roles[id.0] != Role::Float {
            return;
        }
        if let Some(&i) = self.ends.get(&id) {
            self.layer(i);
        } else if !self.residual(&candidates) && self.wanted[id.0] {
            self.other(id);
        }
    }
    /// A layer in its plain form.
    fn layer(&mut self, i: usize) {
        let layer = &self.plan.layers[i];
        if let Some(why) = self.refusal(layer) {
            let core = layer.core;
            self.plan.reasons.insert(core, why);
            return;
        }
        let (end, relu) = (layer.end, layer.relu());
        layer.inside.iter().for_each(|n| self.plan.roles[n.0] = Role::Inside);
        self.plan.roles[end.0] = Role::Layer(i);
        self.plan.types.insert(end.into(), if relu { DtQuint8 } else { DtQint8 });
    }
    /// Everything but layers.
    fn other(&mut self, id: NodeId) {
        let nature = nature(self.graph, id);
        let inputs = data(self.graph, id);
        let Some(dtype) = inputs.first().and_then(|x| self.plan.types.get(x).copied()) else {
            return if nature == Nature::Concat {
                self.concat(id, &inputs)
            };
        };
        let (role, dtype) = match nature {
            Nature::Concat => return self.concat(id, &inputs),
            Nature::Maximum if is_padded(self.graph, id) => return,
            Nature::Maximum => (Role::Pool, dtype),
            Nature::Average => match self.average(id, inputs[0]) {
                Some(role) => (role, dtype),
                None => (Role::Float, self.plan.quantized(id.into())),
            },
            Nature::Carry => (Role::Carry, dtype),
            Nature::Elementwise if !self.flows(id) => return,
            Nature::Elementwise => (Role::Elementwise, self.plan.quantized(id.into())),
            Nature::Resample => (Role::Float, self.plan.quantized(id.into())),
            Nature::Other => return,
        };
        self.plan.roles[id.0] = role;
        self.plan.types.extend(carry::outputs(self.graph, id).map(|e| (e, dtype)));
    }
    fn concat(&mut self, id: NodeId, inputs: &[Edge]) {
        let whole = inputs.len() + 1 == self.graph.node(id).inputs.len();
        let known = |e: &Edge| self.plan.types.contains_key(e) || self.calibrated.contains_key(e);
        if !whole || !inputs.iter().all(known) || !inputs.iter().any(|e| self.plan.types.contains_key(e)) {
            return;
        }
        let signed = inputs.iter().any(|&e| self.plan.dtype(e) == DtQint8);
        self.plan.roles[id.0] = Role::Concat;
        self.plan.types.insert(id.into(), if signed { DtQint8 } else { DtQuint8 });
    }
    /// How an average is taken in int8, unless it would lose too much.
    fn average(&mut self, id: NodeId, x: Edge) -> Option<Role> {
        let magnitude = |e| self.calibrated.get(&e).map_or(0.0, |r| r.magnitude());
        if magnitude(id.into()) < AVERAGE_KEEPS * magnitude(x) {
            let why = "its values are so much smaller than its input's that int8 would lose over two bits";
            self.plan.reasons.insert(id, why.into());
            return None;
        }
        match self.graph.node(id).op.name() {
            "Mean" => self.whole_image(id).map(Role::Mean),
            _ => (!is_padded(self.graph, id)).then_some(Role::Pool),
        }
    }
    /// Height and width, if a node averages over exactly these.
    fn whole_image(&self, id: NodeId) -> Option<[usize; 2]> {
        let &[x, axes] = &self.graph.node(id).inputs[..] else { return None };
        let axes = constant(self.graph, axes)?.to_i64().ok()?;
        let spatial = matches!(axes[..], [1 | -3, 2 | -2] | [2 | -2, 1 | -3]);
        match self.facts.get(x)?.shape[..] {
            [_, height, width, _] if spatial => Some([height, width]),
            _ => None,
        }
    }
    /// A sum that was not fused is none. A layer whose result is not rounded leaves what its fp32 form cannot do.
    fn settle(&mut self) {
        for i in 0..self.plan.layers.len() {
            let layer = &mut self.plan.layers[i];
            layer.sum = layer.sum.filter(|_| self.fused.contains(&i));
            let runs = self.plan.roles[layer.end.0] == Role::Layer(i);
            let fits = match layer.activation {
                Activation::Linear => true,
                Activation::Relu => layer.kind != Kind::MatMul || self.op_set != OpSet::Classic,
                Activation::Relu6 | Activation::LeakyRelu(_) => false,
            };
            if !runs || fits || self.plan.types.contains_key(&layer.end.into()) {
                continue;
            }
            if let Some(left) = layer.leave_activation() {
                self.plan.roles[left.0] = Role::Float;
                self.plan.roles[layer.end.0] = Role::Layer(i);
            }
        }
    }
}
