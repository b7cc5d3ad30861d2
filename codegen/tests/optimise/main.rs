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
        // A dropout draws random numbers, which cannot be run; the other two need forms that no layer of these has. They
        // have their own tests.
        let own = ["remove_dropout", "recognise_dense", "fuse_dilation"];
        assert!(count > 20 || own.contains(&pass.name), "{}: {count} changes", pass.name);
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

/// A Reshape in front and behind, for any batch.
#[test]
fn dense_layers_of_more_than_a_matrix_are_products() {
    for (equation, shape) in [("abc,cde->abde", &[5, 3, 2][..]), ("abc,bcd->ad", &[7, 5, 4])] {
        let mut n = Network::new(&[-1, 7, 5]);
        let (x, w) = (n.x, n.weights(shape));
        let y = n.with("Einsum", &[x, w], |a| {
            a.int("N", 2);
            a.string("equation", equation);
        });
        let after = same(equation, &n.finish(y), &random(&[3, 7, 5], 2), "y");
        assert!(ops(&after).contains(&"MatMul") && !ops(&after).contains(&"Einsum"), "{after}");
    }
    for turned in [false, true] {
        let mut n = Network::new(&[-1, 7, 5]);
        let (x, w) = (n.x, n.weights(if turned { &[4, 5] } else { &[5, 4] }));
        let y = n.with("BatchMatMulV2", &[x, w], |a| a.bool("adj_y", turned));
        let after = same("batch_matmul", &n.finish(y), &random(&[3, 7, 5], 2), "y");
        assert!(ops(&after).contains(&"MatMul"), "{after}");
    }
}

/// What depends on a second open dimension cannot be told, such as what lies behind a stride along it.
#[test]
fn dense_layers_over_an_open_axis_stay() {
    for open in [[-1, -1, 5], [3, -1, 5]] {
        let mut n = Network::new(&open);
        let (x, w) = (n.x, n.weights(&[5, 4]));
        let y = n.op("BatchMatMulV2", &[x, w]);
        let after = same("open", &n.finish(y), &random(&[3, 7, 5], 2), "y");
        assert!(ops(&after).contains(&"BatchMatMulV2"), "{after}");
    }
}

/// What runs in phases is unknown to the interpreter; the same convolution with dilations is not.
#[test]
fn a_convolution_over_phases_is_a_dilated_one() {
    let phases = |n: &mut Network, crops: &[i32]| {
        let x = n.x;
        let w = n.weights(&[1, 3, 4, 2]);
        let [block, pads, crops, axis] = [&[2][..], &[2, 3], crops, &[-3]].map(Tensor::ints);
        let table = |mut t: Tensor| {
            t.shape = vec![1, 2];
            t
        };
        let [block, pads, crops] = [block, table(pads), table(crops)].map(|t| n.constant(t));
        let axis = n.constant(Tensor { shape: vec![], ..axis });
        let x = n.op("SpaceToBatchND", &[x, block, pads]);
        let x = n.op("ExpandDims", &[x, axis]);
        let y = n.with("Conv2D", &[x, w], |a| {
            a.hw("strides", [1, 1]);
            a.string("padding", "VALID");
        });
        let y = n.with("Squeeze", &[y], |a| a.ints("squeeze_dims", &[-3]));
        n.op("BatchToSpaceND", &[y, block, crops])
    };
    let direct = |n: &mut Network| {
        let x = n.x;
        let w = n.weights(&[1, 3, 4, 2]);
        let axis = n.constant(Tensor { shape: vec![], ..Tensor::ints(&[1]) });
        let x = n.op("ExpandDims", &[x, axis]);
        let y = n.with("Conv2D", &[x, w], |a| {
            a.hw("strides", [1, 1]);
            a.hw("dilations", [1, 2]);
            a.string("padding", "EXPLICIT");
            a.ints("explicit_paddings", &[0, 0, 0, 0, 2, 2, 0, 0]);
        });
        n.with("Squeeze", &[y], |a| a.ints("squeeze_dims", &[1]))
    };
    let [mut in_phases, mut cropped, mut at_once] = [0; 3].map(|_| Network::new(&[-1, 9, 4]));
    let y = phases(&mut in_phases, &[0, 1]);
    let after = optimise(in_phases.finish(y), &["x".into()], &["y".into()]).unwrap();
    let y = direct(&mut at_once);
    let x = random(&[2, 9, 4], 3);
    assert_eq!(run(&after, &x, "y"), run(&at_once.finish(y), &x, "y"));
    let y = phases(&mut cropped, &[0, 4]);
    let after = optimise(cropped.finish(y), &["x".into()], &["y".into()]).unwrap();
    assert!(ops(&after).contains(&"BatchToSpaceND"), "more is cropped than padded");
}
