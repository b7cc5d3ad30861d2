//! The optimiser keeps meaning: the graph before and after it gives the same numbers, and its text is the golden one.
//! `BLESS=1` writes the golden files anew.
mod generator;
mod network;
#[path = "../skip/mod.rs"]
mod skip;
use bakelite_codegen::graph::Graph;
use bakelite_codegen::ops::Products;
use bakelite_codegen::passes::{PASSES, optimise_counting};
use bakelite_codegen::tensor::Tensor;
use bakelite_codegen::{graphdef, interpret, optimise};
use network::{Network, random};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

fn run(graph: &Graph, x: &Tensor, output: &str) -> Vec<f32> {
    let feeds = HashMap::from([(graph.edge("x").or(graph.edge("input")).unwrap(), Arc::new(x.clone()))]);
    let y = interpret::run(graph, &feeds, &[graph.edge(output).unwrap()], Products::Contract).unwrap();
    y[0].as_f32().unwrap().to_vec()
}

/// Optimises, and requires outputs within 1e-5 of their greatest magnitude, which is not zero.
fn same(name: &str, graph: &Graph, x: &Tensor, output: &str) -> Graph {
    let (after, magnitude) = close(name, graph, x, output);
    assert!(magnitude > 0.0, "{name}");
    after
}

fn close(name: &str, graph: &Graph, x: &Tensor, output: &str) -> (Graph, f32) {
    let input = if graph.edge("x").is_some() { "x" } else { "input" };
    let after = optimise(graph.clone(), &[input.into()], &[output.into()]).unwrap();
    let (a, b) = (run(graph, x, output), run(&after, x, output));
    let magnitude = a.iter().fold(0f32, |m, v| m.max(v.abs()));
    let worst = a.iter().zip(&b).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(worst <= 1e-5 * magnitude, "{name}: {worst} of {magnitude}");
    (after, magnitude)
}

fn golden(name: &str, graph: &Graph) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/optimise/{name}.graph"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, graph.to_string()).unwrap();
    }
    assert_eq!(
        graph.to_string(),
        std::fs::read_to_string(&path).unwrap_or_default(),
        "{name}; BLESS=1 rewrites"
    );
}

fn ops(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|n| n.op.name()).filter(|&n| n != "Const" && n != "Placeholder").collect()
}

#[test]
fn every_form_of_batch_norm_folds() {
    for (name, build) in network::BATCH_NORMS {
        let mut n = Network::new(&[-1, 6, 6, 4]);
        let y = build(&mut n);
        let after = same(name, &n.finish(y), &random(&[2, 6, 6, 4], 9), "y");
        golden(name, &after);
        assert!(
            !ops(&after).iter().any(|o| matches!(*o, "Mul" | "Add" | "Sub" | "Rsqrt" | "FusedBatchNormV3"))
        );
    }
}

#[test]
fn a_value_that_others_read_is_not_folded_away() {
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = network::shared(&mut n);
    let after = same("shared", &n.finish(y), &random(&[2, 6, 6, 4], 3), "y");
    assert!(ops(&after).contains(&"Mul"), "{after}");
}

#[test]
fn pads_squeezes_and_identities() {
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = network::pad_and_squeeze(&mut n);
    let after = same("pad_and_squeeze", &n.finish(y), &random(&[2, 6, 6, 4], 5), "y");
    golden("pad_and_squeeze", &after);
}

#[test]
fn dropout_that_keeps_everything_goes() {
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = network::dropout(&mut n);
    let after = optimise(n.finish(y), &["x".into()], &["y".into()]).unwrap();
    golden("dropout", &after);
}

/// The bound: folding rounds every weight once more, half an ulp (2^-24), and sums of differences magnify that by what
/// cancels; a dozen steps stay two orders below it.
#[test]
fn random_networks_keep_their_meaning() {
    let (mut alive, mut found) = (0, vec![0; PASSES.len()]);
    for seed in 0..400 {
        let graph = generator::network(seed, 12);
        let x = random(&[2, 6, 6, generator::CHANNELS], seed + 1);
        let (after, magnitude) = close(&format!("seed {seed}"), &graph, &x, "y");
        alive += usize::from(magnitude > 0.0);
        let (twice, counts) = optimise_counting(graph, &["x".into()], &["y".into()]).unwrap();
        assert_eq!(twice, after, "seed {seed}: not the same twice");
        found.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        let again = optimise(after.clone(), &["x".into()], &["y".into()]).unwrap();
        assert_eq!(again, after, "seed {seed}: not a fixed point");
    }
    assert!(alive > 350, "an activation made the others zero: {alive} of 400 say something");
    for (pass, count) in PASSES.iter().zip(found) {
        // A dropout draws random numbers, which cannot be run; it has its own test.
        assert!(count > 20 || pass.name == "remove_dropout", "{}: {count} changes", pass.name);
    }
}

#[test]
fn a_conditional_on_a_constant_goes() {
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = network::conditional(&mut n);
    let after = optimise(n.finish(y), &["x".into()], &["y".into()]).unwrap();
    assert_eq!(ops(&after), ["Relu", "Tanh"], "{after}");
    let x = random(&[1, 6, 6, 4], 2);
    let want: Vec<f32> = x.as_f32().unwrap().iter().map(|v| v.max(0.0).tanh()).collect();
    let y = run(&after, &x, "y");
    assert!(y.iter().zip(&want).all(|(y, want)| (y - want).abs() < 1e-6));
}

#[test]
fn an_output_or_input_that_is_not_there_is_named() {
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = network::shared(&mut n);
    let graph = n.finish(y);
    let text = |inputs: &[String], outputs: &[String]| {
        optimise(graph.clone(), inputs, outputs).unwrap_err().to_string()
    };
    assert_eq!(text(&[], &["z".into()]), "error: `z`: the graph has no output of this name; supported: y");
    assert_eq!(text(&["z".into()], &[]), "error: `z`: the graph has no input of this name; supported: x");
}

#[test]
fn real_networks() {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/models");
    if !models.is_dir() {
        skip::skipped("../shared/models is not there");
        return;
    }
    for (file, shape, output) in [
        ("mlperf_tiny_resnet8_cifar10.pb", vec![1, 32, 32, 3], "Identity"),
        ("mlperf_tiny_mobilenetv1_025_vww96.pb", vec![1, 96, 96, 3], "Identity"),
        ("mlperf_tiny_dscnn_kws.pb", vec![1, 49, 10, 1], "Identity"),
        ("mobilenet_v1_1.0_224_frozen.pb", vec![1, 224, 224, 3], "MobilenetV1/Logits/SpatialSqueeze"),
    ] {
        let graph = graphdef::read(&std::fs::read(models.join(file)).unwrap()).unwrap();
        same(file, &graph, &random(&shape, 1), output);
    }
}
