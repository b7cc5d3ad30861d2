//! `--bench --streams N`: how many inferences N independent instances make in a second. Each is one thread with an arena
//! of its own; the weights are one image for all.

use super::error::Error;
use super::session::{Session, fixed};
use crate::array::Elements;
use crate::host::Host;
use crate::kernels::isa::{Isa, Program};
use crate::network::Network;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;

/// How long is measured.
const TIME: Duration = Duration::from_secs(2);

/// What streams tell each other.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Instances beside the first.
    others: usize,
    /// Those that are warm, and those that have ended.
    ready: AtomicUsize,
    ended: AtomicUsize,
    begin: AtomicBool,
    end: AtomicBool,
    /// Inferences of the others.
    runs: AtomicUsize,
}

/// Counts its stream among the ended when it is dropped, which a panic does too.
struct Ending<'a>(&'a Streams);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Release);
    }
}

/// A stream beside the first.
pub(super) struct Beside<'a, N> {
    pub(super) model: &'a mut N,
    pub(super) streams: &'a Streams,
}

impl<N: Network> Program for Beside<'_, N> {
    type Output = ();

    fn call<I: Isa>(self, isa: I) {
        let Self { model, streams } = self;
        let _ending = Ending(streams);
        let mut run = runner(model, isa);
        run();
        streams.ready.fetch_add(1, Ordering::Release);
        while !streams.begin.load(Ordering::Acquire) {
            spin_loop();
        }
        while !streams.end.load(Ordering::Relaxed) {
            run();
            streams.runs.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The first stream, which tells the others when to begin and to end.
pub(super) struct Timed<'a, N> {
    pub(super) model: &'a mut N,
    pub(super) streams: &'a Streams,
    pub(super) host: &'a dyn Host,
}

impl<N: Network> Program for Timed<'_, N> {
    type Output = (usize, Duration);

    fn call<I: Isa>(self, isa: I) -> (usize, Duration) {
        let Self { model, streams, host } = self;
        let mut run = runner(model, isa);
        run();
        while streams.ready.load(Ordering::Acquire) < streams.others
            && streams.ended.load(Ordering::Acquire) == 0
        {
            host.system().give_way();
        }
        streams.begin.store(true, Ordering::Release);
        let (start, mut runs) = (host.now(), 0);
        while host.now() - start < TIME {
            run();
            runs += 1;
        }
        let (time, others) = (host.now() - start, streams.runs.load(Ordering::Relaxed));
        streams.end.store(true, Ordering::Relaxed);
        while streams.ended.load(Ordering::Acquire) < streams.others {
            host.system().give_way();
        }
        (runs + others, time)
    }
}

/// Runs a network on the fixed input.
fn runner<N: Network, I: Isa>(model: &mut N, isa: I) -> impl FnMut() {
    let (inputs, mut outputs) = fixed(&N::INFO);
    move || {
        let views: Vec<_> = inputs.iter().map(Elements::all).collect();
        let mut places: Vec<_> = outputs.iter_mut().map(Elements::all_mut).collect();
        model.run(isa, &views, &mut places).expect("the tensors are made from the description");
    }
}

/// Measures and prints.
pub(super) fn bench(session: &mut Session<'_>, count: usize) -> Result<(), Error> {
    let others = count - 1;
    let streams = Arc::new(Streams { others, ..Streams::default() });
    let info = session.model.info();
    // An instance lies on its thread's stack, and is moved there; pages that nobody touches are not there.
    let stack = 4 * info.arena_bytes + (1 << 20);
    for started in 0..others {
        let work = session.model.stream(session.isa, Arc::clone(&streams));
        if let Err(error) = session.host.spawn(stack, work) {
            // Those that have started go home.
            streams.end.store(true, Ordering::Relaxed);
            streams.begin.store(true, Ordering::Release);
            while streams.ended.load(Ordering::Acquire) < started {
                session.host.system().give_way();
            }
            return Err(Error::Threads(error));
        }
    }
    let (runs, time) = session.model.lead(session.isa, &streams, &*session.host);
    let speed = runs as f64 / time.as_secs_f64();
    let macs = speed * info.macs as f64 / 1e9;
    session.print(&format!(
        "kernels  {}\nstreams  {count}\nruns     {runs}\nspeed    {speed:.2} inferences/s, {macs:.2} GMAC/s\n\
         memory   {count} times {} arena bytes, {} weight bytes\n",
        session.isa, info.arena_bytes, info.weight_bytes
    ))
}
