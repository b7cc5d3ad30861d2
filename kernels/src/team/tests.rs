//! Crews on threads of the standard library, and the pieces of a grid.

use super::*;
use crate::isa::{self, Name, Program, Scalar};
use crate::window::Place;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::vec::Vec;
use std::{thread, vec};

/// The standard library's threads.
#[derive(Default)]
struct Sleepers {
    bed: Mutex<()>,
    bell: Condvar,
}

impl System for Sleepers {
    fn sleep(&self, word: &AtomicU32, value: u32) {
        let mut bed = self.bed.lock().unwrap_or_else(PoisonError::into_inner);
        while word.load(Ordering::SeqCst) == value {
            bed = self.bell.wait(bed).unwrap_or_else(PoisonError::into_inner);
        }
    }
    fn wake(&self, _: &AtomicU32) {
        drop(self.bed.lock().unwrap_or_else(PoisonError::into_inner));
        self.bell.notify_all();
    }
    fn give_way(&self) {
        thread::yield_now();
    }
}

/// Does something with a crew of so many threads, its leader included.
fn with_crew<T>(threads: usize, work: impl FnOnce(&Crew<Sleepers>) -> T) -> T {
    let crew = Crew::new(Sleepers::default(), threads - 1);
    thread::scope(|scope| {
        // Their panics are expected where they happen.
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(|| crew.work())).collect();
        let value = work(&crew);
        crew.dismiss();
        workers.into_iter().for_each(|worker| drop(worker.join()));
        value
    })
}

/// Runs the pieces of a kernel one after the other, the last first.
pub(crate) struct InTurn(pub(crate) usize);

impl Team for InTurn {
    fn run<I: Isa, K: Split>(&mut self, isa: I, cut: Cut, mut kernel: K) {
        let y = kernel.take();
        let shares = y.shares(cut, self.0);
        assert!(shares[0] * shares[1] <= self.0);
        for number in (0..self.0).rev() {
            // SAFETY: each number once, and `y` is not used otherwise.
            if let Some(y) = unsafe { y.piece(cut, shares, number) } {
                isa.run(Piece { kernel: &kernel, y });
            }
        }
    }
}

/// Counts how often each element is written; may panic instead.
struct Count<'a> {
    place: Place,
    y: &'a mut [u32],
    panics: fn(usize) -> bool,
}

impl<'a> Split for Count<'a> {
    type Y = Grid<'a, u32>;
    const DOTS: bool = true;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.place, core::mem::take(&mut self.y))
    }

    fn part<I: Isa>(&self, _: I, mut y: Self::Y) {
        let channels = y.channels();
        assert!(!(self.panics)(y.pixels().start), "asked to");
        for row in y.rows() {
            for p in 0..row.pixels {
                y.at(row.position + p, channels.start, channels.len()).iter_mut().for_each(|y| *y += 1);
            }
        }
    }
}

fn never(_: usize) -> bool {
    false
}

fn cut(pixels: usize, channels: usize) -> Cut {
    Cut { pixels, channels, channels_first: channels > pixels }
}

/// The elements of a tensor with a halo and a gap, counted.
fn counted(place: &Place, team: &mut impl Team, cut: Cut) -> Vec<u32> {
    let mut y = vec![0; place.batch * place.image];
    team.run(Scalar::new(), cut, Count { place: *place, y: &mut y, panics: never });
    y
}

#[test]
fn pieces_cover_every_element_once() {
    for shape in [[1, 1, 1, 1], [2, 3, 5, 7], [1, 1, 1, 200], [3, 1, 4, 64], [0, 2, 2, 3], [1, 2, 2, 0]] {
        let place = crate::testing::gapped(shape, [1, 0, 2, 1], 3);
        let mut want = vec![0; place.batch * place.image];
        for (n, y, x, c) in crate::testing::grid(shape) {
            want[place.at(n, y, x) + c] = 1;
        }
        for cut in [cut(0, 0), cut(1, 0), cut(0, 16), cut(6, 1), cut(4, 64), cut(100, 3)] {
            for threads in [1, 2, 3, 5, 64] {
                assert_eq!(counted(&place, &mut InTurn(threads), cut), want, "{shape:?} {cut:?} {threads}");
            }
        }
    }
}

