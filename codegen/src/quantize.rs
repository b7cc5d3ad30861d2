//! The quantizer: an fp32 graph and samples in, a calibrated int8 graph in TensorFlow's quantized ops out.
//!
//! ```text
//! optimise     passes
//! equalise     equalise    weights scaled across layers, if it helps
//! find         layer.rs    convolutions and products with their bias, activation, residual sum
//! calibrate    calibrate   the range of every edge that may become int8
//! correct      bias        biases less the mean error of rounded weights, if it helps
//! plan         plan.rs     which nodes are int8, of which type, over which range
//! rewrite      rewrite.rs  the new graph
//! ```
//!
//! What may help is decided by trying (`choose`): signal over noise at the last int8 results, on samples held out
//! (`judge`).
//!
//! Activations are u8 behind what cannot be negative, s8 elsewhere, over `(0, R)` or `(-R, R)`; weights s8 per output
//! channel. Biases stay f32: oneDNN adds them to the scaled accumulator in f32, where an integer bias would be rounded
//! once more before it is turned back into the same f32.
use crate::build::constant;
use crate::calibrate::{self, Progress, Ranges, Source};
use crate::error::{Problems, Reason};
use crate::facts::Facts;
use crate::graph::{Edge, Graph, NodeId};
use crate::ops::Op;
use crate::passes::optimise;
use crate::verify::verify;
use std::collections::{BTreeMap, HashMap};

pub mod analysis;
pub mod bias;
pub mod carry;
pub mod channels;
pub mod choose;
pub mod equalise;
pub mod judge;
pub mod keep;
pub mod layer;
pub mod node;
pub mod plan;
pub mod report;
pub mod rewrite;
pub mod sensitivity;
mod settle;
pub mod target;
pub mod weights;
pub use analysis::Errors;
pub use choose::{Choice, Switch, Why};
use choose::{Chooser, Form};
use judge::{Judge, Slice};
pub use keep::Keep;
use keep::Kept;
use layer::Layer;
use plan::Plan;
pub use report::{Place, Report};
pub use sensitivity::Sensitivity;
pub use target::{Outputs, Reached, Score, Target};

/// Which of TensorFlow's names for the same arithmetic are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpSet {
    /// What keeps most: of names that say the same, the old one, which every TensorFlow since 1.14 has; see
    /// [`node`].
    #[default]
    Auto,
    /// The old names alone; what none of them says stays fp32 or loses accuracy.
    Classic,
    /// `_FusedQuantizedConv2D`, `_FusedQuantizedDepthwiseConv2D`, `_QuantizedMatMul`.
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
    /// Whether weights are scaled across layers; see [`equalise`].
    pub equalise: Switch,
    /// Whether channels are scaled through elementwise chains.
    pub equalise_chains: Switch,
    /// Whether the mean error of rounded weights is taken from the biases; see [`bias`].
    pub correct_bias: Switch,
    /// Whether what a drawn report tells is measured, each layer's [`sensitivity`] and the [`Errors`]: it takes long.
    pub analyse: bool,
}

/// Quantizes `graph` with ranges measured on `samples`. The same graph, samples and options give the same bytes,
/// whatever the number of threads.
pub fn quantize(
    graph: Graph,
    options: &Options,
    samples: &dyn Source,
    progress: Progress<'_>,
) -> Result<(Graph, Report), Problems> {
    quantize_to(graph, options, samples, None, progress)
}

