//! f32 operations: the parts of a network that are not quantized.
//!
//! # Contract
//! The order of evaluation is fixed, so that every instruction set gives the same bits: sums go over `ky, kx, ic`
//! (or `k`) from the first to the last, each product and each sum is rounded once, nothing is fused, and taps on the
//! halo are left out. Instruction sets differ in how many outputs they compute at once, never in the sum of one.
//! Functions such as `exp` are [`math`]'s own, since the platforms' libraries disagree. Against TensorFlow, which
//! sums in other orders, results differ by a few ulp.
//!
//! Tensors are dense unless `Params` say where they lie. The loops are plain Rust: [`Isa::run`](crate::Isa::run)
//! compiles them with the vectors of its instruction set.

pub mod affine;
pub mod arg_max;
pub mod binary;
pub mod cast;
pub mod compare;
pub mod contract;
pub mod conv;
pub mod copy;
pub mod dwconv;
pub mod gather;
pub mod gemm;
pub mod integer;
pub mod integers;
pub mod log_softmax;
pub mod math;
pub mod nest;
pub mod one_hot;
pub mod pool;
pub mod reduce;
pub mod resize;
pub mod select;
pub mod softmax;
pub mod top_k;
pub mod unary;

pub use nest::Nest;
