//! Files in and out. What is read is bounded; what is written is there whole or not at all.
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::Graph;
use bakelite_codegen::graphdef;
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

/// A GraphDef. Problems of the whole file name it.
pub(crate) fn read_graph(path: &Path) -> Result<Graph, Problems> {
    parse_graph(path, &read(path)?)
}

/// The GraphDef of a file's bytes.
pub(crate) fn parse_graph(path: &Path, bytes: &[u8]) -> Result<Graph, Problems> {
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
