//! Generated code gives TensorFlow's bits: every int8 case that the project keeps, and every one of the shared golden
//! selection where that is at hand, baked into one crate and run on every instruction set of this CPU.
//!
//! The crate is built once in cargo's folder for temporary files, without network. It forbids `unsafe` in generated
//! code, denies warnings, and counts allocations: an inference makes none.
#[path = "compiled/case.rs"]
mod case;
#[path = "compiled/float_ops.rs"]
mod float_ops;
#[path = "optimise/network.rs"]
#[allow(dead_code, reason = "its networks are the optimiser's; only its builder is used here")]
mod network;
#[path = "forms/networks.rs"]
#[allow(dead_code, reason = "what a form must hold is another test's")]
mod networks;
#[path = "forms/quantized.rs"]
mod quantized;
mod regions;
mod skip;

use bakelite_codegen::compile::{Options, compile, digest};
use bakelite_codegen::graphdef;
use case::{Case, NETWORKS, workspace};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Bakes a case into `crate/src/cases/NAME` and writes its data to `crate/data/NAME`.
fn bake(case: &Case, folder: &Path) -> Result<(), String> {
    let shapes = case.feeds.iter().map(|(name, (shape, _))| (name.clone(), shape.clone()));
    let shapes = if case.batch.is_some() { HashMap::new() } else { shapes.collect() };
    let digest = digest(&graphdef::write(&case.graph).unwrap());
    let options = Options {
        name: case.name.clone(),
        digest,
        shapes,
        batch: case.batch,
        shared_from: Some(0),
        ..Options::default()
    };
    let compiled = compile(&case.graph, &options).map_err(|problems| format!("{}: {problems}", case.name))?;
    let again = compile(&case.graph, &options).unwrap();
    assert_eq!(again, compiled, "{}: the second time is like the first", case.name);
    let (code, data) = (folder.join("src/cases").join(&case.name), folder.join("data").join(&case.name));
    std::fs::create_dir_all(&code).unwrap();
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(code.join("model.rs"), &compiled.rust).unwrap();
    std::fs::write(code.join("weights.bin"), &compiled.weights).unwrap();
    for (k, input) in compiled.info.inputs.iter().enumerate() {
        std::fs::write(data.join(format!("in_{k}.bin")), &case.feeds[&input.name].1).unwrap();
    }
    for (k, want) in case.wants.iter().enumerate() {
        std::fs::write(data.join(format!("want_{k}.bin")), want).unwrap();
    }
    Ok(())
}

/// The module that includes all cases.
fn cases_rs(cases: &[Case]) -> String {
    let mut text = "//! The cases.\n".to_owned();
    for Case { name, .. } in cases {
        let _ = writeln!(text, "#[forbid(unsafe_code)]\n#[deny(warnings, missing_docs)]");
        let _ = writeln!(text, "mod {name} {{\n    include!(\"cases/{name}/model.rs\");\n}}");
    }
    text += "\n/// Runs all cases on all instruction sets; returns a line a failure.\n";
    text += "pub fn all(folder: &std::path::Path, isas: &[bakelite::kernels::isa::Name]) -> Vec<String> {\n";
    text += "    let mut failures = vec![];\n";
    for Case { name, .. } in cases {
        let _ = writeln!(text, "    let mut model = Box::new({name}::Model::default());");
        let _ = writeln!(text, "    for &isa in isas {{");
        let _ = writeln!(
            text,
            "        failures.extend(crate::check(&mut *model, \"{name}\", folder, isa));\n    }}"
        );
    }
    text + "    failures\n}\n"
}

