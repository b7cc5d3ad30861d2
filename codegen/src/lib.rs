//! The compiler: a TensorFlow GraphDef in; a quantized GraphDef, or straight-line Rust with its weights, out.
//!
//! Both pipelines share the graph library of the first group of modules.
pub mod about;
pub mod attributes;
pub mod bake;
pub mod build;
pub mod calibrate;
pub mod compile;
pub mod cost;
pub mod emit;
pub mod error;
pub mod facts;
pub mod graph;
pub mod graphdef;
pub mod interpret;
pub mod limits;
pub mod lower;
pub mod ops;
pub mod passes;
pub mod plan;
pub mod quantize;
pub mod saved_model;
pub mod tensor;
mod text;
pub mod tune;
pub mod verify;
pub mod wire;
pub mod zoo;

pub use passes::optimise;
pub use quantize::quantize;
