//! A SavedModel folder to a [`Graph`], frozen as TensorFlow freezes it.
//!
//! ```text
//! saved_model.pb | .pbtxt   the graph and functions, signatures, the saver          -> signature, functions
//! variables/variables.*     the tensor bundle                                       -> table, bundle, slice
//! ```
//! Calls are inlined under the call's name, variables become constants under their own. Each input and output of the
//! signature is a node that bears its name there; the tensor's name in the graph stands for it too.
use crate::error::{Problems, Reason};
use crate::graph::Graph;
use crate::graphdef::{self, text};
use crate::wire::{MetaGraphDef, SavedModel};
use prost::Message;
use std::fs::File;
use std::io::Read;
use std::path::Path;

mod bundle;
mod functions;
mod library;
mod signature;
mod slice;
mod table;
mod variables;

/// The longest file that is read: protobuf's own limit.
const LONGEST: u64 = (1 << 31) - 1;
/// The tag of the graph that serves.
const TAG: &str = "serve";

/// Reads a SavedModel; without a name, its `serving_default` signature, or its only one.
pub fn read(folder: &Path, name: Option<&str>) -> Result<Graph, Problems> {
    let (meta, length) = meta_graph(folder).map_err(Problems::file)?;
    let signature = signature::choose(&meta, name).map_err(Problems::file)?;
    let library = library::Library::new(&meta, length);
    let wanted: Vec<String> = signature.outputs.values().map(|t| t.name.clone()).collect();
    let (mut flat, outputs) = functions::flatten(&library, &wanted)?;
    let mut bundle = bundle::Bundle::open(folder).map_err(Problems::file)?;
    let restored = variables::restored(&library, &meta)?;
    let length = length.saturating_add(bundle.as_ref().map_or(0, |b| b.bytes() as usize));
    variables::freeze(&mut flat, &outputs, &restored, bundle.as_mut())?;
    let names = signature::name(&mut flat, signature, &outputs);
    let mut graph = graphdef::believe(&flat, length)?;
    graph.outputs = names.iter().filter_map(|n| graph.edge(n)).collect();
    Ok(graph)
}

/// The one graph of a SavedModel that is tagged to serve, and the length of its file.
fn meta_graph(folder: &Path) -> Result<(MetaGraphDef, usize), Reason> {
    let (binary, text) = (folder.join("saved_model.pb"), folder.join("saved_model.pbtxt"));
    let named = |path: &Path, found: String| Reason::new(format!("{}: {found}", path.display()));
    let bytes = if binary.exists() {
        file(&binary)?
    } else if text.exists() {
        text::to_binary(&file(&text)?, "tensorflow.SavedModel").map_err(|mut r| {
            r.found = format!("{}: {}", text.display(), r.found);
            r
        })?
    } else {
        let found = named(folder, "a folder with neither saved_model.pb nor saved_model.pbtxt".to_owned());
        return Err(found.help("give a SavedModel's folder or a frozen GraphDef"));
    };
    let model = SavedModel::decode(&bytes[..]).map_err(|e| {
        named(&binary, format!("this is not a SavedModel: {e}")).help("copy it again, or save it again")
    })?;
    let tags = |m: &MetaGraphDef| m.meta_info_def.as_ref().map_or(vec![], |i| i.tags.clone());
    let all: Vec<Vec<String>> = model.meta_graphs.iter().map(tags).collect();
    let serving = model.meta_graphs.into_iter().find(|m| tags(m).iter().any(|t| t == TAG));
    let meta = serving.ok_or_else(|| {
        named(folder, format!("no graph is tagged {TAG:?}; the tags are {all:?}")).help("save it for serving")
    })?;
    Ok((meta, bytes.len()))
}

/// The bytes of a regular file; a pipe could keep its reader waiting for ever.
fn file(path: &Path) -> Result<Vec<u8>, Reason> {
    let failed = |e: std::io::Error| Reason::new(format!("{}: {e}", path.display()));
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() || meta.len() > LONGEST {
        let found = format!("{}: not a regular file, or too long", path.display());
        return Err(Reason::new(found).supported("files of less than 2 GiB"));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