#[test]
fn shares_are_even() {
    let shares = |shape, cut, threads| {
        Grid::new(&Place::dense(shape), &mut vec![0u8; shape.iter().product()]).shares(cut, threads)
    };
    let by_channels = Cut { pixels: 6, channels: 64, channels_first: true };
    // 9 units of pixels do not halve, 8 units of channels do.
    assert_eq!(shares([1, 7, 7, 512], Cut { channels_first: false, ..by_channels }, 2), [1, 2]);
    assert_eq!(shares([1, 8, 6, 512], Cut { channels_first: false, ..by_channels }, 2), [2, 1]);
    assert_eq!(shares([1, 8, 6, 512], by_channels, 2), [1, 2]);
    assert_eq!(shares([1, 56, 56, 64], by_channels, 2), [2, 1]);
    assert_eq!(shares([1, 1, 1, 1000], by_channels, 2), [1, 2]);
    assert_eq!(shares([1, 7, 7, 128], by_channels, 6), [3, 2]);
    // 2 units of channels, of which one is half as wide.
    assert_eq!(shares([1, 35, 35, 96], Cut { pixels: 5, ..by_channels }, 2), [2, 1]);
    assert_eq!(shares([1, 1, 1, 16], by_channels, 4), [1, 1]);
}

#[test]
fn a_crew_does_all_jobs() {
    let place = Place::dense([1, 7, 3, 5]);
    for threads in [1, 2, 3, 5] {
        with_crew(threads, |crew| {
            let mut leader = crew.leader().unwrap();
            assert!(crew.leader().is_none());
            for job in 0..200 {
                let cut = [cut(1, 0), cut(0, 1), cut(0, 0), cut(2, 2)][job % 4];
                assert_eq!(counted(&place, &mut leader, cut), vec![1; 105], "{threads} threads, job {job}");
            }
            drop(leader);
            // Long enough for the workers to fall asleep.
            thread::sleep(core::time::Duration::from_millis(5));
            assert_eq!(counted(&place, &mut crew.leader().unwrap(), cut(1, 1)), vec![1; 105]);
        });
    }
}

#[test]
fn a_crew_is_dismissed_before_it_has_worked() {
    with_crew(3, |_| ());
    let crew = Crew::new(Sleepers::default(), 1);
    crew.dismiss();
    crew.work();
    crew.work();
}

#[test]
fn a_panic_reaches_the_leader_and_nobody_waits_for_ever() {
    let place = Place::dense([1, 4, 1, 1]);
    let panicked = |panics: fn(usize) -> bool, leader: &mut Leader<'_, _>| {
        let mut y = [0; 4];
        let kernel = Count { place, y: &mut y, panics };
        let run = AssertUnwindSafe(|| leader.run(Scalar::new(), cut(1, 0), kernel));
        catch_unwind(run).is_err()
    };
    // In the leader's own piece: the crew goes on. In a worker's: it is one worker short.
    with_crew(4, |crew| {
        let leader = &mut crew.leader().unwrap();
        assert!(panicked(|first| first == 0, leader));
        assert!(!panicked(never, leader));
        assert!(panicked(|first| first == 2, leader));
        assert!(panicked(never, leader));
    });
}

#[test]
fn kernels_run_at_the_same_time() {
    /// Waits until all pieces have begun.
    struct Meet<'a> {
        met: AtomicUsize,
        y: &'a mut [u8],
    }
    impl<'a> Split for Meet<'a> {
        type Y = Grid<'a, u8>;
        const DOTS: bool = true;
        fn take(&mut self) -> Self::Y {
            Grid::new(&Place::dense([1, 1, 1, 3]), core::mem::take(&mut self.y))
        }
        fn part<I: Isa>(&self, _: I, _: Self::Y) {
            self.met.fetch_add(1, Ordering::Relaxed);
            while self.met.load(Ordering::Relaxed) < 3 {
                thread::yield_now();
            }
        }
    }
    with_crew(3, |crew| {
        let kernel = Meet { met: AtomicUsize::new(0), y: &mut [0; 3] };
        crew.leader().unwrap().run(Scalar::new(), cut(0, 1), kernel);
    });
}

/// Runs a kernel on the named ISA in pieces.
pub(crate) fn run_in_turn<K: Split>(name: Name, threads: usize, cut: Cut, kernel: K) {
    struct Enter<K>(usize, Cut, K);
    impl<K: Split> Program for Enter<K> {
        type Output = ();
        fn call<I: Isa>(self, isa: I) {
            InTurn(self.0).run(isa, self.1, self.2);
        }
    }
    isa::with(name, Enter(threads, cut, kernel)).expect("the caller has tried the name");
}
