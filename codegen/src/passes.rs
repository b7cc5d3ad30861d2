//! The fp32 optimiser: transforms that make a graph smaller and its meaning plain, one a file.
//!
//! The invariants of `verify` are checked after each; the meaning stays what it was, up to f32 rounding.
use crate::error::{Problem, Problems};
use crate::graph::Graph;
use crate::verify::verify;

pub(crate) mod affine;
pub mod fold_batch_norm;
pub mod fold_constants;
pub mod fold_scale;
pub mod fuse_dilation;
pub mod fuse_pad;
pub mod merge_equal;
pub mod move_squeeze;
pub(crate) mod product;
pub mod recognise_activation;
pub mod recognise_dense;
pub mod recognise_hard_swish;
pub mod remove_dropout;
pub mod remove_identity;
pub mod remove_neutral;
pub mod remove_switch;
pub mod strip_unused;

/// A transform. It may leave nodes behind that nobody reads.
pub struct Pass {
    /// Its name, which is its file's.
    pub name: &'static str,
    /// What it does, in one line.
    pub what: &'static str,
    /// Does it; how much it changed. On what it gave back it changes nothing.
    run: fn(&mut Graph) -> Result<usize, Problems>,
}

/// The list of passes: `name: "what it does";`.
macro_rules! passes {
    ($($name:ident: $what:literal;)*) => {
        &[$(Pass { name: stringify!($name), what: $what, run: $name::$name }),*]
    };
}

/// The transforms, in order: what is dead, then what is constant, then what is linear.
pub const PASSES: &[Pass] = passes! {
    remove_identity: "Identity, CheckNumerics, StopGradient, PlaceholderWithDefault and their like";
    fold_constants: "what depends on no input becomes a constant";
    remove_dropout: "dropout that never drops";
    remove_neutral: "x + 0, x * 1, Pad by nothing, Transpose to the same order, Reshape of a Reshape";
    merge_equal: "common subexpressions become one";
    recognise_activation: "Relu, Relu6 and LeakyRelu that are spelled as minima, maxima and products";
    recognise_hard_swish: "hard swish and hard sigmoid get one spelling";
    recognise_dense: "BatchMatMul and Einsum with constant weights become the MatMul that they are";
    fuse_dilation: "a convolution over the phases of SpaceToBatchND becomes a dilated one";
    move_squeeze: "Squeeze, ExpandDims and Reshape go behind the bias and activation of their product";
    fuse_pad: "a Pad of zeros becomes the padding of the convolution behind it";
    fold_batch_norm: "batch norms, biases and scalings behind a product go into its weights and one BiasAdd";
    fold_scale: "scalings (and, without padding, offsets) before a product go into its weights";
};

/// The passes run again and again until none finds anything, at most so often. One round does most, a second what the
/// first uncovered; a graph that would need more is left less simple, not wrong.
const ROUNDS: usize = 16;

/// Cuts the graph to what leads from `inputs` to `outputs` (empty: the placeholders, the graph's own outputs) and
/// simplifies it.
pub fn optimise(graph: Graph, inputs: &[String], outputs: &[String]) -> Result<Graph, Problems> {
    optimise_counting(graph, inputs, outputs).map(|(graph, _)| graph)
}

/// [`optimise`], and how much each pass of [`PASSES`] changed.
pub fn optimise_counting(
    mut graph: Graph,
    inputs: &[String],
    outputs: &[String],
) -> Result<(Graph, Vec<usize>), Problems> {
    remove_switch::remove_switch(&mut graph);
    strip_unused::strip_unused(&mut graph, inputs, outputs)?;
    check("strip_unused", &mut graph)?;
    let mut counts = vec![0; PASSES.len()];
    for _ in 0..ROUNDS {
        let before = counts.clone();
        for (pass, count) in PASSES.iter().zip(&mut counts) {
            *count += (pass.run)(&mut graph)?;
            check(pass.name, &mut graph)?;
        }
        if before == counts {
            break;
        }
    }
    Ok((graph, counts))
}

/// Drops what a pass left behind and checks what it made; a violation is an error in the pass, which is named.
fn check(pass: &str, graph: &mut Graph) -> Result<(), Problems> {
    let broken = |problems: Problems| {
        let blame = |mut p: Problem| {
            p.reason.found = format!("after the pass {pass}: {}", p.reason.found);
            p.reason.help = "this is an error in Bakelite: please report it with the graph".into();
            p
        };
        Problems(problems.0.into_iter().map(blame).collect())
    };
    verify(graph).map_err(broken)?;
    graph.prune().map_err(|id| {
        let reason = crate::error::Reason::new("this node depends on itself");
        broken(Problems::at(&graph.node(id).name, graph.node(id).op.name(), reason))
    })
}
