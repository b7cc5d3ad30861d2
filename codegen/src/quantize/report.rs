//! What became int8, and why the rest did not.
use crate::calibrate::Statistics;
use crate::graph::{Graph, NodeId};
use crate::ops::Op;
use crate::quantize::choose::Choice;
use crate::quantize::plan::{Plan, Role};
use crate::tensor::name;
use std::fmt;

/// What became of one node of the fp32 graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The last fp32 node that the op computes.
    pub node: String,
    /// The fp32 ops, in order: `Conv2D+BiasAdd+Relu6`.
    pub ops: String,
    /// Type and range of an int8 result, or `float`.
    pub result: String,
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
    /// What calibration saw and chose, an edge each.
    pub calibration: Vec<Statistics>,
}

impl Report {
    /// How many became int8.
    pub fn int8(&self) -> usize {
        self.places.iter().filter(|p| p.reason.is_empty()).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.places.len();
        writeln!(f, "{} of {all} operations are int8, {} conversions", self.int8(), self.conversions)?;
        self.choices.iter().try_for_each(|choice| writeln!(f, "  {choice}"))?;
        for place in self.places.iter().filter(|p| !p.reason.is_empty()) {
            writeln!(f, "  fp32: {} `{}`: {}", place.ops, place.node, place.reason)?;
        }
        Ok(())
    }
}

/// Compares plan and result.
pub fn report(graph: &Graph, plan: &Plan, quantized: &Graph) -> Report {
    let order = graph.order().unwrap_or_default();
    let places = order.into_iter().filter_map(|id| place(graph, plan, id)).collect();
    let converts = |n: &&crate::graph::Node| matches!(n.op.name(), "QuantizeV2" | "Dequantize");
    let conversions = quantized.nodes.iter().filter(converts).count();
    Report { places, conversions, choices: vec![], calibration: vec![] }
}

fn place(graph: &Graph, plan: &Plan, id: NodeId) -> Option<Place> {
    let node = graph.node(id);
    let (ops, reason) = match plan.roles[id.0] {
        Role::Inside => return None,
        Role::Float if matches!(node.op, Op::Const(_) | Op::Placeholder(_) | Op::Identity(_)) => return None,
        Role::Float => (node.op.name().to_owned(), why(plan, id, node.op.name())),
        Role::Layer(i) => {
            let layer = &plan.layers[i];
            let ops: Vec<_> = layer.nodes().map(|n| graph.node(n).op.name()).collect();
            (ops.join("+"), String::new())
        }
        Role::Pool | Role::Mean(_) | Role::Concat | Role::Carry => (node.op.name().to_owned(), String::new()),
    };
    let range = plan.range(id.into());
    let result = match plan.types.get(&id.into()) {
        Some(&dtype) => format!("{} {range}", name(dtype)),
        None => "float".to_owned(),
    };
    Some(Place { node: node.name.clone(), ops, result, reason })
}

fn why(plan: &Plan, id: NodeId, op: &str) -> String {
    match op {
        _ if plan.reasons.contains_key(&id) => plan.reasons[&id].clone(),
        "MaxPool" | "AvgPool" | "Mean" | "Reshape" | "Squeeze" | "ExpandDims" | "Pad" => {
            "its input is not int8".into()
        }
        "Add" | "AddV2" | "AddN" => "a sum without an activation has no int8 op".into(),
        _ => "it has no int8 op".into(),
    }
}
