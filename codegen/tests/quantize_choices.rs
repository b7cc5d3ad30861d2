//! What the quantizer may leave out: equalisation and bias correction mean what they say, help where they should, and
//! are decided by measurement; and so are the layers that a target keeps in fp32.
#[path = "optimise/network.rs"]
#[allow(dead_code, reason = "its networks are the optimiser's; only its builder is used here")]
mod network;
#[path = "quantize_choices/target.rs"]
mod target;

use bakelite_codegen::calibrate::{Method, Sample};
use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::ops::Products;
use bakelite_codegen::quantize::channels::{self, Channels};
use bakelite_codegen::quantize::layer::{self, Layer};
use bakelite_codegen::quantize::report::Form;
use bakelite_codegen::quantize::{Choice, Options, Report, Switch, Why, equalise};
use bakelite_codegen::tensor::{DataType, Tensor};
use bakelite_codegen::{graphdef, interpret, optimise};
use network::{Network, random};
use std::collections::HashMap;
use std::sync::Arc;

/// Products whose channels differ by up to 2^10, one behind another: pointwise, depthwise, pooled, pointwise.
fn uneven(n: &mut Network, activation: &str) -> Edge {
    let scale = |n: &mut Network, x: Edge, up: bool| {
        let by = (0..8).map(|c| if up { 2f32.powi(c - 3) } else { 2f32.powi(3 - c) }).collect();
        let by = n.constant(Tensor::f32(vec![8], by).unwrap());
        n.op("Mul", &[x, by])
    };
    let y = n.conv("Conv2D", n.x, &[1, 1, 4, 8], "SAME");
    let y = scale(n, y, true);
    let bias = n.weights(&[8]);
    let y = n.op("BiasAdd", &[y, bias]);
    let y = n.op(activation, &[y]);
    let y = n.conv("DepthwiseConv2dNative", y, &[3, 3, 8, 1], "SAME");
    let y = scale(n, y, false);
    let y = n.op(activation, &[y]);
    let y = n.with("MaxPool", &[y], |a| {
        a.hw("ksize", [2, 2]);
        a.hw("strides", [2, 2]);
        a.string("padding", "VALID");
    });
    let y = n.conv("Conv2D", y, &[2, 2, 8, 5], "VALID");
    let bias = n.weights(&[5]);
    n.op("BiasAdd", &[y, bias])
}

fn network(activation: &str) -> Graph {
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = uneven(&mut n, activation);
    optimise(n.finish(y), &["x".into()], &["y".into()]).unwrap()
}

fn samples(count: u64) -> Vec<Sample> {
    (0..count).map(|seed| vec![Arc::new(random(&[1, 6, 6, 4], 100 + seed))]).collect()
}

fn quantize(graph: &Graph, set: impl FnOnce(&mut Options)) -> (Graph, Report) {
    let mut options = Options { inputs: vec!["x".into()], outputs: vec!["y".into()], ..Options::default() };
    set(&mut options);
    bakelite_codegen::quantize(graph.clone(), &options, &samples(24), &mut |_, _, _| {}).unwrap()
}

fn run(graph: &Graph, sample: &Sample, output: &str) -> Vec<f32> {
    let feeds = HashMap::from([(graph.edge("x").unwrap(), Arc::clone(&sample[0]))]);
    let y = interpret::run(graph, &feeds, &[graph.edge(output).unwrap()], Products::Contract).unwrap();
    y[0].as_f32().unwrap().to_vec()
}

fn see(graph: &Graph) -> (Vec<Layer>, Vec<Channels>) {
    let layers = layer::find(graph);
    let inputs = [graph.edge("x").unwrap()];
    let seen = channels::see(graph, &inputs, &layers, &samples(24), &mut |_, _, _| {}).unwrap();
    (layers, seen)
}

fn choice<'a>(report: &'a Report, what: &str) -> &'a Choice {
    report.choices.iter().find(|c| c.what == what).unwrap()
}

#[test]
fn an_equalised_network_computes_the_same() {
    for activation in ["Relu", "Relu6", "LeakyRelu"] {
        let graph = network(activation);
        let (layers, seen) = see(&graph);
        for per_tensor in [false, true] {
            let equal = equalise::equalise(&graph, &layers, &seen, per_tensor).unwrap().unwrap();
            assert_ne!(equal, graph);
            // Scaled weights are rounded once more, half an ulp each; a Relu6 is the same on what was seen alone.
            for sample in samples(24) {
                let (a, b) = (run(&graph, &sample, "y"), run(&equal, &sample, "y"));
                let magnitude = a.iter().fold(0f32, |m, v| m.max(v.abs()));
                let worst = a.iter().zip(&b).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
                assert!(worst <= 1e-5 * magnitude, "{activation}: {worst} of {magnitude}");
            }
        }
    }
}

