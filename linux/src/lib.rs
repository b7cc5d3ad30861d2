//! Linux on x86-64 without a C library: what a packaged executable needs of an operating system, and nothing else.
//!
//! The C library and what the Rust standard library brings along make 1.1 MB of a static executable that prints one
//! line; this makes a few KB. It is also the second folder of this project that holds `unsafe` code (the first is
//! `kernels/src/isa/`): everything that is public here is safe to use, but for what says otherwise.
//!
//! | module | what it holds |
//! |---|---|
//! | [`start`] | `_start`, relocation of a static executable that lies anywhere, arguments, panics, [`main!`] |
//! | [`system`] | the system calls: files, clock, streams, exit |
//! | [`errno`] | why a system call failed, in the C library's words |
//! | [`heap`] | a global allocator |
//! | [`once`] | a `static` that is given out once, mutably |
//! | `memory` | `memcpy` and its like, which compiled code calls |
//!
//! A program has one thread. A second one would need a `clone` with its stack and a futex to sleep on, both beside
//! `system`; [`heap`] and [`once`] are ready for it.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![no_std]
#![allow(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod errno;
pub mod heap;
mod memory;
pub mod once;
pub mod start;
pub mod system;

pub use errno::Errno;
pub use heap::Heap;
pub use once::Once;
pub use start::Arguments;
