//! `bakelite quantize`: fp32 graph and samples in, calibrated int8 graph out.
use crate::names::{self, Role};
use crate::samples::{Samples, Target};
use crate::shapes::{self, Named};
use crate::{Outcome, files, progress, ranges, report};
use bakelite::preprocess::Preprocess;
use bakelite_codegen::calibrate::{Sample, Source};
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::Graph;
use bakelite_codegen::graphdef;
use bakelite_codegen::quantize::{Keep, OpSet, Options, Outputs, Switch, quantize_to};
use std::path::PathBuf;
use std::sync::Arc;

mod target;

/// Quantize a frozen fp32 graph to int8 with ranges measured on samples
///
/// The graph is optimised (see `optimize`), run in fp32 on every sample, and rewritten into TensorFlow's quantized ops:
/// weights 8 bits per output channel, activations 8 bits over the range that was seen. The result is an ordinary
/// GraphDef that TensorFlow runs too, and what `compile` takes. The same graph and samples give the same bytes.
///
/// 100 to 200 samples that look like what the network will see are plenty; labels are not needed. A file that cannot be
/// decoded is an error: nothing is skipped.
#[derive(clap::Args)]
#[command(after_long_help = "\
Calibration is one of
  a folder   of pictures (PNG, JPEG, PPM), resized to the input; folders in it are searched too
  a file     .npy of shape [samples, ...]; for a network of several inputs, one file for each, in the inputs' order

EXPR is the arithmetic on the pixels' bytes x that the network was trained with, in f32:
  x/127.5-1   (x-127)/128   x/255   x   (x-[123.7,116.8,103.9])/58
It applies to pictures and to arrays of u8; other arrays are fed as they are.

Examples:
  bakelite quantize net.pb --calibration pictures/ --preprocess x/127.5-1 -o net8.pb
  bakelite quantize net.pb --input x --output Softmax --calibration batch.npy --preprocess x -o net8.pb
  bakelite quantize net.pb --calibration pictures/ --preprocess x/127.5-1 --save-ranges net.ranges -o net8.pb
  bakelite quantize net.pb --ranges net.ranges -o net8.pb
  bakelite quantize net.pb --calibration pictures/ --target-drop 0.5 --data labels.csv -o mixed.pb
  bakelite quantize net.pb --calibration pictures/ --target-drop 1 --metric map --data coco/ -o mixed.pb")]
pub(crate) struct Args {
    /// The frozen fp32 GraphDef, binary or text, or a SavedModel folder
    #[arg(value_name = "FP32.pb")]
    file: PathBuf,
    /// Which signature of a SavedModel; without it, serving_default
    #[arg(long, value_name = "NAME")]
    signature: Option<String>,
    /// What samples are fed to; without it, the graph's placeholders
    #[arg(long, value_name = "NAME", num_args = 1..)]
    input: Vec<String>,
    /// What the network computes; without it, the one node that nobody reads
    #[arg(long, value_name = "NAME", num_args = 1..)]
    output: Vec<String>,
    /// A folder of pictures, or an .npy batch
    #[arg(long, value_name = "FILE_OR_FOLDER", num_args = 1.., required_unless_present = "ranges")]
    calibration: Vec<PathBuf>,
    /// The arithmetic on pixels
    #[arg(long, value_name = "EXPR", default_value = "x", allow_hyphen_values = true)]
    preprocess: String,
    /// The file to write
    #[arg(short, long = "out", value_name = "INT8.pb")]
    o: PathBuf,
    #[command(flatten)]
    ranges: ranges::Args,
    /// The shape of an input that the graph leaves open
    #[arg(long, value_name = "NAME=1,224,224,3", value_parser = shapes::parse)]
    shape: Vec<Named>,
    /// One range for all weights of a layer instead of one an output channel (less accurate)
    #[arg(long, conflicts_with = "per_channel")]
    per_tensor: bool,
    /// One range for the weights of each output channel: the default
    #[arg(long)]
    per_channel: bool,
    /// Nodes that stay fp32, by name; * stands for any characters, ? for one
    #[arg(long, value_name = "PATTERN", num_args = 1..)]
    keep_fp32: Vec<String>,
    /// Keep the layers fp32 that read the inputs
    #[arg(long)]
    first_layer_fp32: bool,
    /// Scale weights across layers, so that the channels of a tensor fill its range alike; auto: if it helps
    #[arg(long, value_name = "auto|on|off", default_value = "auto", value_parser = switch)]
    equalize: Switch,
    /// Take the mean error of the rounded weights out of the biases; auto: if it helps
    #[arg(long, value_name = "auto|on|off", default_value = "auto", value_parser = switch)]
    bias_correction: Switch,
    #[command(flatten)]
    target: target::Args,
    /// TensorFlow's older op names alone (less accurate), _FusedQuantizedConv2D and its kind, or of each what keeps more
    #[arg(long, value_name = "auto|classic|fused", default_value = "auto", value_parser = op_set)]
    op_set: OpSet,
    /// Write what was done and what it costs, layer by layer: a page that opens from disk (.html), or numbers (.json)
    #[arg(long, value_name = "FILE.html|FILE.json")]
    report: Option<PathBuf>,
}

