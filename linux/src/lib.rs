//! Linux on x86-64 without a C library: what a packaged executable needs of an operating system, and nothing else.
//!
//! The C library and what the Rust standard library brings along make 1.1 MB of a static executable that prints one
//! line; this makes a few KB. It is also one of the folders of this project that hold `unsafe` code (the others are
//! `kernels/src/isa/` and `kernels/src/team/`): everything that is public here is safe to use, but for what says otherwise.
//!
//! | module | what it holds |
//! |---|---|
//! | [`start`] | `_start`, relocation of a static executable that lies anywhere, arguments, panics, [`main!`] |
//! | [`system`] | the system calls: files, clock, streams, exit |
//! | [`errno`] | why a system call failed, in the C library's words |
//! | [`heap`] | a global allocator |
//! | [`once`] | a `static` that is given out once, mutably |
//! | [`thread`] | threads with a stack each, and a futex to sleep on |
//! | `memory` | `memcpy` and its like, which compiled code calls |
//!
//! A thread has no storage of its own, and no name.
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
pub mod thread;

pub use errno::Errno;
pub use heap::Heap;
pub use once::Once;
pub use start::Arguments;
