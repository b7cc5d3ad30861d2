//! A target: how many points int8 may lose, and the layers that stay fp32 so that it loses no more.
use crate::network::Network;
use crate::{run, samples, uneven};
use bakelite_codegen::calibrate::Sample;
use bakelite_codegen::graph::Graph;
use bakelite_codegen::quantize::{Options, Switch, Target, quantize_to};
use bakelite_codegen::tensor::Tensor;

/// Scores of five classes, the pictures' classes being what fp32 says; one range a layer and no repair make int8 bad.
fn classifier() -> (Graph, Vec<Sample>, Vec<usize>, Options) {
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = uneven(&mut n, "Relu");
    let axes = n.constant(Tensor::ints(&[1, 2]));
    let y = n.with("Mean", &[y, axes], |a| a.bool("keep_dims", false));
    let graph = n.finish(y);
    let data = samples(60);
    let best = |y: Vec<f32>| (0..y.len()).max_by(|&a, &b| y[a].total_cmp(&y[b])).unwrap();
    let labels = data.iter().map(|s| best(run(&graph, s, "y"))).collect();
    let options = Options {
        inputs: vec!["x".into()],
        outputs: vec!["y".into()],
        per_tensor: true,
        equalise: Switch::Off,
        correct_bias: Switch::Off,
        ..Options::default()
    };
    (graph, data, labels, options)
}

#[test]
fn a_target_keeps_the_fewest_of_the_worst_layers() {
    let (graph, data, labels, options) = classifier();
    let reach = |points| {
        let target = Target { points, samples: &data, labels: &labels };
        let done = quantize_to(graph.clone(), &options, &samples(24), Some(&target), &mut |_, _, _| {});
        done.unwrap()
    };
    let (_, loose) = reach(100.0);
    let loose = loose.target.unwrap();
    assert_eq!((loose.fp32, loose.kept.len(), loose.mixed), (60, 0, loose.int8), "{loose}");
    assert!(loose.int8 < 60, "int8 must lose something for this test to mean anything: {loose}");

    let (strict, report) = reach(0.0);
    let reached = report.target.unwrap();
    assert_eq!(reached.mixed, 60, "{reached}");
    assert!(!reached.kept.is_empty(), "{reached}");
    let mut ranked = report.sensitivity.clone();
    ranked.sort_by(|a, b| a.sqnr.total_cmp(&b.sqnr));
    let worst: Vec<_> = ranked.iter().take(reached.kept.len()).map(|s| s.node.clone()).collect();
    assert_eq!(reached.kept, worst);
    let right = data.iter().zip(&labels).filter(|(s, label)| {
        let y = run(&strict, s, "y");
        (0..y.len()).max_by(|&a, &b| y[a].total_cmp(&y[b]).then(b.cmp(&a))) == Some(**label)
    });
    assert_eq!(right.count(), 60);
    bakelite_codegen::compile::compile(&strict, &Default::default())
        .map(drop)
        .expect("a mixed graph compiles");
}

#[test]
fn a_class_that_the_output_does_not_have_is_an_error() {
    let (graph, data, _, options) = classifier();
    let target = Target { points: 1.0, samples: &data, labels: &[7; 60] };
    let error = quantize_to(graph, &options, &samples(24), Some(&target), &mut |_, _, _| {}).unwrap_err();
    assert!(error.to_string().contains("class 7 for an output of 5 scores"), "{error}");
}

#[test]
fn a_layer_that_loses_nothing_is_told_from_one_that_does() {
    let (graph, _, _, options) = classifier();
    let options = Options { analyse: true, ..options };
    let (_, report) = bakelite_codegen::quantize(graph, &options, &samples(24), &mut |_, _, _| {}).unwrap();
    assert_eq!(report.sensitivity.len(), 3, "{:?}", report.sensitivity);
    assert!(report.sensitivity.iter().all(|s| s.sqnr > 0.0 && s.sqnr < 100.0), "{:?}", report.sensitivity);
}
