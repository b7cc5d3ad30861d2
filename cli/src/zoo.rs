//! `bakelite zoo`: fp32 networks of published topology with synthetic weights.
use crate::{Outcome, files};
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::{graphdef, zoo};
use std::path::PathBuf;

/// Write a well-known fp32 network with synthetic weights, for benchmarks that need no download
///
/// Node for node what tf.keras.applications exports; weights and batch-norm statistics come from the seed, scaled so that
/// activations behave. The same name and seed give the same bytes on every machine. Speed, memory and size are those of
/// the real network; what it answers is noise. It reads `input`, pixels in -1..1, and computes `predictions/Softmax`.
#[derive(clap::Args)]
#[command(after_long_help = help())]
pub(crate) struct Args {
    /// The network
    #[arg(value_name = "NAME")]
    name: String,
    /// The file to write
    #[arg(short, long = "out", value_name = "FILE.pb")]
    o: PathBuf,
    /// Where the random numbers start
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

fn help() -> String {
    let lines: String = zoo::NETWORKS.iter().map(|n| format!("  {:<14} {}\n", n.name, n.about)).collect();
    format!(
        "NAME is one of\n{lines}
From there to an executable (any pictures serve to calibrate):
  bakelite zoo resnet50 -o resnet50.pb
  bakelite quantize resnet50.pb --calibration pictures/ --preprocess x/127.5-1 -o resnet50_int8.pb
  bakelite compile resnet50_int8.pb -o resnet50 --build
  resnet50/resnet50 --bench"
    )
}

/// Runs the subcommand.
pub(crate) fn main(args: &Args) -> Outcome {
    let network = zoo::find(&args.name).ok_or_else(|| unknown(&args.name))?;
    let graph = network.graph(args.seed);
    files::write(&args.o, &graphdef::write(&graph)?)?;
    Ok(format!("{}: {}, {} nodes, seed {}\n", args.o.display(), network.about, graph.nodes.len(), args.seed))
}

fn unknown(name: &str) -> Problems {
    let names: Vec<_> = zoo::NETWORKS.iter().map(|n| n.name).collect();
    Problems::file(
        Reason::new(format!("there is no network {name:?} in the zoo")).supported(names.join(", ")),
    )
}
