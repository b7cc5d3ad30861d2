//! The models of an evaluation: graphs, what is fed and fetched, and what computes.
use super::Args;
use crate::engine::{Engine, Network};
use crate::names::{self, Role};
use crate::{files, shapes};
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::facts;
use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::tensor::DataType;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// One model.
pub(super) struct Model {
    pub(super) file: PathBuf,
    pub(super) graph: Graph,
    /// What is fed, in the order of the data's inputs.
    pub(super) inputs: Vec<Edge>,
    pub(super) output: Edge,
    pub(super) engine: Engine,
    /// Built before the first sample, where the engine is [`Engine::Compiled`].
    pub(super) network: Option<Network>,
}

/// Reads all models; what is wrong with any is told at once.
pub(super) fn read(args: &Args) -> Result<Vec<Model>, Problems> {
    let (mut models, mut problems) = (vec![], Problems::default());
    if let Some(name) = args.signature.as_ref().filter(|_| !args.models.iter().any(|m| m.is_dir())) {
        let found = format!("--signature {name}, and no model is a SavedModel folder");
        problems.add("", "", Reason::new(found).help("leave it out: a GraphDef has no signatures"));
    }
    for file in &args.models {
        match one(args, file) {
            Ok(model) => models.push(model),
            Err(more) => problems.0.extend(more.0),
        }
    }
    problems.into_result(models)
}

fn one(args: &Args, file: &Path) -> Result<Model, Problems> {
    let mut graph = files::read_graph(file, args.signature.as_deref().filter(|_| file.is_dir()))?;
    shapes::declare(&mut graph, &args.shape)?;
    let fed: Vec<String> = args.feed.iter().map(|f| f.name.clone()).collect();
    let given = if fed.is_empty() { args.input.iter().cloned().collect() } else { fed };
    let inputs = names::chosen(&graph, &given, Role::Input)?;
    let output = names::chosen(&graph, args.output.as_slice(), Role::Output)?;
    let inputs = names::edges(&graph, &inputs, Role::Input)?;
    let &[output] = &names::edges(&graph, &output, Role::Output)?[..] else {
        return Err(files::problem(file, "one output is measured"));
    };
    graph.outputs = vec![output];
    let engine = args.engine.unwrap_or(if quantized(&graph) { Engine::Compiled } else { Engine::Reference });
    Ok(Model { file: file.to_owned(), graph, inputs, output, engine, network: None })
}

/// Whether any tensor is of a quantized type.
fn quantized(graph: &Graph) -> bool {
    let (facts, _) = facts::infer(graph, &HashMap::new());
    let int8 = |id| facts.outputs(id).is_some_and(|y| y.iter().any(|f| is_quantized(f.dtype)));
    graph.ids().any(int8)
}

fn is_quantized(dtype: DataType) -> bool {
    matches!(dtype, DataType::DtQint8 | DataType::DtQuint8 | DataType::DtQint32)
}

impl Model {
    /// A problem of this model.
    pub(super) fn problem(&self, found: &str) -> Problems {
        Problems::file(Reason::new(format!("{}: {found}", self.file.display())))
    }
}
