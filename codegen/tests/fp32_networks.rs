//! Whole fp32 networks: one against what TensorFlow computed, others in both orders of summation.
//!
//! They are large and lie beside the workspace, in `../shared`; where that is absent the tests say so and pass.
mod skip;

use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::ops::Products;
use bakelite_codegen::tensor::Tensor;
use bakelite_codegen::{graphdef, interpret};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

fn shared(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        skip::skipped(format_args!("../shared/{name} is not there"));
    }
    bytes
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn run(graph: &Graph, input: &str, x: Tensor, output: &str, products: Products) -> Vec<f32> {
    let feeds = HashMap::from([(graph.edge(input).unwrap(), Arc::new(x))]);
    let fetch: Edge = graph.edge(output).unwrap();
    let y = interpret::run(graph, &feeds, &[fetch], products).unwrap_or_else(|e| panic!("{e}"));
    y[0].as_f32().unwrap().to_vec()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn a_residual_network_as_tensorflow_computes_it() {
    let [graph, x, want] = ["residual_fp32.pb", "input.bin", "residual_fp32_out.bin"]
        .map(|f| shared(&format!("golden/networks/{f}")));
    let (Some(graph), Some(x), Some(want)) = (graph, x, want) else { return };
    let graph = graphdef::read(&graph).unwrap();
    for products in [Products::Contract, Products::Fast] {
        let x = Tensor::f32(vec![4, 32, 32, 3], floats(&x)).unwrap();
        let y = run(&graph, "input", x, "Identity", products);
        let worst = worst(&y, &floats(&want));
        println!("residual_fp32 {products:?}: worst difference {worst:e}");
        assert!(worst < 1e-5, "{products:?}: {worst:e}");
    }
}

/// Stripes that differ by channel, a bright disc on them.
fn picture(side: usize, map: impl Fn(f32) -> f32) -> Tensor {
    let pixel = |i: usize| {
        let (y, x, c) = (i / 3 / side, i / 3 % side, i % 3);
        let wave = (7 * x + 3 * y + 60 * c) % 512;
        let disc = x.abs_diff(side / 2).pow(2) + y.abs_diff(side / 2).pow(2) < (side / 4).pow(2);
        let value = if disc { 255 - 20 * c } else { wave.min(511 - wave) };
        map(value as f32)
    };
    Tensor::f32(vec![1, side, side, 3], (0..side * side * 3).map(pixel).collect()).unwrap()
}

/// Both orders on one picture; prints the greatest outputs, to be compared with TensorFlow's by hand.
fn both_orders(file: &str, output: &str, side: usize, map: fn(f32) -> f32) {
    let Some(bytes) = shared(&format!("models/{file}")) else { return };
    let graph = graphdef::read(&bytes).unwrap();
    let [fast, contract] = [Products::Fast, Products::Contract].map(|products| {
        let start = std::time::Instant::now();
        let y = run(&graph, "input", picture(side, map), output, products);
        println!("{file} {products:?}: {:?}", start.elapsed());
        y
    });
    let mut best: Vec<usize> = (0..fast.len()).collect();
    best.sort_by(|&a, &b| contract[b].total_cmp(&contract[a]));
    best.truncate(4);
    println!("{file}: {:?}", best.iter().map(|&i| (i, contract[i])).collect::<Vec<_>>());
    let worst = worst(&fast, &contract);
    assert!(worst < 1e-4, "{file}: the orders differ by {worst:e}");
    assert!((contract.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{file}: probabilities");
}

#[test]
fn resnet8() {
    both_orders("mlperf_tiny_resnet8_cifar10.pb", "Identity", 32, |x| x);
}

#[test]
fn mobilenet_v1() {
    both_orders("mobilenet_v1_1.0_224_frozen.pb", "MobilenetV1/Predictions/Reshape_1", 224, |x| {
        x / 127.5 - 1.0
    });
}

#[test]
fn efficientnet_lite0() {
    both_orders("efficientnet_lite0_224.pb", "Identity", 224, |x| (x - 127.0) / 128.0);
}
