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
//! | [`network`] | the [`Network`] trait and the description of a network |
//! | [`tensor`] | views of inputs and outputs |
//! | [`mod@digest`] | the fixed input and the digest of outputs |
//! | [`kernels`] | the microkernels and the instruction sets |
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(all(test, not(feature = "std")))]
extern crate std;

pub mod digest;
pub mod network;
pub mod tensor;
pub mod top_k;

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
