//! Tensors whose bytes are copied into each other are of one class: they share a type and a range, so that copying is
//! all there is to do. A class has the widest range of its tensors.
//!
//! An input of a concat that cannot share is brought to the concat's type and range by Dequantize and QuantizeV2: one
//! that is fp32, one of the other sign (unless only the concat reads it and its layer can write qint8), and one whose
//! range is its Relu6, which a wider range would lift.
use crate::graph::{Edge, Graph, NodeId};
use crate::quantize::OpSet;
use crate::quantize::layer::{Activation, Kind};
use crate::quantize::plan::look::data;
use crate::quantize::plan::{LEAST, Planner, Role};
use crate::tensor::DataType::{DtQint8, DtQuint8};

/// Union-find over the nodes of a graph, with what holds for each class.
pub(super) struct Classes {
    parent: Vec<usize>,
    /// The range that a class may not exceed.
    limit: Vec<f32>,
    widest: Vec<f32>,
}

impl Classes {
    fn new(graph: &Graph) -> Self {
        let count = graph.nodes.len();
        Self { parent: (0..count).collect(), limit: vec![f32::INFINITY; count], widest: vec![LEAST; count] }
    }
    fn root(&self, node: NodeId) -> usize {
        let mut at = node.0;
        while self.parent[at] != at {
            at = self.parent[at];
        }
        at
    }
    fn join(&mut self, a: NodeId, b: NodeId) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parent[high] = low;
        self.limit[low] = self.limit[low].min(self.limit[high]);
        self.widest[low] = self.widest[low].max(self.widest[high]);
    }
}

impl Planner<'_> {
    /// Unites classes and spreads their ranges.
    pub(super) fn unite(&mut self, order: &[NodeId]) {
        let mut classes = Classes::new(self.graph);
        for &id in order {
            classes.limit[id.0] = self.limit(id);
            for edge in self.typed(id) {
                classes.widest[id.0] = classes.widest[id.0].max(self.plan.range(edge));
            }
            match self.plan.roles[id.0] {
                Role::Pool | Role::Mean(_) | Role::Carry => {
                    data(self.graph, id).iter().for_each(|x| classes.join(id, x.node));
                }
                Role::Concat => self.unite_concat(id, &mut classes),
                Role::Float | Role::Inside | Role::Layer(_) | Role::Elementwise => {}
            }
        }
        let typed: Vec<Edge> = self.plan.types.keys().copied().collect();
        for edge in typed {
            self.plan.ranges.insert(edge, classes.widest[classes.root(edge.node)]);
        }
    }
    fn typed(&self, id: NodeId) -> Vec<Edge> {
        crate::quantize::carry::outputs(self.graph, id).filter(|e| self.plan.types.contains_key(e)).collect()
    }
    /// The range beyond which a layer would not clip at 6 any more.
    fn limit(&self, id: NodeId) -> f32 {
        match self.plan.roles[id.0] {
            Role::Layer(i) => match (self.plan.layers[i].activation, self.plan.layers[i].kind) {
                (Activation::Relu6, Kind::Conv | Kind::Depthwise) => self.plan.range(id.into()).max(6.0),
                (Activation::Relu6, Kind::MatMul) if self.op_set == OpSet::Classic => 6.0,
                _ => f32::INFINITY,
            },
            _ => f32::INFINITY,
        }
    }
    fn unite_concat(&mut self, id: NodeId, classes: &mut Classes) {
        let inputs = data(self.graph, id);
        let dtype = self.plan.dtype(id.into());
        let widest = |e: &Edge| {
            if self.plan.types.contains_key(e) {
                classes.widest[classes.root(e.node)]
            } else {
                self.plan.range(*e)
            }
        };
        let range = inputs.iter().map(widest).fold(classes.widest[id.0], f32::max);
        classes.widest[id.0] = range;
        for edge in inputs {
            let own = self.plan.types.get(&edge).copied();
            let turns = own == Some(DtQuint8) && dtype == DtQint8 && self.can_write_signed(edge, id);
            if turns {
                self.plan.types.insert(edge, DtQint8);
            }
            if (turns || own == Some(dtype)) && range <= classes.limit[classes.root(edge.node)] {
                classes.join(id, edge.node);
            } else {
                self.plan.apart.insert((id, edge));
            }
        }
    }
    /// Whether a tensor is a layer's, whose op can write qint8 behind a relu, and only `reader` reads it.
    fn can_write_signed(&self, edge: Edge, reader: NodeId) -> bool {
        let only = self.uses.only_reader(edge.node).is_some_and(|(r, _)| r == reader);
        let able = |i: usize| self.plan.layers[i].sum.is_none() && self.op_set != OpSet::Classic;
        only && matches!(self.plan.roles[edge.node.0], Role::Layer(i) if able(i))
    }
}
