//! `bakelite run`: computes tensors of a graph.
use crate::engine::{self, Engine, Feeds};
use crate::names::{self, Role};
use crate::{Outcome, arrays, files, progress};
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::ops::{Op, Products};
use bakelite_codegen::tensor::{DataType, Tensor};
use bakelite_codegen::{facts, interpret};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Run a graph on .npy files
///
/// Feeds tensors, computes what the fetches need, and writes each fetched tensor to a file. Any edge may be fed or
/// fetched, not only inputs and outputs: NAME is a node's first output, NAME:k its output k. The reference engine
/// evaluates each op as TensorFlow defines it, in one fixed order; int8 results are TensorFlow's bits.
///
/// The files hold the tensor's own type: quint8 is uint8, qint8 int8, qint32 int32, float float32.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  bakelite run net8.pb --feed input=x.npy --fetch Softmax=y.npy
  bakelite run net8.pb --feed input=x.npy --fetch conv1=q.npy conv1:1=min.npy conv1:2=max.npy
  bakelite run layer.pb --feed x=x.npy --feed w=w.npy --fetch y=y.npy
  bakelite run net8.pb --feed input=x.npy --fetch Softmax=y.npy --engine compiled --isa avx2")]
pub(crate) struct Args {
    /// The GraphDef, binary or text, or a SavedModel folder
    #[arg(value_name = "GRAPH.pb")]
    graph: PathBuf,
    /// Which signature of a SavedModel; without it, serving_default
    #[arg(long, value_name = "NAME")]
    signature: Option<String>,
    /// Give an edge the tensor of a file
    #[arg(long, value_name = "NAME=FILE.npy", num_args = 1.., value_parser = binding)]
    feed: Vec<Binding>,
    /// Compute an edge and write it to a file
    #[arg(long, value_name = "NAME=FILE.npy", num_args = 1.., value_parser = binding, required = true)]
    fetch: Vec<Binding>,
    /// reference interprets the graph; compiled bakes, builds and runs it (with a Rust toolchain; int8 bits are equal)
    #[arg(long, value_enum, default_value_t = Engine::Reference)]
    engine: Engine,
    /// Instruction set of the compiled engine: scalar, avx2, ...; without it, the best of this machine
    #[arg(long, value_name = "NAME")]
    isa: Option<String>,
}

/// `NAME=FILE` of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

/// Parses a [`Binding`].
pub(crate) fn binding(text: &str) -> Result<Binding, String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok(Binding { name: name.to_owned(), file: file.into() })
        }
        _ => Err("expected NAME=FILE.npy".to_owned()),
    }
}

/// Runs the subcommand.
pub(crate) fn main(args: &Args) -> Outcome {
    let graph = files::read_graph(&args.graph, args.signature.as_deref())?;
    let feeds = edges(&graph, &args.feed, Role::Input)?;
    let fetches = edges(&graph, &args.fetch, Role::Output)?;
    distinct(&args.fetch)?;
    let feeds = read(&graph, &feeds)?;
    let wanted: Vec<Edge> = fetches.iter().map(|(edge, _)| *edge).collect();
    let y = match args.engine {
        Engine::Reference => interpret(&graph, &feeds, &wanted)?,
        Engine::Compiled => engine::run(&graph, &feeds, &wanted, args.isa.as_deref())?,
    };
    // All exist before the first is written.
    let written: Vec<_> =
        y.iter().map(|y| arrays::write(y).map_err(Problems::file)).collect::<Result<_, _>>()?;
    written.iter().zip(&fetches).try_for_each(|(bytes, (_, file))| files::write(file, bytes))?;
    Ok(String::new())
}

fn interpret(graph: &Graph, feeds: &Feeds, wanted: &[Edge]) -> Result<Vec<Arc<Tensor>>, Problems> {
    let spinner = progress::spinner("running");
    let y = interpret::run(graph, feeds, wanted, Products::Contract);
    spinner.finish_and_clear();
    y
}

fn edges<'a>(graph: &Graph, list: &'a [Binding], role: Role) -> Result<Vec<(Edge, &'a Path)>, Problems> {
    let (mut edges, mut problems) = (vec![], Problems::default());
    for Binding { name, file } in list {
        match names::edge(graph, name, role) {
            Ok(edge) => edges.push((edge, file.as_path())),
            Err(problem) => problems.0.push(problem),
        }
    }
    problems.into_result(edges)
}

/// Two fetches must not write one file.
fn distinct(list: &[Binding]) -> Result<(), Problems> {
    let twice = list.iter().enumerate().find(|(i, b)| list.iter().take(*i).any(|a| a.file == b.file));
    twice.map_or(Ok(()), |(_, b)| Err(files::problem(&b.file, "two fetches name this file")))
}

/// Reads what is fed. Placeholders tell their types; those of other edges follow from the graph.
fn read(graph: &Graph, feeds: &[(Edge, &Path)]) -> Result<Feeds, Problems> {
    let (mut tensors, mut problems) = (HashMap::new(), Problems::default());
    let mut shapes = HashMap::new();
    for &(edge, file) in feeds {
        let Op::Placeholder(op) = &graph.node(edge.node).op else { continue };
        match arrays::read(file, op.dtype) {
            Ok(tensor) => {
                shapes.insert(graph.node(edge.node).name.clone(), tensor.shape.clone());
                tensors.insert(edge, Arc::new(tensor));
            }
            Err(more) => problems.0.extend(more.0),
        }
    }
    let inner = |(edge, _): &&(Edge, &Path)| !matches!(graph.node(edge.node).op, Op::Placeholder(_));
    if feeds.iter().any(|f| inner(&f)) {
        let (facts, _) = facts::infer(graph, &shapes);
        for &(edge, file) in feeds.iter().filter(inner) {
            let known = facts.get(edge).map(|f| f.dtype);
            match known.ok_or_else(|| untyped(graph, edge)).and_then(|t: DataType| arrays::read(file, t)) {
                Ok(tensor) => drop(tensors.insert(edge, Arc::new(tensor))),
                Err(more) => problems.0.extend(more.0),
            }
        }
    }
    problems.into_result(tensors)
}

fn untyped(graph: &Graph, edge: Edge) -> Problems {
    let node = graph.node(edge.node);
    let reason = Reason::new(format!("the type of `{}` is not known, so it cannot be fed", graph.name(edge)));
    Problems::at(
        &node.name,
        node.op.name(),
        reason.help("feed the graph's inputs too, or cut the graph there"),
    )
}
