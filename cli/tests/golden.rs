//! The tool from end to end: golden cases through `bakelite run`, as files in and files out, and `quantize` twice.
#[path = "../../codegen/tests/skip/mod.rs"]
mod skip;

use bakelite::{TensorRef, npy};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codegen/tests/golden/cases");
    let entries = std::fs::read_dir(folder).expect("the golden cases are in the repository");
    let mut cases: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    cases.sort();
    cases
}

/// The `.npy` file of one tensor of a case.
fn file(folder: &Path, entry: &Value) -> Vec<u8> {
    let bytes = std::fs::read(folder.join(entry["file"].as_str().expect("a file"))).expect("it is there");
    let shape: Vec<usize> = entry["shape"]
        .as_array()
        .expect("a shape")
        .iter()
        .map(|d| d.as_u64().expect("a size") as usize)
        .collect();
    let words = || bytes.as_chunks::<4>().0.iter();
    match entry["dtype"].as_str().expect("a type") {
        "quint8" => npy::write(TensorRef::U8(&bytes), &shape),
        "qint8" => npy::write(TensorRef::I8(&bytes.iter().map(|&b| b as i8).collect::<Vec<_>>()), &shape),
        "float" => {
            npy::write(TensorRef::F32(&words().map(|&w| f32::from_le_bytes(w)).collect::<Vec<_>>()), &shape)
        }
        _ => npy::write(TensorRef::I32(&words().map(|&w| i32::from_le_bytes(w)).collect::<Vec<_>>()), &shape),
    }
}

/// Runs a case through the tool; `Err` is what differs.
fn check(case: &Path, engine: &str) -> Result<(), String> {
    let json = std::fs::read(case.join("case.json")).map_err(|e| e.to_string())?;
    let json: Value = serde_json::from_slice(&json).map_err(|e| e.to_string())?;
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_bakelite"));
    command.arg("run").arg(case.join("graph.pb")).args(["--engine", engine]);
    // What the compiled engine keeps belongs to this build, not to the user.
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    let list = |key: &str| json[key].as_array().cloned().unwrap_or_default();
    for (i, entry) in list("feeds").iter().enumerate() {
        let path = folder.path().join(format!("x{i}.npy"));
        std::fs::write(&path, file(case, entry)).map_err(|e| e.to_string())?;
        command.arg("--feed").arg(format!("{}={}", entry["tensor"].as_str().unwrap_or(""), path.display()));
    }
    let path = |i: usize| folder.path().join(format!("y{i}.npy"));
    for (i, entry) in list("fetches").iter().enumerate() {
        command.arg("--fetch").arg(format!(
            "{}={}",
            entry["tensor"].as_str().unwrap_or(""),
            path(i).display()
        ));
    }
    let output = command.output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let same = |(i, entry)| std::fs::read(path(i)).ok() == Some(file(case, entry));
    if list("fetches").iter().enumerate().all(same) { Ok(()) } else { Err("other bits".to_owned()) }
}

#[test]
fn golden_cases_run_from_files_to_files() {
    let cases = cases();
    assert!(cases.len() > 10, "only {} golden cases", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|c| check(c, "reference").err().map(|e| format!("{}: {e}", c.display())))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn a_golden_case_runs_compiled() {
    let case =
        cases().into_iter().find(|c| c.display().to_string().contains("conv_")).expect("a convolution");
    assert_eq!(check(&case, "compiled"), Ok(()), "{}", case.display());
}

#[test]
fn quantizing_twice_gives_the_same_bytes() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/golden/networks/residual_fp32.pb");
    if !model.exists() {
        return skip::skipped(format_args!("{} is not there", model.display()));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let x: Vec<f32> = (0..4 * 32 * 32 * 3).map(|i| ((i * 37) % 255) as f32 / 127.5 - 1.0).collect();
    let samples = folder.path().join("x.npy");
    std::fs::write(&samples, npy::write(TensorRef::F32(&x), &[4, 32, 32, 3])).expect("it takes files");
    let ranges = folder.path().join("ranges");
    let quantize = |name: &str, threads: &str, keep: &str| {
        let out = folder.path().join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_bakelite"));
        command.arg("quantize").arg(&model).arg("--calibration").arg(&samples).arg("-o").arg(&out);
        command.arg(keep).arg(&ranges);
        let output = command.env("RAYON_NUM_THREADS", threads).output().expect("the tool starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read(out).expect("it was written")
    };
    let graph = quantize("a.pb", "1", "--save-ranges");
    assert!(graph == quantize("b.pb", "2", "--save-ranges"), "one and two threads give other graphs");
    assert!(graph == quantize("c.pb", "1", "--ranges"), "the ranges used again give another graph");
}

#[test]
fn saved_models_quantize_without_freezing() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codegen/tests/saved_model");
    for (name, input, output) in [("keras", "inputs", "output_0"), ("tf1", "image", "probabilities")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [x, int8, json, y] = ["x.npy", "int8.pb", "numbers.json", "y.npy"].map(|f| folder.path().join(f));
        let bytes = std::fs::read(fixtures.join(format!("{name}.x.bin"))).expect("a fixture");
        let floats: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&w| f32::from_le_bytes(w)).collect();
        std::fs::write(&x, npy::write(TensorRef::F32(&floats), &[2, 8, 8, 3])).expect("it takes files");
        let run = |command: &mut Command| {
            let output = command.output().expect("the tool starts");
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let tool = || Command::new(env!("CARGO_BIN_EXE_bakelite"));
        let model = fixtures.join(name);
        run(tool().arg("quantize").arg(&model).arg("--calibration").arg(&x).arg("-o").arg(&int8));
        let feed = format!("{input}={}", x.display());
        let ends = ["--signature", "serving_default", "--feed", &feed, "--output", output];
        let how = ["--metric", "cosine", "--engine", "reference", "--json"];
        let mut eval = tool();
        eval.arg("eval").args([&model, &int8]).args(ends).args(how).arg(&json);
        run(eval.arg("--predictions").arg(&y));
        let y = npy::parse(&std::fs::read(&y).expect("predictions")).expect("an array");
        assert_eq!(y.shape[..2], [2, 2], "models and samples");
        let json: Value = serde_json::from_slice(&std::fs::read(json).expect("numbers")).expect("JSON");
        let cosine = json["models"][1]["cosine"].as_f64().unwrap_or_default();
        assert!(cosine > 0.999, "{name}: {json}");
        let target = ["--target-drop", "1e-9", "--metric", "cosine", "--feed", &feed];
        let mut quantize = tool();
        quantize.arg("quantize").arg(&model).arg("--calibration").arg(&x).arg("-o").arg(&int8);
        let told = run(quantize.args(target));
        assert!(told.contains("target 0.000000001 points: cosine 100.00 in fp32"), "{name}: {told}");
        assert!(told.contains("in fp32 (2 samples)"), "{name}: layers are kept: {told}");
    }
}
