//! Graphs through generated code: a graph is cut at what is fed and fetched, baked at the shapes of the feeds, built for
//! one ISA of this machine in the folder that [`cache`] keeps, and served by processes ([`Session`]) that take sample
//! after sample.
use crate::progress;
use bakelite::kernels::isa::Name;
use bakelite_codegen::about::About;
use bakelite_codegen::bake::bake;
use bakelite_codegen::compile::Options;
use bakelite_codegen::emit::TensorInfo;
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::ops::{Op, placeholder::Placeholder};
use bakelite_codegen::tensor::Tensor;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) mod cache;
mod session;
pub(crate) use session::Session;

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Engine {
    /// The interpreter
    Reference,
    /// Generated code
    Compiled,
}

impl Engine {
    /// The word of the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Compiled => "compiled",
        }
    }
}

/// Tensors by the edge that they are fed to.
pub(crate) type Feeds = HashMap<Edge, Arc<Tensor>>;

/// A built network.
pub(crate) struct Network {
    executable: PathBuf,
    /// The edge whose tensor each input takes.
    inputs: Vec<Edge>,
    outputs: Vec<TensorInfo>,
    /// Holds the executable.
    _folder: tempfile::TempDir,
}

impl Network {
    /// Builds what computes `fetches`, each once, from tensors of the shapes and types of `feeds`.
    pub(crate) fn build(
        graph: &Graph,
        feeds: &Feeds,
        fetches: &[Edge],
        isa: Option<&str>,
    ) -> Result<Self, Problems> {
        let isa = choose(isa)?;
        let (cut, names) = cut(graph, feeds, fetches);
        let options = Options { name: cache::NAME.to_owned(), ..Options::default() };
        let baked = bake(&cut, &options, &About::default())?;
        let spinner = progress::spinner("building");
        let built = cache::build(&baked.files, include_str!("engine/main.rs.txt"), isa);
        spinner.finish_and_clear();
        let (folder, executable) = built?;
        // A placeholder that the fetches do not need is no input of the network.
        let edge = |input: &TensorInfo| names.iter().find(|(name, _)| *name == input.name).map(|(_, e)| *e);
        let inputs = baked.info.inputs.iter().filter_map(edge).collect();
        Ok(Self { executable, inputs, outputs: baked.info.outputs, _folder: folder })
    }
}

/// Computes `fetches` once.
pub(crate) fn run(
    graph: &Graph,
    feeds: &Feeds,
    fetches: &[Edge],
    isa: Option<&str>,
) -> Result<Vec<Arc<Tensor>>, Problems> {
    let mut distinct = fetches.to_vec();
    distinct.sort();
    distinct.dedup();
    let network = Network::build(graph, feeds, &distinct, isa)?;
    let (y, _) = Session::start(&network)?.run(feeds)?;
    let y: HashMap<Edge, Arc<Tensor>> = distinct.into_iter().zip(y.into_iter().map(Arc::new)).collect();
    Ok(fetches.iter().filter_map(|edge| y.get(edge).cloned()).collect())
}

/// The named ISA, or the best of this machine.
pub(crate) fn choose(name: Option<&str>) -> Result<Name, Problems> {
    let available = || Name::ALL.iter().copied().filter(|isa| isa.available());
    let found = match name {
        Some(name) => available().find(|isa| isa.as_str() == name),
        None => available().next(),
    };
    found.ok_or_else(|| {
        let found = format!("this CPU has no instruction set {:?}", name.unwrap_or_default());
        let names: Vec<&str> = available().map(Name::as_str).collect();
        Problems::file(Reason::new(found).supported(names.join(", ")))
    })
}

/// The graph with a placeholder of the fed type and shape in the place of every fed edge, and their names.
fn cut(graph: &Graph, feeds: &Feeds, fetches: &[Edge]) -> (Graph, Vec<(String, Edge)>) {
    let (mut cut, mut names) = (graph.clone(), vec![]);
    cut.outputs = fetches.to_vec();
    let mut sorted: Vec<_> = feeds.iter().collect();
    sorted.sort_by_key(|(edge, _)| **edge);
    for (&edge, tensor) in sorted {
        let shape = Some(tensor.shape.iter().map(|&d| d as i64).collect());
        let fed = Placeholder { dtype: tensor.dtype, shape };
        let id = if let Op::Placeholder(_) = cut.node(edge.node).op {
            cut.node_mut(edge.node).op = Op::Placeholder(fed);
            edge.node
        } else {
            let name = cut.fresh(&format!("{}_fed", cut.name(edge).replace(':', "_")));
            let id = cut.add(name, fed, vec![]);
            cut.replace(edge, id.into());
            id
        };
        names.push((cut.node(id).name.clone(), edge));
    }
    (cut, names)
}
