//! The zoo's networks are the published ones: node for node what TensorFlow exports, with the published sizes.
//!
//! `scripts/zoo.py` wrote `zoo/NAME.txt` from TensorFlow's export: the text form of a graph, a constant being its type and
//! shape or, of integers, its value. The order of lines is no matter; every node, input and attribute is.
use bakelite_codegen::build::constant;
use bakelite_codegen::graph::{Edge, Graph, NodeId};
use bakelite_codegen::ops::Products;
use bakelite_codegen::tensor::{DataType, Tensor};
use bakelite_codegen::{graphdef, interpret, optimise, zoo};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

#[test]
fn every_node_is_tensorflows() {
    for network in &zoo::NETWORKS {
        let path = format!("{}/tests/zoo/{}.txt", env!("CARGO_MANIFEST_DIR"), network.name);
        let want = std::fs::read_to_string(path).unwrap();
        let want: BTreeSet<String> = want.lines().map(str::to_owned).collect();
        let ours = lines(&network.graph(0));
        let missing: Vec<_> = want.difference(&ours).take(3).collect();
        let extra: Vec<_> = ours.difference(&want).take(3).collect();
        assert!(missing.is_empty() && extra.is_empty(), "{}: {missing:#?} {extra:#?}", network.name);
    }
}

/// All nodes that compute.
fn lines(graph: &Graph) -> BTreeSet<String> {
    let text = graph.to_string();
    let line = |(id, line): (NodeId, &str)| {
        let (_, attributes) = line.split_once(')').unwrap();
        let node = graph.node(id);
        let operands: Vec<_> = node.inputs.iter().map(|&e| operand(graph, e)).collect();
        format!("{} = {}({}){attributes}", node.name, node.op.name(), operands.join(", "))
    };
    let computes = |(id, _): &(NodeId, &str)| constant(graph, (*id).into()).is_none();
    graph.ids().zip(text.lines()).filter(computes).map(line).collect()
}

fn operand(graph: &Graph, edge: Edge) -> String {
    match constant(graph, edge) {
        None => graph.name(edge),
        Some(value) if value.dtype == DataType::DtFloat => format!("float{:?}", value.shape),
        Some(value) => format!("{:?} as {:?}", value.to_i64().unwrap(), value.shape),
    }
}

#[test]
fn sizes_are_the_published_ones() {
    let gmac = [3.86, 4.09, 7.57, 5.71, 0.57, 0.30];
    for (network, want) in zoo::NETWORKS.iter().zip(gmac) {
        let graph = network.graph(0);
        // Where Keras gives a batch norm no gamma, the graph holds ones that are no parameter.
        let scaled = network.name != "inception_v3";
        let counted = |id: &NodeId| scaled || !graph.node(*id).name.ends_with("/gamma");
        let parameters: usize = graph.ids().filter(counted).filter_map(|id| floats(&graph, id)).sum();
        assert_eq!(parameters as u64, network.parameters, "{}", network.name);
        let macs = macs(&graph) as f64 / 1e9;
        assert!((macs - want).abs() < 0.005, "{}: {macs} GMAC, published {want}", network.name);
    }
}

fn floats(graph: &Graph, id: NodeId) -> Option<usize> {
    constant(graph, id.into())?.as_f32().ok().map(<[f32]>::len)
}

fn macs(graph: &Graph) -> u64 {
    let (facts, problems) = bakelite_codegen::facts::infer(graph, &HashMap::new());
    assert!(problems.0.is_empty(), "{problems}");
    let of = |id: NodeId| {
        let shapes: Vec<_> = graph.node(id).inputs.iter().map(|&e| facts.get(e).unwrap().clone()).collect();
        graph.node(id).op.macs(&shapes, &[])
    };
    graph.ids().map(of).sum()
}

/// Activations neither die nor grow: what enters the classifier is of the size that the builder aims at, and logits differ.
#[test]
fn activations_behave() {
    let network = zoo::find("mobilenet_v2").unwrap();
    let graph = optimise(network.graph(3), &["input".into()], &["predictions/BiasAdd".into()]).unwrap();
    let mut random = zoo::random::Random::new(11);
    let x: Vec<f32> = (0..224 * 224 * 3).map(|_| random.uniform(-1.0, 1.0)).collect();
    let x = Arc::new(Tensor::f32(vec![1, 224, 224, 3], x).unwrap());
    let mut edges: Vec<Edge> =
        graph.ids().filter(|&id| graph.node(id).op.name() == "Relu6").map(Edge::from).collect();
    edges.extend(&graph.outputs);
    let feeds = HashMap::from([(graph.edge("input").unwrap(), x)]);
    let values = interpret::run(&graph, &feeds, &edges, Products::Fast).unwrap();
    for (edge, value) in edges.iter().zip(&values) {
        let value = value.as_f32().unwrap();
        let square = value.iter().map(|v| v * v).sum::<f32>() / value.len() as f32;
        assert!((0.02..8.0).contains(&square), "{}: mean square {square}", graph.name(*edge));
    }
}

#[test]
fn a_seed_fixes_every_bit() {
    let network = zoo::find("mobilenet_v1").unwrap();
    let [a, b, c] = [0, 0, 1].map(|seed| graphdef::write(&network.graph(seed)).unwrap());
    assert!(a == b && a != c);
}
