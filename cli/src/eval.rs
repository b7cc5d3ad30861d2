//! `bakelite eval`: how good models are on labelled data, and how sure one can be that they differ.
//!
//! ```text
//! data      samples and what is true of them            models    graphs with their engines
//!     \                                                     /
//!      predict: every model on every sample, samples in parallel
//!         |
//!      metrics: a statistic a model -> report: values, differences with their intervals, agreement, speed
//! ```
use crate::engine::Engine;
use crate::{Outcome, files, progress};
use bakelite::preprocess::Preprocess;
use bakelite_codegen::calibrate::Source;
use bakelite_codegen::error::{Problems, Reason};
use std::path::PathBuf;

mod data;
mod interval;
mod labels;
mod metrics;
mod models;
mod predict;
mod report;
mod score;

pub(crate) use data::Wanted;
pub(crate) use metrics::Metric;
pub(crate) use score::Scored;

/// Measure models on labelled data, and compare them
///
/// Runs every model on every sample. Further models are compared with the first: the difference comes with a 95 %
/// confidence interval that takes into account that all saw the same samples (Newcombe's interval for paired
/// proportions for top-1, top-5 and accuracy; a paired bootstrap of 2000 draws for the others), and with the agreement,
/// the share of samples on which both decide the same.
///
/// Speed is samples per second on all threads together, without decoding. int8 graphs run through compiled code (which
/// needs a Rust toolchain), fp32 graphs through the interpreter, unless --engine chooses for all.
///
/// Before anything runs, every picture is decoded and every label checked: what is missing or broken is named, and
/// nothing is left out.
#[derive(clap::Args)]
#[command(after_long_help = "\
DATA is one of
  labels.csv   lines of `file,class`, with or without a header; files relative to it or absolute; pictures
  a folder     of pictures, for mse and cosine; for map, with images/ and labels/ in it: of images/a.jpg,
               labels/a.txt has a line `class centre-x centre-y width height` for each object, relative to the picture
  label.npy    what is true of the rows of the arrays that --feed names: classes, or the outputs' values

Metrics
  top1     share of samples whose class scores highest; top-5 beside it
  topk     share of samples whose class is among the --k highest scores
  auc      area under the ROC curve, labels 0 and 1, of an output of one score (a probability) or of two; accuracy too
  map      COCO average precision at IoU 0.50:0.95, and at 0.50, of rows (x1, y1, x2, y2, score, class) in pixels
  mse      mean squared error against label.npy; without it, against the first model's output
  cosine   cosine similarity, likewise

EXPR is as in `bakelite quantize`: x/127.5-1   (x-127)/128   x/255   x

Examples:
  bakelite eval net.pb net8.pb --data val/labels.csv --preprocess x/127.5-1 --classes-offset 1
  bakelite eval wide.pb wide8.pb --metric auc --data label.npy --feed numeric=n.npy --feed categorical=c.npy
  bakelite eval detector.pb detector8.pb --metric map --data coco/ --preprocess x
  bakelite eval net.pb net8.pb --metric cosine --feed input=x.npy --json result.json")]
pub(crate) struct Args {
    /// The GraphDefs, binary or text, or SavedModel folders; the first is what the others are compared with
    #[arg(value_name = "MODEL.pb", required = true)]
    models: Vec<PathBuf>,
    /// Which signature of SavedModels; without it, serving_default
    #[arg(long, value_name = "NAME")]
    signature: Option<String>,
    /// What pictures are fed to; without it, the one placeholder
    #[arg(long, value_name = "NAME")]
    input: Option<String>,
    /// What is measured; without it, the one node that nobody reads
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
    /// Samples and labels, see below
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    /// Feed an input the rows of an array
    #[arg(long, value_name = "NAME=FILE.npy", num_args = 1.., value_parser = crate::run::binding, conflicts_with = "input")]
    feed: Vec<crate::run::Binding>,
    /// The arithmetic on pixels
    #[arg(long, value_name = "EXPR", default_value = "x", allow_hyphen_values = true)]
    preprocess: String,
    /// Added to every label: 1 where the network's class 0 is the background
    #[arg(long, value_name = "N", default_value_t = 0, allow_hyphen_values = true)]
    classes_offset: i64,
    /// Only the first N samples
    #[arg(long, value_name = "N")]
    limit: Option<std::num::NonZeroUsize>,
    /// What is measured
    #[arg(long, value_enum, default_value_t = Metric::Top1)]
    metric: Metric,
    /// The k of topk
    #[arg(long, value_name = "K", default_value = "5")]
    k: std::num::NonZeroUsize,
    /// What computes; without it, compiled code for int8 graphs and the interpreter for fp32 graphs
    #[arg(long, value_enum)]
    engine: Option<Engine>,
    /// The shape of an input that the graph leaves open
    #[arg(long, value_name = "NAME=1,224,224,3", value_parser = crate::shapes::parse)]
    shape: Vec<crate::shapes::Named>,
    /// Write the numbers to a file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the outputs too: f32 of shape [models, samples, elements]
    #[arg(long, value_name = "FILE.npy")]
    predictions: Option<PathBuf>,
}

/// Runs the subcommand.
pub(crate) fn main(args: &Args) -> Outcome {
    let preprocess: Preprocess = args.preprocess.parse().map_err(|e: bakelite::preprocess::Error| {
        Problems::file(Reason::new(e.to_string()).help("for instance --preprocess x/127.5-1"))
    })?;
    let mut models = models::read(args)?;
    let Some(first) = models.first() else { return Err(Problems::file(Reason::new("there is no model"))) };
    let inputs: Vec<String> = first.inputs.iter().map(|&e| first.graph.name(e)).collect();
    let data = data::open(&wanted(args, &preprocess), &first.graph, &inputs)?;
    let probe = data.get(0)?;
    let elements = predict::prepare(&mut models, &probe)?;
    data.truth.check(args.metric, elements, &data.names)?;
    let bar = progress::bar("evaluating", data.count() as u64);
    let predictions = predict::predict(&models, &data, &|| bar.inc(1));
    bar.finish_and_clear();
    let predictions = predictions?;
    if let Some(file) = &args.predictions {
        files::write(file, &predict::array(&predictions))?;
    }
    let columns = metrics::columns(args.metric, args.k.get(), &predictions, &data)?;
    let agreement = metrics::agreement(args.metric, &predictions);
    let report = report::Report::new(&models, &predictions, &columns, &agreement);
    if let Some(file) = &args.json {
        files::write(file, &report.json(args.metric))?;
    }
    Ok(report.text())
}

fn wanted<'a>(args: &'a Args, preprocess: &'a Preprocess) -> Wanted<'a> {
    Wanted {
        data: args.data.as_deref(),
        feed: &args.feed,
        metric: args.metric,
        classes_offset: args.classes_offset,
        limit: args.limit.map(usize::from),
        preprocess,
    }
}
