//! The fp32 and shape operations against what TensorFlow computed (`scripts/golden_fp32.py` says how the file is laid
//! out and made), in both orders of summation, through a write and a read of the graph.
use bakelite_codegen::graph::{Edge, Graph, NodeId};
use bakelite_codegen::interpret;
use bakelite_codegen::ops::{Op, Products};
use bakelite_codegen::tensor::{Data, Tensor};
use bakelite_codegen::{facts, graphdef};
use std::collections::HashMap;
use std::sync::Arc;

const CASES: &[u8] = include_bytes!("golden_fp32/cases.pb");

/// The node `case/what`.
fn find(graph: &Graph, case: &str, what: &str) -> Option<NodeId> {
    graph.find(&format!("{case}/{what}"))
}

fn constant(graph: &Graph, id: NodeId) -> Arc<Tensor> {
    match &graph.node(id).op {
        Op::Const(op) => Arc::clone(&op.value),
        op => panic!("`{}` is {}", graph.node(id).name, op.name()),
    }
}

/// Distance in units of the last place; equal values, and two NaNs, are 0 apart.
fn ulps(a: f32, b: f32) -> f32 {
    let ordered =
        |x: f32| if x.is_sign_negative() { -i64::from(x.abs().to_bits()) } else { i64::from(x.to_bits()) };
    if a == b || a.is_nan() && b.is_nan() { 0.0 } else { (ordered(a) - ordered(b)).unsigned_abs() as f32 }
}

/// What is wrong with an output, if anything.
fn compare(got: &Tensor, want: &Tensor, allowed: &[f32]) -> Option<String> {
    if (got.dtype, &got.shape) != (want.dtype, &want.shape) {
        return Some(format!("{got}, wanted {want}"));
    }
    let (Data::F32(y), Data::F32(w)) = (&got.data, &want.data) else {
        return (got.data != want.data).then(|| format!("{:?}, wanted {:?}", got.data, want.data));
    };
    let far = |(y, w): &(&f32, &f32)| !(ulps(**y, **w) <= allowed[0] || (**y - **w).abs() <= allowed[1]);
    let worst = y.iter().zip(w).enumerate().find(|(_, pair)| far(pair));
    worst.map(|(i, (y, w))| format!("element {i}: {y:e}, wanted {w:e}, {} ulp", ulps(*y, *w)))
}

#[test]
fn tensorflow_agrees() {
    let graph = graphdef::read(CASES).unwrap();
    let graph = graphdef::read(&graphdef::write(&graph).unwrap()).unwrap();
    let (facts, problems) = facts::infer(&graph, &HashMap::new());
    assert!(problems.0.is_empty(), "{problems}");
    let cases: Vec<&str> = graph.nodes.iter().filter_map(|n| n.name.strip_suffix("/y")).collect();
    assert!(cases.len() > 100, "{} cases", cases.len());
    let mut failed = vec![];
    for case in cases {
        let y = find(&graph, case, "y").unwrap();
        let tolerance = constant(&graph, find(&graph, case, "tolerance").unwrap());
        let wants = (0..).map_while(|i| find(&graph, case, &format!("want{i}")));
        for (port, want) in wants.enumerate() {
            let (want, edge) = (constant(&graph, want), Edge { node: y, port });
            let inferred = facts.get(edge).unwrap();
            assert_eq!((inferred.dtype, &inferred.shape), (want.dtype, &want.shape), "{case}");
            for products in [Products::Contract, Products::Fast] {
                let got = interpret::run(&graph, &HashMap::new(), &[edge], products).unwrap();
                let wrong = compare(&got[0], &want, tolerance.as_f32().unwrap());
                failed.extend(wrong.map(|wrong| format!("{case} {products:?}: {wrong}")));
            }
        }
    }
    assert!(failed.is_empty(), "{} failures:\n{}", failed.len(), failed.join("\n"));
}
