//! What becomes int8, of which type and over which range.
//!
//! A tensor is *native* if an int8 op gives it: a layer, a pool or concat of native tensors, or a node that only moves
//! bytes (Reshape, Squeeze, ExpandDims, Pad). What reads a native tensor in fp32 reads it through Dequantize, what reads
//! an fp32 tensor in int8 through QuantizeV2; `rewrite` puts them where they are needed.
//!
//! Tensors whose bytes are copied into each other are of one class and share a range, so that a concat copies.
use crate::build::{Uses, constant};
use crate::calibrate::Ranges;
use crate::facts::Facts;
use crate::graph::{Edge, Graph, NodeId};
use crate::quantize::keep::Kept;
use crate::quantize::layer::{Kind, Layer, Sum, is_core};
use crate::tensor::DataType;
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub mod look;
use look::{ancestors, is_average, is_padded, wanted};

/// The least range of an activation: what never was anything but zero needs one, since its scale is inverted.
const LEAST: f32 = 1e-6;

/// An average whose greatest value is less than this share of its input's loses more than two of the eight bits if it
/// stays over the input's range; it is taken in fp32, and quantized anew.
const AVERAGE_KEEPS: f32 = 0.25;

/// What becomes of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// It stays as it is.
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
}

/// Everything decided.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Those with a residual sum have `sum` set only if it is fused.
    pub layers: Vec<Layer>,
    /// Of each node.
    pub roles: Vec<Role>,
    /// Type of each native tensor.
    pub types: HashMap<Edge, DataType>,
    /// What QuantizeV2 makes of an fp32 tensor, and the range of every tensor: `(0, R)` or `(-R, R)`.
    ranges: HashMap<Edge, f32>,
    signed: BTreeSet<Edge>,
    /// Why a node that could be int8 stays fp32.
    pub reasons: BTreeMap<NodeId, String>,
}

impl Plan {
    /// The type of a tensor in int8, native or not: u8 if no sample made it negative.
    pub fn dtype(&self, edge: Edge) -> DataType {
        let quantized = if self.signed.contains(&edge) { DataType::DtQint8 } else { DataType::DtQuint8 };
        self.types.get(&edge).copied().unwrap_or(quantized)
    }
    /// The `R` of a tensor's range.
    pub fn range(&self, edge: Edge) -> f32 {
        self.ranges.get(&edge).copied().unwrap_or(LEAST)
    }
}

/// The edges whose range the plan needs.
pub fn observed(graph: &Graph, layers: &[Layer]) -> Vec<Edge> {
    let ends = layers.iter().flat_map(|l| [Some(l.x), Some(l.end.into()), l.sum.map(|s| s.end.into())]);
    let pools = graph.ids().filter(|&id| is_average(graph, id));
    let pools = pools.flat_map(|id| [Some(id.into()), graph.node(id).inputs.first().copied()]);
    let all: BTreeSet<Edge> = ends.chain(pools).flatten().collect();
    all.into_iter().filter(|&e| constant(graph, e).is_none()).collect()
}

/// Decides. What is `kept` stays fp32.
pub fn plan(graph: &Graph, facts: &Facts, layers: Vec<Layer>, ranges: &Ranges, kept: &Kept) -> Plan {
    let mut planner = Planner::new(graph, facts, layers, ranges, kept);
    for id in graph.order().unwrap_or_default() {
        planner.visit(id);
    }
    planner.layers_settled();
    planner.spread_ranges();
    planner.plan
}

struct Planner<'a> {
    graph: &'a Graph,
    facts: &'a Facts,
    calibrated: &'a Ranges,
    uses: Uses,
    /// Layers by their last node, and by the last node of their residual form.
    ends: HashMap<NodeId, usize>,
    sums: HashMap<NodeId, Vec<usize>>,
    /// Nodes whose value some int8 op can read.
    wanted: Vec<bool>,
    /// Union-find over nodes: whose bytes go into whose.
    class: Vec<usize>,
    fused: BTreeSet<usize>,
    kept: &'a Kept,
    plan: Plan,
}

