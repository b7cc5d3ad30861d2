//! Runtime of a baked network: what generated code implements and what its callers use.
//!
//! Without the feature `std` this is a `no_std` library that allocates nothing:
//!
//! ```ignore
//! mod model {
//!     bakelite::include_model!();
//! }
//! static MODEL: Mutex<model::Model> = Mutex::new(model::Model::new());
//! ```
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
//! With it, what an executable and the tool need beside networks:
//!
//! | module | what it holds |
//! |---|---|
//! | `app` | the command line of a baked executable |
//! | `picture` | PNG, JPEG, PPM, and resizing |
//! | `preprocess` | the arithmetic from pixels to inputs |
//! | `npy`, `array` | NumPy's files |
//! | `files` | files that are either whole or absent |
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(all(test, not(feature = "std")))]
extern crate std;

#[cfg(feature = "std")]
pub mod app;
pub mod arena;
#[cfg(feature = "std")]
pub mod array;
pub mod digest;
#[cfg(feature = "std")]
pub mod files;
pub mod network;
#[cfg(feature = "std")]
pub mod npy;
#[cfg(feature = "std")]
pub mod picture;
#[cfg(feature = "std")]
pub mod preprocess;
pub mod tensor;
pub mod top_k;

pub use arena::{Aligned, Arena};
pub use bakelite_kernels as kernels;
pub use network::{Info, Mismatch, Network, TensorInfo, check};
pub use tensor::{DType, Element, TensorMut, TensorRef};
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
