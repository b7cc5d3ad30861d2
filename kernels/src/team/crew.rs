//! Threads that wait for kernels: a fork and a join a layer, without a lock and without an allocation.
//!
//! ```text
//! leader   writes the job; pending = workers; epoch += 2;  does piece 0;       waits until pending = 0
//! worker                              waits for the epoch;  does its piece;     pending -= 1
//! ```
//!
//! Both waits spin first, since the next layer is microseconds away. A worker that has spun for long sleeps until the
//! epoch changes; the leader gives up its processor from time to time, which matters where threads are more than
//! processors. How threads start, sleep and wake is the system's: [`System`].
//!
//! Why the orderings suffice:
//! * The job is written before the epoch is stored (release) and read after it was loaded (acquire).
//! * A worker's stores to its piece come before its subtraction (release), and the leader goes on, reads them and reuses
//!   the job, only after it has loaded the 0 (acquire); subtractions of several workers are one release sequence.
//! * No wake-up is lost: a worker counts itself among the sleepers and then looks at the epoch again; the leader changes
//!   the epoch and then looks at the sleepers. All four are `SeqCst`, so in their single order one of the two sees the
//!   other; and the system does not let a thread sleep on a value that is no longer there.

use super::{Cut, Piece, Pieces, Split, Team};
use crate::isa::Isa;
use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// What a crew needs of the system that its threads are of.
pub trait System: Sync {
    /// Sleeps until somebody wakes those who sleep on `word`; returns at once if it is not `value`, and may return
    /// without a reason.
    fn sleep(&self, word: &AtomicU32, value: u32);

    /// Wakes all who sleep on `word`.
    fn wake(&self, word: &AtomicU32);

    /// Lets other threads have the processor for a moment.
    fn give_way(&self);
}

impl<S: System + ?Sized> System for &S {
    fn sleep(&self, word: &AtomicU32, value: u32) {
        (**self).sleep(word, value);
    }
    fn wake(&self, word: &AtomicU32) {
        (**self).wake(word);
    }
    fn give_way(&self) {
        (**self).give_way();
    }
}

/// Workers and what their leader tells them. It outlives their threads: make it a `static`, or share it.
#[derive(Debug)]
pub struct Crew<S> {
    system: S,
    workers: usize,
    /// What the leader writes and the workers read: on a cache line of its own, so that one transfer brings all.
    orders: Orders,
    /// What the workers write: workers that have not finished.
    pending: Line<AtomicU32>,
    /// Workers that sleep or are about to.
    sleepers: Line<AtomicU32>,
    /// Workers that have begun.
    enrolled: AtomicUsize,
    /// Whether there is a leader.
    led: AtomicBool,
    /// Whether a worker has panicked.
    broken: AtomicBool,
}

/// A value on a cache line of its own.
#[repr(align(64))]
#[derive(Debug)]
struct Line<T>(T);

#[repr(align(64))]
#[derive(Debug)]
struct Orders {
    /// Twice the number of jobs so far, wrapping; odd once the crew is dismissed.
    epoch: AtomicU32,
    job: UnsafeCell<Job>,
}

/// A function and what it is called with, beside the number of the piece.
#[derive(Clone, Copy, Debug)]
struct Job {
    function: unsafe fn(*const (), usize),
    data: *const (),
}

// SAFETY: the job is written by the leader alone, while no worker reads it: before the epoch says that there is one, and
// after all workers have subtracted themselves from `pending`. What it points to is `Sync`; see `Work`.
unsafe impl<S: Sync> Sync for Crew<S> {}
// SAFETY: the job's pointer is used between a fork and its join only, when a leader borrows the crew.
unsafe impl<S: Send> Send for Crew<S> {}

/// How often to look before sleeping, or before giving way: some 50 microseconds, longer than most layers.
const SPINS: u32 = 1 << 12;

impl<S: System> Crew<S> {
    /// A crew that waits for `workers` threads to call [`work`](Self::work), beside its leader's.
    pub const fn new(system: S, workers: usize) -> Self {
        Self {
            system,
            workers,
            orders: Orders {
                epoch: AtomicU32::new(0),
                job: UnsafeCell::new(Job { function: nothing, data: ptr::null() }),
            },
            pending: Line(AtomicU32::new(0)),
            sleepers: Line(AtomicU32::new(0)),
            enrolled: AtomicUsize::new(0),
            led: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        }
    }

    /// The life of a worker: returns when the crew is dismissed, or at once where there are enough workers already. A
    /// leader's first kernel waits for all of them.
    pub fn work(&self) {
        // Numbers are given once, so that no piece is computed by two.
        let number = 1 + self.enrolled.fetch_add(1, Ordering::Relaxed);
        if number > self.workers {
            return;
        }
        let mut seen = 0;
        loop {
            seen = self.next(seen);
            if seen % 2 == 1 {
                return;
            }
            let mut done = Done { crew: self, panicked: true };
            // SAFETY: the epoch has changed, so the leader has written a job, and does not touch it nor what it points to
            // before `done` is dropped. `number` is this thread's alone.
            unsafe {
                let Job { function, data } = *self.orders.job.get();
                function(data, number);
            }
            done.panicked = false;
        }
    }