impl<'a> Planner<'a> {
    fn new(
        graph: &'a Graph,
        facts: &'a Facts,
        mut layers: Vec<Layer>,
        calibrated: &'a Ranges,
        kept: &'a Kept,
    ) -> Self {
        layers.retain(|layer| !layer.nodes().any(|id| kept.contains_key(&id)));
        for layer in &mut layers {
            layer.sum = layer.sum.filter(|s| !kept.contains_key(&s.add) && !kept.contains_key(&s.end));
        }
        let ends = layers.iter().enumerate().map(|(i, l)| (l.end, i)).collect();
        let mut sums: HashMap<NodeId, Vec<usize>> = HashMap::new();
        for (i, sum) in layers.iter().enumerate().filter_map(|(i, l)| Some((i, l.sum?))) {
            sums.entry(sum.end).or_default().push(i);
        }
        let signed = calibrated.iter().filter(|(_, r)| r.min < 0.0).map(|(&e, _)| e).collect();
        let count = graph.nodes.len();
        let plan = Plan {
            roles: vec![Role::Float; count],
            types: HashMap::new(),
            ranges: calibrated.iter().map(|(&e, r)| (e, r.magnitude().max(LEAST))).collect(),
            signed,
            reasons: kept.clone(),
            layers,
        };
        let wanted = wanted(graph, &plan.layers);
        let (uses, class) = (Uses::new(graph), (0..count).collect());
        Self { graph, facts, calibrated, uses, ends, sums, wanted, class, fused: BTreeSet::new(), kept, plan }
    }
    fn visit(&mut self, id: NodeId) {
        if let Some(&i) = self.ends.get(&id) {
            self.layer(i);
        } else if let Some(candidates) = self.sums.get(&id).cloned() {
            self.residual(&candidates);
        } else if self.plan.roles[id.0] == Role::Float && !self.kept.contains_key(&id) {
            self.other(id);
        }
    }
    /// A layer in its plain form.
    fn layer(&mut self, i: usize) {
        let layer = &self.plan.layers[i];
        let end = layer.end;
        layer.inside.iter().for_each(|n| self.plan.roles[n.0] = Role::Inside);
        self.plan.roles[end.0] = Role::Layer(i);
        // A product that only fp32 reads gives fp32 at once: no rounding, no Dequantize.
        if layer.kind != Kind::MatMul || self.wanted[end.0] {
            let dtype = if layer.relu { DataType::DtQuint8 } else { DataType::DtQint8 };
            self.plan.types.insert(end.into(), dtype);
        }
    }
    /// The end of a residual sum: the first layer that can take it does.
    fn residual(&mut self, candidates: &[usize]) {
        let mut why = String::new();
        for &i in candidates {
            match self.fusable(i) {
                Ok(()) => return self.fuse_sum(i),
                Err(reason) => why = reason,
            }
        }
        if let Some(sum) = candidates.first().and_then(|&i| self.plan.layers[i].sum) {
            self.plan.reasons.insert(sum.add, why.clone());
            self.plan.reasons.insert(sum.end, why);
        }
    }
    fn fusable(&self, i: usize) -> Result<(), String> {
        let layer = &self.plan.layers[i];
        let Some(Sum { add, summand, .. }) = layer.sum else { return Err("it has no sum".into()) };
        match self.plan.types.get(&summand) {
            None => return Err("the summand is not int8".into()),
            Some(DataType::DtQuint8) => {}
            Some(_) => return Err("the summand is signed, and the op for that keeps 7 bits of 8".into()),
        }
        let shape = |e: Edge| self.facts.get(e).map(|f| &f.shape);
        if shape(summand).is_none() || shape(summand) != shape(layer.end.into()) {
            return Err("the summand is broadcast".into());
        }
        // The op writes over its summand: everybody else must have read it before, and nobody may share its bytes.
        let carried = matches!(self.plan.roles[summand.node.0], Role::Carry);
        let others = self.uses.readers(summand.node).iter().map(|&(r, _)| r);
        let before = ancestors(self.graph, layer.core);
        if carried || self.uses.is_output(summand.node) || others.filter(|&r| r != add).any(|r| !before[r.0])
        {
            return Err("the summand is still read by others when the sum overwrites it".into());
        }
        Ok(())
    }
    fn fuse_sum(&mut self, i: usize) {
        let Plan { layers, roles, types, .. } = &mut self.plan;
        let layer = &mut layers[i];
        let Some(sum) = layer.sum else { return };
        types.remove(&layer.end.into());
        for inside in [layer.end, sum.add] {
            roles[inside.0] = Role::Inside;
            layer.inside.push(inside);
        }
        (layer.end, layer.relu) = (sum.end, true);
        roles[sum.end.0] = Role::Layer(i);
        types.insert(sum.end.into(), DataType::DtQuint8);
        self.fused.insert(i);
    }
    /// A sum that was not fused is none.
    fn layers_settled(&mut self) {
        for (i, layer) in self.plan.layers.iter_mut().enumerate() {
            layer.sum = layer.sum.filter(|_| self.fused.contains(&i));
        }
    }
    /// Pools, concats and nodes that move bytes.
    fn other(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let Some(&x) = node.inputs.first() else { return };
        if is_core(self.graph, id) {
            self.plan.reasons.insert(id, "its weights are not constant".into());
            return;
        }
        let native = self.plan.types.get(&x).copied();
        let role = match node.op.name() {
            "ConcatV2" => return self.concat(id),
            "MaxPool" | "AvgPool" if !is_padded(self.graph, id) => Role::Pool,
            "Mean" => match self.whole_image(id) {
                Some(extent) => Role::Mean(extent),
                None => return,
            },
            "Reshape" | "Squeeze" | "ExpandDims" | "Pad" => Role::Carry,
            _ => return,
        };
        let Some(dtype) = native else { return };
        if is_average(self.graph, id) && !self.average_keeps(x, id.into()) {
            let why = "its values are so much smaller than its input's that int8 would lose over two bits";
            self.plan.reasons.insert(id, why.into());
            return;
        }
        self.native(id, role, dtype, &[x]);
    }
    fn average_keeps(&self, x: Edge, y: Edge) -> bool {
        let magnitude = |e| self.calibrated.get(&e).map_or(0.0, |r| r.magnitude());
        magnitude(y) >= AVERAGE_KEEPS * magnitude(x)
    }
    fn native(&mut self, id: NodeId, role: Role, dtype: DataType, x: &[Edge]) {
        self.plan.roles[id.0] = role;
        self.plan.types.insert(id.into(), dtype);
        for edge in x {
            let (a, b) = (self.root(id.0), self.root(edge.node.0));
            self.class[a.max(b)] = a.min(b);
        }
    }
    fn root(&self, mut node: usize) -> usize {
        while self.class[node] != node {
            node = self.class[node];
        }
        node
    }
    fn concat(&mut self, id: NodeId) {
        let inputs = &self.graph.node(id).inputs;
        let Some((axis, values)) = inputs.split_last() else { return };
        let types: Option<Vec<_>> = values.iter().map(|e| self.plan.types.get(e).copied()).collect();
        let why = match types.as_deref() {
            None | Some([]) => "not all of its inputs are int8",
            Some([first, rest @ ..]) if rest.iter().any(|t| t != first) => "its inputs are of both signs",
            Some(_) if constant(self.graph, *axis).is_none() => "its axis is not constant",
            Some([first, ..]) => {
                let (dtype, values) = (*first, values.to_vec());
                return self.native(id, Role::Concat, dtype, &values);
            }
        };
        self.plan.reasons.insert(id, why.into());
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
    /// Every tensor of a class gets the widest range in it.
    fn spread_ranges(&mut self) {
        let native: BTreeSet<Edge> = self.plan.types.keys().copied().collect();
        let mut widest: HashMap<usize, f32> = HashMap::new();
        for &edge in &native {
            let range = widest.entry(self.root(edge.node.0)).or_insert(LEAST);
            *range = range.max(self.plan.range(edge));
        }
        for edge in native {
            self.plan.ranges.insert(edge, widest[&self.root(edge.node.0)]);
        }
    }
}
