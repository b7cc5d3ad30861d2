//! What an op sees while it lowers itself: its node, what is known of its inputs, and where tensors are.
//!
//! ```text
//! let params = relu::Params { x: x.place, y: y.place };               // a typical op:
//! site.call(Call::new("relu::Relu", &params).read("x", x).write("y", y));
//! ```
//!
//! [`Site::x`] and [`Site::y`] give operands with any pitches (a slice of a concatenation, a halo around); a kernel
//! whose slices must be dense takes [`Site::x_dense`] and [`Site::y_dense`], which copy where they have to.
use crate::cost::{Shape, Tiled};
use crate::error::Reason;
use crate::graph::{Edge, Node, NodeId};
use crate::lower::round::{Round, copy_call};
use crate::lower::{Buffer, Call, Element, Halo, Layer, Memory, Operand, Section, check_halo, nhwc};
use crate::ops::Fact;
use crate::tensor::Tensor;
use bakelite_kernels::{Place, Window};

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

    /// Input `i` to read, wherever it is.
    pub fn x(&mut self, i: usize) -> Result<Operand, Reason> {
        let edge = self.edge(i)?;
        if let Some(&x) = self.round.values.get(&edge) {
            return Ok(x);
        }
        let value = self.constant(i, "tensor")?;
        self.round.constant(value)
    }

    /// Input `i` to read, as exactly its elements without gaps.
    pub fn x_dense(&mut self, i: usize) -> Result<Operand, Reason> {
        let x = self.x(i)?;
        if x.is_dense() {
            return Ok(x.exact());
        }
        let dense = self.scratch(x.element, x.shape());
        self.copy(x, dense);
        Ok(dense.exact())
    }

    /// Input `i`, bytes, to be read by a window that gives an output of `extent` pixels; the halo around it holds the
    /// zero point.
    pub fn x_under(&mut self, i: usize, window: &Window, extent: [usize; 2]) -> Result<Operand, Reason> {
        let x = self.x(i)?;
        let after = |axis: usize, input: usize| {
            let reach = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
            let last = extent[axis].saturating_sub(1) * window.stride[axis] + reach;
            last.saturating_sub(window.pad[axis] + input)
        };
        let (below, right) = (after(0, x.place.height), after(1, x.place.width));
        self.x_with_halo(x, i, [window.pad[0], below, window.pad[1], right])
    }

    /// Output `port` to write, wherever its readers want it.
    pub fn y(&mut self, port: usize) -> Result<Operand, Reason> {
        let edge = Edge { node: self.id, port };
        let y = self.round.home(edge)?;
        self.round.values.insert(edge, y);
        Ok(y)
    }

    /// Output `port` to write, as exactly its elements without gaps.
    pub fn y_dense(&mut self, port: usize) -> Result<Operand, Reason> {
        let y = self.y(port)?;
        Ok(self.pending(y).exact())
    }

    /// Output `port` is input `i`, with the same elements in the same order and perhaps another shape.
    pub fn alias(&mut self, i: usize, port: usize) -> Result<(), Reason> {
        let edge = Edge { node: self.id, port };
        let x = self.x(i)?;
        let shape = nhwc(&self.fact(port)?.shape);
        let same = x.shape() == shape;
        // A constant stays one: its readers find it in the facts.
        if same || x.is_dense() {
            let y = if same { x } else { x.reshaped(shape) };
            self.round.values.insert(edge, y);
            return Ok(());
        }
        let y = self.y_dense(port)?;
        self.copy(x, Operand { place: Place::dense(x.shape()), ..y });
        Ok(())
    }

    /// Output `port` is input `i` and `halo` around it, zeros: in place, in the input's own buffer. False where the
    /// input has none with that much around it (yet: it is asked for).
    pub fn alias_with_halo(&mut self, i: usize, halo: Halo, port: usize) -> Result<bool, Reason> {
        let x = self.x(i)?;
        let Some((have, _)) = self.round.own_halo(&x) else { return Ok(false) };
        let x = self.x_with_halo(x, i, halo)?;
        let [top, bottom, left, right] = halo;
        if (0..4).any(|side| have[side] < halo[side]) {
            return Ok(false);
        }
        let Place { height, width, first, row, pixel, .. } = x.place;
        let (height, width) = (top + height + bottom, left + width + right);
        let place = Place { height, width, first: first - top * row - left * pixel, ..x.place };
        self.round.values.insert(Edge { node: self.id, port }, Operand { place, edge: None, ..x });
        Ok(true)
    }

    /// Output `port` is the concatenation of `inputs` along `axis`, bit for bit.
    pub fn concat(&mut self, inputs: &[usize], axis: usize, port: usize) -> Result<(), Reason> {
        let mut from = 0;
        for &i in inputs {
            self.concat_part(i, axis, from, port)?;
            from += self.x.get(i).and_then(|x| x.shape.get(axis)).copied().unwrap_or_default();
        }
        Ok(())
    }

    /// Input `i` as it is becomes the part of output `port` from index `from` of `axis` on. Along channels its producer
    /// is asked to write there itself.
    pub fn concat_part(&mut self, i: usize, axis: usize, from: usize, port: usize) -> Result<(), Reason> {
        let (x, y) = self.part(i, axis, from, port)?;
        if x.memory == y.memory && x.place == y.place {
            return Ok(());
        }
        if axis + 1 == self.fact(port)?.shape.len() {
            self.round.ask_inside(x, Edge { node: self.id, port }, from);
        }
        self.copy(x, y);
        Ok(())
    }

    /// Input `i`, and the part of output `port` from index `from` of `axis` on, of the same shape: for an input that
    /// changes on its way into a concatenation.
    pub fn part(
        &mut self,
        i: usize,
        axis: usize,
        from: usize,
        port: usize,
    ) -> Result<(Operand, Operand), Reason> {
        let shape = &self.fact(port)?.shape;
        let y = self.y(port)?;
        if axis + 1 == shape.len() {
            let x = self.x(i)?;
            return Ok((x, y.channels(from, x.place.channels)));
        }
        // Along another axis: rows of `inner` consecutive elements, as if they were channels.
        let (x, y) = (self.x_dense(i)?, self.pending(y));
        let inner: usize = shape.iter().skip(axis + 1).product();
        let (outer, wide) = (shape.iter().take(axis).product(), shape.get(axis).map_or(1, |n| n * inner));
        let narrow = x.elements().checked_div(outer).unwrap_or_default();
        let x = Operand { exact: false, ..x.reshaped([1, 1, outer, narrow]) };
        Ok((x, y.reshaped([1, 1, outer, wide]).channels(from * inner, narrow)))
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

    /// A constant tensor of the op's own, to read.
    pub fn tensor(&mut self, value: &Tensor) -> Result<Operand, Reason> {
        self.round.constant(value)
    }

    /// The tile that was measured to be fastest, or is predicted to be.
    pub fn tile(&self, shape: Shape) -> Tiled {
        let measured = self.round.tiles.rows(&shape);
        measured.map_or_else(|| shape.fastest(), |rows| Tiled { shape, rows, short_steps: 0 })
    }

    /// Appends a call.
    pub fn call(&mut self, call: Call) {
        let op = self.op.to_owned();
        let macs = std::mem::take(&mut self.macs);
        self.push(op, call, macs);
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

    /// Output 0, a placeholder's: the caller's slice, or for bytes a copy of it.
    pub(crate) fn input(&mut self) -> Result<(), Reason> {
        let number = self.round.program.inputs.iter().position(|&id| id == self.id);
        let fact = self.fact(0)?;
        let (element, shape) = (Element::of(fact.dtype)?, nhwc(&fact.shape));
        let memory = Memory::Input(number.ok_or_else(|| Reason::new("not an input of the graph"))?);
        let x = Operand { memory, place: Place::dense(shape), element, exact: true, edge: None };
        if matches!(element, Element::U8 | Element::Bool) {
            // Bytes may be read over their end and around their edges, so they need room of our own.
            let y = self.y(0)?;
            self.push("copy".into(), copy_call(x, y, Element::zero_point(fact.dtype)), 0);
        } else {
            self.round.values.insert(Edge::from(self.id), x);
        }
        Ok(())
    }

    fn edge(&self, i: usize) -> Result<Edge, Reason> {
        self.inputs.get(i).copied().ok_or_else(|| Reason::new(format!("input {i} is missing")))
    }

    fn fact(&self, port: usize) -> Result<&'a Fact, Reason> {
        self.y.get(port).ok_or_else(|| Reason::new(format!("output {port} is missing")))
    }

    /// An output as it is if it is dense, else the dense temporary that is copied to it at the end.
    fn pending(&mut self, y: Operand) -> Operand {
        if y.is_dense() {
            return y;
        }
        if let Some((dense, _)) = self.copies.iter().find(|(_, to)| to == &y) {
            return *dense;
        }
        let dense = self.scratch(y.element, y.shape());
        self.copies.push((dense, y));
        dense
    }

    /// `x` with at least `halo` around it: its own, one it asks for, or that of a copy.
    fn x_with_halo(&mut self, x: Operand, i: usize, halo: Halo) -> Result<Operand, Reason> {
        let fits = |have: Halo| (0..4).all(|side| have[side] >= halo[side]);
        if halo == [0; 4] {
            return Ok(x);
        }
        check_halo(x.shape(), halo)?;
        if let Some((have, whole)) = self.round.own_halo(&x) {
            if !fits(have) {
                self.round.asks.halo.entry(whole).and_modify(|h| *h = max(*h, halo)).or_insert(halo);
            }
            return Ok(x);
        }
        let zero_point = self.x.get(i).map_or(0, |fact| Element::zero_point(fact.dtype));
        let name = format!("{} (padded input)", self.node.name);
        let (element, shape) = (x.element, x.shape());
        let memory = self.round.buffer(Buffer { name, element, shape, zero_point, halo });
        let y = Operand { memory, place: Place::with_halo(shape, halo), element, exact: false, edge: None };
        self.copy(x, y);
        Ok(y)
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

fn max(a: Halo, b: Halo) -> Halo {
    std::array::from_fn(|side| a[side].max(b[side]))
}
