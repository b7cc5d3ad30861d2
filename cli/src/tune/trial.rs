//! One build of the network with certain tiles, and the process that times its layers in turns.
//!
//! ```text
//! to it     a byte: run for a while
//! from it   at first the digest of the outputs u64 LE; for each byte the nanoseconds of each layer u64 LE
//! ```
use crate::engine::cache;
use crate::files;
use bakelite::kernels::isa::Name;
use bakelite_codegen::error::{Problems, Reason};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A process.
pub(super) struct Trial {
    child: Child,
    /// `None` at the end only: closing it ends the process.
    turns: Option<ChildStdin>,
    times: BufReader<ChildStdout>,
    /// The digest of its outputs.
    pub(super) digest: u64,
    /// The least nanoseconds of each layer.
    pub(super) least: Vec<u64>,
    _folder: tempfile::TempDir,
}

impl Trial {
    /// Builds and starts a network of so many layers.
    pub(super) fn start(
        network: &BTreeMap<String, Vec<u8>>,
        isa: Name,
        layers: usize,
    ) -> Result<Self, Problems> {
        let (folder, executable) = cache::build(network, include_str!("main.rs.txt"), isa)?;
        let mut command = Command::new(&executable);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|e| files::problem(&executable, e))?;
        let (Some(turns), Some(times)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(files::problem(&executable, "the process has no pipes"));
        };
        let (turns, times, least) = (Some(turns), BufReader::new(times), vec![u64::MAX; layers]);
        let mut trial = Self { child, turns, times, digest: 0, least, _folder: folder };
        trial.digest = trial.number().map_err(|error| trial.failed(&error))?;
        Ok(trial)
    }

    /// Lets it run for a while.
    pub(super) fn turn(&mut self) -> Result<(), Problems> {
        self.exchange().map_err(|error| self.failed(&error))
    }

    fn exchange(&mut self) -> io::Result<()> {
        if let Some(turns) = &mut self.turns {
            turns.write_all(&[1])?;
            turns.flush()?;
        }
        for layer in 0..self.least.len() {
            self.least[layer] = self.number()?.min(self.least[layer]);
        }
        Ok(())
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.times.read_exact(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Of a process that ended, how it ended says more than the broken pipe.
    fn failed(&mut self, error: &io::Error) -> Problems {
        self.turns = None;
        let found = match self.child.wait() {
            Ok(status) => format!("the compiled network: {status} ({error})"),
            Err(_) => format!("the compiled network: {error}"),
        };
        Problems::file(Reason::new(found))
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.turns = None;
        // Its work is done; whether it says so does not matter.
        let _ = self.child.wait();
    }
}
