//! A network and an instruction set: runs, measures, digests.

use super::error::Error;
use super::profile::{Profile, Record};
use super::streams::{Beside, Speeds, Streams, Timed};
use super::times::{Milliseconds, Times};
use crate::array::Elements;
use crate::digest;
use crate::host::Host;
use crate::kernels::isa::{self, Isa, Name, Program};
use crate::network::{Info, Layer, Mismatch, Network, TensorInfo};
use crate::tensor::{TensorMut, TensorRef};
use crate::threads::{Lead, Threads};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
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

/// What an inference runs on, and the clock beside it.
pub(super) struct Machine<'a, 'c> {
    pub(super) isa: Name,
    pub(super) team: &'a mut Lead<'c>,
    pub(super) clock: &'a dyn Host,
}

/// A network behind a pointer. It keeps the command line out of what is compiled for each network and each ISA.
pub(super) trait Model {
    /// Its description.
    fn info(&self) -> &'static Info;

    /// Its layers.
    fn layers(&self) -> &'static [Layer];

    /// Repeated inference; the time of each run goes to `times`, which has room for all. Nothing is allocated.
    fn repeat(
        &mut self,
        on: Machine<'_, '_>,
        inputs: &[TensorRef<'_>],
        outputs: &mut [TensorMut<'_>],
        repeats: Repeats,
        times: &mut Vec<Duration>,
    ) -> Result<(), Mismatch>;

    /// Repeated inference with the time of each layer; `record` has room for all. Nothing is allocated.
    fn profile(
        &mut self,
        on: Machine<'_, '_>,
        inputs: &[TensorRef<'_>],
        outputs: &mut [TensorMut<'_>],
        repeats: Repeats,
        record: &mut Record,
    ) -> Result<(), Mismatch>;

    /// The work of another instance, the one of that number, that runs beside this one.
    fn stream(
        &self,
        isa: Name,
        threads: Threads,
        streams: Arc<Streams>,
        number: usize,
    ) -> Box<dyn FnOnce() + Send>;

    /// Measures this instance alone and beside the others.
    fn lead(&mut self, on: Machine<'_, '_>, streams: &Streams) -> Speeds;
}

impl<N: Network + Default + 'static> Model for N {
    fn info(&self) -> &'static Info {
        &N::INFO
    }

    fn layers(&self) -> &'static [Layer] {
        N::LAYERS
    }

    fn repeat(
        &mut self,
        on: Machine<'_, '_>,
        inputs: &[TensorRef<'_>],
        outputs: &mut [TensorMut<'_>],
        repeats: Repeats,
        times: &mut Vec<Duration>,
    ) -> Result<(), Mismatch> {
        let Machine { isa, team, clock } = on;
        let repeat = Repeat { model: self, team, inputs, outputs, repeats, clock, times };
        isa::with(isa, repeat).expect("the ISA was available when it was chosen")
    }

    fn profile(
        &mut self,
        on: Machine<'_, '_>,
        inputs: &[TensorRef<'_>],
        outputs: &mut [TensorMut<'_>],
        repeats: Repeats,
        record: &mut Record,
    ) -> Result<(), Mismatch> {
        let Machine { isa, team, clock } = on;
        let profile = Profile { model: self, team, inputs, outputs, repeats, clock, record };
        isa::with(isa, profile).expect("the ISA was available when it was chosen")
    }

    fn stream(
        &self,
        isa: Name,
        mut threads: Threads,
        streams: Arc<Streams>,
        number: usize,
    ) -> Box<dyn FnOnce() + Send> {
        Box::new(move || {
            let (model, team) = (&mut N::default(), &mut threads.lead());
            let beside = Beside { model, team, streams: &streams, number };
            isa::with(isa, beside).expect("the ISA was available when it was chosen");
        })
    }

    fn lead(&mut self, on: Machine<'_, '_>, streams: &Streams) -> Speeds {
        let isa = on.isa;
        let timed = Timed { model: self, on, streams };
        isa::with(isa, timed).expect("the ISA was available when it was chosen")
    }
}

/// How often to run: at least `least` times, then until the time is over, never more than `most` times.
#[derive(Clone, Copy)]
pub(super) struct Repeats {
    least: usize,
    pub(super) most: usize,
    time: Duration,
}

impl Repeats {
    /// Only for the outputs.
    pub(super) const ONCE: Self = Self { least: 1, most: 1, time: Duration::ZERO };
    /// Beside a picture's classes.
    pub(super) const SHORT: Self = Self { least: 5, most: 1000, time: Duration::from_millis(100) };
    /// For `--bench`.
    pub(super) const LONG: Self = Self { least: 20, most: 100_000, time: Duration::from_secs(2) };
    /// For `--profile`, which keeps the times of every layer of every run.
    pub(super) const PROFILE: Self = Self { least: 20, most: 1000, time: Duration::from_secs(3) };

    /// Whether there is another run after `count`, the last of which began when `time` had passed.
    pub(super) fn more(&self, count: usize, time: Duration) -> bool {
        count < self.least || count < self.most && time < self.time
    }
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

/// Repeated inference, compiled for each ISA; it allocates nothing, since `times` has its capacity already.
struct Repeat<'a, 'c, 'x, 'y, N> {
    model: &'a mut N,
    team: &'a mut Lead<'c>,
    inputs: &'a [TensorRef<'x>],
    outputs: &'a mut [TensorMut<'y>],
    repeats: Repeats,
    clock: &'a dyn Host,
    times: &'a mut Vec<Duration>,
}

impl<N: Network> Program for Repeat<'_, '_, '_, '_, N> {
    type Output = Result<(), Mismatch>;

    fn call<I: Isa>(self, isa: I) -> Self::Output {
        let begin = self.clock.now();
        let mut start = begin;
        while self.repeats.more(self.times.len(), start - begin) {
            start = self.clock.now();
            self.model.observed(isa, self.team, self.inputs, self.outputs, &mut ())?;
            self.times.push(self.clock.now() - start);
        }
        Ok(())
    }
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
        model.repeat(on, inputs, outputs, repeats, &mut times).map_err(Error::Run)?;
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
