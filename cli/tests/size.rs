//! How large executables of real networks are, and that they run.
#[path = "../../codegen/tests/skip/mod.rs"]
mod skip;

use std::path::{Path, PathBuf};
use std::process::Command;

/// What an executable may have beside its weights.
const LIMIT: u64 = 1_000_000;

/// A frozen network, its ends, and its arithmetic on pixels.
struct Case {
    name: &'static str,
    file: &'static str,
    output: &'static str,
    preprocess: &'static str,
}

const MOBILENET: Case = Case {
    name: "mobilenet",
    file: "mobilenet_v1_1.0_224_frozen.pb",
    output: "MobilenetV1/Predictions/Reshape_1",
    preprocess: "x/127.5-1",
};

const EFFICIENTNET: Case = Case {
    name: "efficientnet",
    file: "efficientnet_lite0_224.pb",
    output: "Identity",
    preprocess: "(x-127)/128",
};

fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(path)
}

/// Runs a program to its good end: what it printed.
fn output(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("it starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

fn check(case: &Case) {
    let (model, picture) =
        (shared("models").join(case.file), shared("data/imagenet-calibration/n01440764_tench.jpg"));
    if let Some(absent) = [&model, &picture].into_iter().find(|path| !path.exists()) {
        return skip::skipped(format_args!("{} is not there", absent.display()));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    // One picture: the ranges are no matter here.
    std::fs::create_dir(path("pictures")).expect("it takes folders");
    std::fs::copy(&picture, path("pictures/tench.jpg")).expect("it takes files");
    let tool = Path::new(env!("CARGO_BIN_EXE_bakelite"));
    let (quantized, package) = (path("quantized.pb"), path("package"));
    let model = model.display().to_string();
    let ends = ["quantize", &model, "--input", "input", "--output", case.output];
    let rest = ["--calibration", &path("pictures"), "--preprocess", case.preprocess, "-o", &quantized];
    output(tool, &[&ends[..], &rest].concat());
    output(tool, &["compile", &quantized, "-o", &package, "--name", case.name, "--build"]);
    let executable = Path::new(&package).join(case.name);
    let text = output(&executable, &[&picture.display().to_string(), "--preprocess", case.preprocess]);
    assert!(text.contains("class ") && text.contains(" weight bytes"), "{text}");
    let length = |path: &Path| std::fs::metadata(path).expect("it was written").len();
    let rest = length(&executable) - length(&Path::new(&package).join("src/weights.bin"));
    assert!(rest <= LIMIT, "{}: weights + {rest} bytes", case.name);
}

#[test]
fn mobilenet_is_its_weights_and_a_megabyte() {
    check(&MOBILENET);
}

#[test]
fn efficientnet_is_its_weights_and_a_megabyte() {
    check(&EFFICIENTNET);
}
