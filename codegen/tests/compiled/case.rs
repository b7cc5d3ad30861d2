//! Graphs with what they are fed and what they give: TensorFlow's answers where they were kept, else the interpreter's,
//! whose own tests are against TensorFlow.
use crate::{network, networks, quantized, regions};
use bakelite_codegen::calibrate::{self, Method};
use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::quantize::{self, OpSet, Switch};
use bakelite_codegen::tensor::{Data, Shape, Tensor};
use bakelite_codegen::{graphdef, interpret, zoo};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One graph with what it is fed and what it gives.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) graph: Graph,
    /// By placeholder.
    pub(crate) feeds: HashMap<String, (Shape, Vec<u8>)>,
    /// One an output of the graph.
    pub(crate) wants: Vec<Vec<u8>>,
    /// The batch to compile for, in place of the feeds' shapes.
    pub(crate) batch: Option<usize>,
}

pub(crate) fn workspace() -> PathBuf {
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
pub(crate) fn goldens(folder: &Path) -> Vec<Case> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    folders.retain(|f| f.join("case.json").exists());
    folders.sort();
    folders.iter().map(|f| golden(f)).collect()
}

/// A network of floats in and floats out against the interpreter, whose own test is against TensorFlow.
pub(crate) fn network(folder: &Path, name: &str) -> Case {
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
pub(crate) fn batched(batch: usize) -> Case {
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
pub(crate) fn region(region: regions::Region) -> Case {
    let regions::Region { name, graph, feeds, .. } = region;
    let bytes = feeds.iter().map(|(x, t)| (graph.name(*x), (t.shape.clone(), to_bytes(t)))).collect();
    let feeds = feeds.into_iter().map(|(x, t)| (x, t.into())).collect();
    let want = interpret::run(&graph, &feeds, &graph.outputs, Default::default()).unwrap();
    let wants = want.iter().map(|want| to_bytes(want)).collect();
    Case { name: format!("region_{name}"), graph, feeds: bytes, wants, batch: None }
}

/// What the quantizer makes of a small network, against the interpreter.
pub(crate) fn form(form: &networks::Form) -> Case {
    let (_, graph, _) = quantized::quantized(form, OpSet::Auto);
    against_interpreter(&format!("form_{}", form.name), graph, "x", network::random(&[1, 6, 6, 4], 7))
}

/// The whole way on a real network: from the zoo over the optimiser, two samples and the quantizer to compiled code,
/// against the interpreter; the logits, since a softmax hides what is far below the greatest.
pub(crate) fn whole_way(name: &str) -> Case {
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

/// Convolutions of 3x3 taps that are computed by Winograd: signed and unsigned inputs, a summand, groups of every width, two images.
pub(crate) fn winograd() -> Case {
    let shape = [2, 23, 28, 64];
    let mut n = network::Network::new(&shape.map(|d| d as i64));
    let first = biased(&mut n, |n| n.conv("Conv2D", n.x, &[3, 3, 64, 64], "SAME"), 64);
    let relu = n.op("Relu", &[first]);
    let second = biased(&mut n, |n| n.conv("Conv2D", relu, &[3, 3, 64, 64], "SAME"), 64);
    let sum = n.op("AddV2", &[second, relu]);
    let sum = n.op("Relu", &[sum]);
    let last = biased(&mut n, |n| n.conv("Conv2D", sum, &[3, 3, 64, 112], "SAME"), 112);
    let options = quantize::Options {
        inputs: vec!["x".into()],
        outputs: vec!["y".into()],
        calibration: calibrate::Options { method: Method::MinMax, ..Default::default() },
        equalise: Switch::Off,
        equalise_chains: Switch::Off,
        correct_bias: Switch::Off,
        ..Default::default()
    };
    let samples = vec![vec![Arc::new(network::random(&shape, 1))]];
    let quantized = bakelite_codegen::quantize(n.finish(last), &options, &samples, &mut |_, _, _| {});
    let (graph, _) = quantized.expect("it has int8 forms");
    against_interpreter("winograd", graph, "x", network::random(&shape, 2))
}

fn biased(
    n: &mut network::Network,
    product: impl FnOnce(&mut network::Network) -> Edge,
    channels: usize,
) -> Edge {
    let y = product(n);
    let bias = n.weights(&[channels]);
    n.op("BiasAdd", &[y, bias])
}

/// A graph of one float input and one output, against the interpreter.
pub(crate) fn against_interpreter(name: &str, graph: Graph, input: &str, x: Tensor) -> Case {
    let bytes = HashMap::from([(input.to_owned(), (x.shape.clone(), to_bytes(&x)))]);
    let feeds = HashMap::from([(graph.edge(input).expect("its input"), x.into())]);
    let want = interpret::run(&graph, &feeds, &graph.outputs, Default::default()).unwrap();
    Case { name: name.to_owned(), graph, feeds: bytes, wants: vec![to_bytes(&want[0])], batch: None }
}

pub(crate) fn to_bytes(tensor: &Tensor) -> Vec<u8> {
    match &tensor.data {
        Data::F32(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::I32(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::I64(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::U8(v) => v.clone(),
        Data::I8(v) => v.iter().map(|&v| v as u8).collect(),
        data => panic!("{data:?}"),
    }
}

/// The shared networks: the fp32 original and what Neural Compressor made of it.
pub(crate) const NETWORKS: [&str; 4] =
    ["residual_fp32", "residual_int8_perchannel", "residual_int8_pertensor", "residual_int8_fc_fp32"];
