//! BatchMatMulV2: `y[.., m, n] = Σ_k a[.., m, k] * b[.., k, n]`, either side transposed first. What is in front
//! broadcasts. The sum goes over k in order.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::contract::{BROADCAST, Contraction};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor};
use std::ops::RangeInclusive;

/// Matrix products in f32, one for each turn of the dimensions in front.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchMatMul {
    /// TensorFlow's name of the op.
    pub op: &'static str,
    /// The left operand's matrices come as `[k, m]`.
    pub adj_x: bool,
    /// The right operand's matrices come as `[n, k]`.
    pub adj_y: bool,
}

/// Labels of the dimensions in front of a matrix, counted from the last.
fn front(rank: usize) -> impl Iterator<Item = usize> {
    (0..rank - 2).rev().map(|d| BROADCAST + d)
}

impl BatchMatMul {
    fn contraction(&self, a: &[usize], b: &[usize]) -> Result<Contraction, Reason> {
        if a.len().min(b.len()) < 2 {
            return Err(Reason::new(format!("a product of {a:?} and {b:?}")).supported("matrices"));
        }
        let labels = |rank: usize, [r, c]: [usize; 2], turn: bool| {
            front(rank).chain(if turn { [c, r] } else { [r, c] }).collect::<Vec<_>>()
        };
        let [m, k, n] = [0, 1, 2];
        let y = labels(a.len().max(b.len()), [m, n], false);
        let (in_a, in_b) = (labels(a.len(), [m, k], self.adj_x), labels(b.len(), [k, n], self.adj_y));
        Contraction::new([&in_a, &in_b, &y], [a, b])
    }
    fn of(&self, x: &[Fact]) -> Result<Contraction, Reason> {
        self.contraction(check::float_shape(x, 0)?, check::float_shape(x, 1)?)
    }
}

impl Operation for BatchMatMul {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        let op = if a.op() == "BatchMatMul" { "BatchMatMul" } else { "BatchMatMulV2" };
        Ok(Self { op, adj_x: a.bool_or("adj_x", false)?, adj_y: a.bool_or("adj_y", false)? })
    }
    fn name(&self) -> &str {
        self.op
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
        a.bool("adj_x", self.adj_x);
        a.bool("adj_y", self.adj_y);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        self.of(x)?.infer()
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        self.contraction(&x.get(0)?.shape, &x.get(1)?.shape)?.eval(x)
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        self.of(&site.x)?.lower(site)
    }
    fn macs(&self, x: &[Fact], _: &[Fact]) -> u64 {
        self.of(x).map_or(0, |contraction| contraction.macs())
    }
}
