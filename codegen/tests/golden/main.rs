//! TensorFlow's own outputs, bit for bit: every int8 operation and its variants, through reader and interpreter.
//!
//! A selection of cases lies beside this file. All of them, and whole networks, are in a folder outside the project; where
//! that is absent, those tests say so and pass.
mod case;
mod networks;
#[path = "../skip/mod.rs"]
mod skip;

use case::Case;
use std::path::{Path, PathBuf};

/// A folder beside the workspace that holds what is too large for it.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/golden").join(name);
    if path.is_dir() {
        return Some(path);
    }
    skip::skipped(format_args!("{} is not there", path.display()));
    None
}

/// Runs every case of a folder and reports all that fail; returns how many there are.
fn run_all(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let mut paths: Vec<PathBuf> =
        entries.map(|e| e.expect("an entry").path()).filter(|p| p.is_dir()).collect();
    paths.sort();
    let failures: Vec<String> = paths.iter().filter_map(|path| Case::read(path).check().err()).collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases failed:\n{}",
        failures.len(),
        paths.len(),
        failures.join("\n")
    );
    paths.len()
}

#[test]
fn the_selection_in_the_project() {
    let count = run_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases"));
    assert!(count >= 40, "only {count} cases: some are missing");
}

#[test]
fn every_shared_case() {
    if let Some(folder) = shared("cases") {
        assert_eq!(run_all(&folder), 206);
    }
}
