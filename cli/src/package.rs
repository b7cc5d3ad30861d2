//! Writes a network as a self-contained cargo package, and builds it.
//!
//! ```text
//! FOLDER/  Cargo.toml  Cargo.lock  README.md  .cargo/config.toml  .bakelite
//!          build.rs  link.ld               what the linker leaves out
//!          src/        main.rs  about.rs  samples/  model.rs  weights.bin
//!          runtime/  kernels/  linux/  vendor/     carried by this tool, see build.rs
//! ```
//!
//! The folder is written aside and then renamed. The same network gives the same bytes. A folder that holds anything
//! without `.bakelite`, the mark of this module, is left alone; what was built in ours before (`target/`) is kept.

use crate::files::{problem, reason};
use bakelite_codegen::error::Problems;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

mod carried;

/// Marks a folder as ours.
const MARK: &str = ".bakelite";

/// The target of the executable; `.cargo/config.toml` names it too.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A name that cargo and a file system take: a letter, then letters, digits, `-`, `_`; at most 64.
pub(crate) fn checked_name(name: &str) -> Result<&str, Problems> {
    let mut characters = name.chars();
    let first = characters.next().is_some_and(|c| c.is_ascii_alphabetic());
    let rest = characters.all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if first && rest && name.len() <= 64 && !RESERVED.contains(&name) {
        return Ok(name);
    }
    Err(Problems::file(
        bakelite_codegen::error::Reason::new(format!("the name {name:?} cannot be a package's"))
            .supported(
                "a letter, then letters, digits, `-` and `_`, at most 64; no crate's name or Rust word",
            )
            .help("give --name NAME"),
    ))
}

/// Names that are taken in the package, or that cargo refuses.
const RESERVED: [&str; 24] = [
    "bakelite",
    "bakelite-kernels",
    "bakelite-linux",
    "build",
    "core",
    "std",
    "alloc",
    "test",
    "proc-macro",
    "deps",
    "examples",
    "incremental",
    "heapless",
    "bytemuck",
    "model",
    "runtime",
    "kernels",
    "linux",
    "src",
    "target",
    "vendor",
    "crate",
    "self",
    "main",
];

/// A cargo name made from a file's name.
pub(crate) fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = stem.chars().map(keep).collect();
    name.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).chars().take(64).collect()
}

/// What every package carries: the runtime, the kernels, third-party crates, and a lock file for the name.
pub(crate) fn carried(name: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = carried::files();
    files.insert("Cargo.lock".to_owned(), lock(&files, name));
    files
}

/// Writes the package; `network` holds the files of `src/` beside `main.rs`.
pub(crate) fn write(folder: &Path, name: &str, network: &BTreeMap<String, Vec<u8>>) -> Result<(), Problems> {
    let mut files = carried(name);
    files.insert("Cargo.toml".to_owned(), named(include_str!("package/Cargo.toml.txt"), name));
    files.insert("README.md".to_owned(), named(include_str!("package/README.md.txt"), name));
    files.insert(".cargo/config.toml".to_owned(), include_bytes!("package/config.toml.txt").to_vec());
    files.insert("build.rs".to_owned(), include_bytes!("package/build.rs.txt").to_vec());
    files.insert("link.ld".to_owned(), include_bytes!("package/link.ld.txt").to_vec());
    files.insert("src/main.rs".to_owned(), include_bytes!("package/main.rs.txt").to_vec());
    files.insert(
        MARK.to_owned(),
        format!("{name}, written by bakelite {}\n", env!("CARGO_PKG_VERSION")).into(),
    );
    files.extend(network.iter().map(|(path, content)| (format!("src/{path}"), content.clone())));
    may_replace(folder)?;
    replace(folder, &files).map_err(|error| problem(folder, error))
}

fn named(template: &str, name: &str) -> Vec<u8> {
    template.replace("name = \"baked\"", &format!("name = \"{name}\"")).replace("{name}", name).into_bytes()
}

/// The lock file with the package's own name at its place in the order.
fn lock(files: &BTreeMap<String, Vec<u8>>, name: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(files.get("Cargo.lock").map_or(&[], Vec::as_slice)).into_owned();
    let mut parts = text.split("[[package]]\n").map(|part| format!("{}\n", part.trim_end()));
    let head = parts.next().unwrap_or_default();
    let mut packages: Vec<_> =
        parts.map(|part| part.replace("name = \"baked\"\n", &format!("name = \"{name}\"\n"))).collect();
    packages.sort();
    let packages: Vec<_> = packages.iter().map(|package| format!("\n[[package]]\n{package}")).collect();
    format!("{head}{}", packages.concat()).into_bytes()
}

/// Whether the folder is absent, empty or ours.
fn may_replace(folder: &Path) -> Result<(), Problems> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(problem(folder, error)),
        Ok(mut entries) => match entries.next().is_none() || folder.join(MARK).is_file() {
            true => Ok(()),
            false => Err(Problems::file(
                reason(folder, "the folder is not empty, and `bakelite compile` did not write it")
                    .help("give another folder with -o, or remove this one"),
            )),
        },
    }
}

/// Writes all files into a folder aside and gives it the name; what was built stays.
fn replace(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    // A name like `.` or `net/` has no last part of its own.
    let folder = &std::path::absolute(folder)?;
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    let aside = bakelite::files::aside(folder)?;
    let written = bakelite_codegen::bake::write(&aside, files).and_then(|()| swap(folder, &aside));
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_dir_all(&aside);
    }
    written
}

/// Puts the new folder in the place of the old one.
fn swap(folder: &Path, new: &Path) -> io::Result<()> {
    if !folder.exists() {
        return fs::rename(new, folder);
    }
    if folder.join("target").exists() {
        fs::rename(folder.join("target"), new.join("target"))?;
    }
    let old = new.with_extension("old");
    fs::rename(folder, &old)?;
    fs::rename(new, folder)?;
    fs::remove_dir_all(old)
}

/// Builds the package: the static executable `FOLDER/NAME`.
pub(crate) fn build(folder: &Path, name: &str) -> Result<PathBuf, Problems> {
    let built = cargo_build(folder, Some(TARGET), name)?;
    let executable = folder.join(name);
    install(&built, &executable).map_err(|error| problem(&executable, error))?;
    Ok(executable)
}

/// Runs cargo in a package whose configuration names that target, or none; where the executable lies.
pub(crate) fn cargo_build(folder: &Path, target: Option<&str>, name: &str) -> Result<PathBuf, Problems> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command
        .args(["build", "--release", "--offline", "--quiet", "--target-dir", "target"])
        .current_dir(folder);
    for variable in OVERRIDES {
        command.env_remove(variable);
    }
    let help = "install a Rust toolchain (1.95 or newer) with the target x86_64-unknown-linux-gnu";
    // Cargo's own complaints go to stderr as they are.
    let status =
        command.status().map_err(|error| Problems::file(reason(Path::new(&cargo), error).help(help)))?;
    if !status.success() {
        return Err(Problems::file(reason(folder, format!("cargo build: {status}")).help(help)));
    }
    Ok(folder.join("target").join(target.unwrap_or_default()).join("release").join(name))
}

/// What would change the build from outside.
const OVERRIDES: [&str; 6] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
];

/// Copies an executable aside, then renames it: one that is running stays whole.
fn install(from: &Path, to: &Path) -> io::Result<()> {
    let aside = bakelite::files::aside(to)?;
    fs::copy(from, &aside)?;
    fs::rename(&aside, to)
}

#[cfg(test)]
mod tests;