    /// Waits for an epoch other than `seen`.
    fn next(&self, seen: u32) -> u32 {
        loop {
            for _ in 0..SPINS {
                let epoch = self.orders.epoch.load(Ordering::Acquire);
                if epoch != seen {
                    return epoch;
                }
                spin_loop();
            }
            self.sleepers.0.fetch_add(1, Ordering::SeqCst);
            if self.orders.epoch.load(Ordering::SeqCst) == seen {
                self.system.sleep(&self.orders.epoch, seen);
            }
            self.sleepers.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Runs a job on all threads.
    ///
    /// # Panics
    /// If a piece did, now or before.
    ///
    /// # Safety
    /// This thread is the only leader. `job.function` may be called with `job.data` and each number up to `workers`, once
    /// and at the same time, while this runs.
    unsafe fn run(&self, job: Job) {
        assert!(!self.broken.load(Ordering::Relaxed), "{BROKEN}");
        self.pending.0.store(self.workers as u32, Ordering::Relaxed);
        // SAFETY: there is one leader, and no worker reads the job: all have finished the one before.
        unsafe { *self.orders.job.get() = job }
        let epoch = self.orders.epoch.load(Ordering::Relaxed);
        self.orders.epoch.store(epoch.wrapping_add(2), Ordering::SeqCst);
        if self.sleepers.0.load(Ordering::SeqCst) > 0 {
            self.system.wake(&self.orders.epoch);
        }
        // Also where the leader's own piece panics: its stack must not go while others use it.
        let join = Join(self);
        // SAFETY: the caller's promise; the workers have the other numbers.
        unsafe { (job.function)(job.data, 0) }
        drop(join);
        assert!(!self.broken.load(Ordering::Relaxed), "{BROKEN}");
    }

    /// Who gives the orders; nobody where there is one already.
    pub fn leader(&self) -> Option<Leader<'_, S>> {
        let led = self.led.swap(true, Ordering::Acquire);
        (!led).then_some(Leader(self))
    }

    /// Lets every worker return, and no leader come; a crew that has a leader stays.
    pub fn dismiss(&self) {
        if self.led.swap(true, Ordering::Acquire) {
            return;
        }
        self.orders.epoch.fetch_or(1, Ordering::SeqCst);
        self.system.wake(&self.orders.epoch);
    }
}

const BROKEN: &str = "a thread of the crew has panicked";

/// What no worker calls.
fn nothing(_: *const (), _: usize) {}

/// Tells the leader, when it is dropped, that a worker has finished.
struct Done<'a, S> {
    crew: &'a Crew<S>,
    panicked: bool,
}

impl<S> Drop for Done<'_, S> {
    fn drop(&mut self) {
        if self.panicked {
            self.crew.broken.store(true, Ordering::Relaxed);
        }
        self.crew.pending.0.fetch_sub(1, Ordering::Release);
    }
}

/// Waits, when it is dropped, until all workers have finished.
struct Join<'a, S: System>(&'a Crew<S>);

impl<S: System> Drop for Join<'_, S> {
    fn drop(&mut self) {
        let mut spins = 0;
        while self.0.pending.0.load(Ordering::Acquire) > 0 {
            spin_loop();
            spins += 1;
            if spins % SPINS == 0 {
                self.0.system.give_way();
            }
        }
    }
}

/// The thread that gives a crew its orders and computes along.
#[derive(Debug)]
pub struct Leader<'a, S>(&'a Crew<S>);

impl<S> Drop for Leader<'_, S> {
    fn drop(&mut self) {
        self.0.led.store(false, Ordering::Release);
    }
}

/// A kernel that lies on the leader's stack.
struct Work<I, K: Split> {
    isa: I,
    kernel: K,
    y: K::Y,
    cut: Cut,
    shares: [usize; 2],
}

impl<S: System> Team for Leader<'_, S> {
    fn run<I: Isa, K: Split>(&mut self, isa: I, cut: Cut, mut kernel: K) {
        let y = kernel.take();
        let shares = y.shares(cut, self.0.workers + 1);
        let work = shared(Work { isa, kernel, y, cut, shares });
        let job = Job { function: piece::<I, K>, data: (&raw const work).cast() };
        if shares == [1, 1] {
            // SAFETY: `data` is a `Work` of these types; this is its only piece.
            return unsafe { piece::<I, K>(job.data, 0) };
        }
        // SAFETY: `&mut self` is the only leader. `work` may be shared, lives until `run` returns, also where that panics,
        // and each number is another piece.
        unsafe { self.0.run(job) }
    }
}

/// What may be used by several threads.
fn shared<T: Sync>(value: T) -> T {
    value
}

/// Computes piece `number` of the work at `data`.
///
/// # Safety
/// `data` points to a `Work<I, K>`, and nobody else computes this piece of it.
unsafe fn piece<I: Isa, K: Split>(data: *const (), number: usize) {
    // SAFETY: the caller's promise.
    let Work { isa, kernel, y, cut, shares } = unsafe { &*data.cast::<Work<I, K>>() };
    // SAFETY: each number is given out once; `y` itself is not used.
    if let Some(y) = unsafe { y.piece(*cut, *shares, number) } {
        isa.run(Piece { kernel, y });
    }
}
