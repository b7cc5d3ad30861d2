//! Ops that take bytes to bytes of the same range: pools, concats, and what only moves.
use super::{Int8, Rewriter};
use crate::attributes::Attributes;
use crate::build::{add_constant, attributes, changed, constant, op};
use crate::error::Reason;
use crate::graph::{Edge, NodeId};
use crate::ops::Op;
use crate::quantize::carry::{carry, outputs, plain};
use crate::quantize::node;
use crate::quantize::plan::look::data;
use crate::tensor::{DataType, Tensor};

impl Rewriter<'_> {
    fn moved(&self, id: NodeId) -> Result<Edge, Reason> {
        data(self.old, id).first().copied().ok_or_else(|| Reason::new("no input"))
    }
    pub(super) fn pool(&mut self, id: NodeId) -> Result<(), Reason> {
        let Int8 { q, min, max } = self.int8(self.moved(id)?)?;
        let op = node::pool(&self.old.node(id).op, self.plan.dtype(id.into()))?;
        self.place(id, op, vec![q, min, max], [min, max]);
        Ok(())
    }
    /// An average pool of the whole image, and a Squeeze that drops the two dimensions of one.
    pub(super) fn mean(&mut self, id: NodeId, extent: [usize; 2]) -> Result<(), Reason> {
        let Int8 { q, min, max } = self.int8(self.moved(id)?)?;
        let (old, dtype) = (self.old.node(id), self.plan.dtype(id.into()));
        let from = attributes(&old.op);
        if Attributes::new("Mean", &from.0).bool_or("keep_dims", false)? {
            self.place(id, node::mean(extent, dtype)?, vec![q, min, max], [min, max]);
            return Ok(());
        }
        let pooled = self.new.fresh(&format!("{}/pool", old.name));
        let pooled = self.new.add(pooled, node::mean(extent, dtype)?, vec![q, min, max]);
        let axes = op("Squeeze", |a| {
            a.dtype("T", dtype);
            a.ints("squeeze_dims", &[1, 2]);
        })?;
        self.place(id, axes, vec![pooled.into()], [min, max]);
        Ok(())
    }
    pub(super) fn concat(&mut self, id: NodeId) -> Result<(), Reason> {
        let inputs = &self.old.node(id).inputs;
        let (&axis, values) = inputs.split_last().ok_or_else(|| Reason::new("no input"))?;
        let (dtype, range) = (self.plan.dtype(id.into()), self.plan.range(id.into()));
        let name = format!("{}/int8", self.old.node(id).name);
        let mut all = vec![];
        for (i, &edge) in values.iter().enumerate() {
            let part = if self.plan.apart.contains(&(id, edge)) {
                self.quantize(edge, &format!("{name}/input_{i}"), dtype, range)?
            } else {
                self.int8(edge)?
            };
            all.push(part.q);
        }
        // One pair of constants for all: the op copies bytes where the ranges are equal.
        let [min, max] = self.range(&name, range, dtype);
        all.push(self.axis(axis, &name)?);
        all.extend(vec![min; values.len()]);
        all.extend(vec![max; values.len()]);
        self.place(id, node::concat(values.len(), dtype)?, all, [min, max]);
        Ok(())
    }
    /// The axis as int32, whatever it was.
    fn axis(&mut self, axis: Edge, name: &str) -> Result<Edge, Reason> {
        let value = constant(self.old, axis).map(|t| t.to_i64()).transpose()?;
        match value.as_deref() {
            Some(&[axis]) => {
                let scalar = Tensor { shape: vec![], ..Tensor::ints(&[axis as i32]) };
                Ok(add_constant(&mut self.new, &format!("{name}/axis"), scalar))
            }
            _ => Err(Reason::new("the axis is not one constant")),
        }
    }
    pub(super) fn carry(&mut self, id: NodeId) -> Result<(), Reason> {
        let how = carry(self.old, id).ok_or_else(|| Reason::new("it does more than move bytes"))?;
        let (node, dtype) = (self.old.node(id), self.plan.dtype(id.into()));
        let Int8 { q, min, max } = self.int8(self.moved(id)?)?;
        let moved = if how.direct { dtype } else { plain(dtype) };
        let x = if how.direct { q } else { self.bitcast(&format!("{}/bytes", node.name), q, dtype, moved)? };
        let mut inputs = vec![];
        for (i, &edge) in node.inputs.iter().enumerate() {
            inputs.push(if i == how.data { x } else { self.float(edge)? });
        }
        let op = match node.op.name() {
            // Its value is zero, and so is Pad's.
            "PadV2" => {
                inputs.truncate(2);
                self.pad(&node.op, how.attribute, moved)?
            }
            _ => changed(&node.op, |a| a.dtype(how.attribute, moved))?,
        };
        let name = self.new.fresh(&format!("{}/int8", node.name));
        let y = self.new.add(name.clone(), op, inputs);
        for edge in outputs(self.old, id) {
            let q = Edge { node: y, port: edge.port };
            let q =
                if how.direct { q } else { self.bitcast(&format!("{name}/{}", edge.port), q, moved, dtype)? };
            self.int8.insert(edge, Int8 { q, min, max });
        }
        Ok(())
    }
    fn pad(&self, old: &Op, attribute: &str, dtype: DataType) -> Result<Op, Reason> {
        let from = attributes(old);
        let index = Attributes::new("Pad", &from.0).dtype_or("Tpaddings", DataType::DtInt32)?;
        op("Pad", |a| {
            a.dtype(attribute, dtype);
            a.dtype("Tpaddings", index);
        })
    }
    fn bitcast(&mut self, name: &str, x: Edge, from: DataType, to: DataType) -> Result<Edge, Reason> {
        let name = self.new.fresh(name);
        Ok(self.new.add(name, node::bitcast(from, to)?, vec![x]).into())
    }
}
