//! `--bench --streams N`: how many inferences N independent instances make in a second, and how many times what one makes
//! that is. Each is one thread with an arena of its own; the weights are one image for all.
//!
//! One instance alone and all together take turns, so that a machine that slows down slows both; the best turn of each
//! counts. Each instance is timed over whole inferences, its last one included.

use super::error::Error;
use super::model::Machine;
use super::session::{Session, fixed};
use crate::array::Elements;
use crate::host::Host;
use crate::kernels::isa::{Isa, Program};
use crate::kernels::team::System;
use crate::network::Network;
use crate::threads::{Lead, Threads};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use core::time::Duration;

/// How long a turn is, and how many turns one instance and all instances have.
const TIME: Duration = Duration::from_millis(500);
const TURNS: usize = 3;

/// Whose turn it is: the first instance's, everybody's, nobody's any more.
const ALONE: u32 = 0;
const TOGETHER: u32 = 1;
const OVER: u32 = 2;

/// What streams tell each other.
pub(super) struct Streams {
    system: &'static dyn System,
    turn: AtomicU32,
    /// Inferences of each instance beside the first.
    runs: Vec<Runs>,
    /// Instances beside the first that are warm, and those that have ended.
    ready: AtomicUsize,
    ended: AtomicUsize,
}

/// A counter on a cache line of its own.
#[repr(align(64))]
#[derive(Default)]
struct Runs(AtomicUsize);

impl Streams {
    fn new(system: &'static dyn System, others: usize) -> Self {
        let runs = (0..others).map(|_| Runs::default()).collect();
        let [ready, ended] = [(); 2].map(|()| AtomicUsize::new(0));
        Self { system, turn: AtomicU32::new(ALONE), runs, ready, ended }
    }

    fn turn(&self, turn: u32) {
        self.turn.store(turn, Ordering::SeqCst);
        self.system.wake(&self.turn);
    }

    /// Lets the first so many of the others go home, and waits for them.
    fn end(&self, others: usize) {
        self.turn(OVER);
        while self.ended.load(Ordering::Acquire) < others {
            self.system.give_way();
        }
    }

    /// Whether one has ended before it was told to: a panic.
    fn broken(&self) -> bool {
        self.ended.load(Ordering::Acquire) > 0
    }
}

/// Counts its stream among the ended when it is dropped, which a panic does too.
struct Ending<'a>(&'a Streams);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Release);
    }
}

/// A stream beside the first.
pub(super) struct Beside<'a, 'c, N> {
    pub(super) model: &'a mut N,
    pub(super) team: &'a mut Lead<'c>,
    pub(super) streams: &'a Streams,
    pub(super) number: usize,
}

impl<N: Network> Program for Beside<'_, '_, N> {
    type Output = ();

    fn call<I: Isa>(self, isa: I) {
        let Self { model, team, streams, number } = self;
        let _ending = Ending(streams);
        let mut run = runner(model, isa, team);
        run();
        streams.ready.fetch_add(1, Ordering::Release);
        loop {
            match streams.turn.load(Ordering::Acquire) {
                ALONE => streams.system.sleep(&streams.turn, ALONE),
                TOGETHER => {
                    run();
                    streams.runs[number].0.fetch_add(1, Ordering::Release);
                }
                _ => return,
            }
        }
    }
}

/// The first stream, which tells the others when to run.
pub(super) struct Timed<'a, 'c, N> {
    pub(super) model: &'a mut N,
    pub(super) on: Machine<'a, 'c>,
    pub(super) streams: &'a Streams,
}

/// Inferences a second.
pub(super) struct Speeds {
    alone: f64,
    together: f64,
}

impl<N: Network> Program for Timed<'_, '_, N> {
    type Output = Speeds;

    fn call<I: Isa>(self, isa: I) -> Speeds {
        let Self { model, on: Machine { team, clock, .. }, streams } = self;
        let mut run = runner(model, isa, team);
        run();
        while streams.ready.load(Ordering::Acquire) < streams.runs.len() && !streams.broken() {
            streams.system.give_way();
        }
        let (mut speeds, mut measure) = (Speeds { alone: 0.0, together: 0.0 }, |turn| {
            streams.turn(turn);
            // Those who end their last inference disturb no more.
            run();
            let others = if turn == TOGETHER { &streams.runs[..] } else { &[] };
            speed(&mut run, clock, streams, others)
        });
        for _ in 0..TURNS {
            speeds.alone = speeds.alone.max(measure(ALONE));
            speeds.together = speeds.together.max(measure(TOGETHER));
        }
        streams.end(streams.runs.len());
        speeds
    }
}

/// Inferences a second of one turn.
fn speed(run: &mut impl FnMut(), clock: &dyn Host, streams: &Streams, others: &[Runs]) -> f64 {
    let counts = || others.iter().map(|runs| runs.0.load(Ordering::Acquire));
    let (begin, start) = (counts().collect::<Vec<_>>(), clock.now());
    let mut runs = 0;
    while clock.now() - start < TIME {
        run();
        runs += 1;
    }
    let mut speed = f64::from(runs) / (clock.now() - start).as_secs_f64();
    // The others' times end with the inferences that they are in.
    let mut within: Vec<_> = counts().enumerate().collect();
    while !within.is_empty() && !streams.broken() {
        within.retain(|&(number, before)| {
            let now = others[number].0.load(Ordering::Acquire);
            if now > before {
                speed += (now - begin[number]) as f64 / (clock.now() - start).as_secs_f64();
            }
            now == before
        });
        streams.system.give_way();
    }
    speed
}

/// Runs a network on the fixed input.
fn runner<N: Network, I: Isa>(model: &mut N, isa: I, team: &mut Lead<'_>) -> impl FnMut() {
    let (inputs, mut outputs) = fixed(&N::INFO);
    move || {
        let views: Vec<_> = inputs.iter().map(Elements::all).collect();
        let mut places: Vec<_> = outputs.iter_mut().map(Elements::all_mut).collect();
        let run = model.observed(isa, team, &views, &mut places, &mut ());
        run.expect("the tensors are made from the description");
    }
}

/// Measures and prints.
pub(super) fn bench(session: &mut Session<'_>, count: usize) -> Result<(), Error> {
    let streams = Arc::new(Streams::new(session.host.system(), count - 1));
    let info = session.model.info();
    // An instance lies on its thread's stack, and is moved there; pages that nobody touches are not there.
    let stack = 4 * info.arena_bytes + (1 << 20);
    for number in 0..count - 1 {
        let started = Threads::start(&mut *session.host, 1).and_then(|threads| {
            let work = session.model.stream(session.isa, threads, Arc::clone(&streams), number);
            session.host.spawn(stack, work)
        });
        if let Err(error) = started {
            streams.end(number);
            return Err(Error::Threads(error));
        }
    }
    let (model, on) = session.machine();
    let Speeds { alone, together } = model.lead(on, &streams);
    let macs = together * info.macs as f64 / 1e9;
    session.print(&format!(
        "kernels  {}\nstreams  {count}\nspeed    {together:.2} inferences/s, {macs:.2} GMAC/s\n\
         ratio    {:.3} times the {alone:.2} of one stream\n\
         memory   {count} times {} arena bytes, {} weight bytes\n",
        session.isa,
        together / alone,
        info.arena_bytes,
        info.weight_bytes
    ))
}
