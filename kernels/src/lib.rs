//! Microkernels of a baked network: int8 and f32 operations that give TensorFlow's bits on every instruction set.
//!
//! # Contract
//! Every kernel is a struct of its operands that implements [`Kernel`]; [`Isa::run`] executes it. Its fast form
//! gives, on each ISA, exactly the bits of the `reference` beside it. Kernels allocate nothing, keep nothing and
//! cannot fail: `Params` describe shapes that the compiler has checked, and a slice that is shorter than its
//! [`Place`] says panics. Reading runs a little over: an input slice reaches 63 bytes past its last element.
//!
//! # Words
//!
//! | word | meaning, unit |
//! |---|---|
//! | activations | u8, NHWC, per-tensor `scale: f32`, `zero_point: u8`; a signed tensor has 128 added |
//! | weights | i8, HWIO, per-output-channel `scale`, zero point 0; dwconv: HWC |
//! | accumulator | i32; `scale = x.scale * w.scale` |
//! | real value | `scale * (q - zero_point)` |
//! | requantize | i32 to u8: multiply, round half to even, add zero point, clamp |
//! | halo | pixels around an image that hold the zero point |
//! | panel | 16 output channels × 4 input bytes; packed weights are panels, K padded with zeros |
//! | group | 64, 32 or 16 channels: NV panels side by side |
//! | part | `NV * LANES` channels of a group: what one ISA computes at once |
//! | tile | MR pixels × NV vectors of channels |
//! | igemm | GEMM whose rows are gathered by tap: no im2col buffer |
//! | Winograd | a convolution by fewer products of transformed inputs and weights |
//! | tap | one (ky, kx) position of the window |
//! | run | bytes of a window that are consecutive in memory |
//!
//! A kernel's id is `{op}-{MR}x{NR}c4-{isa}`, such as `igemm-6x64c4-avx512vnni`. In
//! `igemm-6x64c4-short2` the products of two steps add up in 16 bits, which AVX2 is faster with. Loops use the letters `n, oy, ox,
//! oc, ky, kx, ic` and `m, k, s` (vector of a group); operands are `x`, `w`, `bias`, `y`.
#![no_std]
// Loops over registers are indexed on purpose: see `isa`.
#![allow(clippy::needless_range_loop)]

#[cfg(test)]
extern crate std;

pub mod combine;
pub mod conv;
pub mod copy;
pub mod decode;
pub mod dwconv;
pub mod epilogue;
pub mod float;
pub mod halo;
mod igemm;
pub mod isa;
pub mod lut;
pub mod matmul;
pub mod pack;
pub mod peak;
pub mod pool;
pub mod quant;
pub mod quantize;
pub mod range;
pub mod requantize;
pub mod team;
#[cfg(test)]
mod testing;
mod tile;
mod walk;
pub mod window;
pub mod winograd;

pub use isa::{Isa, Kernel, Name, Program};
pub use pack::{PerChannel, Weights};
pub use team::{Cut, Split, Team};
pub use window::{Place, Window};
