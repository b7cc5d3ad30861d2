//! Third-party crates as cargo's directory source wants them: `vendor/NAME-VERSION/` with a checksum file.

use crate::{Files, read};
use serde_json::Value;
use std::path::Path;

/// What a build never reads; licences and readmes stay.
const SKIPPED: [&str; 9] =
    ["tests", "benches", "examples", "fuzz", "fuzz-afl", "test-images", "images", "suppressions", "target"];

/// Adds every registry package that cargo found.
pub(crate) fn collect(metadata: &Value, files: &mut Files) -> Result<(), String> {
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let (name, version) = (text(&package["name"])?, text(&package["version"])?);
        let source = package["source"].as_str();
        if source.is_some_and(|source| source.starts_with("registry+")) {
            let manifest = Path::new(text(&package["manifest_path"])?);
            let folder = manifest.parent().ok_or("a manifest lies in a folder")?;
            add(folder, &format!("vendor/{name}-{version}"), files)?;
        } else if source.is_some() {
            return Err(format!("{name} {version} does not come from a registry, so it cannot be carried"));
        }
    }
    Ok(())
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "cargo metadata: a string is missing".to_owned())
}

fn add(folder: &Path, path: &str, files: &mut Files) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || SKIPPED.contains(&name.as_str()) || name == "Cargo.lock" {
            continue;
        }
        let path = format!("{path}/{name}");
        if entry.path().is_dir() {
            add(&entry.path(), &path, files)?;
        } else {
            files.insert(path, read(&entry.path())?);
        }
    }
    Ok(())
}

/// Adds the checksum file of each crate; the sum is the lock file's.
pub(crate) fn add_checksums(lock: &[u8], files: &mut Files) -> Result<(), String> {
    let lock = String::from_utf8_lossy(lock);
    for package in lock.split("[[package]]").skip(1) {
        let field = |key: &str| {
            let start = package.find(&format!("\n{key} = \""))? + key.len() + 5;
            package[start..].split('"').next()
        };
        let (Some(name), Some(version)) = (field("name"), field("version")) else {
            return Err("Cargo.lock: a package has no name or version".to_owned());
        };
        if let Some(checksum) = field("checksum") {
            // No sums of single files: the crate is part of the package and may be looked into and changed.
            let content = format!("{{\"files\":{{}},\"package\":\"{checksum}\"}}\n");
            files.insert(format!("vendor/{name}-{version}/.cargo-checksum.json"), content.into_bytes());
        }
    }
    Ok(())
}
