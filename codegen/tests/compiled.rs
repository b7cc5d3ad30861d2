//! Generated code gives TensorFlow's bits: every int8 case that the project keeps, and every one of the shared golden
//! selection where that is at hand, baked into one crate and run on every instruction set of this CPU.
//!
//! The crate is built once in cargo's folder for temporary files, without network. It forbids `unsafe` in generated
//! code, denies warnings, and counts allocations: an inference makes none.
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

use bakelite_codegen::calibrate::{self, Method};
use bakelite_codegen::compile::{Options, compile, digest};
use bakelite_codegen::graph::Graph;
use bakelite_codegen::quantize::{self, OpSet, Switch};
use bakelite_codegen::tensor::{Data, Shape, Tensor};
use bakelite_codegen::{graphdef, interpret, zoo};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// One graph with what it is fed and what it gives.
struct Case {
    name: String,
    graph: Graph,
    /// By placeholder.
    feeds: HashMap<String, (Shape, Vec<u8>)>,
    /// One an output of the graph.
    wants: Vec<Vec<u8>>,
    /// The batch to compile for, in place of the feeds' shapes.
    batch: Option<usize>,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder in the workspace").to_path_buf()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A case as the golden selection keeps it.
fn golden(folder: &Path) -> Case {
    let json: serde_json::Value = serde_json::from_slice(&read(&folder.join("case.json"))).unwrap();
    let text = |v: &serde_json::Value| v.as_str().expect("a string").to_owned();
    let mut graph = graphdef::read(&read(&folder.join("graph.pb"))).unwrap();
    let list = |key: &str| json[key].as_array().expect("a list").clone();
    let feed = |f: &serde_json::Value| {
        let shape = f["shape"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap() as usize).collect();
        let name = text(&f["tensor"]).trim_end_matches(":0").to_owned();
        (name, (shape, read(&folder.join(text(&f["file"])))))
    };
    let feeds = list("feeds").iter().map(feed).collect();
    let fetches = list("fetches");
    graph.outputs = fetches.iter().map(|f| graph.edge(&text(&f["tensor"])).expect("an edge")).collect();
    let wants = fetches.iter().map(|f| read(&folder.join(text(&f["file"])))).collect();
    let name = folder.file_name().unwrap().to_string_lossy().replace('-', "m").to_lowercase();
    Case { name, graph, feeds, wants, batch: None }
}

/// All cases of a folder, in order.
fn goldens(folder: &Path) -> Vec<Case> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    folders.retain(|f| f.join("case.json").exists());
    folders.sort();
    folders.iter().map(|f| golden(f)).collect()
}

/// A network of floats in and floats out against the interpreter, whose own test is against TensorFlow.
fn network(folder: &Path, name: &str) -> Case {
    let mut graph = graphdef::read(&read(&folder.join(format!("{name}.pb")))).unwrap();
    graph.outputs = vec![graph.edge("Identity").expect("the networks' output")];
    let (shape, bytes) = (vec![4, 32, 32, 3], read(&folder.join("input.bin")));
    let floats = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let x = Tensor::f32(shape.clone(), floats).unwrap();
    let feeds = HashMap::from([(graph.edge("input").expect("the networks' input"), x.into())]);
    let want = interpret::run(&graph, &feeds, &graph.outputs, Default::default()).unwrap();
    let feeds = HashMap::from([("input".to_owned(), (shape, bytes))]);
    Case { name: name.to_owned(), graph, feeds, wants: vec![to_bytes(&want[0])], batch: None }
}

/// The project's own network for a batch, against the interpreter item by item.
fn batched(batch: usize) -> Case {
    let mut graph = graphdef::read(&read(&workspace().join("models/cifar10_int8.pb"))).unwrap();
    graph.outputs = vec![graph.edge("probabilities").expect("the network's output")];
    let input = graph.edge("input").expect("the network's input");
    let floats: Vec<f32> =
        (0..batch * 32 * 32 * 3).map(|i| ((i * 37 + i / 91) % 256) as f32 / 127.5 - 1.0).collect();
    let mut want = vec![];
    for item in floats.chunks(32 * 32 * 3) {
        let x = Tensor::f32(vec![1, 32, 32, 3], item.to_vec()).unwrap();
        let feeds = HashMap::from([(input, x.into())]);
        let y = interpret::run(&graph, &feeds, &graph.outputs, Default::default()).unwrap();
        want.extend(to_bytes(&y[0]));
    }
    let x = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
    let feeds = HashMap::from([("input".to_owned(), (vec![batch, 32, 32, 3], x))]);
    Case { name: format!("cifar10_batch{batch}"), graph, feeds, wants: vec![want], batch: Some(batch) }
}

/// An elementwise region against the interpreter.
fn region(region: regions::Region) -> Case {
    let regions::Region { name, graph, feeds, .. } = region;
    let bytes = feeds.iter().map(|(x, t)| (graph.name(*x), (t.shape.clone(), to_bytes(t)))).collect();
    let feeds = feeds.into_iter().map(|(x, t)| (x, t.into())).collect();
    let want = interpret::run(&graph, &feeds, &graph.outputs, Default::default()).unwrap();
    let wants = want.iter().map(|want| to_bytes(want)).collect();
    Case { name: format!("region_{name}"), graph, feeds: bytes, wants, batch: None }
}

