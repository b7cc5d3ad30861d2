//! A network goes through the quantizer: what becomes int8, over which ranges, as close to fp32 as eight bits can be.
#[path = "optimise/network.rs"]
#[allow(dead_code, reason = "its networks are the optimiser's; only its builder is used here")]
mod network;
use bakelite_codegen::build::constant;
use bakelite_codegen::calibrate::{self, Method, Sample, ranges};
use bakelite_codegen::error::Problems;
use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::ops::Products;
use bakelite_codegen::quantize::{Keep, OpSet, Options, Report};
use bakelite_codegen::tensor::Tensor;
use bakelite_codegen::{graphdef, interpret};
use network::{Network, random};
use std::collections::HashMap;
use std::sync::Arc;

/// Signed input; conv + relu; a residual sum into a conv; a linear sum; a depthwise conv without relu; a product.
fn residual(n: &mut Network) -> Edge {
    let layer = |n: &mut Network, name: &str, x: Edge, shape: &[usize]| {
        let y = n.conv(name, x, shape, "SAME");
        let bias = n.weights(&shape[3..]);
        if name == "Conv2D" { n.op("BiasAdd", &[y, bias]) } else { y }
    };
    let y = layer(n, "Conv2D", n.x, &[3, 3, 4, 8]);
    let a = n.op("Relu", &[y]);
    let y = layer(n, "Conv2D", a, &[3, 3, 8, 8]);
    let y = n.op("Relu", &[y]);
    let y = layer(n, "Conv2D", y, &[1, 1, 8, 8]);
    let y = n.op("AddV2", &[a, y]);
    let b = n.op("Relu6", &[y]);
    let y = layer(n, "DepthwiseConv2dNative", b, &[3, 3, 8, 1]);
    let c = layer(n, "Conv2D", y, &[1, 1, 8, 8]);
    let y = n.op("AddV2", &[c, b]);
    let shape = n.constant(Tensor::ints(&[-1, 288]));
    let y = n.with("Reshape", &[y, shape], |_| {});
    let (w, bias) = (n.weights(&[288, 5]), n.weights(&[5]));
    let y = n.op("MatMul", &[y, w]);
    n.op("BiasAdd", &[y, bias])
}

fn network() -> Graph {
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = residual(&mut n);
    n.finish(y)
}

fn quantize(graph: &Graph, op_set: OpSet) -> Result<(Graph, Report), Problems> {
    let options =
        Options { inputs: vec!["x".into()], outputs: vec!["y".into()], op_set, ..Options::default() };
    let samples: Vec<Sample> =
        (0..16).map(|seed| vec![Arc::new(random(&[1, 6, 6, 4], 100 + seed))]).collect();
    bakelite_codegen::quantize(graph.clone(), &options, &samples, &mut |_, _, _| {})
}

fn calibrated(graph: &Graph, calibration: calibrate::Options) -> Result<(Graph, Report), Problems> {
    let inputs = vec!["x".into()];
    let options = Options { inputs, outputs: vec!["y".into()], calibration, ..Options::default() };
    let sample = |seed: u64| vec![Arc::new(random(&[1, 6, 6, 4], 100 + seed))];
    let samples: Vec<Sample> = (0..16).map(sample).collect();
    bakelite_codegen::quantize(graph.clone(), &options, &samples, &mut |_, _, _| {})
}

fn run(graph: &Graph, x: Tensor) -> Vec<f32> {
    let feeds = HashMap::from([(graph.edge("x").unwrap(), Arc::new(x))]);
    let y = interpret::run(graph, &feeds, &[graph.edge("y").unwrap()], Products::Contract).unwrap();
    y[0].as_f32().unwrap().to_vec()
}

fn count(graph: &Graph, op: &str) -> usize {
    graph.nodes.iter().filter(|n| n.op.name() == op).count()
}

/// Signal over noise in decibels, over all samples.
fn sqnr(a: &Graph, b: &Graph) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for seed in 100..132 {
        let x = random(&[1, 6, 6, 4], seed);
        for (a, b) in run(a, x.clone()).into_iter().zip(run(b, x)) {
            signal += f64::from(a).powi(2);
            noise += f64::from(a - b).powi(2);
        }
    }
    10.0 * (signal / noise).log10()
}

