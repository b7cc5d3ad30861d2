//! Whole networks that Neural Compressor quantized: the last floats come out as TensorFlow's, which they only do if every
//! int8 layer before them is exact.
use crate::case::tensor;
use bakelite_codegen::ops::Products;
use bakelite_codegen::{graphdef, interpret};
use std::collections::HashMap;
use std::sync::Arc;

#[test]
fn networks_of_neural_compressor() {
    let Some(folder) = crate::shared("networks") else { return };
    let read = |name: &str| std::fs::read(folder.join(name)).expect("a file of the networks");
    let mut failures = vec![];
    for variant in ["int8_perchannel", "int8_pertensor", "int8_fc_fp32", "fp32"] {
        let graph = graphdef::read(&read(&format!("residual_{variant}.pb"))).expect("a graph");
        let (input, output) =
            (graph.edge("input").expect("an input"), graph.edge("Identity").expect("an output"));
        let x = tensor("float", vec![4, 32, 32, 3], &read("input.bin"));
        let want = tensor("float", vec![4, 10], &read(&format!("residual_{variant}_out.bin")));
        let feeds = HashMap::from([(input, Arc::new(x))]);
        match interpret::run(&graph, &feeds, &[output], Products::Contract) {
            Err(error) => failures.push(format!("{variant}: {error}")),
            Ok(y) => {
                let (y, want) = (y[0].as_f32().expect("floats"), want.as_f32().expect("floats"));
                let most = y.iter().zip(want).map(|(y, want)| (y - want).abs()).fold(0.0, f32::max);
                eprintln!("{variant}: largest difference {most:e}");
                if y.len() != want.len() || most > 1e-5 || most.is_nan() {
                    failures.push(format!("{variant}: largest difference {most}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
