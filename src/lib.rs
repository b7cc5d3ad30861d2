//! Runtime of a baked network: what generated code implements and what its callers use.
//!
//! Without features it is `no_std` and allocates nothing:
//!
//! | module | what it holds |
//! |---|---|
//! | [`arena`] | the memory that generated code works in |
//! | [`network`] | the [`Network`] trait and the description of a network |
//! | [`tensor`] | views of inputs and outputs |
//! | [`mod@digest`] | the fixed input and the digest of outputs |
//! | [`mod@top_k`] | the greatest scores |
//! | [`kernels`] | the microkernels and the instruction sets |
//!
//! With the feature `app`, which allocates, what an executable and the tool need beside networks:
//!
//! | module | what it holds |
//! |---|---|
//! | `app` | the command line of a baked executable |
//! | `host` | what it needs of a system: the standard library (feature `std`), or Linux alone (feature `linux`) |
//! | `machine` | what machine this is |
//! | `picture` | PNG, JPEG, PPM, and resizing |
//! | `preprocess` | the arithmetic from pixels to inputs |
//! | `threads` | threads that run a network together |
//! | `npy`, `array` | NumPy's files |
//! | `files` | the standard library's files, either whole or absent |
#![no_std]

#[cfg(feature = "app")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(feature = "app")]
pub mod app;
pub mod arena;
#[cfg(feature = "app")]
pub mod array;
pub mod digest;
#[cfg(feature = "std")]
pub mod files;
#[cfg(feature = "app")]
pub mod host;
#[cfg(feature = "app")]
pub mod machine;
pub mod network;
#[cfg(feature = "app")]
pub mod npy;
#[cfg(feature = "app")]
pub mod picture;
#[cfg(feature = "app")]
pub mod preprocess;
pub mod tensor;
#[cfg(feature = "app")]
pub mod threads;
pub mod top_k;

pub use arena::{Aligned, Arena};
pub use bakelite_kernels as kernels;
#[cfg(feature = "linux")]
pub use bakelite_linux as linux;
pub use network::{Info, Layer, Mismatch, Network, Observer, TensorInfo, check};
pub use tensor::{DType, Element, TensorMut, TensorRef};
#[cfg(feature = "app")]
pub use threads::Threads;
pub use top_k::{Class, top_k};

/// Includes the `model.rs` that the build script wrote to `OUT_DIR`, or to the folder of that name in it.
#[macro_export]
macro_rules! include_model {
    () => {
        include!(concat!(env!("OUT_DIR"), "/model.rs"));
    };
    ($folder:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $folder, "/model.rs"));
    };
}
