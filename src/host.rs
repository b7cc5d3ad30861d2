//! What the command line needs of the system around it. There are two systems: the standard library, for executables
//! that cargo builds anywhere, and Linux without a C library, for the small ones of `bakelite compile --build`.
//!
//! Arguments and paths are bytes, as they are on Unix.

use crate::kernels::team::System;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

#[cfg(feature = "linux")]
mod linux;
#[cfg(feature = "linux")]
mod quota;
#[cfg(feature = "std")]
mod standard;
#[cfg(feature = "linux")]
pub use linux::Linux;
#[cfg(feature = "std")]
pub use standard::Standard;

/// The largest file that is read.
pub const MAX_BYTES: usize = 1 << 32;

/// A system that runs the command line.
pub trait Host {
    /// The arguments behind the program's name.
    fn arguments(&self) -> Vec<Vec<u8>>;

    /// Reads a file of at most [`MAX_BYTES`].
    fn read(&mut self, path: &[u8]) -> Result<Vec<u8>, Failure>;

    /// Writes a file under another name beside its own, then renames it: nobody sees half of it.
    fn write(&mut self, path: &[u8], bytes: &[u8]) -> Result<(), Failure>;

    /// Writes to standard output.
    fn print(&mut self, text: &str) -> Result<(), Failure>;

    /// Writes to standard error; there is nobody to tell if that fails.
    fn complain(&mut self, text: &str);

    /// The time since some moment; it never decreases.
    fn now(&self) -> Duration;

    /// How many threads can run at the same time: what affinity and the quotas of control groups leave.
    fn processors(&mut self) -> usize;

    /// Starts a thread with so many bytes of stack. It ends with `work`, or with the process.
    fn spawn(&mut self, stack_bytes: usize, work: Box<dyn FnOnce() + Send>) -> Result<(), Failure>;

    /// How its threads sleep.
    fn system(&self) -> &'static dyn System;
}

/// Why the system did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Whoever read standard output has read enough.
    BrokenPipe,
    /// Anything else, in the system's words.
    Other(String),
}

/// What a file is that has more than [`MAX_BYTES`], and a path that ends in no name.
pub(crate) const TOO_LARGE: &str = "it has more than 4 GiB";
pub(crate) const NO_NAME: &str = "not a file's name";

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::BrokenPipe => f.write_str("broken pipe"),
            Failure::Other(words) => f.write_str(words),
        }
    }
}

impl core::error::Error for Failure {}
