//! Residual sums behind a relu: which branch takes the sum into its convolution, if one does.
//!
//! Each tensor that is rounded adds noise in proportion to the square of its step, `R/255` for quint8 and `R/127` for
//! qint8. What makes the least is taken; a fused branch is not rounded before the sum.
//!
//! ```text
//! branch i takes it, summand quint8    step(j)^2 + (R/255)^2
//! branch i takes it, summand qint8     step(j)^2 + (R/127)^2       the op writes 0 to 127 over its signed summand
//! neither: Dequantize, Add, QuantizeV2 step(i)^2 + step(j)^2 + (R/255)^2
//! ```
use crate::graph::{Edge, NodeId};
use crate::quantize::layer::{Kind, Sum};
use crate::quantize::plan::look::ancestors;
use crate::quantize::plan::{Planner, Role};
use crate::tensor::DataType::{self, DtQint8, DtQuint8};

impl Planner<'_> {
    /// The end of a residual sum that some of `candidates` can take. False if none shall.
    pub(super) fn residual(&mut self, candidates: &[usize]) -> bool {
        let fused = candidates.iter().filter_map(|&i| Some((self.noise_if_fused(i)?, i)));
        let best = fused.min_by(|a, b| a.0.total_cmp(&b.0));
        let apart = candidates.first().and_then(|&i| self.noise_apart(i));
        match (best, apart) {
            (Some((noise, i)), apart) if apart.is_none_or(|apart| noise <= apart) => {
                self.fuse_sum(i);
                true
            }
            _ => false,
        }
    }
    fn noise_if_fused(&self, i: usize) -> Option<f64> {
        let layer = &self.plan.layers[i];
        let sum = layer.sum.filter(|_| layer.kind == Kind::Conv && self.can_overwrite(i))?;
        let signed = *self.plan.types.get(&sum.summand)?;
        Some(self.step(sum.summand, signed)? + self.step(sum.end.into(), signed)?)
    }
    fn noise_apart(&self, i: usize) -> Option<f64> {
        let Sum { add, end, .. } = self.plan.layers[i].sum?;
        let operands = self.graph.node(add).inputs.iter();
        let each = operands.map(|&e| self.step(e, *self.plan.types.get(&e)?)).sum::<Option<f64>>()?;
        Some(each + self.step(end.into(), DtQuint8)?)
    }
    /// The square of a tensor's step.
    fn step(&self, edge: Edge, dtype: DataType) -> Option<f64> {
        let steps = if dtype == DtQint8 { 127.0 } else { 255.0 };
        Some((f64::from(self.calibrated.get(&edge)?.magnitude()) / steps).powi(2))
    }
    /// The op writes over its summand: everybody else must have read it before, and nobody may share its bytes. (On a
    /// summand that it reads as its activations, too, TensorFlow crashes.)
    fn can_overwrite(&self, i: usize) -> bool {
        let layer = &self.plan.layers[i];
        let Some(Sum { add, summand, .. }) = layer.sum else { return false };
        let shape = |e: Edge| self.facts.get(e).map(|f| &f.shape);
        if shape(summand).is_none() || shape(summand) != shape(layer.end.into()) {
            return false;
        }
        let shares = |id: NodeId| matches!(self.plan.roles[id.0], Role::Carry);
        let before = ancestors(self.graph, layer.core);
        let has_read = |id: NodeId| before[id.0] && id != layer.core && !shares(id);
        let mut others = self.uses.readers(summand.node).iter().filter(|(r, _)| *r != add);
        !shares(summand.node) && !self.uses.is_output(summand.node) && others.all(|(r, _)| has_read(*r))
    }
    fn fuse_sum(&mut self, i: usize) {
        let Some(sum) = self.plan.layers[i].sum else { return };
        let old = self.plan.layers[i].end;
        for inside in [old, sum.add] {
            self.plan.roles[inside.0] = Role::Inside;
            self.plan.types.remove(&inside.into());
        }
        self.plan.layers[i].take_sum(self.graph);
        self.plan.roles[sum.end.0] = Role::Layer(i);
        self.plan.types.insert(sum.end.into(), DtQuint8);
        if self.plan.types.get(&sum.summand) == Some(&DtQint8) {
            // So that the greatest value has the code 127.
            let range = self.plan.range(sum.end.into()) * (255.0 / 127.0);
            self.plan.ranges.insert(sum.end.into(), range);
        }
        self.fused.insert(i);
    }
}
