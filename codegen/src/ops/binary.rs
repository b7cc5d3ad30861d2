//! Elementwise functions of two tensors, with NumPy's broadcasting: Add, Sub, Mul, RealDiv, Maximum and the like.
//!
//! Floats are computed as one IEEE operation; integers, which are shape arithmetic, wrap.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{Data, DataType, Tensor};
use bakelite_kernels::float::{Nest, binary};
use std::ops::RangeInclusive;

/// Makes the enum and its names from one list: the kernel's function where f32 has one, and the meaning for integers.
macro_rules! functions {
    ($($name:ident: $float:expr, $integer:expr;)*) => {
        /// What is computed, by TensorFlow's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is named as TensorFlow names it")]
        pub enum Function { $($name,)* }

        impl Function {
            /// TensorFlow's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
            /// The function of that name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)* _ => None }
            }
            /// The kernel's function for f32.
            pub fn float(self) -> Option<binary::Function> {
                match self { $(Self::$name => $float,)* }
            }
            /// The function of integers, as i64; `None` where it has no value.
            fn integer(self, a: i64, b: i64) -> Option<i64> {
                let f: fn(i64, i64) -> Option<i64> = match self { $(Self::$name => $integer,)* };
                f(a, b)
            }
        }
    };
}

functions! {
    Add: Some(binary::Function::Add), |a, b| Some(a.wrapping_add(b));
    AddV2: Some(binary::Function::Add), |a, b| Some(a.wrapping_add(b));
    Sub: Some(binary::Function::Sub), |a, b| Some(a.wrapping_sub(b));
    Mul: Some(binary::Function::Mul), |a, b| Some(a.wrapping_mul(b));
    RealDiv: Some(binary::Function::Div), |_, _| None;
    Maximum: Some(binary::Function::Maximum), |a, b| Some(a.max(b));
    Minimum: Some(binary::Function::Minimum), |a, b| Some(a.min(b));
    SquaredDifference: Some(binary::Function::SquaredDifference),
        |a, b| Some(a.wrapping_sub(b).wrapping_mul(a.wrapping_sub(b)));
    FloorDiv: None, |a, b| Some(a.checked_div(b)? - i64::from(a % b != 0 && (a < 0) != (b < 0)));
    FloorMod: None, |a, b| a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r });
}

/// An elementwise function of two tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// What is computed.
    pub function: Function,
    /// Of float, int32 or int64.
    pub dtype: DataType,
}

impl Binary {
    /// The function in f32.
    pub fn float(function: Function) -> Self {
        Self { function, dtype: DataType::DtFloat }
    }
    /// The loops over (a, b, y), of shapes that broadcast to `y`.
    pub(super) fn nest(a: &[usize], b: &[usize], y: &[usize]) -> Result<Nest<3>, Reason> {
        strided::nest(
            y,
            [&strided::stretched(a, y), &strided::stretched(b, y), &strided::dense(y)],
            [0; 3],
        )
    }
    /// The function for f32, or why there is none.
    pub(super) fn kernel(&self) -> Result<binary::Function, Reason> {
        self.function.float().ok_or_else(|| {
            Reason::new(format!("{} of floats", self.function.name())).supported("int32 and int64")
        })
    }
    fn integers(&self, nest: &Nest<3>, a: &[i64], b: &[i64], count: usize) -> Result<Vec<i64>, Reason> {
        let mut y = vec![0; count];
        let mut undefined = None;
        nest.each(|[i, j, o]| match self.function.integer(a[i], b[j]) {
            Some(value) => y[o] = value,
            None => undefined = Some((a[i], b[j])),
        });
        match undefined {
            None => Ok(y),
            Some((a, b)) => Err(Reason::new(format!("{} of integers {a} and {b}", self.function.name()))),
        }
    }
}

impl Operation for Binary {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let function = Function::parse(a.op()).ok_or_else(|| Reason::new(format!("the op {}", a.op())))?;
        let dtype = check::one_of(a, "T", &[DataType::DtFloat, DataType::DtInt32, DataType::DtInt64])?;
        Ok(Self { function, dtype })
    }
    fn name(&self) -> &str {
        self.function.name()
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", self.dtype);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let y = strided::broadcast(check::typed(x, 0, self.dtype)?, check::typed(x, 1, self.dtype)?)?;
        check::output(self.dtype, y)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let (a, b) = (x.get(0)?, x.get(1)?);
        let shape = strided::broadcast(&a.shape, &b.shape)?;
        let count = crate::tensor::elements(&shape)?;
        let nest = Self::nest(&a.shape, &b.shape, &shape)?;
        let data = match (&a.data, &b.data) {
            (Data::F32(a), Data::F32(b)) => {
                let mut y = vec![0.0; count];
                check::run(binary::Binary { function: self.kernel()?, nest: &nest, a, b, y: &mut y });
                Data::F32(y)
            }
            (Data::I32(_), Data::I32(_)) => {
                // Wraps as int32 does: the low 32 bits of sums, differences and products are the same.
                let y = self.integers(&nest, &a.to_i64()?, &b.to_i64()?, count)?;
                Data::I32(y.into_iter().map(|y| y as i32).collect())
            }
            (Data::I64(a), Data::I64(b)) => Data::I64(self.integers(&nest, a, b, count)?),
            _ => return Err(Reason::new(format!("{a} and {b}")).supported("both float, int32 or int64")),
        };
        Ok(vec![Tensor::new(a.dtype, shape, data)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let nest = Self::nest(&site.x[0].shape, &site.x[1].shape, &site.y[0].shape)?;
        if self.dtype != DataType::DtFloat {
            let found = format!("{} of integers that depend on an input of the graph", self.function.name());
            return Err(Reason::new(found).supported("float in compiled code"));
        }
        let (a, b, y) = (site.x_dense(0)?, site.x_dense(1)?, site.y_dense(0)?);
        let call = Call::bare("float::binary::Binary").value("function", &self.kernel()?).by_ref("nest", &nest);
        site.call(call.read("a", a).read("b", b).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_division_of_integers() {
        let of = |f: Function, a, b| f.integer(a, b);
        assert_eq!([of(Function::FloorDiv, 7, 2), of(Function::FloorDiv, -7, 2)], [Some(3), Some(-4)]);
        assert_eq!([of(Function::FloorMod, 7, -2), of(Function::FloorMod, -7, 2)], [Some(-1), Some(1)]);
        assert_eq!(of(Function::FloorDiv, 1, 0), None);
        assert_eq!(of(Function::FloorDiv, i64::MIN, -1), None);
        assert_eq!(of(Function::FloorMod, i64::MIN, -1), None);
    }
}
