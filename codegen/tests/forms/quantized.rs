//! A form as the quantizer writes it, with ranges from sixteen random samples.
use crate::network::{Network, random};
use crate::networks::Form;
use bakelite_codegen::calibrate::{self, Method, Sample};
use bakelite_codegen::graph::Graph;
use bakelite_codegen::quantize::{OpSet, Options, Report, Switch};
use std::sync::Arc;

/// The fp32 graph of a form, and what the quantizer makes of it.
pub(crate) fn quantized(form: &Form, op_set: OpSet) -> (Graph, Graph, Report) {
    equalised(form, op_set, Switch::Off)
}

/// The same with the scales of chains equalised.
pub(crate) fn equalised(form: &Form, op_set: OpSet, equalise: Switch) -> (Graph, Graph, Report) {
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = (form.build)(&mut n);
    let graph = n.finish(y);
    // As plain as can be: the forms are tested here, and what is measured and chosen elsewhere.
    let options = Options {
        inputs: vec!["x".into()],
        outputs: vec!["y".into()],
        op_set,
        calibration: calibrate::Options { method: Method::MinMax, ..Default::default() },
        equalise: Switch::Off,
        equalise_chains: equalise,
        correct_bias: Switch::Off,
        ..Options::default()
    };
    let samples: Vec<Sample> =
        (0..16).map(|seed| vec![Arc::new(random(&[1, 6, 6, 4], 100 + seed))]).collect();
    let result = bakelite_codegen::quantize(graph.clone(), &options, &samples, &mut |_, _, _| {});
    let (int8, report) = result.unwrap_or_else(|e| panic!("{}: {e}", form.name));
    (graph, int8, report)
}
