//! Regions of one byte tensor: a table of 256 values, or one a channel, which the ops' own `eval` computes.
//!
//! Whatever the ops do to a byte, and however they round, its result is in the table: bit for bit by construction.
use crate::error::Reason;
use crate::facts::constant_inputs;
use crate::graph::Edge;
use crate::lower::fusion::{Finder, Origin};
use crate::lower::{Call, Element, Site};
use crate::ops::quantized_product::{restored, stored};
use crate::ops::{Inputs, Products};
use crate::tensor::{Data, Tensor};
use bakelite_kernels::lut;
use std::sync::Arc;

/// The values of a function of one byte, for each byte as kernels store it.
pub(super) enum Table {
    /// Bytes: 256, or 256 a channel.
    Bytes(Vec<u8>),
    /// Floats: 256.
    Floats(Vec<f32>),
}

impl Table {
    /// The table of the function from `origin` to `y`; none where there is no kernel for it, or where an op refuses.
    pub(super) fn of(finder: &Finder<'_>, y: Edge, origin: Origin) -> Option<Self> {
        let fact = finder.facts.get(origin.x)?;
        let shape = vec![1, 1, 256, origin.channels];
        let bytes = (0..=255).flat_map(|byte| std::iter::repeat_n(byte, origin.channels)).collect();
        let every = Tensor::new(fact.dtype, shape.clone(), restored(bytes, fact.dtype)).ok()?;
        let values = finder.values(y, origin.x, &Arc::new(every)).ok()?;
        if values.shape != shape {
            return None;
        }
        match (&values.data, origin.channels) {
            (Data::F32(values), 1) => Some(Self::Floats(values.clone())),
            (Data::U8(_) | Data::I8(_), channels) => {
                let bytes = stored(&values).ok()?;
                let table = |c| bytes.iter().skip(c).step_by(channels).copied();
                Some(Self::Bytes((0..channels).flat_map(table).collect()))
            }
            _ => None,
        }
    }

    /// Appends the look-up.
    pub(super) fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let (x, y) = (site.x(0)?, site.y(0)?);
        let params = lut::Params { x: x.place, y: y.place };
        let (kernel, section, element) = match self {
            Self::Bytes(values) => {
                let section = site.pack(values.len(), |image| image.copy_from_slice(values));
                (if values.len() == 256 { "lut::Map" } else { "lut::PerChannel" }, section, Element::U8)
            }
            Self::Floats(values) => ("lut::Map", site.floats(values), Element::F32),
        };
        let call = Call::new(kernel, &params).constant("table", section, element);
        site.call(call.read("x", x).write("y", y));
        Ok(())
    }
}

impl Finder<'_> {
    /// The value of an edge where the tensor `x` is `every`.
    fn values(&self, edge: Edge, x: Edge, every: &Arc<Tensor>) -> Result<Arc<Tensor>, Reason> {
        if edge == x {
            return Ok(Arc::clone(every));
        }
        if let Some(value) = self.facts.get(edge).and_then(|fact| fact.value.as_ref()) {
            return Ok(Arc::clone(value));
        }
        let node = self.graph.node(edge.node);
        let inputs = node.inputs.iter().map(|&input| self.values(input, x, every));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let tensors: Vec<&Tensor> = inputs.iter().map(Arc::as_ref).collect();
        let constant = constant_inputs(self.graph, edge.node);
        let y =
            node.op.eval(Inputs { tensors: &tensors, constant: &constant, products: Products::Contract })?;
        let missing = || Reason::new(format!("output {} is missing", edge.port));
        y.into_iter().nth(edge.port).map(Arc::new).ok_or_else(missing)
    }
}