/// Builds the crate and runs it; its output.
fn run(folder: &Path, cases: &[Case]) -> String {
    let root = workspace();
    let manifest = format!(
        "[package]\nname = \"baked-cases\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         bakelite = {{ path = {root:?}, default-features = false, features = [\"std\"] }}\n\n[workspace]\n\n\
         [profile.release]\nopt-level = 1\ndebug = false\n"
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    // The same versions as the workspace's, so that nothing is looked up.
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    std::fs::write(folder.join("src/main.rs"), include_str!("compiled/main.rs.txt")).unwrap();
    std::fs::write(folder.join("src/cases.rs"), cases_rs(cases)).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["run", "--quiet", "--offline", "--release", "--manifest-path"]);
    build.arg(folder.join("Cargo.toml")).arg("--").arg(folder.join("data"));
    build.env("CARGO_TARGET_DIR", folder.join("target"));
    let output = build.output().expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the generated crate does not build:\n{errors}");
    assert!(errors.is_empty(), "the generated crate builds with warnings:\n{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn generated_code_gives_tensorflows_bits() {
    // `BAKELITE_CASES=concat,pool` runs the cases whose names contain one of those.
    let wanted = std::env::var("BAKELITE_CASES").unwrap_or_default();
    let is_wanted = |name: &str| wanted.split(',').any(|part| name.contains(part));
    let mut cases: Vec<Case> = regions::all().into_iter().map(case::region).collect();
    cases.extend(networks::forms().map(case::form));
    cases.extend(["mobilenet_v2"].into_iter().filter(|name| is_wanted(name)).map(case::whole_way));
    cases.extend([1, 3].map(case::batched));
    cases.push(case::winograd());
    cases.push(float_ops::float_ops());
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    if own.exists() {
        cases.extend(case::goldens(&own));
    }
    let shared = workspace().join("../shared/golden");
    if shared.exists() {
        let known: Vec<String> = cases.iter().map(|c| c.name.clone()).collect();
        cases.extend(case::goldens(&shared.join("cases")).into_iter().filter(|c| !known.contains(&c.name)));
        let networks = NETWORKS.iter().filter(|name| is_wanted(name));
        cases.extend(networks.map(|name| case::network(&shared.join("networks"), name)));
    } else {
        skip::skipped("../shared/golden is not there, only the project's own selection is run");
    }
    cases.retain(|case| is_wanted(&case.name));
    assert!(!cases.is_empty());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("baked-cases");
    for stale in ["src", "data"] {
        let _ = std::fs::remove_dir_all(folder.join(stale));
    }
    let problems: Vec<String> = cases.iter().filter_map(|case| bake(case, &folder).err()).collect();
    assert!(
        problems.is_empty(),
        "{} of {} do not compile:\n{}",
        problems.len(),
        cases.len(),
        problems.join("\n")
    );
    let output = run(&folder, &cases);
    assert!(output.trim_end().ends_with("\n0 failures") || output.trim() == "0 failures", "{output}");
}

#[test]
fn a_region_is_one_layer() {
    for regions::Region { name, graph, kernels, .. } in regions::all() {
        let compiled =
            compile(&graph, &Options { shared_from: Some(u64::MAX), ..Options::default() }).unwrap();
        let called = called(&compiled.rust);
        let found: Vec<&str> = called.into_iter().filter(|kernel| *kernel != "copy::Copy").collect();
        assert_eq!(found, kernels, "{name}");
    }
}

/// The kernels that generated code calls, in order: the last of the values in each `kernel`, whose parameters come before it.
fn called(rust: &str) -> Vec<&str> {
    fn path(line: &str) -> Option<&str> {
        let path = line.trim().split(['<', ' ']).next()?.trim_end_matches("::");
        let (module, name) = path.rsplit_once("::")?;
        let is_module = module.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == ':');
        (is_module && name.starts_with(|c: char| c.is_ascii_uppercase())).then_some(path)
    }
    let bodies = rust.split("fn kernel<'a>").skip(1);
    let values = bodies.filter_map(|body| body.split_once("run(kernel("));
    values.filter_map(|(value, _)| value.lines().rev().find_map(path)).collect()
}

#[test]
fn winograd_is_what_its_case_runs() {
    let compiled = compile(&case::winograd().graph, &Options::default()).unwrap();
    for kernel in ["winograd::Filter {", "winograd::Input {", "winograd::Product::<"] {
        assert_eq!(compiled.rust.matches(kernel).count(), 3, "{kernel}");
    }
}

/// How often a form's code calls a kernel.
fn calls(name: &str, kernel: &str) -> usize {
    let form = networks::forms().find(|form| form.name == name).expect("a form of that name");
    let Case { graph, feeds, .. } = case::form(form);
    let shapes = feeds.into_iter().map(|(x, (shape, _))| (x, shape)).collect();
    let compiled =
        compile(&graph, &Options { shapes, shared_from: Some(u64::MAX), ..Options::default() }).unwrap();
    called(&compiled.rust).iter().filter(|called| called.starts_with(kernel)).count()
}

#[test]
fn tensors_lie_where_their_readers_want_them() {
    // One copy each goes to the caller.
    for form in ["concat_signs", "concat_pools", "concat_places"] {
        assert_eq!(calls(form, "copy::Copy"), 1, "{form}");
    }
    assert_eq!(calls("concat_twice", "copy::Copy"), 3, "what is in two places lives apart");
    assert_eq!(calls("concat_nested", "copy::Copy"), 2, "no call reads and writes one buffer");
    assert_eq!(calls("moves", "float::copy"), 1, "the slice is copied; the padded tensor is in its own halo");
}
