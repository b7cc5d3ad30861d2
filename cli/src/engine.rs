//! `--engine compiled`: the fetches of a graph through generated code. The graph is cut at what is fed and fetched, baked
//! at the shapes of the feeds, built as a package in a temporary folder, and run on `.npy` files.
use crate::{arrays, files, package, progress};
use bakelite_codegen::about::About;
use bakelite_codegen::bake::bake;
use bakelite_codegen::compile::Options;
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::ops::{Op, placeholder::Placeholder};
use bakelite_codegen::tensor::Tensor;
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// The package's name.
const NAME: &str = "network";

/// Computes `fetches`; the bytes of one `.npy` file each.
pub(crate) fn run(
    graph: &Graph,
    feeds: &HashMap<Edge, Arc<Tensor>>,
    fetches: &[Edge],
    isa: Option<&str>,
) -> Result<Vec<Vec<u8>>, Problems> {
    let folder = tempfile::tempdir().map_err(|e| files::problem(&std::env::temp_dir(), e))?;
    let mut distinct = fetches.to_vec();
    distinct.sort();
    distinct.dedup();
    let (cut, inputs) = cut(graph, feeds, &distinct)?;
    let options = Options { name: NAME.to_owned(), ..Options::default() };
    let baked = bake(&cut, &options, &About::default())?;
    let package = folder.path().join("package");
    package::write(&package, NAME, &baked.files)?;
    let spinner = progress::spinner("building");
    let built = package::build(&package, NAME);
    spinner.finish_and_clear();
    let mut command = Command::new(built?);
    command.args(isa.map(|isa| format!("--isa={isa}")));
    for (i, (name, tensor)) in inputs.iter().enumerate() {
        // A placeholder that the fetches do not need is no input of the network.
        if baked.info.inputs.iter().any(|input| input.name == *name) {
            let file = folder.path().join(format!("x{i}.npy"));
            files::write(&file, &arrays::write(tensor).map_err(Problems::file)?)?;
            command.arg("--npy").arg(format!("{name}={}", file.display()));
        }
    }
    let outputs: Vec<_> = (0..distinct.len()).map(|i| folder.path().join(format!("y{i}.npy"))).collect();
    for (output, file) in baked.info.outputs.iter().zip(&outputs) {
        command.arg("--out").arg(format!("{}={}", output.name, file.display()));
    }
    execute(&mut command, folder.path())?;
    let bytes = |edge| distinct.iter().position(|e| e == edge).and_then(|i| outputs.get(i));
    fetches.iter().filter_map(bytes).map(|file| files::read(file)).collect()
}

/// Tensors by the name of their placeholder.
type Named = Vec<(String, Arc<Tensor>)>;

/// The graph with a placeholder of the fed type and shape in the place of every fed edge, and their names.
fn cut(
    graph: &Graph,
    feeds: &HashMap<Edge, Arc<Tensor>>,
    fetches: &[Edge],
) -> Result<(Graph, Named), Problems> {
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
        names.push((cut.node(id).name.clone(), Arc::clone(tensor)));
    }
    Ok((cut, names))
}

fn execute(command: &mut Command, folder: &Path) -> Result<(), Problems> {
    let output = command.output().map_err(|e| files::problem(folder, e))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Problems::file(Reason::new(format!("the compiled network: {}: {said}", output.status))))
}
