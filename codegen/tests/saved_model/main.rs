//! SavedModels that TensorFlow wrote (`scripts/saved_model.py`): what they freeze to computes what TensorFlow computed,
//! and damage to any of their files is refused by name or harmless.
mod crafted;

use bakelite_codegen::error::Problems;
use bakelite_codegen::graph::Graph;
use bakelite_codegen::ops::{Op, Products};
use bakelite_codegen::tensor::Tensor;
use bakelite_codegen::wire::{SavedModel, attr_value::Value};
use bakelite_codegen::{graphdef, interpret, saved_model};
use prost::Message;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/saved_model")
}

fn floats(file: &str) -> Vec<f32> {
    let bytes = fs::read(fixtures().join(file)).expect("a fixture");
    bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
}

fn run(graph: &Graph, input: &str, output: &str, x: Vec<f32>) -> Vec<f32> {
    let edge = |name| graph.edge(name).unwrap_or_else(|| panic!("no {name}"));
    let x = Tensor::f32(vec![2, 8, 8, 3], x).expect("two pictures");
    let feeds = HashMap::from([(edge(input), Arc::new(x))]);
    let y = interpret::run(graph, &feeds, &[edge(output)], Products::Contract).expect("it runs");
    y[0].as_f32().expect("probabilities").to_vec()
}

#[test]
fn frozen_graphs_compute_what_tensorflow_computed() {
    let names = [
        ("keras", "inputs", "output_0"),
        ("keras", "serving_default_inputs", "StatefulPartitionedCall"),
        ("tf1", "image", "probabilities"),
    ];
    for (name, input, output) in names {
        let graph = saved_model::read(&fixtures().join(name), None).expect(name);
        let again = saved_model::read(&fixtures().join(name), Some("serving_default")).expect(name);
        assert_eq!(graphdef::write(&graph), graphdef::write(&again));
        assert_eq!(graph.outputs.len(), 1);
        let unknown = graph.nodes.iter().find(|n| matches!(n.op, Op::Opaque(_)));
        assert!(unknown.is_none(), "{unknown:?}");
        let (y, wanted) =
            (run(&graph, input, output, floats(&format!("{name}.x.bin"))), floats(&format!("{name}.y.bin")));
        assert_eq!(y.len(), wanted.len());
        let worst = y.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "{name}: {worst}");
    }
}

/// A fixture in a folder of its own, with one file changed.
fn changed(name: &str, file: &str, change: impl FnOnce(&mut Vec<u8>)) -> Result<Graph, Problems> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("variables")).expect("a folder");
    for path in FILES {
        let mut bytes = fs::read(fixtures().join(name).join(path)).expect("a fixture");
        if path == file {
            change(&mut bytes);
            return written(folder.path(), name, file, &bytes);
        }
    }
    panic!("no {file}")
}

const INDEX: &str = "variables/variables.index";
const DATA: &str = "variables/variables.data-00000-of-00001";
const FILES: [&str; 3] = ["saved_model.pb", INDEX, DATA];

fn written(folder: &Path, name: &str, file: &str, bytes: &[u8]) -> Result<Graph, Problems> {
    for path in FILES.into_iter().filter(|p| *p != file) {
        fs::copy(fixtures().join(name).join(path), folder.join(path)).expect("a copy");
    }
    fs::write(folder.join(file), bytes).expect("a file");
    saved_model::read(folder, None)
}

#[test]
fn damaged_variables_are_refused_by_name() {
    for name in ["keras", "tf1"] {
        let length = fs::read(fixtures().join(name).join(INDEX)).expect("a fixture").len();
        for at in 0..length {
            let cut = changed(name, INDEX, |b| b.truncate(at)).expect_err("a cut index").to_string();
            assert!(cut.contains("variables.index"), "{cut}");
            // The footer's padding and the metaindex hold nothing that is read.
            if let Err(problems) = changed(name, INDEX, |b| b[at] ^= 0x10) {
                assert!(!problems.to_string().is_empty());
            }
        }
        let error = changed(name, INDEX, |b| b[9] ^= 1).expect_err("a flipped bit").to_string();
        assert!(error.contains("checksum of the block at byte 0"), "{error}");
    }
    let error = changed("tf1", DATA, |b| b[0] ^= 1).expect_err("a flipped bit").to_string();
    assert!(error.contains("data-00000-of-00001: the checksum of the variable \"bias\""), "{error}");
    let error = changed("tf1", DATA, |b| b.truncate(20)).expect_err("a cut shard").to_string();
    assert!(error.contains("of variables") || error.contains("which has 20"), "{error}");
}

