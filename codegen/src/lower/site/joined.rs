//! Outputs that are inputs: the same elements under another shape, inside a halo, or side by side.
//!
//! What costs nothing is done without a copy: a dense tensor takes any shape, a halo is already around its tensor, and
//! the producer of a part is asked to write into the whole. Demands of one round are met in the next, so each of these
//! also knows the copy that does in place of it.
use super::Site;
use crate::error::Reason;
use crate::graph::Edge;
use crate::lower::{Halo, Operand, nhwc};
use bakelite_kernels::Place;

impl Site<'_, '_> {
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
}
