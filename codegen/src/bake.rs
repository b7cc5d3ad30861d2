//! A network as the files of a source folder: what the root package's build script and `bakelite compile` write.
//!
//! ```text
//! model.rs  weights.bin      the network, see `emit`
//! about.rs  samples/         its description for people, see `about`
//! ```
use crate::about::About;
use crate::compile::{self, Compiled, Options};
use crate::emit::Info;
use crate::error::{Problems, Reason};
use crate::graph::Graph;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A network's files by path, and what is known of it.
#[derive(Clone, Debug)]
pub struct Baked {
    /// The files, to be written into one folder.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What is known of the network.
    pub info: Info,
}

/// Compiles a graph and joins it with its description.
pub fn bake(graph: &Graph, options: &Options, about: &About) -> Result<Baked, Problems> {
    let Compiled { rust, weights, info } = compile::compile(graph, options)?;
    check_classes(about, &info)?;
    let mut files = about.files();
    files.insert("model.rs".to_owned(), rust.into_bytes());
    files.insert("weights.bin".to_owned(), weights);
    Ok(Baked { files, info })
}

/// Each element of the first output has a name, or none has.
fn check_classes(about: &About, info: &Info) -> Result<(), Problems> {
    let Some(output) = info.outputs.first().filter(|_| !about.classes.is_empty()) else { return Ok(()) };
    let elements: usize = output.shape.iter().product();
    if elements == about.classes.len() {
        return Ok(());
    }
    let found = format!(
        "{} classes are named, output `{}` has {elements} elements",
        about.classes.len(),
        output.name
    );
    Err(Problems::file(Reason::new(found).help("name every class, in the order of the output, or none")))
}

/// Writes files into a folder, and its folders where they are missing.
pub fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for (path, content) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(&path, content)?;
    }
    Ok(())
}
