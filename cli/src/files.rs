//! Files in and out. What is read is bounded; what is written is there whole or not at all.
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::Graph;
use bakelite_codegen::{graphdef, saved_model};
use std::fmt::Display;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The longest file that is read: protobuf's own limit.
pub(crate) const LONGEST: u64 = (1 << 31) - 1;

/// A problem of a whole file.
pub(crate) fn problem(path: &Path, found: impl Display) -> Problems {
    Problems::file(reason(path, found))
}

/// The reason of such a problem, for adding to others.
pub(crate) fn reason(path: &Path, found: impl Display) -> Reason {
    Reason::new(format!("{}: {found}", path.display()))
}

/// A file's bytes.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Problems> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| problem(path, e))?;
    // One byte more than is allowed tells a file that is too long, even one that has no length (a pipe, a device).
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|e| problem(path, e))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Problems::file(
            reason(path, "the file is too long").supported("files of less than 2 GiB"),
        ));
    }
    Ok(bytes)
}

/// Bytes of a file, or of the files of a SavedModel folder.
pub(crate) fn length(path: &Path) -> std::io::Result<u64> {
    let meta = std::fs::metadata(path)?;
    if !meta.is_dir() {
        return Ok(meta.len());
    }
    let mut bytes = 0;
    for folder in [path.to_owned(), path.join("variables")].iter().filter(|f| f.is_dir()) {
        for entry in std::fs::read_dir(folder)? {
            let meta = entry?.metadata()?;
            bytes += if meta.is_file() { meta.len() } else { 0 };
        }
    }
    Ok(bytes)
}

/// A GraphDef, binary or text, or a SavedModel folder and the signature meant. Problems of the whole file name it.
pub(crate) fn read_graph(path: &Path, signature: Option<&str>) -> Result<Graph, Problems> {
    if path.is_dir() {
        return saved_model::read(path, signature);
    }
    if let Some(name) = signature {
        let reason = reason(path, format!("--signature {name} of what is no SavedModel folder"));
        return Err(Problems::file(reason.help("leave it out: a GraphDef has no signatures")));
    }
    parse_graph(path, &read(path)?)
}

/// The same, with the bytes that identify it: the file's, or those that a folder freezes to.
pub(crate) fn read_model(path: &Path, signature: Option<&str>) -> Result<(Graph, Vec<u8>), Problems> {
    if path.is_dir() || signature.is_some() {
        let graph = read_graph(path, signature)?;
        let bytes = graphdef::write(&graph)?;
        return Ok((graph, bytes));
    }
    let bytes = read(path)?;
    Ok((parse_graph(path, &bytes)?, bytes))
}

/// The GraphDef of a file's bytes.
fn parse_graph(path: &Path, bytes: &[u8]) -> Result<Graph, Problems> {
    graphdef::read(bytes).map_err(|mut problems| {
        for problem in problems.0.iter_mut().filter(|p| p.node.is_empty() && p.op.is_empty()) {
            problem.reason.found = format!("{}: {}", path.display(), problem.reason.found);
        }
        problems
    })
}

/// Writes a file aside, then renames it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Problems> {
    bakelite::files::write(path, bytes).map_err(|e| {
        let help = if e.kind() == ErrorKind::NotFound { "create the folder first" } else { "" };
        Problems::file(reason(path, e).help(help))
    })
}
