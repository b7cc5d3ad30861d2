//! SavedModels made by hand to ask for too much, or to contradict themselves.
use bakelite_codegen::graph::Graph;
use bakelite_codegen::saved_model;
use bakelite_codegen::wire::attr_value::Value;
use bakelite_codegen::wire::meta_graph_def::MetaInfoDef;
use bakelite_codegen::wire::op_def::ArgDef;
use bakelite_codegen::wire::tensor_shape_proto::Dim;
use bakelite_codegen::wire::{
    AttrValue, BundleEntryProto, BundleHeaderProto, DataType, FunctionDef, FunctionDefLibrary, GraphDef,
    MetaGraphDef, NameAttrList, NodeDef, OpDef, SavedModel, SignatureDef, TensorInfo, TensorShapeProto,
};
use prost::Message;
use std::collections::BTreeMap;
use std::fs;

const FLOAT: i32 = DataType::DtFloat as i32;
type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

fn crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = vec![];
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Appends a block of a table; where it lies.
fn block(file: &mut Vec<u8>, entries: &Entries, restarts: u32) -> Vec<u8> {
    let start = file.len();
    for (key, value) in entries {
        file.extend([varint(0), varint(key.len()), varint(value.len()), key.clone(), value.clone()].concat());
    }
    file.extend([0; 4]);
    file.extend(restarts.to_le_bytes());
    let size = file.len() - start;
    file.push(0);
    let sum = crc(&file[start..]);
    file.extend(sum.to_le_bytes());
    [varint(start), varint(size)].concat()
}

fn table(entries: &Entries, restarts: u32) -> Vec<u8> {
    let mut file = vec![];
    let data = block(&mut file, entries, restarts);
    let mut footer = block(&mut file, &Entries::new(), 1);
    footer.extend(block(&mut file, &Entries::from([(vec![0xff], data)]), 1));
    footer.resize(40, 0);
    file.extend(footer);
    file.extend([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]);
    file
}

fn attr(value: Value) -> AttrValue {
    AttrValue { value: Some(value) }
}

fn node(name: &str, op: &str, input: &[&str], attrs: &[(&str, Value)]) -> NodeDef {
    let attr = attrs.iter().map(|(k, v)| ((*k).to_owned(), attr(v.clone()))).collect();
    let input = input.iter().map(|i| (*i).to_owned()).collect();
    NodeDef { name: name.to_owned(), op: op.to_owned(), input, attr, ..NodeDef::default() }
}

fn call(name: &str, function: &str, input: &str) -> NodeDef {
    let f = NameAttrList { name: function.to_owned(), ..NameAttrList::default() };
    node(name, "PartitionedCall", &[input], &[("f", Value::Func(f))])
}

/// `function(x) -> y`.
fn function(name: &str, nodes: Vec<NodeDef>, y: &str) -> FunctionDef {
    let arg = |name: &str| ArgDef { name: name.to_owned(), r#type: FLOAT, ..ArgDef::default() };
    let (input_arg, output_arg) = (vec![arg("x")], vec![arg("y")]);
    let signature = OpDef { name: name.to_owned(), input_arg, output_arg, ..OpDef::default() };
    let ret = BTreeMap::from([("y".to_owned(), y.to_owned())]);
    FunctionDef { signature: Some(signature), node_def: nodes, ret, ..FunctionDef::default() }
}

/// A SavedModel of `x` to `y`.
fn model(nodes: Vec<NodeDef>, function: Vec<FunctionDef>) -> SavedModel {
    let x = node("x", "Placeholder", &[], &[("dtype", Value::Type(FLOAT))]);
    let library = Some(FunctionDefLibrary { function, ..FunctionDefLibrary::default() });
    let node = [x].into_iter().chain(nodes).collect();
    let info = |name: &str| {
        let info = TensorInfo { name: format!("{name}:0"), dtype: FLOAT, ..TensorInfo::default() };
        BTreeMap::from([(name.to_owned(), info)])
    };
    let signature = SignatureDef { inputs: info("x"), outputs: info("y"), ..SignatureDef::default() };
    let tags = vec!["serve".to_owned()];
    let meta = MetaGraphDef {
        meta_info_def: Some(MetaInfoDef { tags, ..MetaInfoDef::default() }),
        graph_def: Some(GraphDef { node, library, ..GraphDef::default() }),
        signature_def: BTreeMap::from([("serving_default".to_owned(), signature)]),
        ..MetaGraphDef::default()
    };
    SavedModel { saved_model_schema_version: 1, meta_graphs: vec![meta] }
}

fn read(model: &SavedModel, index: Option<Vec<u8>>, shards: &[(&str, Vec<u8>)]) -> Result<Graph, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("a file");
    fs::create_dir(folder.path().join("variables")).expect("a folder");
    write("saved_model.pb", &model.encode_to_vec());
    index.iter().for_each(|index| write("variables/variables.index", index));
    shards.iter().for_each(|(name, bytes)| write(&format!("variables/variables.data-{name}"), bytes));
    saved_model::read(folder.path(), None).map_err(|e| e.to_string())
}

