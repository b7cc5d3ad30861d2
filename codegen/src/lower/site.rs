//! What an op sees while it lowers itself: its node, what is known of its inputs, and where tensors are.
//!
//! ```text
//! let params = relu::Params { x: x.place, y: y.place };               // a typical op:
//! site.call(Call::new("relu::Relu", &params).read("x", x).write("y", y));
//! ```
//!
//! Here is what is known of the node, the constants of its kernel and the program that grows; `operands` says where its
//! tensors are, `joined` what is done for outputs that are inputs.
use crate::cost::Tiled;
use crate::error::Reason;
use crate::graph::{Edge, Node, NodeId};
use crate::lower::round::{Round, copy_call};
use crate::lower::{Buffer, Call, Element, Layer, Operand, Section};
use crate::ops::Fact;
use crate::tensor::Tensor;
use bakelite_kernels::Place;

mod joined;
mod operands;

/// One node that is being lowered.
pub struct Site<'r, 'a> {
    round: &'r mut Round<'a>,
    id: NodeId,
    /// The node.
    pub node: &'a Node,
    /// What it reads: the node's inputs, or those of the region that ends here.
    inputs: &'a [Edge],
    /// What it does, for the reader.
    op: &'a str,
    /// What is known of the inputs.
    pub x: Vec<Fact>,
    /// What is known of the outputs.
    pub y: &'a [Fact],
    /// Copies to make when the op is done: from a dense temporary to its output.
    copies: Vec<(Operand, Operand)>,
    macs: u64,
}

/// What ops use.
impl<'a> Site<'_, 'a> {
    /// The value of input `i`, which must not depend on an input of the graph.
    pub fn constant(&self, i: usize, what: &str) -> Result<&'a Tensor, Reason> {
        let edge = self.edge(i)?;
        self.round.facts.get(edge).and_then(|fact| fact.value.as_deref()).ok_or_else(|| {
            let found =
                format!("{what} (`{}`) depends on an input of the graph", self.round.graph.name(edge));
            Reason::new(found).supported(format!("a constant {what}"))
        })
    }

    /// Input `i`, a range bound, as a constant.
    pub fn range(&self, i: usize) -> Result<f32, Reason> {
        let help = "calibrate the graph first, so that its ranges are constants";
        let tensor = self.constant(i, "range").map_err(|reason| reason.help(help))?;
        match tensor.as_f32()? {
            [bound] => Ok(*bound),
            many => Err(Reason::new(format!("a range of {} elements", many.len())).supported("one float")),
        }
    }

    /// A constant tensor of the op's own, to read.
    pub fn tensor(&mut self, value: &Tensor) -> Result<Operand, Reason> {
        self.round.constant(value)
    }

    /// Memory for this node's own use.
    pub fn scratch(&mut self, element: Element, shape: [usize; 4]) -> Operand {
        let name = format!("{} (temporary)", self.node.name);
        let memory = self.round.buffer(Buffer { name, element, shape, zero_point: 0, halo: [0; 4] });
        Operand { memory, place: Place::dense(shape), element, exact: false, edge: None }
    }

    /// A constant for a kernel: `bytes`, written by `fill` (only in the last round, so it may be slow).
    pub fn pack(&mut self, bytes: usize, fill: impl FnOnce(&mut [u8])) -> Section {
        if !self.round.packing {
            return Section { start: 0, bytes };
        }
        // Images are seen as words, so the memory must be aligned like them.
        let mut words = vec![0u64; bytes.div_ceil(8)];
        let image = &mut bytemuck::cast_slice_mut(&mut words)[..bytes];
        fill(image);
        self.round.program.blob.add(image.to_vec())
    }

    /// A constant slice of floats for a kernel, for [`Call::constant`].
    pub fn floats(&mut self, x: &[f32]) -> Section {
        self.pack(4 * x.len(), |image| image.copy_from_slice(bytemuck::cast_slice(x)))
    }

    /// The tile that was measured to be fastest, or is predicted to be.
    pub fn tile(&self, product: Tiled) -> Tiled {
        let measured = self.round.tiles.rows(&product.shape);
        measured.map_or_else(|| product.fastest(), |rows| Tiled { rows, ..product })
    }

    /// Appends a call.
    pub fn call(&mut self, call: Call) {
        let op = self.op.to_owned();
        let macs = std::mem::take(&mut self.macs);
        self.push(op, call, macs);
    }

    /// Appends a call that prepares the op's own, and is no part of its multiply-accumulates: `what` it does.
    pub fn prepare(&mut self, what: &str, call: Call) {
        self.push(what.into(), call, 0);
    }

    /// Appends a copy of `x` to `y`, which have the same shape.
    pub fn copy(&mut self, x: Operand, y: Operand) {
        self.push("copy".into(), copy_call(x, y, 0), 0);
    }
}

/// How it is done.
impl<'r, 'a> Site<'r, 'a> {
    pub(super) fn new(
        round: &'r mut Round<'a>,
        id: NodeId,
        inputs: &'a [Edge],
        op: &'a str,
    ) -> Result<Self, Reason> {
        let unknown = || Reason::new("the shapes of this node are not known");
        let node = round.graph.node(id);
        let known = inputs.iter().map(|&edge| round.facts.get(edge).cloned());
        let x = known.collect::<Option<Vec<_>>>().ok_or_else(unknown)?;
        let y = round.facts.outputs(id).ok_or_else(unknown)?;
        let macs = node.op.macs(&x, y);
        Ok(Self { round, id, node, inputs, op, x, y, copies: vec![], macs })
    }

    /// Makes the copies that were put off.
    pub(super) fn finish(mut self) -> Result<(), Reason> {
        for (x, y) in std::mem::take(&mut self.copies) {
            self.copy(x, y);
        }
        Ok(())
    }

    fn push(&mut self, op: String, call: Call, macs: u64) {
        self.round.avoid_self_reads(&call);
        let dims = |facts: &[Fact]| {
            let one = |f: &Fact| format!("{:?} {}", f.shape, crate::tensor::name(f.dtype));
            facts.iter().find(|f| f.value.is_none()).map(one).unwrap_or_default()
        };
        let sides = [dims(&self.x), dims(self.y)];
        let signature = sides.into_iter().filter(|side| !side.is_empty()).collect::<Vec<_>>().join(" → ");
        let node = self.node.name.clone();
        self.round.program.layers.push(Layer { node, op, signature, macs, call });
    }
}
