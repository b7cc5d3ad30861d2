//! `bakelite optimize`: a graph with the same meaning and fewer nodes.
use crate::names::{self, Role};
use crate::{Outcome, files};
use bakelite_codegen::graphdef;
use bakelite_codegen::passes::{self, PASSES};
use std::path::PathBuf;

/// Simplify a frozen fp32 graph: cut it to what is needed, fold constants and batch norms
///
/// Keeps what leads from the inputs to the outputs, and runs the passes below until none finds anything more. The result
/// computes the same up to fp32 rounding, keeps the names of inputs and outputs, and is an ordinary TensorFlow graph.
/// `quantize` does all of this by itself; this command shows it alone.
#[derive(clap::Args)]
#[command(after_long_help = help())]
pub(crate) struct Args {
    /// The GraphDef, binary or text, or a SavedModel folder
    #[arg(value_name = "FP32.pb")]
    file: PathBuf,
    /// Which signature of a SavedModel; without it, serving_default
    #[arg(long, value_name = "NAME")]
    signature: Option<String>,
    /// Where the graph begins; without it, at its placeholders
    #[arg(long, value_name = "NAME", num_args = 1..)]
    input: Vec<String>,
    /// What it computes; without it, the one node that nobody reads
    #[arg(long, value_name = "NAME", num_args = 1..)]
    output: Vec<String>,
    /// The file to write
    #[arg(short, long = "out", value_name = "OUT.pb")]
    o: PathBuf,
}

fn help() -> String {
    let passes: String = PASSES.iter().map(|p| format!("  {:<21} {}\n", p.name, p.what)).collect();
    format!(
        "\
Passes:
  remove_switch         conditionals whose predicate is constant
  strip_unused          all that the outputs do not need, and control edges
{passes}
Examples:
  bakelite optimize net.pb --output Softmax -o small.pb
  bakelite optimize net.pb --input input --output MobilenetV1/Predictions/Reshape_1 -o small.pb
An input may be any edge: what leads to it is cut off."
    )
}

/// Runs the subcommand.
pub(crate) fn main(args: &Args) -> Outcome {
    let graph = files::read_graph(&args.file, args.signature.as_deref())?;
    let before = graph.nodes.len();
    let inputs = names::chosen(&graph, &args.input, Role::Input)?;
    let outputs = names::chosen_outputs(&graph, &args.output, &args.file)?;
    let (graph, counts) = passes::optimise_counting(graph, &inputs, &outputs)?;
    files::write(&args.o, &graphdef::write(&graph)?)?;
    let did = PASSES.iter().zip(counts).filter(|(_, count)| *count > 0);
    let did: String = did.map(|(pass, count)| format!("  {:<21} {count}\n", pass.name)).collect();
    Ok(format!("{}: {} nodes of {before}\n{did}", args.o.display(), graph.nodes.len()))
}
