//! Where the tensors of a node are: what it reads, and where it writes.
//!
//! ```text
//! x        wherever it is                      y        wherever its readers want it
//! x_dense  without gaps, else a copy           y_dense  without gaps, else a temporary that is copied at the end
//! x_under  with a halo that a window reads, asked of its producer where it can have one, else a copy
//! ```
use super::Site;
use crate::error::Reason;
use crate::graph::Edge;
use crate::lower::round::copy_call;
use crate::lower::{Buffer, Element, Halo, Memory, Operand, check_halo, nhwc};
use crate::ops::Fact;
use bakelite_kernels::{Place, Window};

impl<'a> Site<'_, 'a> {
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

    pub(super) fn edge(&self, i: usize) -> Result<Edge, Reason> {
        self.inputs.get(i).copied().ok_or_else(|| Reason::new(format!("input {i} is missing")))
    }

    pub(super) fn fact(&self, port: usize) -> Result<&'a Fact, Reason> {
        self.y.get(port).ok_or_else(|| Reason::new(format!("output {port} is missing")))
    }

    /// An output as it is if it is dense, else the dense temporary that is copied to it at the end.
    pub(super) fn pending(&mut self, y: Operand) -> Operand {
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
    pub(super) fn x_with_halo(&mut self, x: Operand, i: usize, halo: Halo) -> Result<Operand, Reason> {
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
}

fn max(a: Halo, b: Halo) -> Halo {
    std::array::from_fn(|side| a[side].max(b[side]))
}
