//! Hostile files: thousands of small damages to real graphs. Whatever comes out of reading, inferring and running them,
//! it is an answer or a `Problem`: no panic, no hang, no memory without bound.
//!
//! The damaging runs in a child process whose address space is limited, so that one wild allocation ends it.
mod classes;
mod mutate;
mod random;
#[path = "../skip/mod.rs"]
mod skip;

use bakelite_codegen::graph::Graph;
use bakelite_codegen::limits::Budget;
use bakelite_codegen::ops::{Op, Products};
use bakelite_codegen::tensor::{Data, DataType, Tensor, elements};
use bakelite_codegen::{compile, facts, graphdef, interpret};
use random::Random;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Address space of the child, in KiB.
const ADDRESS_SPACE: u32 = 4 << 20;
/// What one damaged file may take in a release build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Damages tried in all.
const DAMAGES: usize = 12_000;

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
    let graphs = graphs();
    assert!(!graphs.is_empty(), "the project carries golden graphs");
    if std::env::var_os("HOSTILE_CHILD").is_some() {
        return damage(&graphs);
    }
    let me = std::env::current_exe().expect("a test knows its own path");
    let limited = format!("ulimit -v {ADDRESS_SPACE} && exec \"$0\" \"$@\"");
    let child = Command::new("sh")
        .args(["-c", &limited])
        .arg(me)
        .args(["--exact", "damaged_graphs_get_answers", "--nocapture"])
        .env("HOSTILE_CHILD", "1")
        .output()
        .expect("sh runs");
    let [out, err] = [&child.stdout, &child.stderr].map(|b| String::from_utf8_lossy(b).into_owned());
    assert!(child.status.success(), "{}\n{out}\n{err}", child.status);
}

/// Damages every graph in turn; says all that went wrong, with the seed that makes it again.
fn damage(graphs: &[(String, Vec<u8>)]) {
    let only: Option<u64> = std::env::var("HOSTILE_SEED").ok().and_then(|s| s.parse().ok());
    let seeds = only.map_or(0..DAMAGES as u64, |s| s..s + 1);
    let (mut wrong, mut reached) = (vec![], vec![]);
    for seed in seeds {
        let (name, bytes) = &graphs[seed as usize % graphs.len()];
        let random = &mut Random::new(seed);
        let damaged = mutate::mutate(bytes, random);
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| exercise(&damaged, random)));
        if outcome.is_err() || start.elapsed() > PATIENCE {
            let what = if outcome.is_err() { "panicked" } else { "took too long" };
            wrong.push(format!("HOSTILE_SEED={seed} {what} after {:?}: {name}", start.elapsed()));
        }
        reached.extend(outcome);
    }
    assert!(wrong.is_empty(), "{} of {DAMAGES}:\n{}", wrong.len(), wrong.join("\n"));
    let count = |least| reached.iter().filter(|&&r| r >= least).count();
    let (graphs, answers) = (count(Reached::Graph), count(Reached::Answer));
    println!("{} damaged files: {graphs} are graphs, {answers} run", reached.len());
    // Damage that is always noticed at once would test nothing behind.
    assert!(only.is_some() || (graphs > DAMAGES / 10 && answers > DAMAGES / 50), "too few came far");
}