/// What the quantizer makes of a small network, against the interpreter.
fn form(form: &networks::Form) -> Case {
    let (_, graph, _) = quantized::quantized(form, OpSet::Auto);
    against_interpreter(&format!("form_{}", form.name), graph, "x", network::random(&[1, 6, 6, 4], 7))
}

/// The whole way on a real network: from the zoo over the optimiser, two samples and the quantizer to compiled code,
/// against the interpreter; the logits, since a softmax hides what is far below the greatest.
fn whole_way(name: &str) -> Case {
    let options = quantize::Options {
        inputs: vec!["input".into()],
        outputs: vec!["predictions/BiasAdd".into()],
        calibration: calibrate::Options { method: Method::MinMax, ..Default::default() },
        equalise: Switch::Off,
        equalise_chains: Switch::Off,
        correct_bias: Switch::Off,
        ..Default::default()
    };
    let sample = |seed| Arc::new(network::random(&[1, 224, 224, 3], seed));
    let fp32 = zoo::find(name).expect("a network of the zoo").graph(0);
    let samples = vec![vec![sample(1)], vec![sample(2)]];
    let (graph, _) =
        bakelite_codegen::quantize(fp32, &options, &samples, &mut |_, _, _| {}).expect("it has int8 forms");
    against_interpreter(name, graph, "input", network::random(&[1, 224, 224, 3], 3))
}

/// A graph of one float input and one output, against the interpreter.
fn against_interpreter(name: &str, graph: Graph, input: &str, x: Tensor) -> Case {
    let bytes = HashMap::from([(input.to_owned(), (x.shape.clone(), to_bytes(&x)))]);
    let feeds = HashMap::from([(graph.edge(input).expect("its input"), x.into())]);
    let want = interpret::run(&graph, &feeds, &graph.outputs, Default::default()).unwrap();
    Case { name: name.to_owned(), graph, feeds: bytes, wants: vec![to_bytes(&want[0])], batch: None }
}

fn to_bytes(tensor: &Tensor) -> Vec<u8> {
    match &tensor.data {
        Data::F32(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::U8(v) => v.clone(),
        Data::I8(v) => v.iter().map(|&v| v as u8).collect(),
        data => panic!("{data:?}"),
    }
}

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
    let mut cases: Vec<Case> = regions::all().into_iter().map(region).collect();
    cases.extend(networks::forms().map(form));
    cases.extend(["mobilenet_v2"].into_iter().filter(|name| is_wanted(name)).map(whole_way));
    cases.extend([1, 3].map(batched));
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    if own.exists() {
        cases.extend(goldens(&own));
    }
    let shared = workspace().join("../shared/golden");
    if shared.exists() {
        let known: Vec<String> = cases.iter().map(|c| c.name.clone()).collect();
        cases.extend(goldens(&shared.join("cases")).into_iter().filter(|c| !known.contains(&c.name)));
        let networks = NETWORKS.iter().filter(|name| is_wanted(name));
        cases.extend(networks.map(|name| network(&shared.join("networks"), name)));
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
        let calls = compiled.rust.lines().filter_map(|line| line.trim().strip_prefix("isa.run("));
        let kernels_called = calls.filter_map(|call| call.split_once(' ')).map(|(kernel, _)| kernel);
        let found: Vec<&str> = kernels_called.filter(|kernel| *kernel != "copy::Copy").collect();
        assert_eq!(found, kernels, "{name}");
    }
}

/// How often a form's code calls a kernel.
fn calls(name: &str, kernel: &str) -> usize {
    let form = networks::forms().find(|form| form.name == name).expect("a form of that name");
    let Case { graph, feeds, .. } = self::form(form);
    let shapes = feeds.into_iter().map(|(x, (shape, _))| (x, shape)).collect();
    let compiled =
        compile(&graph, &Options { shapes, shared_from: Some(u64::MAX), ..Options::default() }).unwrap();
    compiled.rust.matches(&format!("isa.run({kernel}")).count()
}

#[test]
fn tensors_lie_where_their_readers_want_them() {
    // One copy each goes to the caller.
    for form in ["concat_signs", "concat_pools", "concat_places"] {
        assert_eq!(calls(form, "copy::Copy "), 1, "{form}");
    }
    assert_eq!(calls("concat_twice", "copy::Copy "), 3, "what is in two places lives apart");
    assert_eq!(calls("concat_nested", "copy::Copy "), 2, "no call reads and writes one buffer");
    assert_eq!(calls("moves", "float::copy"), 1, "the slice is copied; the padded tensor is in its own halo");
}

/// The shared networks: the fp32 original and what Neural Compressor made of it.
const NETWORKS: [&str; 4] =
    ["residual_fp32", "residual_int8_perchannel", "residual_int8_pertensor", "residual_int8_fc_fp32"];