#[test]
fn each_layer_takes_the_op_that_says_it() {
    let (q, report) = quantize(&network(), OpSet::Auto).unwrap();
    assert_eq!(count(&q, "QuantizedConv2DWithBiasAndReluAndRequantize"), 2, "{q}");
    assert_eq!(count(&q, "QuantizedConv2DWithBiasSumAndReluAndRequantize"), 1, "{q}");
    assert_eq!(count(&q, "_FusedQuantizedDepthwiseConv2D"), 1, "the old names have none without Relu: {q}");
    assert_eq!(count(&q, "QuantizedConv2DWithBiasAndRequantize"), 1, "{q}");
    assert_eq!(count(&q, "_QuantizedMatMul"), 1, "{q}");
    assert_eq!((count(&q, "AddV2"), count(&q, "QuantizeV2")), (1, 2), "{q}");
    let fp32: Vec<_> =
        report.places.iter().filter(|p| !p.reason.is_empty()).map(|p| p.ops.as_str()).collect();
    assert!(fp32.is_empty(), "{report}");
}

#[test]
fn int8_is_close_to_fp32_in_both_op_sets() {
    let graph = network();
    let [classic, fused] = [OpSet::Auto, OpSet::Fused].map(|set| quantize(&graph, set).unwrap().0);
    assert_eq!(count(&fused, "_FusedQuantizedConv2D"), 4, "{fused}");
    // Eight bits give about 40 dB a tensor; this network rounds eight times.
    let db = sqnr(&graph, &classic);
    assert!(db > 30.0, "{db} dB");
    let x = random(&[1, 6, 6, 4], 7);
    assert_eq!(run(&classic, x.clone()), run(&fused, x), "the names differ, the arithmetic does not");
}

#[test]
fn a_signed_input_is_told_the_range_that_its_readers_divide_by() {
    let (q, _) = quantize(&network(), OpSet::Auto).unwrap();
    let node = q.node(q.find("x/quantize").unwrap());
    let scalar = |e: Edge| constant(&q, e).unwrap().as_f32().unwrap()[0];
    let told = scalar(node.inputs[2]);
    let range = scalar(q.edge("x/quantize/max").unwrap());
    assert_eq!(told, (f64::from(range) * 127.5 / 127.0) as f32);
    let codes = interpret::run(
        &q,
        &HashMap::from([(
            q.edge("x").unwrap(),
            Arc::new(Tensor::f32(vec![1, 6, 6, 4], vec![range; 144]).unwrap()),
        )]),
        &[q.edge("x/quantize").unwrap()],
        Products::Contract,
    );
    assert_eq!(codes.unwrap()[0].as_i8().unwrap()[0], 127);
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    for method in Method::PLAIN.into_iter().chain([Method::Auto]) {
        let bytes = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let options = calibrate::Options { method, ..calibrate::Options::default() };
            pool.install(|| graphdef::write(&calibrated(&network(), options).unwrap().0).unwrap())
        };
        assert_eq!(bytes(1), bytes(3), "{method}");
    }
}

#[test]
fn saved_ranges_give_the_same_graph_and_can_be_edited() {
    let (graph, report) = calibrated(&network(), calibrate::Options::default()).unwrap();
    let text = ranges::write(&report.calibration, &report.choices).unwrap();
    let again = |text: &str| {
        let saved = Some(ranges::parse("r", text).unwrap());
        calibrated(&network(), calibrate::Options { ranges: saved, ..calibrate::Options::default() })
    };
    assert_eq!(graphdef::write(&again(&text).unwrap().0), graphdef::write(&graph));

    let line = text.lines().find(|l| l.ends_with(" x")).unwrap();
    let (edited, _) = again(&text.replace(line, "-3 2 edited x")).unwrap();
    let range = constant(&edited, edited.edge("x/quantize/max").unwrap()).unwrap();
    assert_eq!(range.as_f32().unwrap(), [3.0]);

    let problems = again(&text.replace(line, "-3 2 edited z")).unwrap_err().to_string();
    assert!(problems.contains("Placeholder `x`: the ranges have no line for `x`"), "{problems}");
    assert!(problems.contains("the ranges have a line for `z`"), "{problems}");
}

/// What calibration reports is what plain arithmetic on the samples gives.
#[test]
fn statistics_tell_what_was_seen_and_what_each_method_makes_of_it() {
    let options = calibrate::Options { method: Method::Mse, ..calibrate::Options::default() };
    let (_, report) = calibrated(&network(), options).unwrap();
    let x = report.calibration.iter().find(|s| s.name == "x").unwrap();
    let samples: Vec<Tensor> = (0..16).map(|seed| random(&[1, 6, 6, 4], 100 + seed)).collect();
    let values: Vec<f32> = samples.iter().flat_map(|s| s.as_f32().unwrap().to_vec()).collect();
    let greatest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    assert_eq!((x.histogram.count(), x.seen.magnitude()), (values.len() as u64, greatest));
    assert_eq!(x.chosen, Method::Mse);
    for c in &x.candidates {
        let step = c.threshold / 127.0;
        let error = |v: &f32| f64::from(v - (v / step).round_ties_even().clamp(-128.0, 127.0) * step).powi(2);
        let (noise, signal): (f64, f64) =
            (values.iter().map(error).sum(), values.iter().map(|&v| f64::from(v).powi(2)).sum());
        assert!((c.error - noise / signal).abs() < 0.1 * c.error, "{c:?}: {}", noise / signal);
        assert!(c.threshold <= greatest && c.downstream.is_none(), "{c:?}");
    }
    let clips = |m: Method| x.candidates.iter().find(|c| c.method == m).unwrap().clipped;
    assert_eq!(clips(Method::MinMax), 0.0);
    assert!(clips(Method::MovingAverage) > 0.0);
}

