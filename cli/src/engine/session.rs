//! A process of a built network, which answers sample after sample over pipes.
//!
//! ```text
//! to it     (length u64 LE, .npy file) for each input
//! from it   nanoseconds of the inference u64 LE, (length u64 LE, .npy file) for each output
//! ```
use super::{Feeds, Network};
use crate::{arrays, files};
use bakelite::npy;
use bakelite_codegen::emit::TensorInfo;
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::Edge;
use bakelite_codegen::tensor::Tensor;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A process.
pub(crate) struct Session<'a> {
    network: &'a Network,
    child: Child,
    /// `None` at the end only: closing it ends the process.
    x: Option<BufWriter<ChildStdin>>,
    y: BufReader<ChildStdout>,
}

impl<'a> Session<'a> {
    /// Starts a process; its complaints go to standard error as they are.
    pub(crate) fn start(network: &'a Network) -> Result<Self, Problems> {
        let mut command = Command::new(&network.executable);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|e| files::problem(&network.executable, e))?;
        let (Some(x), Some(y)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(files::problem(&network.executable, "the process has no pipes"));
        };
        Ok(Self { network, child, x: Some(BufWriter::new(x)), y: BufReader::new(y) })
    }
    /// The outputs, and how long the inference itself took.
    pub(crate) fn run(&mut self, feeds: &Feeds) -> Result<(Vec<Tensor>, Duration), Problems> {
        let mut inputs = vec![];
        for &edge in &self.network.inputs {
            inputs.push(self.input(feeds, edge)?);
        }
        let (time, bytes) = self.exchange(&inputs).map_err(|error| self.failed(&error))?;
        let outputs = self.network.outputs.iter().zip(&bytes);
        let y = outputs.map(|(info, bytes)| output(info, bytes)).collect::<Result<_, _>>();
        Ok((y.map_err(Problems::file)?, time))
    }
    fn input(&self, feeds: &Feeds, edge: Edge) -> Result<Vec<u8>, Problems> {
        let x = feeds.get(&edge).ok_or_else(|| Problems::file(Reason::new("an input is not fed")))?;
        arrays::write(x).map_err(Problems::file)
    }
    fn exchange(&mut self, inputs: &[Vec<u8>]) -> io::Result<(Duration, Vec<Vec<u8>>)> {
        if let Some(x) = &mut self.x {
            for bytes in inputs {
                x.write_all(&(bytes.len() as u64).to_le_bytes())?;
                x.write_all(bytes)?;
            }
            x.flush()?;
        }
        let time = Duration::from_nanos(number(&mut self.y)?);
        let mut outputs = vec![];
        for _ in &self.network.outputs {
            let length = number(&mut self.y)?;
            let mut bytes = vec![];
            if (&mut self.y).take(length).read_to_end(&mut bytes)? as u64 != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            outputs.push(bytes);
        }
        Ok((time, outputs))
    }
    /// Of a process that ended, how it ended says more than the broken pipe.
    fn failed(&mut self, error: &io::Error) -> Problems {
        self.x = None;
        let found = match self.child.wait() {
            Ok(status) => format!("the compiled network: {status} ({error})"),
            Err(_) => format!("the compiled network: {error}"),
        };
        Problems::file(Reason::new(found))
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.x = None;
        // Its work is done; whether it says so does not matter.
        let _ = self.child.wait();
    }
}

fn number(y: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    y.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn output(info: &TensorInfo, bytes: &[u8]) -> Result<Tensor, Reason> {
    let array = npy::parse(bytes).map_err(|e| Reason::new(format!("output `{}`: {e}", info.name)))?;
    arrays::tensor(array, info.dtype)
}
