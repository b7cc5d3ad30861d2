//! SelectV2, Select: elements of one tensor where a condition holds, of another where it does not.
//!
//! SelectV2 broadcasts all three. Select takes two tensors of one shape and a condition of that shape, a scalar, or a
//! vector that picks whole slices of the first dimension.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{Data, DataType, Shape, Tensor, elements};
use bakelite_kernels::float::{Nest, select};
use std::ops::RangeInclusive;

/// A choice for every element.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// SelectV2: all operands are broadcast.
    pub broadcasts: bool,
    /// The type of what is chosen.
    pub dtype: DataType,
}

impl Select {
    /// The result's shape and the loops over (condition, a, b, y).
    fn nest(&self, c: &[usize], a: &[usize], b: &[usize]) -> Result<(Shape, Nest<4>), Reason> {
        let (shape, c) = if self.broadcasts {
            (strided::broadcast(c, &strided::broadcast(a, b)?)?, c.to_vec())
        } else {
            check::same(a, b)?;
            let slices = [c, &vec![1; a.len().saturating_sub(1)]].concat();
            let c = if c.len() == 1 && c.first() == a.first() { slices } else { c.to_vec() };
            if !c.is_empty() && strided::broadcast(&c, a)? != a {
                return Err(Reason::new(format!("a condition of shape {c:?} for {a:?}"))
                    .supported("the same shape, a scalar or a vector"));
            }
            (a.to_vec(), c)
        };
        let y = &shape;
        let stride = [
            strided::stretched(&c, y),
            strided::stretched(a, y),
            strided::stretched(b, y),
            strided::dense(y),
        ];
        let nest = strided::nest(y, stride.each_ref().map(Vec::as_slice), [0; 4])?;
        Ok((shape, nest))
    }
}

impl Operation for Select {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { broadcasts: a.op() == "SelectV2", dtype: a.dtype("T")? })
    }
    fn name(&self) -> &str {
        if self.broadcasts { "SelectV2" } else { "Select" }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", self.dtype);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        3..=3
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let c = check::typed(x, 0, DataType::DtBool)?;
        let (y, _) = self.nest(c, check::typed(x, 1, self.dtype)?, check::typed(x, 2, self.dtype)?)?;
        check::output(self.dtype, y)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let [c, a, b] = [x.get(0)?, x.get(1)?, x.get(2)?];
        let (shape, nest) = self.nest(&c.shape, &a.shape, &b.shape)?;
        let Data::Bool(c) = &c.data else { return Err(Reason::new(c.to_string()).supported("bool")) };
        let c: Vec<u8> = c.iter().map(|&c| c.into()).collect();
        let mut y = strided::filled(&a.data, None, elements(&shape)?)?;
        macro_rules! each {
            ($($variant:ident)*) => {
                match (&a.data, &b.data, &mut y) {
                    $((Data::$variant(a), Data::$variant(b), Data::$variant(y)) => {
                        check::run(select::Select { nest: &nest, c: &c, a, b, y });
                    })*
                    _ => return Err(Reason::new(format!("{a} and {b}")).supported("one type")),
                }
            };
        }
        each!(F32 F64 I8 I16 I32 I64 U8 U16 U32 U64 Bool Bytes);
        Ok(vec![Tensor::new(a.dtype, shape, y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let (_, nest) = self.nest(&site.x[0].shape, &site.x[1].shape, &site.x[2].shape)?;
        let [c, a, b] = [site.x_dense(0)?, site.x_dense(1)?, site.x_dense(2)?];
        let call = Call::bare("float::select::Select").by_ref("nest", &nest);
        let y = site.y_dense(0)?;
        site.call(call.read("c", c).read("a", a).read("b", b).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
