//! Where int8 flows: what nobody reads in int8 goes back to fp32, and fp32 work between int8 tensors forms chains.
//!
//! A chain is a cone of elementwise nodes: `Dequantize -> nodes -> QuantizeV2`. Its inner tensors are not rounded. A
//! chain ends at a tensor that
//!
//! * a node outside of it reads, or readers that lead to different ends: it would be computed twice;
//! * is broadcast by its reader: it would be computed for every element it is broadcast to;
//! * is an operand of what would else be a function of more than two int8 tensors.
use crate::build::constant;
use crate::graph::{Edge, NodeId};
use crate::quantize::carry::outputs;
use crate::quantize::plan::look::data;
use crate::quantize::plan::{Planner, Role};
use std::collections::{BTreeSet, HashMap};

/// A chain is a function of at most so many int8 tensors.
const OPERANDS: usize = 2;

impl Planner<'_> {
    /// Back to fp32 goes whatever only fp32 reads; rounding it would gain nothing.
    pub(super) fn prune(&mut self, order: &[NodeId]) {
        for &id in order.iter().rev() {
            if self.is_read_in_int8(id) {
                continue;
            }
            let role = &mut self.plan.roles[id.0];
            match *role {
                Role::Inside => continue,
                Role::Layer(i) if self.plan.layers[i].sum.is_some() => continue,
                Role::Layer(_) => {}
                Role::Float | Role::Pool | Role::Mean(_) | Role::Concat | Role::Carry | Role::Elementwise => {
                    *role = Role::Float;
                }
            }
            for edge in outputs(self.graph, id) {
                self.plan.types.remove(&edge);
            }
        }
    }
    fn is_read_in_int8(&self, id: NodeId) -> bool {
        let is_int8 = |reader: NodeId| {
            self.plan.roles[reader.0] != Role::Float || self.plan.types.contains_key(&reader.into())
        };
        self.uses.readers(id).iter().any(|&(reader, _)| is_int8(reader))
    }
    /// Leaves only the ends of chains rounded.
    pub(super) fn form_chains(&mut self, order: &[NodeId]) {
        let mut ends: HashMap<NodeId, NodeId> = HashMap::new();
        for &id in order.iter().rev().filter(|id| self.plan.roles[id.0] == Role::Elementwise) {
            let end = self.end(id, &ends).unwrap_or(id);
            ends.insert(id, end);
        }
        let inner = |id: NodeId| ends.get(&id).is_some_and(|&end| end != id);
        self.plan.types.retain(|e, _| !inner(e.node));
        let mut operands: HashMap<NodeId, BTreeSet<Edge>> = HashMap::new();
        for &id in order {
            if self.plan.roles[id.0] == Role::Elementwise {
                let of = self.operands(id, &operands);
                operands.insert(id, of);
            }
        }
    }
    /// The end that all readers of an elementwise node lead to, if it need not be one itself.
    fn end(&self, id: NodeId, ends: &HashMap<NodeId, NodeId>) -> Option<NodeId> {
        let shape = |id: NodeId| self.facts.get(id.into()).map(|f| &f.shape);
        if self.uses.is_output(id) {
            return None;
        }
        let mut common = None;
        for (reader, _) in self.uses.readers(id) {
            let end = ends.get(reader)?;
            if shape(id).is_none() || shape(id) != shape(*reader) || common.is_some_and(|c| c != *end) {
                return None;
            }
            common = Some(*end);
        }
        common
    }
    /// The int8 tensors that a node of a chain is a function of. Where they are too many, its inputs become ends.
    fn operands(&mut self, id: NodeId, known: &HashMap<NodeId, BTreeSet<Edge>>) -> BTreeSet<Edge> {
        let inputs: BTreeSet<Edge> = data(self.graph, id).into_iter().collect();
        loop {
            let of = |e: &Edge| match known.get(&e.node) {
                Some(inner) if !self.plan.types.contains_key(e) => inner.clone(),
                _ => BTreeSet::from([*e]),
            };
            let all: BTreeSet<Edge> = inputs.iter().flat_map(of).collect();
            let open = |e: &&Edge| !self.plan.types.contains_key(*e) && self.calibrated.contains_key(*e);
            match inputs.iter().filter(open).max_by_key(|e| of(e).len()) {
                Some(&widest) if all.len() > OPERANDS => {
                    let dtype = self.plan.quantized(widest);
                    self.plan.types.insert(widest, dtype);
                }
                _ => return all,
            }
        }
    }
    /// Whether all that an elementwise node computes with is int8 or constant, and something is int8.
    pub(super) fn flows(&self, id: NodeId) -> bool {
        let node = self.graph.node(id);
        let fits = |e: &Edge| self.plan.types.contains_key(e) || constant(self.graph, *e).is_some();
        node.inputs.iter().all(fits) && !data(self.graph, id).is_empty()
    }
}
