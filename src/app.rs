//! The command line of a baked executable. A `main.rs` is a network in a `static`, its description for people, and one
//! call of [`main`] with the [`Host`] that runs it; `src/main.rs` is one, for the standard library.
//!
//! The network lies in a `static`, so that its arena is never on a stack. Everything that a run needs is allocated
//! before the first inference, nothing during one.

use crate::host::{Failure, Host};
use crate::network::Network;
use crate::preprocess::Preprocess;
use crate::threads::Threads;
use alloc::format;
use alloc::vec::Vec;
use arguments::{Arguments, Command};
use error::Error;
use model::Model;
use session::Session;

mod arguments;
mod classify;
mod error;
mod help;
mod model;
mod profile;
mod session;
mod streams;
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

/// Runs the command that the process was given, and returns its exit code. Errors go to stderr, and the code is then 1.
pub fn main<N: Network + Default + 'static>(model: &mut N, about: &About, host: &mut dyn Host) -> u8 {
    let arguments = host.arguments();
    match run(model, about, arguments, host) {
        // Whoever closed the pipe has read enough.
        Ok(()) | Err(Error::Print(Failure::BrokenPipe)) => 0,
        Err(error) => {
            let help = error.help().map(|help| format!("  help: {help}\n")).unwrap_or_default();
            host.complain(&format!("error: {error}\n{help}"));
            1
        }
    }
}

fn run(
    model: &mut dyn Model,
    about: &About,
    arguments: Vec<Vec<u8>>,
    host: &mut dyn Host,
) -> Result<(), Error> {
    let Arguments { command, isa, preprocess, threads, streams } = arguments::parse(arguments)?;
    let isa = session::choose(isa.as_deref())?;
    let preprocess = preprocess.as_deref().unwrap_or(about.preprocess);
    let preprocess = || preprocess.parse::<Preprocess>().map_err(Error::Preprocess);
    let threads = session::threads(host, threads);
    let mut crew = Threads::start(host, threads).map_err(Error::Threads)?;
    let session = &mut Session { model, isa, team: crew.lead(), threads, host };
    match command {
        Command::Help => session.print(&help::help(session.model.info(), about)),
        Command::Version => session.print(&help::version(session.model.info())),
        Command::Digest => session::digest(session),
        Command::Bench => match streams {
            Some(streams) => streams::bench(session, streams),
            None => session::bench(session),
        },
        Command::Profile(form) => profile::profile(session, form),
        Command::Samples => classify::samples(session, about, &preprocess()?),
        Command::Pictures(paths) => classify::files(session, about, &preprocess()?, &paths),
        Command::Tensors { inputs, outputs } => tensors::run(session, &inputs, &outputs),
    }
}

#[cfg(test)]
mod tests;