#[test]
fn auto_does_about_as_well_as_the_best_method() {
    let graph = network();
    let measured = |method| {
        let options = calibrate::Options { method, ..calibrate::Options::default() };
        let (quantized, report) = calibrated(&graph, options).unwrap();
        (sqnr(&graph, &quantized), report.calibration)
    };
    let (auto, statistics) = measured(Method::Auto);
    let best = Method::PLAIN.map(|method| measured(method).0).into_iter().fold(f64::NEG_INFINITY, f64::max);
    assert!(auto > best - 0.5, "{auto} dB, where one method for all gives {best} dB");
    let tried = statistics.iter().filter(|s| s.candidates.iter().all(|c| c.downstream.is_some())).count();
    assert!(tried > 3, "{tried} of {} edges have something to choose", statistics.len());
}

#[test]
fn numbers_that_are_none_name_their_node() {
    let mut graph = network();
    let bad = graph.nodes.iter().position(|n| n.name == "w3").unwrap();
    let mut values = random(&[3, 3, 8, 8], 1);
    if let bakelite_codegen::tensor::Data::F32(v) = &mut values.data {
        v[7] = f32::NAN;
    }
    graph.nodes[bad].op = bakelite_codegen::ops::constant::Const::from(values).into();
    let text = quantize(&graph, OpSet::Auto).unwrap_err().to_string();
    assert!(text.starts_with("error: Const `w3`: 1 of 576 values are NaN or infinite"), "{text}");

    let options = Options { inputs: vec!["x".into()], ..Options::default() };
    let infinite: Vec<Sample> =
        vec![vec![Arc::new(Tensor::f32(vec![1, 6, 6, 4], vec![f32::INFINITY; 144]).unwrap())]];
    let error = bakelite_codegen::quantize(network(), &options, &infinite, &mut |_, _, _| {});
    let text = error.unwrap_err().to_string();
    assert!(text.starts_with("error: Placeholder `x`: 144 values are NaN or infinite"), "{text}");
    let error = bakelite_codegen::quantize(network(), &options, &Vec::<Sample>::new(), &mut |_, _, _| {});
    assert!(error.unwrap_err().to_string().starts_with("error: there are no calibration samples"));
}

fn keeping(keep_fp32: Keep) -> Result<(Graph, Report), Problems> {
    let options =
        Options { inputs: vec!["x".into()], outputs: vec!["y".into()], keep_fp32, ..Options::default() };
    let samples: Vec<Sample> = vec![vec![Arc::new(random(&[1, 6, 6, 4], 100))]];
    bakelite_codegen::quantize(network(), &options, &samples, &mut |_, _, _| {})
}

#[test]
fn what_is_named_stays_fp32() {
    let patterns = |list: &[&str]| list.iter().map(|&p| p.to_owned()).collect();
    let (graph, report) = keeping(Keep { patterns: patterns(&["depth*"]), ..Keep::default() }).unwrap();
    assert_eq!(count(&graph, "DepthwiseConv2dNative"), 1, "{graph}");
    assert!(report.to_string().contains("kept: it is named like `depth*`"), "{report}");
    let (graph, _) = keeping(Keep { first_layer: true, ..Keep::default() }).unwrap();
    assert_eq!((count(&graph, "Conv2D"), count(&graph, "Relu")), (1, 1), "{graph}");
    let matmul = network().nodes.iter().find(|n| n.op.name() == "MatMul").unwrap().name.clone();
    let (graph, _) = keeping(Keep { nodes: vec![matmul], ..Keep::default() }).unwrap();
    assert_eq!((count(&graph, "MatMul"), count(&graph, "_QuantizedMatMul")), (1, 0), "{graph}");
    let text =
        keeping(Keep { patterns: patterns(&["depthwse*"]), ..Keep::default() }).unwrap_err().to_string();
    assert!(text.starts_with("error: no node is named like `depthwse*`"), "{text}");
    assert!(text.contains("help: the nearest names of the optimised graph: depthwise"), "{text}");
}
