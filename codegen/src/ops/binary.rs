//! Elementwise functions of two tensors, with NumPy's broadcasting: Add, Sub, Mul, RealDiv, Maximum and the like.
//!
//! Floats are computed as one IEEE operation; integers, which are shapes and indices, wrap.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{Data, DataType, Tensor};
use bakelite_kernels::float::{Nest, binary, integers};
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Makes the enum and its names from one list: the kernels' functions of floats and of integers, where there are.
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
            /// The kernel's function for integers.
            pub fn integer(self) -> Option<integers::Function> {
                match self { $(Self::$name => $integer,)* }
            }
        }
    };
}

functions! {
    Add: Some(binary::Function::Add), Some(integers::Function::Add);
    AddV2: Some(binary::Function::Add), Some(integers::Function::Add);
    Sub: Some(binary::Function::Sub), Some(integers::Function::Sub);
    Mul: Some(binary::Function::Mul), Some(integers::Function::Mul);
    RealDiv: Some(binary::Function::Div), None;
    DivNoNan: Some(binary::Function::DivNoNan), None;
    Pow: Some(binary::Function::Pow), None;
    Maximum: Some(binary::Function::Maximum), Some(integers::Function::Maximum);
    Minimum: Some(binary::Function::Minimum), Some(integers::Function::Minimum);
    SquaredDifference: Some(binary::Function::SquaredDifference), Some(integers::Function::SquaredDifference);
    FloorDiv: None, Some(integers::Function::FloorDiv);
    FloorMod: None, Some(integers::Function::FloorMod);
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
    /// The kernel of a function, without its tensors.
    pub(super) fn call(function: binary::Function) -> Call {
        Call::bare(format!("float::binary::Binary::<{}>", function as usize)).value("function", &function)
    }

    /// The function in f32.
    pub fn float(function: Function) -> Self {
        Self { function, dtype: DataType::DtFloat }
    }
    /// The loops over (a, b, y), of shapes that broadcast to `y`.
    pub(super) fn nest(a: &[usize], b: &[usize], y: &[usize]) -> Result<Nest<3>, Reason> {
        strided::nest(y, [&strided::stretched(a, y), &strided::stretched(b, y), &strided::dense(y)], [0; 3])
    }
    /// The function for f32, or why there is none.
    pub(super) fn kernel(&self) -> Result<binary::Function, Reason> {
        self.function.float().ok_or_else(|| {
            Reason::new(format!("{} of floats", self.function.name())).supported("int32 and int64")
        })
    }
    /// The function for integers, or why there is none.
    fn integer_kernel(&self) -> Result<integers::Function, Reason> {
        self.function
            .integer()
            .ok_or_else(|| Reason::new(format!("{} of integers", self.function.name())).supported("float"))
    }
    /// Unlike compiled code, refuses what has no value.
    fn integers<E: integers::Number + Display>(
        &self,
        nest: &Nest<3>,
        a: &[E],
        b: &[E],
        count: usize,
    ) -> Result<Vec<E>, Reason> {
        let (function, mut y, mut undefined) = (self.integer_kernel()?, vec![E::default(); count], None);
        nest.each(|[i, j, o]| match E::apply(function, a[i], b[j]) {
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
                check::run(binary::Binary::<{ binary::ANY }> { function: self.kernel()?, nest: &nest, a, b, y: &mut y });
                Data::F32(y)
            }
            (Data::I32(a), Data::I32(b)) => Data::I32(self.integers(&nest, a, b, count)?),
            (Data::I64(a), Data::I64(b)) => Data::I64(self.integers(&nest, a, b, count)?),
            _ => return Err(Reason::new(format!("{a} and {b}")).supported("both float, int32 or int64")),
        };
        Ok(vec![Tensor::new(a.dtype, shape, data)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let nest = Self::nest(&site.x[0].shape, &site.x[1].shape, &site.y[0].shape)?;
        let (a, b, y) = (site.x_dense(0)?, site.x_dense(1)?, site.y_dense(0)?);
        let call = if self.dtype == DataType::DtFloat {
            Self::call(self.kernel()?)
        } else {
            Call::bare("float::integers::Integers").value("function", &self.integer_kernel()?)
        };
        site.call(call.by_ref("nest", &nest).read("a", a).read("b", b).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
