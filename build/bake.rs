//! What the build scripts of this package and of its examples do: choose a network and bake it into `OUT_DIR`.

use bakelite_codegen::about::About;
use bakelite_codegen::bake::{bake, write};
use bakelite_codegen::compile::{Options, digest};
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::Graph;
use bakelite_codegen::tune::Tiles;
use bakelite_codegen::{graphdef, saved_model};
use std::path::{Path, PathBuf};

/// The network of a plain build.
const DEFAULT: (&str, &str) = ("models/cifar10_int8.pb", "models/cifar10.json");
const HELP: &str = "set BAKELITE_MODEL to an int8 GraphDef or a SavedModel folder, or unset it";

/// Bakes `BAKELITE_MODEL` (a calibrated int8 GraphDef or a SavedModel folder; `BAKELITE_ABOUT` may name its
/// description, `BAKELITE_TUNE` measured tiles), or the default network in the project's folder. `BAKELITE_BATCH` is its
/// batch, 1 by default.
pub(crate) fn main(project: &Path) {
    if let Err(problems) = run(project) {
        for line in problems.to_string().lines() {
            println!("cargo::error={}", line.strip_prefix("error: ").unwrap_or(line));
        }
    }
}

/// A file that a variable names.
fn variable(name: &str) -> Option<PathBuf> {
    println!("cargo::rerun-if-env-changed={name}");
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn run(project: &Path) -> Result<(), Problems> {
    let (model, about) = match variable("BAKELITE_MODEL") {
        Some(model) => (model, variable("BAKELITE_ABOUT")),
        None => (project.join(DEFAULT.0), Some(project.join(DEFAULT.1))),
    };
    let about = match about {
        Some(path) => read_about(&path)?,
        None => About::default(),
    };
    println!("cargo::rerun-if-changed={}", model.display());
    let (graph, bytes) = read(&model)?;
    let name = about.name.clone().unwrap_or_else(|| stem(&model));
    let tiles = match variable("BAKELITE_TUNE") {
        Some(path) => read_tiles(&path)?,
        None => Tiles::default(),
    };
    let options = Options { name, digest: digest(&bytes), tiles, batch: batch()?, ..Options::default() };
    let baked = bake(&graph, &options, &about)?;
    let folder = std::env::var_os("OUT_DIR").expect("cargo gives build scripts a folder");
    write(Path::new(&folder), &baked.files)
        .map_err(|error| Problems::file(Reason::new(format!("OUT_DIR: {error}"))))
}

/// The graph of a file or of a SavedModel folder, and the bytes that identify it.
fn read(model: &Path) -> Result<(Graph, Vec<u8>), Problems> {
    if model.is_dir() {
        let graph = saved_model::read(model, None)?;
        let bytes = graphdef::write(&graph)?;
        return Ok((graph, bytes));
    }
    let bytes = std::fs::read(model)
        .map_err(|error| Problems::file(Reason::new(format!("{}: {error}", model.display())).help(HELP)))?;
    Ok((graphdef::read(&bytes)?, bytes))
}

/// `BAKELITE_BATCH`: how many items an inference takes at once.
fn batch() -> Result<Option<usize>, Problems> {
    println!("cargo::rerun-if-env-changed=BAKELITE_BATCH");
    let Some(text) = std::env::var_os("BAKELITE_BATCH").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let number = text.to_str().and_then(|text| text.parse::<u16>().ok()).filter(|number| *number > 0);
    let wrong = || {
        let found = format!("BAKELITE_BATCH is {}", text.display());
        Problems::file(Reason::new(found).supported("a number from 1 to 65535"))
    };
    number.map(|number| Some(number.into())).ok_or_else(wrong)
}

fn read_about(path: &Path) -> Result<About, Problems> {
    println!("cargo::rerun-if-changed={}", path.display());
    println!("cargo::rerun-if-changed={}", path.with_file_name("samples").display());
    About::read(path).map_err(Problems::file)
}

fn read_tiles(path: &Path) -> Result<Tiles, Problems> {
    println!("cargo::rerun-if-changed={}", path.display());
    Tiles::read(path)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
