//! A network behind a pointer. It keeps the command line out of what is compiled for each network and each ISA.

use super::profile::{Profile, Record};
use super::streams::{Beside, Speeds, Streams, Timed};
use crate::host::Host;
use crate::kernels::isa::{self, Isa, Name, Program};
use crate::network::{Info, Layer, Mismatch, Network};
use crate::tensor::{TensorMut, TensorRef};
use crate::threads::{Lead, Threads};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

/// What an inference runs on, and the clock beside it.
pub(super) struct Machine<'a, 'c> {
    pub(super) isa: Name,
    pub(super) team: &'a mut Lead<'c>,
    pub(super) clock: &'a dyn Host,
}

/// What to run: on which tensors, how often.
pub(super) struct Job<'a, 'x, 'y> {
    pub(super) inputs: &'a [TensorRef<'x>],
    pub(super) outputs: &'a mut [TensorMut<'y>],
    pub(super) repeats: Repeats,
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

/// What the command line asks of a network.
pub(super) trait Model {
    /// Its description.
    fn info(&self) -> &'static Info;

    /// Its layers.
    fn layers(&self) -> &'static [Layer];

    /// Repeated inference; the time of each run goes to `times`, which has room for all. Nothing is allocated.
    fn repeat(
        &mut self,
        on: Machine<'_, '_>,
        job: Job<'_, '_, '_>,
        times: &mut Vec<Duration>,
    ) -> Result<(), Mismatch>;

    /// Repeated inference with the time of each layer; `record` has room for all. Nothing is allocated.
    fn profile(
        &mut self,
        on: Machine<'_, '_>,
        job: Job<'_, '_, '_>,
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
        job: Job<'_, '_, '_>,
        times: &mut Vec<Duration>,
    ) -> Result<(), Mismatch> {
        isa::with(on.isa, Repeat { model: self, on, job, times })
            .expect("the ISA was available when it was chosen")
    }

    fn profile(
        &mut self,
        on: Machine<'_, '_>,
        job: Job<'_, '_, '_>,
        record: &mut Record,
    ) -> Result<(), Mismatch> {
        isa::with(on.isa, Profile { model: self, on, job, record })
            .expect("the ISA was available when it was chosen")
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
        isa::with(on.isa, Timed { model: self, on, streams })
            .expect("the ISA was available when it was chosen")
    }
}

/// Repeated inference, compiled for each ISA; it allocates nothing, since `times` has its capacity already.
struct Repeat<'a, 'c, 'x, 'y, N> {
    model: &'a mut N,
    on: Machine<'a, 'c>,
    job: Job<'a, 'x, 'y>,
    times: &'a mut Vec<Duration>,
}

impl<N: Network> Program for Repeat<'_, '_, '_, '_, N> {
    type Output = Result<(), Mismatch>;

    fn call<I: Isa>(self, isa: I) -> Self::Output {
        let Self { model, on: Machine { team, clock, .. }, job, times } = self;
        let begin = clock.now();
        let mut start = begin;
        while job.repeats.more(times.len(), start - begin) {
            start = clock.now();
            model.observed(isa, team, job.inputs, job.outputs, &mut ())?;
            times.push(clock.now() - start);
        }
        Ok(())
    }
}
