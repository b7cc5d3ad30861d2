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
use crate::ops::Op;
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
    /// The inputs' first dimension, where the graph leaves it open or says 1; without, 1.
    pub batch: Option<usize>,
    /// Predicted cycles from which on a team of threads shares a layer; without, some times what sharing costs.
    pub shared_from: Option<u64>,
}

/// Two microseconds; a fork and a join are half of one.
const SHARED_FROM: u64 = 6000;

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
    let (facts, problems) = facts::infer(&graph, &shapes(&graph, options)?);
    problems.into_result(())?;
    let program = lower::lower(&graph, &facts, &options.tiles)?;
    options.tiles.check(&program)?;
    let plan = plan::plan(&program)?;
    let info = info(options, (&graph, &facts), &program, &plan)?;
    let rust = emit::emit(&program, &plan, &info, options.shared_from.unwrap_or(SHARED_FROM));
    Ok(Compiled { rust, weights: program.blob.into_bytes(), info })
}

/// The shapes of placeholders: those that are given, and the others with the batch.
fn shapes(graph: &Graph, options: &Options) -> Result<HashMap<String, Shape>, Problems> {
    let (mut shapes, mut problems) = (options.shapes.clone(), Problems::default());
    let Some(batch) = options.batch else { return Ok(shapes) };
    for node in &graph.nodes {
        let Op::Placeholder(op) = &node.op else { continue };
        let Some([first, rest @ ..]) = op.shape.as_deref() else { continue };
        if options.shapes.contains_key(&node.name) {
            continue;
        }
        if ![-1, 1, i64::try_from(batch).unwrap_or(i64::MAX)].contains(first) {
            let reason = Reason::new(format!("a batch of {batch} for an input of shape {:?}", op.shape));
            problems.add(&node.name, "Placeholder", reason.help("its batch is fixed; leave out --batch"));
        }
        // What else is open, inference asks for.
        let rest: Result<Vec<_>, _> = rest.iter().map(|&d| usize::try_from(d)).collect();
        if let Ok(rest) = rest {
            shapes.insert(node.name.clone(), [&[batch], &rest[..]].concat());
        }
    }
    problems.into_result(shapes)
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
