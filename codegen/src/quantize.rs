//! The quantizer: an fp32 graph and samples in, a calibrated int8 graph in TensorFlow's quantized ops out.
//!
//! ```text
//! optimise     passes
//! find         layer.rs    convolutions and products with their bias, activation, residual sum
//! calibrate    calibrate   the range of every edge that may become int8
//! plan         plan.rs     which nodes are int8, of which type, over which range
//! rewrite      rewrite.rs  the new graph
//! ```
//!
//! Activations are u8 behind what cannot be negative, s8 elsewhere, over `(0, R)` or `(-R, R)`; weights s8 per output
//! channel. Biases stay f32: oneDNN adds them to the scaled accumulator in f32, where an integer bias would be rounded
//! once more before it is turned back into the same f32.
use crate::build::constant;
use crate::calibrate::{self, Progress, Source, calibrate};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph};
use crate::ops::Op;
use crate::passes::optimise;
use crate::verify::verify;
use std::collections::HashMap;

pub mod keep;
pub mod layer;
pub mod node;
pub mod plan;
pub mod report;
pub mod rewrite;
pub mod weights;
pub use keep::Keep;
pub use report::{Place, Report};

/// Which of TensorFlow's names for the same arithmetic are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpSet {
    /// `QuantizedConv2DWithBiasAndReluAndRequantize` and its family, which every TensorFlow since 1.14 has, where one
    /// of them says what is meant; the others where none does.
    #[default]
    Classic,
    /// `_FusedQuantizedConv2D`, `_FusedQuantizedDepthwiseConv2D`.
    Fused,
}

/// What the caller decides.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Names of the inputs, in the order in which a sample holds them; empty: the placeholders, in the graph's order.
    pub inputs: Vec<String>,
    /// Names of the outputs; empty: the graph's own.
    pub outputs: Vec<String>,
    /// Names of the quantized ops.
    pub op_set: OpSet,
    /// One weight range a layer instead of one an output channel.
    pub per_tensor: bool,
    /// What stays fp32.
    pub keep_fp32: Keep,
    /// How ranges of activations are chosen.
    pub calibration: calibrate::Options,
}

/// Quantizes `graph` with ranges measured on `samples`. The same graph, samples and options give the same bytes,
/// whatever the number of threads.
pub fn quantize(
    graph: Graph,
    options: &Options,
    samples: &dyn Source,
    progress: Progress<'_>,
) -> Result<(Graph, Report), Problems> {
    let graph = optimise(graph, &options.inputs, &options.outputs)?;
    finite_constants(&graph)?;
    let inputs = inputs(&graph, &options.inputs);
    let layers = layer::find(&graph);
    let kept = options.keep_fp32.resolve(&graph, &layers)?;
    let edges = plan::observed(&graph, &layers);
    let seen = calibrate(&graph, &inputs, &edges, &options.calibration, samples, progress)?;
    let (facts, _) = crate::facts::infer(&graph, &HashMap::new());
    let plan = plan::plan(&graph, &facts, layers, &calibrate::ranges(&seen), &kept);
    let quantized = rewrite::rewrite(&graph, &plan, options)?;
    verify(&quantized)?;
    let mut report = report::report(&graph, &plan, &quantized);
    report.calibration = seen.into_values().collect();
    Ok((quantized, report))
}

/// Edges of the named inputs, or of all placeholders. Passes keep the names of inputs.
fn inputs(graph: &Graph, names: &[String]) -> Vec<Edge> {
    if names.is_empty() {
        return graph
            .ids()
            .filter(|&id| matches!(graph.node(id).op, Op::Placeholder(_)))
            .map(Edge::from)
            .collect();
    }
    names.iter().filter_map(|n| graph.edge(n)).collect()
}

/// Refuses NaN and infinity in weights.
fn finite_constants(graph: &Graph) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for id in graph.ids() {
        let values = constant(graph, id.into()).and_then(|t| t.as_f32().ok()).unwrap_or_default();
        let bad = values.iter().filter(|v| !v.is_finite()).count();
        if bad > 0 {
            let found = format!("{bad} of {} values are NaN or infinite", values.len());
            problems.add(
                &graph.node(id).name,
                "Const",
                Reason::new(found).help("check the model's training"),
            );
        }
    }
    problems.into_result(())
}