/// `y = x + v`, where the checkpoint has `v` of two floats in a shard of eight bytes, and what `change` makes of both.
fn variable(change: impl FnOnce(&mut BundleHeaderProto, &mut BundleEntryProto)) -> Result<Graph, String> {
    let float = ("dtype", Value::Type(FLOAT));
    let graph = model(
        vec![
            node("v", "VarHandleOp", &[], std::slice::from_ref(&float)),
            node("read", "ReadVariableOp", &["v"], &[float]),
            node("y", "AddV2", &["x", "read"], &[("T", Value::Type(FLOAT))]),
        ],
        vec![],
    );
    let data = [1f32, 2.0].iter().flat_map(|f| f.to_le_bytes()).collect::<Vec<u8>>();
    let mut header = BundleHeaderProto { num_shards: 1, ..BundleHeaderProto::default() };
    let dim = vec![Dim { size: 2, ..Dim::default() }];
    let mut entry = BundleEntryProto {
        dtype: FLOAT,
        shape: Some(TensorShapeProto { dim, unknown_rank: false }),
        size: 8,
        crc32c: crc(&data),
        ..BundleEntryProto::default()
    };
    change(&mut header, &mut entry);
    let entries = [(vec![], header.encode_to_vec()), (b"v".to_vec(), entry.encode_to_vec())];
    read(&graph, Some(table(&entries.into(), 1)), &[("00000-of-00001", data)])
}

#[test]
fn checkpoints_that_claim_too_much_are_refused() {
    variable(|_, _| ()).expect("unchanged it is sound");
    type Change = fn(&mut BundleHeaderProto, &mut BundleEntryProto);
    let cases: [(Change, &str); 10] = [
        (|h, _| h.num_shards = 2, "variables.data-00000-of-00002: No such file"),
        (|h, _| h.num_shards = i32::MAX, "No such file"),
        (|h, _| h.num_shards = -1, "in shard 0 of 0"),
        (|h, _| h.endianness = 1, "big-endian"),
        (|_, e| e.shard_id = 7, "in shard 7 of 1"),
        (|_, e| e.size = 1 << 60, "which has 8"),
        (|_, e| (e.offset, e.size) = (i64::MAX, i64::MAX), "which has 8"),
        (|_, e| e.crc32c ^= 1, "the checksum of the variable \"v\" does not match"),
        (|_, e| e.dtype = DataType::DtString as i32, "of strings"),
        (|_, e| e.dtype = DataType::DtInt32 as i32, "a variable of float, which is int32 in the checkpoint"),
    ];
    for (change, wanted) in cases {
        let error = variable(change).expect_err(wanted);
        assert!(error.contains(wanted), "{wanted}:\n{error}");
    }
    for size in [3, 1 << 40, i64::MAX, -1] {
        let error = variable(|_, e| e.shape.as_mut().expect("a shape").dim[0].size = size);
        let error = error.expect_err("a shape that does not fit");
        assert!(error.contains("the variable \"v\" in the checkpoint: "), "{size}: {error}");
    }
}