#[test]
fn variables_that_nothing_restores_are_found_by_name() {
    for name in ["keras", "tf1"] {
        let without = changed(name, FILES[0], |bytes| {
            let mut model = SavedModel::decode(&bytes[..]).expect("a fixture");
            model.meta_graphs[0].saver_def = None;
            *bytes = model.encode_to_vec();
        });
        let whole = saved_model::read(&fixtures().join(name), None).expect(name);
        match without {
            Ok(graph) => assert_eq!(graphdef::write(&graph), graphdef::write(&whole)),
            // Slices have no names of their own.
            Err(problems) => {
                assert_eq!(name, "tf1");
                assert!(
                    problems.to_string().contains("`dense/part_0`: the checkpoint has no variable"),
                    "{problems}"
                );
            }
        }
    }
}

#[test]
fn missing_files_are_named() {
    for (file, wanted) in
        [(FILES[0], "neither saved_model.pb"), (INDEX, "a variable without"), (DATA, "No such file")]
    {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("variables")).expect("a folder");
        for path in FILES.into_iter().filter(|p| *p != file) {
            fs::copy(fixtures().join("tf1").join(path), folder.path().join(path)).expect("a copy");
        }
        let error = saved_model::read(folder.path(), None).expect_err(file).to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn damaged_graphs_get_answers() {
    for name in ["keras", "tf1"] {
        let length = fs::read(fixtures().join(name).join(FILES[0])).expect("a fixture").len();
        let mut refused = 0;
        for i in 0..150 {
            let at = i * 7919 % length;
            let flipped = changed(name, FILES[0], |b| b[at] ^= 1 << (i % 8));
            let cut = changed(name, FILES[0], |b| b.truncate(at));
            refused += [flipped, cut].iter().filter(|r| r.is_err()).count();
        }
        assert!(refused > 75, "{name}: {refused} of 300 refused");
    }
}

/// A fixture whose SavedModel is changed as a message.
fn edited(name: &str, edit: impl FnOnce(&mut SavedModel)) -> String {
    let error = changed(name, FILES[0], |bytes| {
        let mut model = SavedModel::decode(&bytes[..]).expect("a fixture");
        edit(&mut model);
        *bytes = model.encode_to_vec();
    });
    error.expect_err("it is broken").to_string()
}

#[test]
fn what_cannot_be_frozen_says_so() {
    let recursion = edited("keras", |model| {
        let graph = model.meta_graphs[0].graph_def.as_mut().expect("a graph");
        for function in &mut graph.library.as_mut().expect("functions").function {
            let own = function.signature.as_ref().expect("a signature").name.clone();
            for attr in function.node_def.iter_mut().flat_map(|n| n.attr.values_mut()) {
                if let Some(Value::Func(f)) = &mut attr.value {
                    f.name.clone_from(&own);
                }
            }
        }
    });
    assert!(recursion.contains("calls itself"), "{recursion}");
    let tags =
        edited("tf1", |m| m.meta_graphs[0].meta_info_def.as_mut().expect("tags").tags = vec!["train".into()]);
    assert!(tags.contains("no graph is tagged \"serve\"; the tags are [[\"train\"]]"), "{tags}");
    let error = saved_model::read(&fixtures().join("tf1"), Some("other")).expect_err("no such").to_string();
    assert!(
        error.contains(
            "no signature \"other\"\n  help: name one with --signature: serving_default: \
             image float[?, 8, 8, 3] -> probabilities float[?, 5]"
        ),
        "{error}"
    );
    let error = saved_model::read(&fixtures(), None).expect_err("no SavedModel").to_string();
    assert!(error.contains("neither saved_model.pb nor saved_model.pbtxt"), "{error}");
}
