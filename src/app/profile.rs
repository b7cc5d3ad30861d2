//! `--profile`: where the time of an inference goes, layer by layer, and what the machine could do at best.
//!
//! Three things take turns: an inference that nobody looks on, an inference with the clock read between its layers, and
//! dot products from registers alone. So a machine that slows down slows all of them, and the share of the peak holds.

use super::error::Error;
use super::model::{Job, Machine, Repeats};
use super::session::{Session, fixed};
use super::times::Times;
use crate::array::Elements;
use crate::host::Host;
use crate::kernels::isa::{Isa, Name, Program};
use crate::kernels::peak::{self, Peak};
use crate::machine;
use crate::network::{Info, Layer, Mismatch, Network, Observer};
use alloc::string::String;
use alloc::vec::Vec;
use core::hint::black_box;
use core::time::Duration;

mod json;
mod text;

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    Text,
    Json,
}

/// What was measured, run by run. It has room for all runs before the first.
pub(super) struct Record {
    /// Runs that nobody looked on.
    whole: Vec<Duration>,
    /// The layers of one run behind those of another.
    layers: Vec<Duration>,
    /// MAC/ns of the best of the dot products.
    peak: f64,
    /// Cycles/ns.
    clock: f64,
}

/// One run after the other, compiled for each ISA; it allocates nothing.
pub(super) struct Profile<'a, 'c, 'x, 'y, N> {
    pub(super) model: &'a mut N,
    pub(super) on: Machine<'a, 'c>,
    pub(super) job: Job<'a, 'x, 'y>,
    pub(super) record: &'a mut Record,
}

impl<N: Network> Program for Profile<'_, '_, '_, '_, N> {
    type Output = Result<(), Mismatch>;

    fn call<I: Isa>(self, isa: I) -> Self::Output {
        let Self {
            model,
            on: Machine { team, clock: host, .. },
            job: Job { inputs, outputs, repeats },
            record,
        } = self;
        let Record { whole, layers, peak, clock } = record;
        // The first run of all warms up, and does not count.
        model.observed(isa, team, inputs, outputs, &mut ())?;
        let begin = host.now();
        while repeats.more(whole.len(), host.now() - begin) {
            let start = host.now();
            model.observed(isa, team, inputs, outputs, &mut ())?;
            whole.push(host.now() - start);
            let observer = &mut Watch { clock: host, last: host.now(), times: &mut *layers };
            model.observed(isa, team, inputs, outputs, observer)?;
            *peak = peak.max(dots(isa, host));
            *clock = clock.max(cycles(host));
        }
        Ok(())
    }
}

/// Writes down when each layer ended.
struct Watch<'a> {
    clock: &'a dyn Host,
    last: Duration,
    times: &'a mut Vec<Duration>,
}

impl Observer for Watch<'_> {
    fn ran(&mut self, _: usize) {
        let now = self.clock.now();
        self.times.push(now - self.last);
        self.last = now;
    }
}

/// The speed of dot products in MAC/ns.
fn dots<I: Isa>(isa: I, clock: &dyn Host) -> f64 {
    // Long beside the reading of a clock, short beside what interrupts.
    let (peak, start) = (Peak { steps: 20_000 }, clock.now());
    black_box(isa.run(peak));
    peak.macs::<I>() as f64 / nanoseconds(clock.now() - start)
}

/// The speed of the clock in cycles/ns.
fn cycles(clock: &dyn Host) -> f64 {
    let (steps, start) = (5_000, clock.now());
    black_box(peak::chain(black_box(steps)));
    (steps * peak::CHAIN_CYCLES) as f64 / nanoseconds(clock.now() - start)
}

/// At least one, since it divides.
fn nanoseconds(time: Duration) -> f64 {
    time.as_nanos().max(1) as f64
}

