//! Hostile files: thousands of small damages to real graphs. Whatever comes out of reading, inferring and running them,
//! it is an answer or a `Problem`: no panic, no hang, no memory without bound. The same of what the tools read beside
//! graphs, and of the quantizer.
mod attempts;
mod classes;
mod folders;
mod mutate;
#[path = "../optimise/network.rs"]
#[allow(dead_code, reason = "its networks are the optimiser's; only its builder is used here")]
mod network;
#[path = "../forms/networks.rs"]
#[allow(dead_code, reason = "what a form must hold is another test's")]
mod networks;
mod quantized;
mod random;
#[path = "../skip/mod.rs"]
mod skip;
mod texts;

use bakelite_codegen::graph::Graph;
use bakelite_codegen::limits::Budget;
use bakelite_codegen::ops::{Op, Products};
use bakelite_codegen::tensor::{Data, DataType, Tensor, elements};
use bakelite_codegen::{compile, facts, graphdef, interpret};
use random::Random;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Damages tried in all.
const DAMAGES: u64 = 12_000;

/// Small graphs of every family: the project's own golden cases, and the shared ones where they are.
fn graphs() -> Vec<(String, Vec<u8>)> {
    let mut found = vec![];
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["tests/golden", "../../shared/golden", "../../shared/models"] {
        if !here.join(folder).exists() {
            skip::skipped(format_args!("{folder} is not there"));
        }
        collect(&here.join(folder), &mut found);
    }
    let only = std::env::var("HOSTILE_GRAPH").unwrap_or_default();
    found.retain(|p| p.display().to_string().contains(&only));
    found.sort();
    let read = |p: PathBuf| (p.display().to_string(), std::fs::read(&p).expect("a golden graph can be read"));
    found.into_iter().map(read).filter(|(_, bytes)| bytes.len() < 200_000).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "pb") {
            found.push(path);
        }
    }
}

/// How far a damaged file came.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Reached {
    Nothing,
    Graph,
    Answer,
}

/// Everything the tools do with a file before they trust it, then a run.
fn exercise(bytes: &[u8], random: &mut Random) -> Reached {
    let Ok(graph) = graphdef::read(bytes) else { return Reached::Nothing };
    let (_, problems) = facts::infer(&graph, &HashMap::new());
    let _ = problems.to_string();
    let feeds = feeds(&graph, random);
    let budget = Budget { bytes: 64 << 20, macs: 1 << 26 };
    let y = interpret::run_within(&graph, &feeds, &graph.outputs, Products::Contract, budget);
    if let Err(problems) = &y {
        assert!(!problems.0.is_empty() && !problems.to_string().is_empty(), "an error that says nothing");
    }
    if let Err(problems) = compile::compile(&graph, &compile::Options::default()) {
        assert!(!problems.0.is_empty(), "an error that says nothing");
    }
    let written = graphdef::write(&graph).expect("what was read can be written");
    let again = graphdef::read(&written).expect("what was written can be read");
    assert_eq!(graphdef::write(&again), Ok(written));
    if y.is_ok() { Reached::Answer } else { Reached::Graph }
}

/// Random tensors for the placeholders whose shapes are known and small.
fn feeds(graph: &Graph, random: &mut Random) -> HashMap<bakelite_codegen::graph::Edge, Arc<Tensor>> {
    let tensor = |op: &bakelite_codegen::ops::placeholder::Placeholder, random: &mut Random| {
        let known = |&d: &i64| usize::try_from(if d == -1 { 1 } else { d }).ok();
        let shape: Vec<usize> = op.shape.as_ref()?.iter().map(known).collect::<Option<_>>()?;
        let count = elements(&shape).ok().filter(|&n| n < 1 << 18)?;
        let data = match op.dtype {
            DataType::DtFloat => {
                Data::F32((0..count).map(|_| random.below(2000) as f32 / 100.0 - 10.0).collect())
            }
            DataType::DtQuint8 => Data::U8((0..count).map(|_| random.below(256) as u8).collect()),
            DataType::DtQint8 => Data::I8((0..count).map(|_| random.below(256) as u8 as i8).collect()),
            DataType::DtQint32 | DataType::DtInt32 => {
                Data::I32((0..count).map(|_| random.next() as i32).collect())
            }
            _ => return None,
        };
        Tensor::new(op.dtype, shape, data).ok()
    };
    let placeholders = graph.ids().filter_map(|id| match &graph.node(id).op {
        Op::Placeholder(op) => Some((id.into(), Arc::new(tensor(op, random)?))),
        _ => None,
    });
    placeholders.collect()
}

#[test]
fn damaged_graphs_get_answers() {
    attempts::limited("damaged_graphs_get_answers", || {
        let graphs = graphs();
        assert!(!graphs.is_empty(), "the project carries golden graphs");
        let graph = |seed: u64| &graphs[seed as usize % graphs.len()];
        let reached = attempts::all(
            DAMAGES,
            |seed| graph(seed).0.clone(),
            |seed, random| exercise(&mutate::mutate(&graph(seed).1, random), random),
        );
        attempts::came_far(
            &reached.iter().map(|&r| r >= Reached::Graph).collect::<Vec<_>>(),
            DAMAGES as usize / 10,
        );
        attempts::came_far(
            &reached.iter().map(|&r| r == Reached::Answer).collect::<Vec<_>>(),
            DAMAGES as usize / 50,
        );
    });
}
