//! From a graph to layers: one kernel call after the other, and the buffers between them.
//!
//! Every op lowers itself at a [`Site`] ([`Operation::lower`](crate::ops::Operation::lower)), in topological order.
//! What a node's readers need of its output is only known after they were lowered: a window wants a halo around its
//! input, a concatenation wants its inputs written straight into its own buffer. So the graph is lowered in rounds;
//! each starts over with what the earlier ones learned (`Demands`), and the last is the one that asks for nothing
//! new. Demands only grow, so there is a last one: for a usual network the third. Ops need not know of it.
//!
//! Elementwise nodes between bytes do not lower themselves where a layer of the whole region does: see `fusion`.
//!
//! ```text
//! edge --values--> Operand { memory: arena buffer | caller's slice | constant, place: where in it }
//! ```
//!
//! Constants (and whatever is computed from constants alone) have no buffer: they are in the facts, and where a kernel
//! reads one as a tensor, in the blob.
use crate::cost::{self, Core, Tiled, Work};
use crate::error::{Problems, Reason};
use crate::facts::Facts;
use crate::graph::{Edge, Graph, NodeId};
use crate::tune::Tiles;
use round::{Round, Source};
use std::collections::{HashMap, HashSet};

mod blob;
mod call;
mod forms;
mod fusion;
mod literal;
mod operand;
mod product;
mod round;
mod site;
mod stages;
mod winograd;

pub use blob::{Blob, Section};
pub use call::{Call, Field};
pub use literal::Literal;
pub use operand::{BufferId, Element, Memory, Operand, nhwc};
pub use product::Product;
pub use site::Site;
pub use stages::{Activation, Output, Stages, Sum};

/// Pixels `[top, bottom, left, right]` around an image.
pub type Halo = [usize; 4];

/// What is to be planned and emitted.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Memory between layers.
    pub buffers: Vec<Buffer>,
    /// Kernel calls in the order they run.
    pub layers: Vec<Layer>,
    /// Placeholders, in the graph's order.
    pub inputs: Vec<NodeId>,
    /// Packed weights and other constants.
    pub blob: Blob,
}

/// Memory of one tensor, or of the concatenation that several write.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffer {
    /// The tensor's name in the graph.
    pub name: String,
    /// What it is made of.
    pub element: Element,
    /// Dimensions as NHWC, without halo.
    pub shape: [usize; 4],
    /// What a signed or unsigned byte tensor holds for 0.
    pub zero_point: u8,
    /// Room around each image, filled with the zero point before the first write.
    pub halo: Halo,
}

/// What a kernel may read behind the last byte of its input; see the contract in `bakelite_kernels`.
pub const SLACK: usize = 64;

/// The most bytes of one buffer with its halo: what no machine that runs such networks has.
const MAX_BUFFER: usize = 1 << 31;

/// Refuses a halo that makes a buffer absurd; without one, tensors are bounded already.
fn check_halo([batch, height, width, channels]: [usize; 4], halo: Halo) -> Result<(), Reason> {
    let [top, bottom, left, right] = halo;
    let sides = [top.saturating_add(height), left.saturating_add(width)];
    let sides = [sides[0].saturating_add(bottom), sides[1].saturating_add(right), batch, channels];
    let bytes = sides.into_iter().fold(1usize, usize::saturating_mul);
    if bytes <= MAX_BUFFER {
        return Ok(());
    }
    let found = format!("an image of {height} x {width} pixels padded by {halo:?} is {bytes} bytes");
    Err(Reason::new(found).supported(format!("at most {MAX_BUFFER}")))
}

impl Buffer {
    /// Bytes with halo and slack, a multiple of 64. Only byte kernels read over the end.
    pub fn bytes(&self) -> usize {
        let place = bakelite_kernels::Place::with_halo(self.shape, self.halo);
        let bytes = place.batch * place.image * self.element.bytes();
        let slack = if self.element == Element::U8 { SLACK } else { 0 };
        (bytes + slack).next_multiple_of(64)
    }
}

/// One kernel call of a node.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The node's name.
    pub node: String,
    /// The op's name, or what the call does where that is not the op itself.
    pub op: String,
    /// The node's inputs and outputs, for the reader.
    pub signature: String,
    /// The node's multiply-accumulates; counted at its first layer.
    pub macs: u64,
    /// The kernel with its operands.
    pub call: Call,
}

impl Layer {
    /// The product that it computes, if it is one.
    pub fn product(&self) -> Option<Tiled> {
        match self.call.work {
            Work::Product(product) => Some(product),
            Work::Winograd(_)
            | Work::WinogradInput(_)
            | Work::Depthwise(_)
            | Work::Windows(_)
            | Work::Bytes => None,
        }
    }
    /// Predicted cycles in a network of `total` bytes of weights.
    pub fn cycles(&self, core: &Core, total: usize) -> u64 {
        let [read, written] = self.call.tensor_bytes();
        let layer = cost::Layer {
            work: &self.call.work,
            kernel: &self.call.kernel,
            macs: self.macs,
            bytes: read + written,
            weights: self.call.constant_bytes(),
        };
        cost::cycles(core, &layer, total)
    }
}

/// What rounds learn.
#[derive(Clone, Debug, Default, PartialEq)]
struct Demands {
    /// The widest halo that readers of a buffer want, by the edge the buffer is for.
    halo: HashMap<Edge, Halo>,
    /// Tensors that live inside another's buffer, from a channel on.
    inside: HashMap<Edge, (Edge, usize)>,
    /// Tensors that cannot live there: a layer would read and write the same buffer.
    apart: HashSet<Edge>,
}

impl Demands {
    /// True if `other` added something.
    fn merge(&mut self, other: Demands) -> bool {
        let before = self.clone();
        for (edge, halo) in other.halo {
            let have = self.halo.entry(edge).or_default();
            *have = std::array::from_fn(|i| have[i].max(halo[i]));
        }
        self.inside.extend(other.inside);
        self.apart.extend(other.apart);
        *self != before
    }
}

/// Lowers what the graph's outputs need. The facts are of the same graph and complete. Measured tiles go before predicted
/// ones.
pub fn lower(graph: &Graph, facts: &Facts, tiles: &Tiles) -> Result<Program, Problems> {
    let cycle = |_| Problems::file(Reason::new("the graph has a cycle"));
    let order = graph.order().map_err(cycle)?;
    let fusions = fusion::find(graph, facts, &order);
    let source = Source { graph, facts, order: &order, fusions: &fusions, tiles };
    let mut demands = Demands::default();
    loop {
        let mut round = Round::new(source, &demands, false);
        round.run()?;
        let asks = round.asks;
        if !demands.merge(asks) {
            break;
        }
    }
    // Packing is slow beside the rest, so only the last round does it.
    let mut round = Round::new(source, &demands, true);
    round.run()?;
    forms::join(&mut round.program.layers);
    Ok(round.program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absurd_halo_is_refused() {
        assert_eq!(check_halo([1, 224, 224, 3], [3, 3, 3, 3]), Ok(()));
        assert!(check_halo([1, 224, 224, 3], [1 << 20, 1 << 20, 0, 0]).is_ok());
        let error = check_halo([1, 7, 7, 3], [1 << 20, 0, 1 << 20, 0]).unwrap_err();
        assert_eq!(error.supported, "at most 2147483648");
        assert!(check_halo([usize::MAX, 7, 7, 3], [usize::MAX, 0, 1 << 20, 0]).is_err());
    }
}
