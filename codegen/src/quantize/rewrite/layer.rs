//! Layers: convolutions and products with their parameters.
//!
//! What nobody reads in int8 is not rounded: a product has an op that gives fp32; a convolution gives qint32, whose step
//! is that of its accumulator, and a Dequantize that is told this step (the range that the op itself gives is one a
//! channel, and not that of the one step that all channels share).
use super::{Int8, Rewriter};
use crate::build::add_constant;
use crate::error::Reason;
use crate::graph::Edge;
use crate::ops::Op;
use crate::ops::scales::{amax, scale};
use crate::quantize::layer::{Kind, Layer};
use crate::quantize::node::{self, Types};
use crate::quantize::{OpSet, weights};
use crate::tensor::DataType::{self, DtFloat, DtQint8, DtQint32};
use crate::tensor::Tensor;

/// 2 to the power of 31: the range of qint32 in steps.
const HALF: f32 = 2_147_483_648.0;

/// Weights, bias, the ends of the weights' ranges.
struct Parameters {
    edges: [Edge; 4],
    /// Greatest magnitude of the weights' ranges.
    range: f32,
}

impl Rewriter<'_> {
    pub(super) fn layer(&mut self, layer: &Layer) -> Result<(), Reason> {
        let x = self.int8(layer.x)?;
        let name = format!("{}/int8", self.old.node(layer.end).name);
        let parameters = self.parameters(layer, &name)?;
        let y = self.plan.types.get(&layer.end.into()).copied();
        if let Some(op) = y.map(|y| self.rounding(layer, y)).transpose()?.flatten() {
            let dtype = self.plan.dtype(layer.end.into());
            let out = self.range(&name, self.plan.range(layer.end.into()), dtype);
            let inputs = self.inputs(layer, x, &parameters, &out, op.summand_fourth)?;
            self.place(layer.end, op.op, inputs, out);
            return Ok(());
        }
        match layer.kind {
            Kind::MatMul => self.float_product(layer, x, &parameters),
            Kind::Conv | Kind::Depthwise => self.float_conv(layer, x, &parameters),
        }
    }
    /// The op that gives bytes.
    fn rounding(&self, layer: &Layer, y: DataType) -> Result<Option<node::Conv>, Reason> {
        let (x, op_set) = (self.plan.dtype(layer.x), self.options.op_set);
        if layer.kind == Kind::MatMul {
            let op = node::matmul(layer, x, y, op_set)?;
            return Ok(op.map(|op| node::Conv { op, summand_fourth: false }));
        }
        let summand = layer.sum.map(|s| self.plan.dtype(s.summand));
        node::conv(layer, &self.old.node(layer.core).op, Types { x, summand, y }, op_set)
    }
    fn inputs(
        &mut self,
        layer: &Layer,
        x: Int8,
        parameters: &Parameters,
        out: &[Edge],
        summand_fourth: bool,
    ) -> Result<Vec<Edge>, Reason> {
        let [w, bias, min_w, max_w] = parameters.edges;
        let ranges = [x.min, x.max, min_w, max_w];
        let (summand, of) = match layer.sum {
            Some(sum) => {
                let s = self.int8(sum.summand)?;
                (vec![s.q], vec![s.min, s.max])
            }
            None => (vec![], vec![]),
        };
        Ok(if summand_fourth {
            [&[x.q, w, bias][..], &summand, &ranges, &of, out].concat()
        } else {
            [&[x.q, w, bias][..], &ranges, out, &summand, &of].concat()
        })
    }
    /// A product that gives fp32, under the old node's own name.
    fn float_product(&mut self, layer: &Layer, x: Int8, parameters: &Parameters) -> Result<(), Reason> {
        let (types, op_set) = (self.plan.dtype(layer.x), self.options.op_set);
        let op = node::matmul(layer, types, DtFloat, op_set)?.ok_or_else(no_name)?;
        // The old op has inputs for a range that it does not use.
        let unused: &[Edge] = if op_set == OpSet::Classic { &[x.min, x.max] } else { &[] };
        let inputs = self.inputs(layer, x, parameters, unused, false)?;
        self.float_node(layer, op, inputs);
        Ok(())
    }
    /// A convolution that gives qint32, and its Dequantize under the old node's own name.
    fn float_conv(&mut self, layer: &Layer, x: Int8, parameters: &Parameters) -> Result<(), Reason> {
        let types = Types { x: self.plan.dtype(layer.x), summand: None, y: DtQint32 };
        let old = &self.old.node(layer.core).op;
        let conv = node::conv(layer, old, types, self.options.op_set)?.ok_or_else(no_name)?;
        let inputs = self.inputs(layer, x, parameters, &[], conv.summand_fourth)?;
        let name = format!("{}/int8", self.old.node(layer.end).name);
        let q = self.new.fresh(&name);
        let q = self.new.add(q, conv.op, inputs).into();
        let x_range = self.plan.range(layer.x);
        let step = (parameters.range / 127.0) * scale([-x_range, x_range], types.x)?;
        let [min, max] = self.range(&name, step * HALF, DtQint32);
        self.float_node(layer, node::dequantize(DtQint32)?, vec![q, min, max]);
        Ok(())
    }
    fn float_node(&mut self, layer: &Layer, op: Op, inputs: Vec<Edge>) {
        let name = self.new.fresh(&self.old.node(layer.end).name);
        let y = self.new.add(name, op, inputs);
        self.float.insert(layer.end.into(), y.into());
    }
    /// Every op fuses a bias, so a layer without one has zeros.
    fn parameters(&mut self, layer: &Layer, name: &str) -> Result<Parameters, Reason> {
        // The old product takes one range.
        let classic = layer.kind == Kind::MatMul && self.options.op_set == OpSet::Classic;
        let w = weights::quantize(&layer.weights, layer.channels, self.options.per_tensor || classic)?;
        let zeros = || Tensor::f32(vec![layer.channels], vec![0.0; layer.channels]);
        let bias = layer.bias.as_ref().map_or_else(zeros, |b| Ok(Tensor::clone(b)))?;
        let range = w.max.as_f32()?.iter().fold(0.0f32, |most, &r| amax([most, r]));
        debug_assert_eq!(w.q.dtype, DtQint8);
        let parts = [("weights", w.q), ("bias", bias), ("weights_min", w.min), ("weights_max", w.max)];
        let edges = parts.map(|(part, value)| add_constant(&mut self.new, &format!("{name}/{part}"), value));
        Ok(Parameters { edges, range })
    }
}

fn no_name() -> Reason {
    Reason::new("the op set has no name for this layer")
        .help("this is an error in Bakelite: please report it with the graph; --op-set auto has one")
}
