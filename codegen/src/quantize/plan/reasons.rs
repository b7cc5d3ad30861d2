//! Why a node stays fp32, in words for the one who wonders.
use crate::graph::{Edge, NodeId};
use crate::ops::Op;
use crate::quantize::OpSet;
use crate::quantize::layer::{Kind, Layer, is_core};
use crate::quantize::plan::look::{Nature, data, nature};
use crate::quantize::plan::{Planner, Role};
use crate::tensor::DataType::{DtFloat, DtQint8};

impl Planner<'_> {
    /// Why a layer has no int8 form.
    pub(super) fn refusal(&self, layer: &Layer) -> Option<String> {
        let fact = self.facts.get(layer.x);
        if fact.is_some_and(|f| f.dtype != DtFloat)
            || !self.is_known(layer.x)
            || !self.is_known(layer.end.into())
        {
            return Some("the range of its input or output was not measured".into());
        }
        let signed = self.plan.dtype(layer.x) == DtQint8;
        let classic = self.op_set == OpSet::Classic && layer.kind != Kind::Conv;
        (classic && signed)
            .then(|| "the classic op set has no such op for an input with negative values".into())
    }
    fn is_known(&self, edge: Edge) -> bool {
        self.calibrated.contains_key(&edge) || self.plan.types.contains_key(&edge)
    }
    /// Gives every node that stays fp32 its reason.
    pub(super) fn explain(&mut self, order: &[NodeId]) {
        for &id in order {
            let op = &self.graph.node(id).op;
            if self.plan.roles[id.0] != Role::Float || matches!(op, Op::Const(_) | Op::Placeholder(_)) {
                continue;
            }
            if !self.plan.reasons.contains_key(&id) {
                let why = self.reason(id);
                self.plan.reasons.insert(id, why);
            }
        }
    }
    fn reason(&self, id: NodeId) -> String {
        let op = self.graph.node(id).op.name();
        if is_core(self.graph, id) {
            return "its weights are not constant".into();
        }
        if let Some(&layer) = self.graph.node(id).inputs.iter().find_map(|e| self.kept_layer(e.node)).as_ref()
        {
            return format!("it belongs to `{}`, which stays fp32", self.graph.node(layer).name);
        }
        match nature(self.graph, id) {
            Nature::Other => self.no_form(op),
            Nature::Resample if self.plan.types.contains_key(&id.into()) => {
                "it interpolates in fp32 between int8 tensors".into()
            }
            Nature::Average if self.plan.types.contains_key(&id.into()) => {
                "it averages over other axes than an int8 pool does".into()
            }
            _ if !self.wanted[id.0] => "nothing behind it is int8, so rounding would gain nothing".into(),
            _ => match data(self.graph, id).iter().find(|e| !self.plan.types.contains_key(e)) {
                Some(&x) => format!("its input `{}` is fp32", self.graph.name(x)),
                None if self.uses.readers(id).iter().all(|(r, _)| self.plan.roles[r.0] == Role::Float) => {
                    "what reads it is fp32".into()
                }
                None => format!("{op} with these attributes has no int8 form"),
            },
        }
    }
    /// The core of a layer that was refused, if a node is one.
    fn kept_layer(&self, id: NodeId) -> Option<NodeId> {
        let layer = self.plan.layers.iter().find(|l| l.nodes().any(|n| n == id))?;
        (self.plan.roles[id.0] == Role::Float).then_some(layer.core)
    }
    fn no_form(&self, op: &str) -> String {
        match op {
            "BatchMatMul" | "BatchMatMulV2" | "BatchMatMulV3" => {
                "TensorFlow has no int8 op for a product of two activations".into()
            }
            "Conv2DBackpropInput" | "Conv3D" | "Conv3DBackpropInputV2" => {
                "TensorFlow has no int8 op for this convolution".into()
            }
            _ => format!("{op} has no int8 op"),
        }
    }
}
