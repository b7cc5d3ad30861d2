//! One network of the ops that stay fp32: many ops, one crate.
use crate::case::{Case, to_bytes};
use bakelite_codegen::graph::Edge;
use bakelite_codegen::ops::{Op, placeholder::Placeholder};
use bakelite_codegen::tensor::Data;
use bakelite_codegen::{graphdef, interpret};
use std::collections::HashMap;
use std::sync::Arc;

/// Ops that stay fp32, each as TensorFlow's golden case has it, with its tensors as inputs of one network.
const FLOAT_OPS: [&str; 12] = [
    "unary_",
    "log_softmax",
    "depth_to_space",
    "space_to_depth",
    "batch_matmul",
    "einsum",
    "gather",
    "arg_m",
    "one_hot",
    "softmax",
    "binary_Pow",
    "reduce_",
];

/// The network of [`FLOAT_OPS`] against the interpreter, whose own test is against TensorFlow.
pub(crate) fn float_ops() -> Case {
    let mut graph = graphdef::read(include_bytes!("../golden_fp32/cases.pb")).unwrap();
    graph.outputs.clear();
    let mut feeds = HashMap::new();
    for id in graph.ids() {
        let name = graph.node(id).name.clone();
        let Some((case, what)) = name.split_once('/') else { continue };
        if !FLOAT_OPS.iter().any(|op| case.starts_with(op)) {
            continue;
        }
        if let Op::Const(constant) = &graph.node(id).op {
            let value = Arc::clone(&constant.value);
            let read = match value.data {
                Data::F32(_) => true,
                Data::I32(_) | Data::I64(_) => case.starts_with("one_hot"),
                _ => false,
            };
            if what.starts_with('x') && read && !value.shape.is_empty() {
                let (dtype, shape) = (value.dtype, Some(value.shape.iter().map(|&n| n as i64).collect()));
                graph.node_mut(id).op = Placeholder { dtype, shape }.into();
                feeds.insert(Edge::from(id), value);
            }
        } else if what == "y" {
            graph.outputs.push(id.into());
        }
    }
    let bytes = feeds.iter().map(|(x, t)| (graph.name(*x), (t.shape.clone(), to_bytes(t)))).collect();
    let fed = |y: &Edge| graph.node(y.node).inputs.iter().any(|x| feeds.contains_key(x));
    graph.outputs = graph.outputs.iter().copied().filter(fed).collect();
    for op in FLOAT_OPS {
        assert!(graph.outputs.iter().any(|y| graph.name(*y).starts_with(op)), "no case of {op}");
    }
    assert!(graph.outputs.len() > 60, "{} ops", graph.outputs.len());
    let want = interpret::run(&graph, &feeds, &graph.outputs, Default::default()).unwrap();
    let wants = want.iter().map(|want| to_bytes(want)).collect();
    Case { name: "float_ops".to_owned(), graph, feeds: bytes, wants, batch: None }
}
