//! Damaged fp32 graphs on their way through the optimiser, calibration and the quantizer, and what comes out of it through
//! the compiler.
use crate::network::{Network, random};
use crate::networks::forms;
use crate::{attempts, mutate};
use bakelite_codegen::calibrate::{Method, Sample};
use bakelite_codegen::quantize::{Options, Switch, quantize};
use bakelite_codegen::wire::{GraphDef, NodeDef};
use bakelite_codegen::{compile, graphdef};
use prost::Message;
use std::sync::Arc;

const DAMAGES: u64 = 1500;

/// Whether an int8 graph comes out; `all` the quantizer can do takes long.
fn quantizes(bytes: &[u8], all: bool) -> bool {
    let Ok(graph) = graphdef::read(bytes) else { return false };
    let samples: Vec<Sample> = (0..2).map(|seed| vec![Arc::new(random(&[1, 6, 6, 4], seed))]).collect();
    let (inputs, outputs) = (vec!["x".into()], vec!["y".into()]);
    let mut options = Options { inputs, outputs, ..Options::default() };
    if !all {
        options.calibration.method = Method::MinMax;
        (options.equalise, options.equalise_chains, options.correct_bias) =
            (Switch::Off, Switch::Off, Switch::Off);
    }
    match quantize(graph, &options, &samples, &mut |_, _, _| {}) {
        Ok((graph, report)) => {
            assert!(!report.to_string().is_empty());
            if let Err(problems) = compile::compile(&graph, &compile::Options::default()) {
                assert!(!problems.0.is_empty(), "an error that says nothing");
            }
            true
        }
        Err(problems) => {
            assert!(!problems.0.is_empty() && !problems.to_string().is_empty(), "an error that says nothing");
            false
        }
    }
}

#[test]
fn damaged_graphs_are_quantized_or_refused() {
    attempts::limited("quantized::damaged_graphs_are_quantized_or_refused", || {
        let graphs: Vec<(&str, Vec<u8>)> = forms()
            .map(|form| {
                let mut n = Network::new(&[-1, 6, 6, 4]);
                let y = (form.build)(&mut n);
                (form.name, graphdef::write(&n.finish(y)).expect("a form is a graph"))
            })
            .collect();
        assert!(graphs.iter().all(|(_, bytes)| quantizes(bytes, false)));
        let graph = |seed: u64| &graphs[seed as usize % graphs.len()];
        let done = attempts::all(
            DAMAGES,
            |seed| graph(seed).0.to_owned(),
            |seed, random| quantizes(&mutate::mutate(&graph(seed).1, random), seed % 16 == 0),
        );
        attempts::came_far(&done, DAMAGES as usize / 10);
    });
}

/// The op may have any number of outputs: the quantizer must not go through them.
#[test]
fn an_unknown_op_behind_a_network_stays_where_it_is() {
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = n.conv("Conv2D", n.x, &[3, 3, 4, 8], "SAME");
    let y = n.op("Relu", &[y]);
    let graph = n.finish(y);
    let mut def = GraphDef::decode(&graphdef::write(&graph).expect("a graph")[..]).expect("it was written");
    let reads =
        NodeDef { name: "z".into(), op: "Unheard".into(), input: vec!["y".into()], ..Default::default() };
    def.node.push(reads);
    let graph = graphdef::read(&def.encode_to_vec()).expect("a graph");
    let samples: Vec<Sample> = vec![vec![Arc::new(random(&[1, 6, 6, 4], 1))]];
    let options = Options { inputs: vec!["x".into()], outputs: vec!["z".into()], ..Options::default() };
    let (int8, _) =
        quantize(graph, &options, &samples, &mut |_, _, _| {}).expect("what is behind is not run");
    let z = int8.edge("z").expect("it is still there");
    assert_eq!(int8.node(z.node).op.name(), "Unheard");
}
