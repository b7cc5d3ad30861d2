//! `bakelite inspect`: what a graph holds, and what of it Bakelite cannot do.
use crate::names::{self, Role};
use crate::shapes::{self, Named};
use crate::{Outcome, files};
use clap::builder::NonEmptyStringValueParser;
use std::path::PathBuf;

mod show;
mod summary;

/// Show what a GraphDef holds: inputs, outputs, ops, parameters, multiply-accumulates, and what is not supported
///
/// Reads the graph, infers every type and shape, and counts. Only what the outputs need is counted; without --output, the
/// outputs are the nodes that nobody reads. MACs are of one inference at the shapes that the graph declares, where an open
/// batch is 1; the int8 share is the part of them that multiplies 8-bit integers.
///
/// Ops outside Bakelite's list are part of what is shown. A graph that contradicts itself (shapes that do not fit, a
/// range that is missing) is shown too, but is an error: the exit code is 1.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  bakelite inspect net.pb
  bakelite inspect net.pb --output MobilenetV1/Predictions/Reshape_1
  bakelite inspect net.pb --shape input=1,224,224,3 --json | jq .macs

JSON keys:
  file, bytes, nodes      the path, its length, nodes in the file
  inputs, outputs         [{name, op, dtype, shape}]; dtype and shape null where unknown
  ops                     [{op, count, supported}] of the nodes that the outputs need
  parameters              elements of constants of float and quantized types; parameter_bytes their size
  macs, int8_macs         multiply-accumulates of one inference, and those on 8-bit integers
  int8_share              int8_macs / macs, null where there are none
  macs_complete           false where a shape is not known, so that macs is a lower bound
  unsupported             [{node, op, found, supported, help, needed}]; needed: the outputs depend on it")]
pub(crate) struct Args {
    /// The GraphDef, binary or text, or a SavedModel folder
    #[arg(value_name = "FILE.pb")]
    file: PathBuf,
    /// Which signature of a SavedModel; without it, serving_default
    #[arg(long, value_name = "NAME")]
    signature: Option<String>,
    /// Count for these outputs only (NAME or NAME:k)
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = NonEmptyStringValueParser::new())]
    output: Vec<String>,
    /// The shape of an input that the graph leaves open
    #[arg(long, value_name = "NAME=1,224,224,3", value_parser = shapes::parse)]
    shape: Vec<Named>,
    /// Print JSON instead (keys below, in --help)
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub(crate) fn main(args: &Args) -> Outcome {
    let mut graph = files::read_graph(&args.file, args.signature.as_deref())?;
    let shapes = shapes::of(&graph, &args.shape)?;
    graph.outputs = match &args.output[..] {
        [] => names::outputs(&graph),
        list => names::edges(&graph, list, Role::Output)?,
    };
    let bytes = files::length(&args.file).map_err(|e| files::problem(&args.file, e))?;
    let summary = summary::of(&graph, &shapes);
    let file = args.file.display().to_string();
    let text =
        if args.json { show::json(&summary, &file, bytes) } else { show::text(&summary, &file, bytes) };
    // What is only unknown or not supported is the subject of this command; a contradiction is an error.
    let problems = summary.contradictions();
    if problems.0.is_empty() {
        return Ok(text);
    }
    crate::print(&text);
    Err(problems)
}
