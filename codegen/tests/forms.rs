//! What the quantizer writes for each thing it knows: the ops, and how near the result is to fp32.
//!
//! With `BAKELITE_FORMS=FOLDER` the int8 graphs are written there, for `scripts/tensorflow_parity.py --folder FOLDER`.
#[path = "optimise/network.rs"]
#[allow(dead_code, reason = "its networks are the optimiser's; only its builder is used here")]
mod network;
#[path = "forms/networks.rs"]
mod networks;
#[path = "forms/quantized.rs"]
mod quantized;
use bakelite_codegen::calibrate::Sample;
use bakelite_codegen::graph::Graph;
use bakelite_codegen::ops::Products;
use bakelite_codegen::quantize::report::Form as How;
use bakelite_codegen::quantize::{OpSet, Switch, equalise, layer};
use bakelite_codegen::{graphdef, interpret};
use network::{Network, random};
use networks::{Form, UNEVEN, forms};
use quantized::{equalised, quantized};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

fn run(graph: &Graph, seed: u64) -> Vec<f32> {
    let x = graph.edge("x").unwrap();
    let feeds = HashMap::from([(x, Arc::new(random(&[1, 6, 6, 4], seed)))]);
    let y = interpret::run(graph, &feeds, &graph.outputs, Products::Contract).unwrap();
    y[0].as_f32().unwrap().to_vec()
}

/// Signal over noise in decibels, over the samples.
fn decibels(a: &Graph, b: &Graph) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for seed in 100..116 {
        for (a, b) in run(a, seed).into_iter().zip(run(b, seed)) {
            signal += f64::from(a).powi(2);
            noise += f64::from(a - b).powi(2);
        }
    }
    10.0 * (signal / noise).log10()
}

/// What is wrong with a form, a line each.
fn check(form: &Form) -> Vec<String> {
    let (graph, int8, report) = quantized(form, OpSet::Auto);
    let count = |op: &str| int8.nodes.iter().filter(|n| n.op.name() == op).count();
    let db = decibels(&graph, &int8);
    let mut wrong: Vec<String> = form
        .ops
        .iter()
        .filter(|(op, wanted)| count(op) != *wanted)
        .map(|(op, wanted)| {
            format!("{}: {} nodes {op}, not {wanted}\n{int8}\n{report}", form.name, count(op))
        })
        .collect();
    println!("{:20} {db:.1} dB", form.name);
    if db < form.decibels {
        wrong.push(format!("{}: {db:.1} dB, not {}\n{int8}", form.name, form.decibels));
    }
    if report.macs()[0] != report.macs()[1] {
        wrong.push(format!("{}: {report}", form.name));
    }
    write(form, &int8);
    wrong
}

fn write(form: &Form, int8: &Graph) {
    if let Some(folder) = std::env::var_os("BAKELITE_FORMS") {
        let file = Path::new(&folder).join(format!("{}.pb", form.name));
        std::fs::write(file, graphdef::write(int8).unwrap()).unwrap();
    }
}

#[test]
fn each_form_is_written_and_keeps_its_accuracy() {
    let wrong: Vec<String> = forms().flat_map(check).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_op_set_says_the_same() {
    let mut wrong = vec![];
    for form in forms() {
        let [auto, fused, classic] =
            [OpSet::Auto, OpSet::Fused, OpSet::Classic].map(|set| quantized(form, set).1);
        if run(&auto, 3) != run(&fused, 3) {
            wrong.push(format!("{}: the names differ, the arithmetic does not", form.name));
        }
        let newer = classic.nodes.iter().find(|n| n.op.name().starts_with('_'));
        if let Some(node) = newer {
            wrong.push(format!("{}: {} in the classic op set", form.name, node.op.name()));
        }
        let (old, db) = (quantized(form, OpSet::Classic), form.decibels - 8.0);
        if decibels(&old.0, &old.1) < db {
            wrong.push(format!("{}: less than {db} dB in the classic op set\n{}", form.name, old.2));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// TensorFlow infers shapes from `padding`, and refuses a graph whose shapes do not fit; its kernels take the list.
#[test]
fn tensorflow_infers_the_extents_that_there_are() {
    let form = forms().find(|f| f.name == "pad_strided").unwrap();
    let text = quantized(form, OpSet::Auto).1.to_string();
    let layer = text.lines().find(|line| line.contains("= QuantizedDepthwiseConv2D")).unwrap();
    assert!(layer.contains("padding=\"SAME\" padding_list=[0, 0, 0, 1, 0, 1, 0, 0]"), "{layer}");
}

#[test]
fn the_report_tells_what_each_operation_reads_and_costs() {
    let form = forms().find(|f| f.name == "hard_swish").unwrap();
    let (_, _, report) = quantized(form, OpSet::Auto);
    let forms: Vec<How> = report.places.iter().map(|p| p.form).collect();
    assert_eq!(forms, [How::Int8, How::Chain, How::Chain, How::Chain, How::Chain, How::Int8], "{report}");
    let conv = &report.places[0];
    assert_eq!((conv.ops.as_str(), &conv.inputs[..]), ("Conv2D+BiasAdd", &["x".to_owned()][..]));
    assert_eq!(conv.macs, 36 * 9 * 4 * 8);
    assert_eq!((conv.parameters, conv.traffic), ((288 * 4 + 32) / 4, 36 * 4 * 4 + 36 * 8));
    assert!(report.to_string().starts_with("6 of 6 operations are int8, with 100.00 %"), "{report}");
}

#[test]
fn a_chain_between_uneven_channels_is_equalised() {
    let [off, on] = [Switch::Off, Switch::On].map(|switch| equalised(&UNEVEN, OpSet::Auto, switch));
    let [without, with] = [off, on].map(|(graph, int8, _)| (decibels(&graph, &int8), int8));
    assert!(with.0 > without.0 + 8.0, "{:.1} dB, {:.1} dB without\n{}", with.0, without.0, with.1);
    // One for each reader of the convolution, one for the copy that the depthwise convolution gets, one at its end.
    let scales = with.1.nodes.iter().filter(|n| n.name.contains("/scale") && n.op.name() == "Mul").count();
    assert_eq!(scales, 4, "{}", with.1);
    write(&UNEVEN, &with.1);
}

#[test]
fn equalising_chains_keeps_the_meaning() {
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = (UNEVEN.build)(&mut n);
    let graph = n.finish(y);
    let samples: Vec<Sample> = (0..4).map(|seed| vec![Arc::new(random(&[1, 6, 6, 4], 100 + seed))]).collect();
    let (layers, inputs) = (layer::find(&graph), [graph.edge("x").unwrap()]);
    let chains = equalise::Chains::see(&graph, &inputs, &layers, &samples, &mut |_, _, _| {});
    let chains = chains.unwrap().expect("there is a chain");
    let db = decibels(&graph, &chains.equalised(&vec![true; chains.count()]).unwrap());
    assert!(db > 100.0, "{db} dB");
}
