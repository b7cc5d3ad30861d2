//! Regions of two tensors: a sum, product, maximum or minimum of decoded bytes with decoded bytes of the same shape
//! (residual sums), or with one number a channel (gates).
//!
//! Clamps between the function and QuantizeV2 (Relu, Relu6) move behind the rounding: rounding and scaling keep the
//! order, so a clamp of the real value is a clamp of the byte, at the byte of the bound.
use crate::error::Reason;
use crate::graph::{Edge, Node, NodeId};
use crate::lower::fusion::{Finder, MAX_NODES};
use crate::lower::{Call, Site, nhwc};
use crate::ops::binary::Function as Op2;
use crate::ops::known::Known;
use crate::ops::scales::zero_point;
use crate::ops::unary::Function as Op1;
use crate::ops::{Fact, Op};
use bakelite_kernels::combine::{ChannelsParams, Decode, Function, Params};
use bakelite_kernels::epilogue::Requantize;
use bakelite_kernels::quant::round_half_even;

/// What is computed of which tensors.
pub(super) struct Combination {
    /// Bytes, then bytes or one float a channel.
    pub(super) inputs: [Edge; 2],
    function: Function,
    left: Decode,
    right: Right,
    output: Requantize,
}

#[derive(Clone, Copy)]
enum Right {
    Bytes(Decode),
    Channels,
}

/// An operand, before it is known which side the kernel has it on.
#[derive(Clone, Copy)]
enum Side {
    Bytes(Edge, Decode),
    Channels(Edge),
}

impl Combination {
    /// The combination that ends at QuantizeV2 `id`.
    pub(super) fn of(finder: &Finder<'_>, id: NodeId) -> Option<Self> {
        let node = finder.graph.node(id);
        let mut output = finder.encoding(node)?;
        let mut edge = *node.inputs.first()?;
        let mut node = finder.graph.node(edge.node);
        for _ in 0..MAX_NODES {
            match &node.op {
                Op::Identity(_) => {}
                Op::Unary(op) if op.function == Op1::Relu => clamp(&mut output, 0.0, f32::INFINITY),
                Op::Unary(op) if op.function == Op1::Relu6 => clamp(&mut output, 0.0, 6.0),
                _ => break,
            }
            edge = *node.inputs.first()?;
            node = finder.graph.node(edge.node);
        }
        let shape = nhwc(&finder.facts.get(edge)?.shape);
        let [a, b] = node.inputs[..] else { return None };
        let [a, b] = [finder.side(a, shape)?, finder.side(b, shape)?];
        let (function, [a, b]) = function(node, [a, b])?;
        let (left, right, inputs) = match [a, b] {
            [Side::Bytes(a, left), Side::Bytes(b, right)] => (left, Right::Bytes(right), [a, b]),
            [Side::Bytes(x, left), Side::Channels(row)] | [Side::Channels(row), Side::Bytes(x, left)] => {
                (left, Right::Channels, [x, row])
            }
            [Side::Channels(_), Side::Channels(_)] => return None,
        };
        Some(Self { inputs, function, left, right, output })
    }

    /// Appends the call.
    pub(super) fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let Self { function, left, output, .. } = *self;
        let y = site.y(0)?;
        let call = match self.right {
            Right::Bytes(right) => {
                let (a, b, decode) = (site.x(0)?, site.x(1)?, [left, right]);
                let params = Params { a: a.place, b: b.place, y: y.place, function, decode, output };
                Call::new("combine::Pair", &params).read("a", a).read("b", b)
            }
            Right::Channels => {
                let (x, row) = (site.x(0)?, site.x_dense(1)?);
                let next = if row.place.batch == 1 { 0 } else { row.place.channels };
                let params = ChannelsParams { x: x.place, y: y.place, next, function, decode: left, output };
                Call::new("combine::Channels", &params).read("x", x).read("row", row)
            }
        };
        site.call(call.write("y", y));
        Ok(())
    }
}

/// Narrows what is stored to what it would be after a clamp of the real value.
fn clamp(output: &mut Requantize, low: f32, high: f32) {
    let [least, most] = [output.low, output.high].map(f32::from);
    let bound = |real: f32| round_half_even(real * output.inverse).clamp(least, most) as i16;
    (output.low, output.high) = (bound(low), bound(high));
}

/// The kernel's function and operands; a difference is a sum with the opposite of its right side.
fn function(node: &Node, [a, b]: [Side; 2]) -> Option<(Function, [Side; 2])> {
    let Op::Binary(op) = &node.op else {
        let is_sum = matches!(node.op, Op::BiasAdd(_) | Op::AddN(_));
        return is_sum.then_some((Function::Add, [a, b]));
    };
    match (op.function, b) {
        (Op2::Add | Op2::AddV2, _) => Some((Function::Add, [a, b])),
        (Op2::Mul, _) => Some((Function::Mul, [a, b])),
        (Op2::Maximum, _) => Some((Function::Maximum, [a, b])),
        (Op2::Minimum, _) => Some((Function::Minimum, [a, b])),
        (Op2::Sub, Side::Bytes(edge, decode)) => {
            let opposite = Decode { scale: -decode.scale, ..decode };
            Some((Function::Add, [a, Side::Bytes(edge, opposite)]))
        }
        _ => None,
    }
}

impl Finder<'_> {
    /// What is known of a node's inputs.
    fn known(&self, node: &Node) -> Option<Vec<Fact>> {
        node.inputs.iter().map(|&edge| self.facts.get(edge).cloned()).collect()
    }

    /// How a QuantizeV2 of one range encodes, if it is `RNE(clamp(x * inverse))`.
    fn encoding(&self, node: &Node) -> Option<Requantize> {
        let Op::QuantizeV2(op) = &node.op else { return None };
        let facts = self.known(node)?;
        let range = Known::from(&facts[..]).range(1, "range").ok().filter(|_| op.axis.is_none())?;
        let (rule, _) = op.coding(range, false).ok()?;
        let plain = !rule.ties_away && rule.offset == 0.0 && rule.shift == 0.0;
        let (low, high, zero_point) = (rule.low, rule.high, rule.zero_point);
        plain.then_some(Requantize { inverse: rule.scale, low, high, zero_point })
    }

    /// What an operand of a result of `shape` is.
    fn side(&self, edge: Edge, shape: [usize; 4]) -> Option<Side> {
        let of = nhwc(&self.facts.get(edge)?.shape);
        if let Some(bytes) = self.bytes(edge).filter(|_| of == shape) {
            return Some(bytes);
        }
        let [batch, _, _, channels] = shape;
        (of == [1, 1, 1, channels] || of == [batch, 1, 1, channels]).then_some(Side::Channels(edge))
    }

    /// The bytes that an edge decodes, if it is `scale * (byte - zero_point)`.
    fn bytes(&self, edge: Edge) -> Option<Side> {
        let node = self.graph.node(edge.node);
        let Op::Dequantize(op) = &node.op else { return None };
        let x = *node.inputs.first()?;
        let facts = self.known(node)?;
        let range = Known::from(&facts[..]).range(1, "range").ok()?;
        let rule = op.decoding(range).ok()?;
        let plain = rule.half == 0.0 && rule.base == 0.0 && rule.scale.abs() <= Decode::MOST;
        let is_bytes = facts.first().is_some_and(super::is_bytes);
        let decode = Decode { zero_point: zero_point(op.dtype), scale: rule.scale };
        (plain && is_bytes).then_some(Side::Bytes(x, decode))
    }
}