#[test]
fn ranges_of_channels_come_together() {
    let graph = network("Relu");
    let (layers, seen) = see(&graph);
    let spread = |c: &Channels| {
        let (least, most) =
            c.greatest.iter().filter(|&&g| g > 0.0).fold((f32::MAX, 0f32), |(l, m), &g| (l.min(g), m.max(g)));
        most / least
    };
    let equal = equalise::equalise(&graph, &layers, &seen, false).unwrap().unwrap();
    let (_, after) = see(&equal);
    assert!(
        spread(&seen[0]) > 20.0 && spread(&after[0]) < 1.01,
        "{} {}",
        spread(&seen[0]),
        spread(&after[0])
    );
    let greatest = |c: &Channels| c.greatest.iter().fold(0f32, |a, &b| a.max(b));
    let (a, b) = (greatest(&seen[0]), greatest(&after[0]));
    assert!((a - b).abs() < 1e-3 * a, "the whole tensor's range stays: {a} {b}");
}

#[test]
fn a_mean_window_gives_the_mean_of_every_channel() {
    let graph = network("Relu");
    let (layers, seen) = see(&graph);
    for (layer, seen) in layers.iter().zip(&seen) {
        let name = &graph.node(layer.core).name;
        let mut want = vec![0.0; layer.channels];
        for sample in samples(24) {
            let y = run(&graph, &sample, name);
            let share = layer.channels as f64 / y.len() as f64 / 24.0;
            y.iter().enumerate().for_each(|(i, &v)| want[i % layer.channels] += f64::from(v) * share);
        }
        let found = seen.mean(layer, layer.weights.as_f32().unwrap());
        let near = found.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-5 * (1.0 + b.abs()));
        assert!(near, "{name}: {found:?}, not {want:?}");
    }
}

#[test]
fn both_help_where_they_should_and_say_how_much() {
    let (_, report) = quantize(&network("Relu"), |o| o.per_tensor = true);
    let equalised = choice(&report, "equalisation");
    let Why::Measured { without, with } = equalised.why else { panic!("{equalised}") };
    assert!(equalised.on && with > without + 4.0, "{equalised}");
    assert!(report.to_string().contains("equalisation: on, SQNR"), "{report}");

    let off = |o: &mut Options| (o.equalise, o.per_tensor) = (Switch::Off, true);
    let (_, report) = quantize(&network("Relu"), off);
    assert_eq!(choice(&report, "equalisation").why, Why::Asked);
    let corrected = choice(&report, "bias correction");
    let Why::Measured { without, with } = corrected.why else { panic!("{corrected}") };
    assert_eq!(corrected.on, with > without + 0.1, "{corrected}");
}

/// A detector's end: which pixels score highest, as numbers.
fn ranked(n: &mut Network, y: Edge) -> Edge {
    let shape = n.constant(Tensor::ints(&[1, 125]));
    let flat = n.with("Reshape", &[y, shape], |a| a.dtype("Tshape", DataType::DtInt32));
    let k = n.constant(Tensor { shape: vec![], ..Tensor::ints(&[100]) });
    let top = n.with("TopKV2", &[flat, k], |a| a.bool("sorted", true));
    n.with("Cast", &[Edge { node: top.node, port: 1 }], |a| {
        a.dtype("SrcT", DataType::DtInt32);
        a.dtype("DstT", DataType::DtFloat);
    })
}

#[test]
fn a_sorted_list_is_judged_by_what_is_sorted() {
    let choices = |sorted: bool| {
        let mut n = Network::new(&[1, 6, 6, 4]);
        let y = uneven(&mut n, "Relu");
        let y = if sorted { ranked(&mut n, y) } else { y };
        quantize(&n.finish(y), |_| {}).1.choices
    };
    let (plain, sorted) = (choices(false), choices(true));
    assert!(plain.iter().any(|c| matches!(c.why, Why::Measured { .. })), "{plain:?}");
    assert_eq!(plain, sorted);
}

/// A product that reads fp32 values of unlike ranges, whose weights make up for it.
fn unlike() -> Graph {
    let mut n = Network::new(&[1, 6, 6, 4]);
    let shape = n.constant(Tensor::ints(&[1, 144]));
    let y = n.with("Reshape", &[n.x, shape], |a| a.dtype("Tshape", DataType::DtInt32));
    let growth = |c: usize| 2f32.powi(c as i32 % 6);
    let by = n.constant(Tensor::f32(vec![144], (0..144).map(growth).collect()).unwrap());
    let y = n.op("Mul", &[y, by]);
    let y = n.op("Abs", &[y]);
    let w = random(&[144, 5], 7);
    let w = w.as_f32().unwrap().iter().enumerate().map(|(i, w)| w / growth(i / 5));
    let w = n.constant(Tensor::f32(vec![144, 5], w.collect()).unwrap());
    let y = n.op("MatMul", &[y, w]);
    n.finish(y)
}

#[test]
fn what_a_product_reads_from_fp32_is_equalised() {
    let graph = unlike();
    let noise = |equalise_chains| {
        let (int8, _) = quantize(&graph, |o| {
            o.calibration.method = Method::MinMax;
            (o.correct_bias, o.equalise_chains) = (Switch::Off, equalise_chains);
        });
        let squares = |s: &Sample| {
            let (want, found) = (run(&graph, s, "y"), run(&int8, s, "y"));
            want.iter().zip(found).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
        };
        samples(24).iter().map(squares).sum::<f64>()
    };
    let [off, on] = [Switch::Off, Switch::On].map(noise);
    assert!(on < off / 4.0, "{on}, {off} without");
}

