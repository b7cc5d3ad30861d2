//! MatMul: `y[m,n] = Σ_k a[m,k] * b[k,n]`, either side transposed first. The sum goes over k in order.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::{Fact, Inputs, Operation, check, product, strided};
use crate::tensor::{DataType, Tensor, elements};
use bakelite_kernels::float::conv;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// A matrix product in f32.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MatMul {
    /// The left operand comes as `[k, m]`.
    pub transpose_a: bool,
    /// The right operand comes as `[n, k]`.
    pub transpose_b: bool,
}

impl MatMul {
    /// `[m, k, n]` of two shapes.
    pub fn mkn(&self, a: &[usize], b: &[usize]) -> Result<[usize; 3], Reason> {
        let turned = |[x, y]: [usize; 2], turn: bool| if turn { [y, x] } else { [x, y] };
        let [m, k] = turned(check::ranked(a, "a matrix")?, self.transpose_a);
        let [inner, n] = turned(check::ranked(b, "a matrix")?, self.transpose_b);
        if k != inner {
            return Err(Reason::new(format!("a product of {a:?} and {b:?}")).supported("equal inner dimensions"));
        }
        elements(&[m, n])?;
        Ok([m, k, n])
    }
}

/// The elements of a matrix, row-major after turning it if asked.
fn turned(x: &Tensor, turn: bool) -> Result<Cow<'_, [f32]>, Reason> {
    if !turn {
        return x.as_f32().map(Cow::Borrowed);
    }
    let [rows, columns] = check::ranked(&x.shape, "a matrix")?;
    let turned = strided::gathered(x, vec![columns, rows], &[1, columns as isize], 0)?;
    Ok(Cow::Owned(turned.as_f32()?.to_vec()))
}

impl Operation for MatMul {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        Ok(Self { transpose_a: a.bool_or("transpose_a", false)?, transpose_b: a.bool_or("transpose_b", false)? })
    }
    fn name(&self) -> &str {
        "MatMul"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
        a.bool("transpose_a", self.transpose_a);
        a.bool("transpose_b", self.transpose_b);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let [m, _, n] = self.mkn(check::float_shape(x, 0)?, check::float_shape(x, 1)?)?;
        check::output(DataType::DtFloat, vec![m, n])
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let (a, b) = (x.get(0)?, x.get(1)?);
        let [m, k, n] = self.mkn(&a.shape, &b.shape)?;
        let (a, b) = (turned(a, self.transpose_a)?, turned(b, self.transpose_b)?);
        let mut y = vec![0.0; m * n];
        product::conv(&conv::Params::matmul([m, k, n]), &a, &b, &mut y, x.products);
        Ok(vec![Tensor::f32(vec![m, n], y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let mkn = self.mkn(&site.x[0].shape, &site.x[1].shape)?;
        let mut operand = |i: usize, turn: bool| if turn { strided::transposed(site, i) } else { site.x_dense(i) };
        let (x, w) = (operand(0, self.transpose_a)?, operand(1, self.transpose_b)?);
        let y = site.y_dense(0)?;
        let params = conv::Params::matmul(mkn);
        site.call(Call::new("float::conv::Conv", &params).read("x", x).read("w", w).write("y", y));
        Ok(())
    }
    fn macs(&self, x: &[Fact], _: &[Fact]) -> u64 {
        let [a, b] = x else { return 0 };
        let mkn = self.mkn(&a.shape, &b.shape).unwrap_or_default();
        mkn.iter().fold(1, |macs: u64, &n| macs.saturating_mul(n as u64))
    }
}
