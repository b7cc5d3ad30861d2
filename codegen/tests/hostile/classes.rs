//! Hostile files that random damage does not find: each is small, and claims or needs much.
use bakelite_codegen::error::Problems;
use bakelite_codegen::ops::Products;
use bakelite_codegen::tensor::DataType;
use bakelite_codegen::wire::{
    AttrValue, GraphDef, NodeDef, TensorProto, TensorShapeProto, attr_value::Value, tensor_shape_proto::Dim,
};
use bakelite_codegen::{facts, graphdef, interpret, passes};
use prost::Message;
use std::collections::HashMap;
use std::time::{Duration, Instant};

fn node(name: &str, op: &str, input: &[&str], attr: &[(&str, Value)]) -> NodeDef {
    let input = input.iter().map(|&i| i.to_owned()).collect();
    let attr = attr.iter().map(|(k, v)| ((*k).to_owned(), AttrValue { value: Some(v.clone()) })).collect();
    NodeDef { name: name.to_owned(), op: op.to_owned(), input, attr, ..NodeDef::default() }
}

/// A constant of one repeated float.
fn splat(name: &str, shape: &[i64]) -> NodeDef {
    let dim = shape.iter().map(|&size| Dim { size, name: String::new() }).collect();
    let tensor = TensorProto {
        dtype: DataType::DtFloat as i32,
        tensor_shape: Some(TensorShapeProto { dim, unknown_rank: false }),
        float_val: vec![1.0],
        ..TensorProto::default()
    };
    node(name, "Const", &[], &[("dtype", Value::Type(1)), ("value", Value::Tensor(tensor))])
}

fn identity(name: &str, input: &[&str]) -> NodeDef {
    node(name, "Identity", input, &[("T", Value::Type(DataType::DtFloat as i32))])
}

fn bytes(node: Vec<NodeDef>) -> Vec<u8> {
    GraphDef { node, ..GraphDef::default() }.encode_to_vec()
}

fn refused(node: Vec<NodeDef>) -> Problems {
    graphdef::read(&bytes(node)).expect_err("this graph is not to be believed")
}

#[test]
fn a_chain_of_a_million_nodes_is_read_and_run() {
    let start = Instant::now();
    let names: Vec<String> = (0..1_000_000).map(|i| format!("n{i}")).collect();
    let links = names.windows(2).map(|w| identity(&w[1], &[&w[0]]));
    let graph =
        graphdef::read(&bytes([splat("n0", &[])].into_iter().chain(links).collect())).expect("a chain");
    let (_, problems) = facts::infer(&graph, &HashMap::new());
    assert_eq!(problems, Problems::default());
    let y = interpret::run(&graph, &HashMap::new(), &graph.outputs, Products::Contract).expect("it runs");
    assert_eq!(y[0].as_f32(), Ok(&[1.0][..]));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn a_node_of_a_million_inputs_is_read_in_linear_time() {
    let start = Instant::now();
    let graph =
        graphdef::read(&bytes(vec![splat("c", &[]), node("sum", "Mystery", &vec!["c"; 1_000_000], &[])]));
    assert_eq!(graph.expect("it is a graph").nodes.len(), 2);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn repeated_constants_cannot_fill_the_memory() {
    let many = (0..100).map(|i| splat(&format!("c{i}"), &[1 << 27])).collect();
    let said = refused(many).to_string();
    assert!(said.contains("Const `c0`: a constant of shape [134217728]"), "{said}");
    assert!(said.contains("and 60 more problems"), "{said}");
}

#[test]
fn absurd_shapes_are_refused() {
    for shape in [vec![1 << 60], vec![1 << 30; 4], vec![0, 1 << 60], vec![-5], vec![1; 300], vec![i64::MIN]] {
        let said = refused(vec![splat("c", &shape)]).to_string();
        assert!(said.starts_with("error: Const `c`: a tensor"), "{said}");
    }
}

#[test]
fn cycles_and_strange_edges_are_refused() {
    let cases: [(Vec<NodeDef>, &str); 6] = [
        (vec![identity("a", &["b"]), identity("b", &["a"])], "depends on itself"),
        (vec![identity("a", &["a"])], "depends on itself"),
        (vec![splat("c", &[]), splat("c", &[])], "two nodes have this name"),
        (vec![identity("a", &["nobody"])], "names no node"),
        (vec![splat("c", &[]), identity("a", &["c:18446744073709551616"])], "names no node"),
        (vec![splat("c", &[]), identity("a", &["c:7"])], "output 7 of Const"),
    ];
    for (nodes, words) in cases {
        let said = refused(nodes).to_string();
        assert!(said.contains(words), "{said}");
    }
}

/// x -> Enter -> Merge <-> NextIteration, out by Exit.
fn looped() -> Vec<NodeDef> {
    let float = [("T", Value::Type(DataType::DtFloat as i32))];
    vec![
        node("x", "Placeholder", &[], &[("dtype", float[0].1.clone())]),
        node("enter", "Enter", &["x"], &float),
        node("merge", "Merge", &["enter", "next"], &float),
        node("next", "NextIteration", &["merge"], &float),
        node("exit", "Exit", &["merge"], &float),
        node("y", "Relu", &["exit"], &float),
    ]
}

#[test]
fn loops_are_read_written_and_cut_out_but_not_run() {
    let graph = graphdef::read(&bytes(looped())).expect("loops are carried along");
    let again = graphdef::read(&graphdef::write(&graph).expect("it is whole")).expect("it was written");
    assert_eq!(again.nodes.len(), graph.nodes.len());
    let cut = |input: &str| passes::optimise(graph.clone(), &[input.to_owned()], &["y".to_owned()]);
    let said = cut("x").expect_err("the loop is needed").to_string();
    assert!(said.contains("NextIteration `next`: the op NextIteration belongs to a loop"), "{said}");
    assert_eq!(cut("exit").expect("the loop is outside").nodes.len(), 2);
    let (_, problems) = facts::infer(&graph, &HashMap::from([("x".to_owned(), vec![1])]));
    assert!(problems.to_string().contains("Enter `enter`: the op Enter belongs to a loop"), "{problems}");
    let run = interpret::run(&graph, &HashMap::new(), &graph.outputs, Products::Contract);
    assert!(run.is_err());
}

#[test]
fn messages_cannot_drive_the_terminal_or_fill_it() {
    let name = format!("\x1b[2J{}", "x".repeat(1 << 20));
    let said = refused(vec![identity(&name, &["nobody"])]).to_string();
    assert!(!said.contains('\x1b') && said.len() < 2000, "{} characters", said.len());
}