/// What is known of one layer, or of all of one kind.
#[derive(Clone, Copy)]
struct Row {
    kind: &'static str,
    layers: usize,
    minimum: Duration,
    median: Duration,
    macs: u64,
    bytes: u64,
    /// Cycles.
    predicted: u64,
}

impl Row {
    fn new(layer: &Layer, isa: Name, times: &Times) -> Self {
        let (minimum, median) = (times.decile(0), times.decile(5));
        let (macs, bytes, predicted) = (layer.macs, layer.bytes() as u64, layer.predicted(isa));
        Self { kind: layer.kind(), layers: 1, minimum, median, macs, bytes, predicted }
    }

    fn nothing(kind: &'static str) -> Self {
        let (minimum, median) = (Duration::ZERO, Duration::ZERO);
        Self { kind, layers: 0, minimum, median, macs: 0, bytes: 0, predicted: 0 }
    }

    fn add(&mut self, other: &Self) {
        self.layers += other.layers;
        self.minimum += other.minimum;
        self.median += other.median;
        self.macs += other.macs;
        self.bytes += other.bytes;
        self.predicted += other.predicted;
    }

    /// MAC/ns at the minimum.
    fn speed(&self) -> f64 {
        self.macs as f64 / nanoseconds(self.minimum)
    }

    /// Bytes/ns at the minimum.
    fn traffic(&self) -> f64 {
        self.bytes as f64 / nanoseconds(self.minimum)
    }
}

/// What a profile says.
struct Report {
    info: &'static Info,
    layers: &'static [Layer],
    isa: Name,
    machine: String,
    runs: usize,
    /// Minimum and median of the runs that nobody looked on.
    whole: [Duration; 2],
    /// MAC/ns of all threads.
    peak: f64,
    /// Cycles/ns.
    clock: f64,
    /// One for each layer.
    rows: Vec<Row>,
    /// One for each kind of kernel, in the order of its first layer.
    kinds: Vec<Row>,
    total: Row,
}

impl Report {
    fn new(session: &mut Session<'_>, record: Record) -> Self {
        let (info, layers) = (session.model.info(), session.model.layers());
        let column = |t| record.layers.iter().skip(t).step_by(layers.len()).copied().collect();
        let rows =
            layers.iter().enumerate().map(|(t, layer)| Row::new(layer, session.isa, &Times::new(column(t))));
        let rows: Vec<Row> = rows.collect();
        let mut kinds: Vec<Row> = Vec::new();
        for row in &rows {
            match kinds.iter_mut().find(|kind| kind.kind == row.kind) {
                Some(kind) => kind.add(row),
                None => kinds.push(*row),
            }
        }
        let mut total = Row::nothing("all");
        rows.iter().for_each(|row| total.add(row));
        let whole = Times::new(record.whole);
        Self {
            info,
            layers,
            isa: session.isa,
            machine: machine::name(session.host),
            runs: whole.count(),
            whole: [whole.decile(0), whole.decile(5)],
            peak: record.peak * session.threads as f64,
            clock: record.clock,
            rows,
            kinds,
            total,
        }
    }
}

/// Measures on the fixed input and prints.
pub(super) fn profile(session: &mut Session<'_>, form: Form) -> Result<(), Error> {
    let (inputs, mut outputs) = fixed(session.model.info());
    let views: Vec<_> = inputs.iter().map(Elements::all).collect();
    let mut places: Vec<_> = outputs.iter_mut().map(Elements::all_mut).collect();
    let repeats = Repeats::PROFILE;
    let layers = Vec::with_capacity(repeats.most * session.model.layers().len());
    let mut record = Record { whole: Vec::with_capacity(repeats.most), layers, peak: 0.0, clock: 0.0 };
    let (model, on) = session.machine();
    model
        .profile(on, Job { inputs: &views, outputs: &mut places, repeats }, &mut record)
        .map_err(Error::Run)?;
    let report = Report::new(session, record);
    session.print(&match form {
        Form::Text => text::text(&report),
        Form::Json => json::json(&report),
    })
}
