//! Elementwise functions of one tensor: activations and what normalisations are made of. Any shape.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor};
use bakelite_kernels::float::unary;
pub use bakelite_kernels::float::unary::Function;
use std::ops::RangeInclusive;

/// An elementwise function in f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Unary {
    /// What is computed; LeakyRelu has its slope in it.
    pub function: Function,
}

/// TensorFlow's default slope of LeakyRelu.
const ALPHA: f32 = 0.2;

impl Operation for Unary {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        let function = match a.op() {
            "Relu" => Function::Relu,
            "Relu6" => Function::Relu6,
            "LeakyRelu" => Function::LeakyRelu { alpha: a.float_or("alpha", ALPHA)? },
            "Elu" => Function::Elu,
            "Sigmoid" => Function::Sigmoid,
            "Tanh" => Function::Tanh,
            "Softplus" => Function::Softplus,
            "Exp" => Function::Exp,
            "Log" => Function::Log,
            "Sqrt" => Function::Sqrt,
            "Rsqrt" => Function::Rsqrt,
            "Neg" => Function::Neg,
            "Abs" => Function::Abs,
            "Square" => Function::Square,
            "Reciprocal" => Function::Reciprocal,
            "Erf" => Function::Erf,
            "Erfc" => Function::Erfc,
            "Expm1" => Function::Expm1,
            "Log1p" => Function::Log1p,
            "Selu" => Function::Selu,
            "Softsign" => Function::Softsign,
            "Sign" => Function::Sign,
            "Floor" => Function::Floor,
            "Ceil" => Function::Ceil,
            "Round" | "Rint" => Function::Round,
            op => return Err(Reason::new(format!("the op {op}"))),
        };
        Ok(Self { function })
    }
    fn name(&self) -> &str {
        match self.function {
            Function::Relu => "Relu",
            Function::Relu6 => "Relu6",
            Function::LeakyRelu { .. } => "LeakyRelu",
            Function::Elu => "Elu",
            Function::Sigmoid => "Sigmoid",
            Function::Tanh => "Tanh",
            Function::Softplus => "Softplus",
            Function::Exp => "Exp",
            Function::Log => "Log",
            Function::Sqrt => "Sqrt",
            Function::Rsqrt => "Rsqrt",
            Function::Neg => "Neg",
            Function::Abs => "Abs",
            Function::Square => "Square",
            Function::Reciprocal => "Reciprocal",
            Function::Erf => "Erf",
            Function::Erfc => "Erfc",
            Function::Expm1 => "Expm1",
            Function::Log1p => "Log1p",
            Function::Selu => "Selu",
            Function::Softsign => "Softsign",
            Function::Sign => "Sign",
            Function::Floor => "Floor",
            Function::Ceil => "Ceil",
            Function::Round => "Round",
        }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
        if let Function::LeakyRelu { alpha } = self.function {
            a.float("alpha", alpha);
        }
    }
    fn arity(&self) -> RangeInclusive<usize> {
        1..=1
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        check::output(DataType::DtFloat, check::float_shape(x, 0)?.to_vec())
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let (tensor, x) = (x.get(0)?, x.f32(0)?);
        let mut y = vec![0.0; x.len()];
        check::run(unary::Unary { function: self.function, x, y: &mut y });
        Ok(vec![Tensor::f32(tensor.shape.clone(), y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let (x, y) = (site.x_dense(0)?, site.y_dense(0)?);
        let call = Call::bare("float::unary::Unary").value("function", &self.function);
        site.call(call.read("x", x).write("y", y));
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
