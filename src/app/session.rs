//! A network, an instruction set and the system around both: runs, measures, digests.

use super::error::Error;
use super::model::{Job, Machine, Model, Repeats};
use super::times::{Milliseconds, Times};
use crate::array::Elements;
use crate::digest;
use crate::host::Host;
use crate::kernels::isa::Name;
use crate::network::{Info, TensorInfo};
use crate::tensor::{TensorMut, TensorRef};
use crate::threads::Lead;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// A network, the ISA to run it with, and the system around both.
pub(super) struct Session<'a> {
    pub(super) model: &'a mut dyn Model,
    pub(super) isa: Name,
    pub(super) team: Lead<'a>,
    /// How many the team has.
    pub(super) threads: usize,
    pub(super) host: &'a mut dyn Host,
}

/// How many threads: as many as there are processors for 0. More than those is worth a note.
pub(super) fn threads(host: &mut dyn Host, wanted: usize) -> usize {
    if wanted == 1 {
        return 1;
    }
    let processors = host.processors();
    if wanted > processors {
        host.complain(&format!("note: {wanted} threads share {processors} processors\n"));
    }
    if wanted == 0 { processors } else { wanted }
}

/// The named ISA, or the best.
pub(super) fn choose(name: Option<&str>) -> Result<Name, Error> {
    let Some(name) = name else {
        let best = Name::ALL.iter().copied().find(|isa| isa.available());
        return Ok(best.expect("scalar code runs everywhere"));
    };
    let known = Name::parse(name);
    let available = known.filter(|isa| isa.available());
    available.ok_or(Error::Isa { name: name.to_owned(), known: known.is_some() })
}

impl<'a> Session<'a> {
    /// The network, and what it runs on.
    pub(super) fn machine(&mut self) -> (&mut dyn Model, Machine<'_, 'a>) {
        let Self { model, isa, team, host, .. } = self;
        (&mut **model, Machine { isa: *isa, team, clock: &**host })
    }

    /// Runs the network and tells how long each run took.
    pub(super) fn run(
        &mut self,
        inputs: &[TensorRef<'_>],
        outputs: &mut [TensorMut<'_>],
        repeats: Repeats,
    ) -> Result<Vec<Duration>, Error> {
        let mut times = Vec::with_capacity(repeats.most);
        let (model, on) = self.machine();
        model.repeat(on, Job { inputs, outputs, repeats }, &mut times).map_err(Error::Run)?;
        Ok(times)
    }

    /// Writes to standard output.
    pub(super) fn print(&mut self, text: &str) -> Result<(), Error> {
        self.host.print(text).map_err(Error::Print)
    }

    /// Runs the network on the fixed input: its outputs and the times.
    fn run_fixed(&mut self, repeats: Repeats) -> Result<(Vec<Elements>, Vec<Duration>), Error> {
        let (inputs, mut outputs) = fixed(self.model.info());
        let views: Vec<_> = inputs.iter().map(Elements::all).collect();
        let mut places: Vec<_> = outputs.iter_mut().map(Elements::all_mut).collect();
        let times = self.run(&views, &mut places, repeats)?;
        Ok((outputs, times))
    }
}

/// The fixed input, and room for the outputs.
pub(super) fn fixed(info: &Info) -> (Vec<Elements>, Vec<Elements>) {
    let mut inputs = zeros(info.inputs);
    digest::fill(&mut inputs.iter_mut().map(Elements::all_mut).collect::<Vec<_>>());
    (inputs, zeros(info.outputs))
}

/// Room for tensors.
pub(super) fn zeros(tensors: &[TensorInfo]) -> Vec<Elements> {
    tensors.iter().map(|tensor| Elements::zeros(tensor.dtype, tensor.elements())).collect()
}

/// `--digest`: 16 hexadecimal digits.
pub(super) fn digest(session: &mut Session<'_>) -> Result<(), Error> {
    let (outputs, _) = session.run_fixed(Repeats::ONCE)?;
    let digest = digest::digest(&outputs.iter().map(Elements::all).collect::<Vec<_>>());
    session.print(&format!("{digest:016x}\n"))
}

/// `--bench`: the times, and the speed that each means.
pub(super) fn bench(session: &mut Session<'_>) -> Result<(), Error> {
    let (_, times) = session.run_fixed(Repeats::LONG)?;
    let times = Times::new(times);
    let macs = session.model.info().macs;
    let speed = |time: Duration| macs as f64 / time.as_nanos().max(1) as f64;
    let mut text = format!("kernels  {}{}\nruns     {}\n", session.isa, on(session.threads), times.count());
    for (name, tenths) in [("minimum", 0), ("median", 5), ("p90", 9)] {
        let time = times.decile(tenths);
        text += &format!("{name:<8} {}, {:.2} GMAC/s\n", Milliseconds(time), speed(time));
    }
    text += &memory(session);
    session.print(&text)
}

/// Prints the lines below a result: kernels, times, memory.
pub(super) fn summary(session: &mut Session<'_>, times: &Times) -> Result<(), Error> {
    let (minimum, median) = (Milliseconds(times.decile(0)), Milliseconds(times.decile(5)));
    session.print(&format!(
        "kernels  {}{}\ntime     {minimum} minimum, {median} median of {} runs\n{}",
        session.isa,
        on(session.threads),
        times.count(),
        memory(session)
    ))
}

/// On how many threads, where that is not one.
fn on(threads: usize) -> String {
    if threads == 1 { String::new() } else { format!(" on {threads} threads") }
}

fn memory(session: &Session<'_>) -> String {
    let info = session.model.info();
    format!("memory   {} arena bytes, {} weight bytes\n", info.arena_bytes, info.weight_bytes)
}