#[test]
fn equalising_what_a_product_reads_keeps_the_meaning() {
    let graph = unlike();
    let (layers, inputs) = (layer::find(&graph), [graph.edge("x").unwrap()]);
    let chains = equalise::Chains::see(&graph, &inputs, &layers, &samples(4), &mut |_, _, _| {}).unwrap();
    let equal = chains.expect("a product reads fp32").equalised(&[true]).unwrap();
    assert_ne!(graph.nodes.len(), equal.nodes.len());
    for sample in samples(4) {
        let (want, found) = (run(&graph, &sample, "y"), run(&equal, &sample, "y"));
        let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * a.abs().max(1.0);
        assert!(want.iter().zip(&found).all(close), "{want:?} {found:?}");
    }
}

#[test]
fn what_no_layer_is_behind_is_not_scaled() {
    let mut n = Network::new(&[1, 6, 6, 4]);
    let y = uneven(&mut n, "Relu");
    let y = n.op("Sigmoid", &[y]);
    let graph = optimise(n.finish(y), &["x".into()], &["y".into()]).unwrap();
    let (layers, inputs) = (layer::find(&graph), [graph.edge("x").unwrap()]);
    let chains = equalise::Chains::see(&graph, &inputs, &layers, &samples(4), &mut |_, _, _| {}).unwrap();
    // Errors are measured at the last convolution: scaled, it would look wrong.
    assert!(chains.is_none());
}

/// One layer with rounded weights on all-positive inputs: its mean error is nearly gone.
#[test]
fn a_corrected_bias_takes_the_mean_error_away() {
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = n.op("Sigmoid", &[n.x]);
    let y = n.conv("Conv2D", y, &[3, 3, 4, 6], "SAME");
    let graph = n.finish(y);
    let error = |switch| {
        let (quantized, _) = quantize(&graph, |o| (o.correct_bias, o.per_tensor) = (switch, true));
        let mut mean = [0f64; 6];
        for sample in samples(24) {
            let (a, b) = (run(&graph, &sample, "y"), run(&quantized, &sample, "y"));
            a.iter()
                .zip(&b)
                .enumerate()
                .for_each(|(i, (a, b))| mean[i % 6] += f64::from(b - a) / 36.0 / 24.0);
        }
        mean.iter().map(|m| m.abs()).sum::<f64>()
    };
    let (off, on) = (error(Switch::Off), error(Switch::On));
    assert!(on < off / 3.0, "{off} {on}");
}

#[test]
fn layers_before_a_logarithm_that_layers_follow_stay_fp32() {
    let convolutions = |followed| {
        let mut n = Network::new(&[-1, 6, 6, 4]);
        let y = n.conv("Conv2D", n.x, &[1, 1, 4, 8], "SAME");
        let y = n.op("Square", &[y]);
        let least = n.constant(Tensor::f32(vec![1], vec![1e-6]).unwrap());
        let y = n.op("AddV2", &[y, least]);
        let y = n.op("Log", &[y]);
        let y = if followed { n.conv("Conv2D", y, &[1, 1, 8, 5], "SAME") } else { y };
        let (_, report) = quantize(&n.finish(y), |_| {});
        let places = report.places.into_iter().filter(|p| p.ops.starts_with("Conv2D"));
        places.map(|p| (p.form, p.reason.contains("logarithm"))).collect::<Vec<_>>()
    };
    assert_eq!(convolutions(true), [(Form::Float, true), (Form::Int8, false)]);
    assert_eq!(convolutions(false), [(Form::Int8, false)]);
}

#[test]
fn auto_is_judged_no_worse_than_any_method_for_all() {
    let graph = network("Relu");
    let judged = |method| {
        let (_, report) = quantize(&graph, |o| {
            (o.equalise, o.equalise_chains, o.correct_bias) = (Switch::Off, Switch::Off, Switch::Off);
            (o.calibration.method, o.analyse) = (method, true);
        });
        (report.errors.unwrap().output.unwrap(), report.calibration)
    };
    let (auto, statistics) = judged(Method::Auto);
    let each = Method::PLAIN.map(|method| judged(method).0);
    let best = each.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let worst = each.into_iter().fold(f64::INFINITY, f64::min);
    assert!(auto >= best && worst < best, "{auto} dB, of one method for all {each:?}");
    // Methods are chosen among what was tried.
    assert!(statistics.iter().any(|s| s.choice().is_some_and(|c| c.downstream.is_some())));
}

#[test]
fn decisions_do_not_depend_on_the_number_of_threads() {
    let bytes = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (graph, report) = quantize(&network("Relu6"), |o| o.per_tensor = true);
            (graphdef::write(&graph).unwrap(), report.choices)
        })
    };
    assert_eq!(bytes(1), bytes(3));
}
