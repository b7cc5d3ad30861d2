//! The command line of a baked executable. A `main.rs` is a network, its description for people, and one call:
//!
//! ```ignore
//! static MODEL: Mutex<model::Model> = Mutex::new(model::Model::new());
//! fn main() -> std::process::ExitCode {
//!     bakelite::app::main(&MODEL, &ABOUT)
//! }
//! ```
//!
//! The network lies in a `static`, so that its arena is never on a stack. Everything that a run needs is allocated
//! before the first inference, nothing during one.

use crate::network::Network;
use crate::preprocess::Preprocess;
use arguments::{Arguments, Command};
use error::Error;
use session::{Model, Session};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;

mod arguments;
mod classify;
mod error;
mod help;
mod session;
mod tensors;
mod times;

/// What people should know of a network beside its graph.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Names of the classes in the order of the first output; without names, indices are printed.
    pub classes: &'static [&'static str],
    /// The arithmetic on pixels that the network was trained with, see [`crate::preprocess`].
    pub preprocess: &'static str,
    /// Pictures to run on where none is given.
    pub samples: &'static [Sample],
}

/// A picture inside the executable.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Its file's name.
    pub name: &'static str,
    /// Its file.
    pub bytes: &'static [u8],
}

/// Runs the command that the process was given. Errors go to stderr, and the code is then 1.
pub fn main<N: Network>(model: &'static Mutex<N>, about: &About) -> ExitCode {
    // A panic while it was locked would have ended the process, and every run writes its whole arena anew.
    let model = &mut *model.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut arguments = std::env::args_os().skip(1);
    match run(model, about, &mut arguments, &mut std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever closed the pipe has read enough.
        Err(Error::Print(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(help) = error.help() {
                eprintln!("  help: {help}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(
    model: &mut dyn Model,
    about: &About,
    arguments: &mut dyn Iterator<Item = OsString>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let Arguments { command, isa, preprocess } = arguments::parse(arguments)?;
    let isa = session::choose(isa.as_deref())?;
    let preprocess = preprocess.as_deref().unwrap_or(about.preprocess);
    let preprocess = || preprocess.parse::<Preprocess>().map_err(Error::Preprocess);
    let session = &mut Session { model, isa };
    match command {
        Command::Help => help::help(session.model.info(), about, out).map_err(Error::Print),
        Command::Version => help::version(session.model.info(), out).map_err(Error::Print),
        Command::Digest => session::digest(session, out),
        Command::Bench => session::bench(session, out),
        Command::Samples => classify::samples(session, about, &preprocess()?, out),
        Command::Pictures(paths) => classify::files(session, about, &preprocess()?, &paths, out),
        Command::Tensors { inputs, outputs } => tensors::run(session, &inputs, &outputs, out),
    }
}

#[cfg(test)]
mod tests;
