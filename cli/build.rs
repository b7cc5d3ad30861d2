//! Packs what `bakelite compile` writes beside a model: the runtime, the kernels, and the third-party crates that they
//! need, so that a package builds offline anywhere. All of it comes from what this build was made of.
//!
//! ```text
//! carried.bin   (length u32 LE, path, length u32 LE, content)*, paths in ascending order
//! ```

#[path = "build/manifest.rs"]
mod manifest;
#[path = "build/vendor.rs"]
mod vendor;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Files by path.
type Files = BTreeMap<String, Vec<u8>>;

fn main() {
    if let Err(message) = pack() {
        println!("cargo::error={message}");
    }
}

fn pack() -> Result<(), String> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("..");
    let out = PathBuf::from(variable("OUT_DIR")?);
    for path in ["src", "kernels", "linux", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    let workspace = metadata(&root, &["--no-deps"])?;
    let mut files = Files::new();
    files.insert("runtime/Cargo.toml".into(), manifest::render(&workspace, "bakelite")?);
    read_sources(&root.join("src"), "runtime/src", &mut files)?;
    for folder in ["kernels", "linux"] {
        let manifest = manifest::render(&workspace, &format!("bakelite-{folder}"))?;
        files.insert(format!("{folder}/Cargo.toml"), manifest);
        read_sources(&root.join(folder).join("src"), &format!("{folder}/src"), &mut files)?;
    }
    files.remove("runtime/src/main.rs");
    let skeleton = write_skeleton(&root, &out.join("skeleton"), &files)?;
    vendor::collect(&metadata(&skeleton, &[])?, &mut files)?;
    let lock = read(&skeleton.join("Cargo.lock"))?;
    vendor::add_checksums(&lock, &mut files)?;
    files.insert("Cargo.lock".into(), lock);
    std::fs::write(out.join("carried.bin"), packed(&files)?).map_err(|error| error.to_string())
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|error| format!("{name}: {error}"))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// What cargo knows of a package. Offline: everything that the package needs was needed to come here.
fn metadata(folder: &Path, arguments: &[&str]) -> Result<serde_json::Value, String> {
    let mut cargo = Command::new(variable("CARGO")?);
    cargo.args(["metadata", "--offline", "--format-version", "1", "--manifest-path"]);
    let output = cargo.arg(folder.join("Cargo.toml")).args(arguments).output();
    let output = output.map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        return Err(format!("cargo metadata in {}: {complaint}", folder.display()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

/// The Rust files of a folder and its folders, without test modules.
fn read_sources(folder: &Path, path: &str, files: &mut Files) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let (name, from) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        let path = format!("{path}/{name}");
        if from.is_dir() {
            read_sources(&from, &path, files)?;
        } else if name.ends_with(".rs") {
            files.insert(path, read(&from)?);
        }
    }
    Ok(())
}

/// Writes a package with the carried crates as its only members, so that cargo cuts our lock file to what they need.
fn write_skeleton(root: &Path, folder: &Path, files: &Files) -> Result<PathBuf, String> {
    let mut all = files.clone();
    all.insert("Cargo.toml".into(), include_bytes!("src/package/Cargo.toml.txt").to_vec());
    all.insert("src/main.rs".into(), b"fn main() {}\n".to_vec());
    all.insert("Cargo.lock".into(), read(&root.join("Cargo.lock"))?);
    for (path, content) in &all {
        let path = folder.join(path);
        let parent = path.parent().ok_or("a file has a folder")?;
        let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, content));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(folder.to_owned())
}

fn packed(files: &Files) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for (path, content) in files {
        for part in [path.as_bytes(), content] {
            let length = u32::try_from(part.len()).map_err(|_| format!("{path} is too long"))?;
            bytes.extend(length.to_le_bytes());
            bytes.extend(part);
        }
    }
    Ok(bytes)
}
