//! The standard library as a host.

use super::{Failure, Host};
use crate::files;
use crate::kernels::team::System;
use core::num::NonZero;
use core::sync::atomic::{AtomicU32, Ordering};
use std::boxed::Box;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::string::ToString;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use std::vec::Vec;

/// The process that the standard library started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standard;

/// A path on a system where paths are bytes.
#[cfg(unix)]
fn path(bytes: &[u8]) -> Result<&Path, Failure> {
    use std::os::unix::ffi::OsStrExt;
    Ok(Path::new(std::ffi::OsStr::from_bytes(bytes)))
}

/// A path on a system where paths are text.
#[cfg(not(unix))]
fn path(bytes: &[u8]) -> Result<&Path, Failure> {
    let text = core::str::from_utf8(bytes);
    text.map(Path::new).map_err(|_| Failure::Other("a path that is not UTF-8".to_string()))
}

fn failure(error: io::Error) -> Failure {
    Failure::Other(error.to_string())
}

impl Host for Standard {
    fn arguments(&self) -> Vec<Vec<u8>> {
        std::env::args_os().skip(1).map(|argument| argument.into_encoded_bytes()).collect()
    }

    fn read(&mut self, name: &[u8]) -> Result<Vec<u8>, Failure> {
        files::read(path(name)?).map_err(failure)
    }

    fn write(&mut self, name: &[u8], bytes: &[u8]) -> Result<(), Failure> {
        files::write(path(name)?, bytes).map_err(failure)
    }

    fn print(&mut self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        printed.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::BrokenPipe,
            _ => failure(error),
        })
    }

    fn complain(&mut self, text: &str) {
        let _ = io::stderr().write_all(text.as_bytes());
    }

    fn now(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn processors(&mut self) -> usize {
        thread::available_parallelism().map_or(1, NonZero::get)
    }

    fn spawn(&mut self, stack_bytes: usize, work: Box<dyn FnOnce() + Send>) -> Result<(), Failure> {
        // What its threads do and run with is the caller's; nobody asks them how they ended.
        thread::Builder::new().stack_size(stack_bytes).spawn(work).map(drop).map_err(failure)
    }

    fn system(&self) -> &'static dyn System {
        static SLEEPERS: Sleepers = Sleepers { bed: Mutex::new(()), bell: Condvar::new() };
        &SLEEPERS
    }
}

/// Threads that sleep on one condition, whatever word they wait for: crews are few, and woken rarely.
struct Sleepers {
    bed: Mutex<()>,
    bell: Condvar,
}

impl System for Sleepers {
    fn sleep(&self, word: &AtomicU32, value: u32) {
        let mut bed = self.bed.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at under the lock, which `wake` takes after the word has changed.
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