fn switch(text: &str) -> Result<Switch, String> {
    match text {
        "auto" => Ok(Switch::Auto),
        "on" => Ok(Switch::On),
        "off" => Ok(Switch::Off),
        _ => Err("expected auto, on or off".to_owned()),
    }
}

fn op_set(text: &str) -> Result<OpSet, String> {
    match text {
        "auto" => Ok(OpSet::Auto),
        "classic" => Ok(OpSet::Classic),
        "fused" => Ok(OpSet::Fused),
        _ => Err("expected auto, classic or fused".to_owned()),
    }
}

/// Runs the subcommand.
pub(crate) fn main(args: &Args) -> Outcome {
    let preprocess: Preprocess = args.preprocess.parse().map_err(|e: bakelite::preprocess::Error| {
        Problems::file(Reason::new(e.to_string()).help("for instance --preprocess x/127.5-1"))
    })?;
    if let Some(path) = &args.report {
        report::known(path)?;
    }
    let mut graph = files::read_graph(&args.file, args.signature.as_deref())?;
    let inputs = names::chosen(&graph, &args.input, Role::Input)?;
    let outputs = names::chosen_outputs(&graph, &args.output, &args.file)?;
    shapes::cut(&mut graph, &args.shape, &inputs)?;
    shapes::declare(&mut graph, &args.shape)?;
    let sources = open(args, &graph, &inputs, &preprocess)?;
    let keep_fp32 =
        Keep { patterns: args.keep_fp32.clone(), first_layer: args.first_layer_fp32, ..Keep::default() };
    let calibration = args.ranges.options()?;
    let (op_set, per_tensor) = (args.op_set, args.per_tensor);
    let options = Options {
        inputs,
        outputs,
        op_set,
        per_tensor,
        keep_fp32,
        calibration,
        equalise: args.equalize,
        equalise_chains: args.equalize,
        correct_bias: args.bias_correction,
        analyse: args.report.is_some(),
    };
    let count = sources.count();
    let mut stages = progress::Stages::default();
    let labelled = args.target.open(&graph, &options.inputs, &preprocess)?;
    let score = |fp32: &Outputs, y: &Outputs| labelled.as_ref().map_or(Ok(f64::NAN), |l| l.score(fp32, y));
    let target = labelled.as_ref().map(|l| args.target.allowed(l, &score));
    let told = &mut |what, done, total| stages.at(what, done, total);
    let (graph, done) = quantize_to(graph, &options, &sources, target.as_ref(), told)?;
    args.ranges.save(&done)?;
    files::write(&args.o, &graphdef::write(&graph)?)?;
    if let Some(path) = &args.report {
        let [model, graph] = [&args.file, &args.o].map(|p| p.display().to_string());
        let about = report::About { model, graph, samples: count, method: args.ranges.source() };
        report::write(path, &report::json(&done, &about))?;
    }
    let (file, nodes) = (args.o.display(), graph.nodes.len());
    let how = args.ranges.given().unwrap_or_else(|| format!("calibrated on {count} samples"));
    Ok(format!("{file}: {nodes} nodes, {how}\n{done}"))
}

/// Samples of every input, as many of each.
struct Sources(Vec<Samples>);

impl Source for Sources {
    fn count(&self) -> usize {
        self.0.iter().map(Samples::len).min().unwrap_or(0)
    }
    fn get(&self, i: usize) -> Result<Sample, Problems> {
        self.0.iter().map(|s| s.get(i).map(Arc::new)).collect()
    }
}

/// The samples of every input.
fn open(args: &Args, graph: &Graph, inputs: &[String], preprocess: &Preprocess) -> Result<Sources, Problems> {
    let files = &args.calibration;
    if files.is_empty() {
        return Ok(Sources(vec![]));
    }
    if files.len() != inputs.len() {
        let found = format!("{} --calibration for {} inputs", files.len(), inputs.len());
        let help = format!("give one for each, in this order: {}", inputs.join(", "));
        return Err(Problems::file(Reason::new(found).help(help)));
    }
    let mut sources = vec![];
    for (file, name) in files.iter().zip(inputs) {
        sources.push(Samples::open(file, Target::of(graph, name)?, preprocess.clone())?);
    }
    let counts: Vec<usize> = sources.iter().map(Samples::len).collect();
    if counts.windows(2).any(|w| w[0] != w[1]) {
        let found = format!("the inputs have {counts:?} samples");
        return Err(Problems::file(Reason::new(found).supported("as many for each input")));
    }
    Ok(Sources(sources))
}