/// [`quantize`], with as many layers in fp32 as a target needs.
pub fn quantize_to(
    graph: Graph,
    options: &Options,
    samples: &dyn Source,
    target: Option<&Target<'_>>,
    progress: Progress<'_>,
) -> Result<(Graph, Report), Problems> {
    let options = &settle::settle(options, samples.count())?;
    let graph = optimise(graph, &options.inputs, &options.outputs)?;
    finite_constants(&graph)?;
    let inputs = inputs(&graph, &options.inputs);
    let [fit, held] = Slice::split(&graph, &inputs, samples)?;
    let observed = plan::observed(&graph, &layer::find(&graph)).into_iter().collect();
    let judge = Judge::new(&graph, &inputs, &observed, held)?;
    let chooser = Chooser { inputs: &inputs, fit, judge, options };
    let (form, chains) = chooser.equalise_chains(Form::new(graph), progress)?;
    let (form, equalised) = chooser.equalise(form, progress)?;
    let (ranges, seen) = chooser.ranges(&form, samples, progress)?;
    let (layers, corrected) = chooser.correct_bias(&form, &ranges, progress)?;
    let graph = form.graph;
    let mut kept = options.keep_fp32.resolve(&graph, &layers)?;
    let subject = Subject::new(&graph, &inputs, &ranges, options);
    let (mut reached, mut costs) = (None, vec![]);
    if let Some(target) = target {
        let done = target.reach(&subject, &layers, kept, &chooser.judge, progress)?;
        (kept, reached, costs) = (done.0, Some(done.1), done.2);
    }
    if options.analyse && costs.is_empty() && chooser.judge.can() {
        let measured = sensitivity::sensitivity(&subject, &layers, &kept, &chooser.judge, progress)?;
        costs = measured.into_iter().map(|(_, cost)| cost).collect();
    }
    let ends: HashMap<String, NodeId> =
        layers.iter().map(|l| (graph.node(l.end).name.clone(), l.core)).collect();
    let (plan, quantized) = subject.quantize(layers, &kept)?;
    // A layer that took in its residual sum is reported where it ends now.
    for cost in &mut costs {
        if let Some(layer) = plan.layers.iter().find(|l| ends.get(&cost.node) == Some(&l.core)) {
            cost.node.clone_from(&graph.node(layer.end).name);
        }
    }
    let mut report = report::report(&graph, &subject.facts, &plan, &quantized);
    if options.analyse {
        let mut errors =
            Errors::measure((&graph, &inputs), &quantized, &report.places, chooser.judge.samples())?;
        errors.output = chooser.judge.can().then(|| chooser.judge.sqnr(&quantized)).transpose()?;
        errors.weights = subject.weights(&plan)?;
        report.errors = Some(errors);
    }
    report.choices = chains.into_iter().chain([equalised, corrected]).collect();
    (report.target, report.sensitivity) = (reached, costs);
    report.calibration = seen.into_values().collect();
    Ok((quantized, report))
}

/// An fp32 graph with calibrated ranges, to be quantized in one way or another.
struct Subject<'a> {
    graph: &'a Graph,
    inputs: &'a [Edge],
    facts: Facts,
    ranges: &'a Ranges,
    options: &'a Options,
}

impl<'a> Subject<'a> {
    fn new(graph: &'a Graph, inputs: &'a [Edge], ranges: &'a Ranges, options: &'a Options) -> Self {
        let (facts, _) = crate::facts::infer(graph, &HashMap::new());
        Self { graph, inputs, facts, ranges, options }
    }
    /// The quantized graph with these layers, without those that are kept fp32.
    fn quantize(&self, layers: Vec<Layer>, kept: &Kept) -> Result<(Plan, Graph), Problems> {
        let Self { graph, ref facts, ranges, options, .. } = *self;
        let plan = plan::plan(plan::Terms { graph, facts, ranges, kept, op_set: options.op_set }, layers);
        let quantized = rewrite::rewrite(graph, &plan, options)?;
        verify(&quantized)?;
        Ok((plan, quantized))
    }
    /// How well the weights of each int8 layer are kept.
    fn weights(&self, plan: &Plan) -> Result<BTreeMap<String, f64>, Problems> {
        let int8 = plan.layers.iter().filter(|l| matches!(plan.roles[l.end.0], plan::Role::Layer(_)));
        let of = |layer: &Layer| {
            let node = self.graph.node(layer.end);
            let at = |reason| Problems::at(&node.name, node.op.name(), reason);
            Ok((node.name.clone(), analysis::weights_sqnr(layer, self.options.per_tensor).map_err(at)?))
        };
        int8.map(of).collect()
    }
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
