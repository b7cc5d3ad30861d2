//! What the tool says to broken input. Each case is a folder of files that is made here, and a command line; the
//! expected standard error is `ui/NAME.stderr`. The exit code is 1, standard output is empty, and no file is left.
//!
//! `BLESS=1 cargo test -p bakelite-cli --test ui` writes the expectations anew: read the difference before you commit it.
mod cases;
mod graphs;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One broken input.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Names, perhaps in a folder, and contents.
    pub(crate) files: Vec<(&'static str, Vec<u8>)>,
    /// Separated by spaces.
    pub(crate) args: &'static str,
}

fn run(case: &Case, folder: &Path) -> Output {
    for (name, bytes) in &case.files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).expect("a temporary folder takes folders");
        std::fs::write(path, bytes).expect("a temporary folder takes files");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_bakelite"));
    command.current_dir(folder).args(case.args.split(' ')).output().expect("the tool starts")
}

/// What is wrong with the outcome of a case, if anything is.
fn check(case: &Case) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let output = run(case, folder.path());
    let [said, printed] = [&output.stderr, &output.stdout].map(|b| String::from_utf8_lossy(b).into_owned());
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/ui/{}.stderr", case.name));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&expected, &said).map_err(|e| e.to_string())?;
    }
    let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
    let mut left: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map_err(|e| e.to_string())?
        .filter_map(|e| e.ok().map(|e| PathBuf::from(e.file_name())))
        .filter(|f| !case.files.iter().any(|(name, _)| Path::new(name).starts_with(f)))
        .collect();
    left.sort();
    match () {
        () if output.status.code() != Some(1) => Err(format!("{}\n{printed}{said}", output.status)),
        () if !printed.is_empty() => Err(format!("printed {printed}")),
        () if !left.is_empty() => Err(format!("left {left:?}")),
        () if said != wanted => Err(format!("said\n{said}instead of\n{wanted}")),
        () => Ok(()),
    }
}

#[test]
fn broken_input_gets_one_precise_error_each() {
    let cases = cases::all();
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| check(case).err().map(|why| format!("{}: {why}", case.name)))
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_expectation_has_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let names: Vec<String> = cases::all().iter().map(|c| format!("{}.stderr", c.name)).collect();
    for entry in std::fs::read_dir(folder).expect("the folder of this file").flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        assert!(!file.ends_with(".stderr") || names.contains(&file), "{file} belongs to no case");
    }
}
