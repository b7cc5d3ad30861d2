//! `bakelite`, the tool: what a TensorFlow graph holds, what it becomes, and what it computes.
//!
//! One file a subcommand; what they share is in `files` (graphs in and out), `names` (which edge a NAME means), `arrays`
//! (`.npy` and tensors) and `progress`. Everything that can go wrong with a file is a `Problem`: printed as
//! `error: ...` with a `help: ...` line, and the exit code is 1.
mod arrays;
mod compile;
mod engine;
mod eval;
mod files;
mod inspect;
mod labels;
mod names;
mod optimize;
mod package;
mod progress;
mod quantize;
mod ranges;
mod report;
mod run;
mod samples;
mod shapes;
mod tune;
mod zoo;

use bakelite_codegen::error::Problems;
use clap::{Parser, Subcommand};
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Bakes quantized TensorFlow networks into Rust.
///
/// A frozen fp32 GraphDef becomes a calibrated int8 GraphDef (`quantize`), that becomes a Rust package or one static
/// executable (`compile`). Both graphs are ordinary TensorFlow files: look at them with `inspect`, run them with
/// `run`, measure them with `eval`.
#[derive(Parser)]
#[command(name = "bakelite", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_long_help = "\
From a trained network to an executable:
  bakelite inspect net.pb
  bakelite quantize net.pb --input x --output y --calibration pictures/ --preprocess x/127.5-1 -o net8.pb
  bakelite eval net.pb net8.pb --data labels.csv --preprocess x/127.5-1
  bakelite compile net8.pb -o net8 --build
  net8/net8 picture.jpg

`bakelite SUBCOMMAND --help` explains each step.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inspect(inspect::Args),
    Optimize(optimize::Args),
    Quantize(quantize::Args),
    Compile(compile::Args),
    Tune(tune::Args),
    Run(run::Args),
    Eval(eval::Args),
    Zoo(zoo::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Inspect(args) => inspect::main(&args),
        Command::Optimize(args) => optimize::main(&args),
        Command::Quantize(args) => quantize::main(&args),
        Command::Compile(args) => compile::main(&args),
        Command::Tune(args) => tune::main(&args),
        Command::Run(args) => run::main(&args),
        Command::Eval(args) => eval::main(&args),
        Command::Zoo(args) => zoo::main(&args),
    };
    match done {
        Ok(text) => print(&text),
        Err(problems) => {
            let problems = advised(problems);
            // Where stderr is closed there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{problems}");
            ExitCode::FAILURE
        }
    }
}

/// Gives every problem of a node a next step: where the op itself has none to recommend, the graph is broken, or we are.
fn advised(mut problems: Problems) -> Problems {
    for problem in problems.0.iter_mut().filter(|p| !p.op.is_empty() && p.reason.help.is_empty()) {
        problem.reason.help =
            "look at what feeds this node; if TensorFlow runs the graph, this is a gap in Bakelite: report it".into();
    }
    problems
}

/// What a subcommand says on standard output when it is done.
type Outcome = Result<String, Problems>;

/// Prints; a reader that has read enough (`| head`) is no error.
pub(crate) fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}