#[test]
fn tables_that_contradict_themselves_are_refused() {
    let graph = model(vec![node("y", "Identity", &["x"], &[("T", Value::Type(FLOAT))])], vec![]);
    let header = BundleHeaderProto { num_shards: 0, ..BundleHeaderProto::default() }.encode_to_vec();
    let entries = Entries::from([(vec![], header)]);
    read(&graph, Some(table(&entries, 1)), &[]).expect("unchanged it is sound");
    for restarts in [2, u32::MAX] {
        let error =
            read(&graph, Some(table(&entries, restarts)), &[]).expect_err("restarts that are not there");
        assert!(error.contains("variables.index: the checkpoint's index is damaged"), "{error}");
    }
    let error = read(&graph, Some(table(&Entries::new(), 1)), &[]).expect_err("no header");
    assert!(error.contains("no header"), "{error}");
}

#[test]
fn functions_that_grow_without_end_are_refused() {
    let twice = |i: usize| {
        let next = format!("f{}", i + 1);
        let nodes = vec![call("a", &next, "x"), call("b", &next, "a:output:0")];
        function(&format!("f{i}"), nodes, "b:output:0")
    };
    let outputs = |model: &mut SavedModel| {
        // The op list says what `output` is.
        let arg =
            ArgDef { name: "output".to_owned(), type_list_attr: "Tout".to_owned(), ..ArgDef::default() };
        let op = OpDef { name: "PartitionedCall".to_owned(), output_arg: vec![arg], ..OpDef::default() };
        let info = model.meta_graphs[0].meta_info_def.as_mut().expect("it has tags");
        info.stripped_op_list.get_or_insert_default().op.push(op);
    };
    let mut bomb =
        model(vec![call("y", "f0", "x")], (0..50).map(twice).chain([function("f50", vec![], "x")]).collect());
    outputs(&mut bomb);
    let error = read(&bomb, None, &[]).expect_err("2^50 calls");
    assert!(error.contains("functions that call others too often"), "{error}");
    let mutual = |name: &str, other: &str| function(name, vec![call("a", other, "x")], "a:output:0");
    let mut circle = model(vec![call("y", "f", "x")], vec![mutual("f", "g"), mutual("g", "f")]);
    outputs(&mut circle);
    let error = read(&circle, None, &[]).expect_err("f calls g calls f");
    assert!(error.contains("the function \"f\" calls itself"), "{error}");
}

#[test]
fn long_chains_of_calls_are_walked_once() {
    const LONG: usize = 30_000;
    let name = |i: usize| if i == LONG { "y".to_owned() } else { format!("c{i}") };
    let input = |i: usize| if i == 0 { "x".to_owned() } else { name(i - 1) };
    let calls = (0..=LONG).map(|i| call(&name(i), "pass", &input(i))).collect();
    let graph = read(&model(calls, vec![function("pass", vec![], "x")]), None, &[]).expect("it is the input");
    assert_eq!(graph.to_string(), "x = Placeholder() shape=?\ny = Identity(x)\n-> y\n");
}

#[test]
fn long_chains_of_identities_are_walked_once() {
    const LONG: usize = 50_000;
    let name = |i: usize| if i == LONG { "y".to_owned() } else { format!("c{i}") };
    let input = |i: usize| if i == 0 { "x".to_owned() } else { name(i - 1) };
    let identity = |name: &str, x: &str| node(name, "Identity", &[x], &[("T", Value::Type(FLOAT))]);
    let mut chain: Vec<NodeDef> = (0..=LONG).map(|i| identity(&name(i), &input(i))).collect();
    let graph = read(&model(chain.clone(), vec![]), None, &[]).expect("it is a graph");
    assert_eq!(graph.nodes.len(), LONG + 2);
    chain[0].input = vec![name(LONG)];
    let error = read(&model(chain, vec![]), None, &[]).expect_err("a circle");
    assert!(error.contains("cycle"), "{error}");
}

#[test]
fn the_outputs_of_identity_n_are_its_inputs() {
    let splat = |name: &str| node(name, "Placeholder", &[], &[("dtype", Value::Type(FLOAT))]);
    let both = node("both", "IdentityN", &["other", "x"], &[]);
    let y = node("y", "Relu", &["both:1"], &[("T", Value::Type(FLOAT))]);
    let graph = read(&model(vec![splat("other"), both, y], vec![]), None, &[]).expect("it is a graph");
    let y = graph.nodes.iter().find(|n| n.name == "y").expect("it is an output");
    assert_eq!(graph.name(y.inputs[0]), "x");
}
