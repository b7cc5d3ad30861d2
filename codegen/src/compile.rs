//! From a calibrated graph to Rust and weights: the second pipeline on one screen.
//!
//! ```text
//! prune -> verify -> infer -> lower -> plan -> emit
//! ```
use crate::cost::{CORES, Core};
use crate::emit::{self, Info, TensorInfo};
use crate::error::{Problems, Reason};
use crate::facts::{self, Facts};
use crate::graph::{Edge, Graph};
use crate::lower::{self, Layer, Program};
use crate::plan::{self, Plan};
use crate::tensor::Shape;
use crate::tune::Tiles;
use crate::verify;
use std::collections::HashMap;

/// What the caller decides.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The network's name in its description.
    pub name: String,
    /// The GraphDef's [`digest`].
    pub digest: u64,
    /// Shapes of placeholders by name, where the graph leaves them open.
    pub shapes: HashMap<String, Shape>,
    /// Measured tiles.
    pub tiles: Tiles,
}

/// A network as source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The text of `model.rs`.
    pub rust: String,
    /// The bytes of `weights.bin`, which `model.rs` includes from its own folder.
    pub weights: Vec<u8>,
    /// What is known of it.
    pub info: Info,
}

/// Compiles what the outputs of a graph need. The same graph and options give the same bytes.
pub fn compile(graph: &Graph, options: &Options) -> Result<Compiled, Problems> {
    let mut graph = graph.clone();
    if graph.outputs.is_empty() {
        let reason = Reason::new("the graph has no output").help("name one with --output");
        return Err(Problems::file(reason));
    }
    verify::verify(&graph)?;
    // Nothing has side effects, so only data orders the nodes.
    graph.nodes.iter_mut().for_each(|node| node.control.clear());
    graph.prune().map_err(|_| Problems::file(Reason::new("the graph has a cycle")))?;
    let (facts, problems) = facts::infer(&graph, &options.shapes);
    problems.into_result(())?;
    let program = lower::lower(&graph, &facts, &options.tiles)?;
    options.tiles.check(&program)?;
    let plan = plan::plan(&program)?;
    let info = info(options, (&graph, &facts), &program, &plan)?;
    let rust = emit::emit(&program, &plan, &info);
    Ok(Compiled { rust, weights: program.blob.into_bytes(), info })
}

/// FNV-1a 64 of the bytes of a GraphDef: what a description names it by.
pub fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn info(
    options: &Options,
    (graph, facts): (&Graph, &Facts),
    program: &Program,
    plan: &Plan,
) -> Result<Info, Problems> {
    let tensor = |edge: Edge| {
        let name = graph.name(edge);
        let unknown = || Problems::at(&name, "", Reason::new("the shape of this tensor is not known"));
        let fact = facts.get(edge).ok_or_else(unknown)?;
        Ok(TensorInfo { name: name.clone(), dtype: fact.dtype, shape: fact.shape.clone() })
    };
    let total = program.blob.bytes().len();
    let cycles = |core: &Core| program.layers.iter().map(|layer| layer.cycles(core, total)).sum();
    Ok(Info {
        name: options.name.clone(),
        digest: options.digest,
        products: program.layers.iter().map(Layer::product).collect(),
        macs: program.layers.iter().map(|layer| layer.macs).sum(),
        arena_bytes: plan.bytes,
        arena_bound: plan.bound,
        weight_bytes: total,
        cycles: CORES.each_ref().map(cycles),
        inputs: program.inputs.iter().map(|&id| tensor(Edge::from(id))).collect::<Result<_, _>>()?,
        outputs: graph.outputs.iter().map(|&edge| tensor(edge)).collect::<Result<_, _>>()?,
    })
}
