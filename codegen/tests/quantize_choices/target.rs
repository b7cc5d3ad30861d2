//! A target: how many points int8 may lose, and the layers that stay fp32 so that it loses no more.
use crate::network::Network;
use crate::{run, samples, uneven};
use bakelite_codegen::calibrate::Sample;
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::Graph;
use bakelite_codegen::quantize::{Options, Outputs, Switch, Target, quantize_to};
use bakelite_codegen::tensor::Tensor;

/// Share of the outputs whose greatest, the first of equals, is the label.
fn right(outputs: &Outputs, labels: &[usize]) -> f64 {
    let best = |y: &Vec<f32>| (0..y.len()).max_by(|&a, &b| y[a].total_cmp(&y[b]).then(b.cmp(&a)));
    let right = outputs.iter().zip(labels).filter(|(y, label)| best(y) == Some(**label)).count();
    right as f64 / labels.len() as f64
}

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
        let (metric, lower, score) = ("top-1", false, &|_: &Outputs, y: &Outputs| Ok(right(y, &labels)));
        let target = Target { points, samples: &data, metric, lower, score };
        let done = quantize_to(graph.clone(), &options, &samples(24), Some(&target), &mut |_, _, _| {});
        done.unwrap()
    };
    let (_, loose) = reach(100.0);
    let loose = loose.target.unwrap();
    assert_eq!((loose.fp32, loose.kept.len(), loose.mixed), (1.0, 0, loose.int8), "{loose}");
    assert!(loose.int8 < 1.0, "int8 must lose something for this test to mean anything: {loose}");

    let (strict, report) = reach(0.0);
    let reached = report.target.unwrap();
    assert_eq!(reached.mixed, 1.0, "{reached}");
    assert!(!reached.kept.is_empty(), "{reached}");
    let mut ranked = report.sensitivity.clone();
    ranked.sort_by(|a, b| a.sqnr.total_cmp(&b.sqnr));
    let worst: Vec<_> = ranked.iter().take(reached.kept.len()).map(|s| s.node.clone()).collect();
    assert_eq!(reached.kept, worst);
    let outputs: Outputs = data.iter().map(|s| run(&strict, s, "y")).collect();
    assert_eq!(right(&outputs, &labels), 1.0);
    bakelite_codegen::compile::compile(&strict, &Default::default())
        .map(drop)
        .expect("a mixed graph compiles");
}

#[test]
fn a_target_may_be_an_error_that_must_not_rise() {
    let (graph, data, _, options) = classifier();
    let error = |y8: &Outputs, y: &Outputs| {
        let each = y8.iter().flatten().zip(y.iter().flatten());
        each.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / 300.0
    };
    let reach = |points| {
        let (metric, lower, score) = ("mse", true, &|y: &Outputs, y8: &Outputs| Ok(error(y, y8)));
        let target = Target { points, samples: &data, metric, lower, score };
        let done = quantize_to(graph.clone(), &options, &samples(24), Some(&target), &mut |_, _, _| {});
        done.unwrap().1.target.unwrap()
    };
    let all = reach(f64::MAX);
    assert!(all.fp32 == 0.0 && all.int8 > 0.0 && all.kept.is_empty(), "{all}");
    let half = reach(100.0 * all.int8 / 2.0);
    assert!(half.mixed <= all.int8 / 2.0 && !half.kept.is_empty(), "{half}");
}

#[test]
fn what_a_target_cannot_score_is_an_error() {
    let (graph, data, _, options) = classifier();
    let score = &|_: &Outputs, _: &Outputs| Err(Problems::file(Reason::new("no class 7")));
    let target = Target { points: 1.0, samples: &data, metric: "top-1", lower: false, score };
    let error = quantize_to(graph, &options, &samples(24), Some(&target), &mut |_, _, _| {}).unwrap_err();
    assert!(error.to_string().contains("no class 7"), "{error}");
}

#[test]
fn a_layer_that_loses_nothing_is_told_from_one_that_does() {
    let (graph, _, _, options) = classifier();
    let options = Options { analyse: true, ..options };
    let (_, report) = bakelite_codegen::quantize(graph, &options, &samples(24), &mut |_, _, _| {}).unwrap();
    assert_eq!(report.sensitivity.len(), 3, "{:?}", report.sensitivity);
    assert!(report.sensitivity.iter().all(|s| s.sqnr > 0.0 && s.sqnr < 100.0), "{:?}", report.sensitivity);
}
