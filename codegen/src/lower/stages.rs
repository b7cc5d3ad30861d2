//! The epilogue of a product: what an op asks for, and the types of kernels that do it.
//!
//! ```text
//! v = acc * scale + bias;  v = v + summand;  v = activation(v);  y = output(v)
//! ```
//!
//! An op tells it by values; in generated code each stage is a type, and what a proof makes superfluous is gone.
use crate::error::Reason;
use crate::lower::{Element, Literal, Operand, Site};
use bakelite_kernels::epilogue::{self, Requantize};
use proc_macro2::TokenStream;
use quote::quote;

/// The epilogue, before its summand has a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stages {
    /// What is added.
    pub sum: Sum,
    /// What follows.
    pub activation: Activation,
    /// What is written.
    pub output: Output,
}

/// The summand of an epilogue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sum {
    /// None.
    None,
    /// Quantized input `input`, one step of which is `scale`.
    Quantized {
        /// Which input.
        input: usize,
        /// Real value of one step.
        scale: f32,
    },
    /// Float input `input`.
    Float {
        /// Which input.
        input: usize,
    },
}

/// The activation of an epilogue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// v.
    Linear,
    /// max(v, 0).
    Relu,
    /// min(max(v, 0), 6).
    Relu6,
    /// v or alpha * v.
    LeakyRelu(f32),
}

/// What an epilogue writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Output {
    /// Bytes; see [`epilogue::Requantize`].
    Bytes(epilogue::Requantize),
    /// i32; see [`epilogue::ToI32`].
    I32(epilogue::ToI32),
    /// The real value.
    F32,
}

impl Site<'_, '_> {
    /// The epilogue with its summand's place.
    pub(super) fn stages(&mut self, stages: Stages) -> Result<(Placed, Option<Operand>), Reason> {
        let Stages { sum, activation, output } = stages;
        let (sum, summand) = match sum {
            Sum::None => (PlacedSum::None, None),
            Sum::Quantized { input, scale } => {
                let x = self.x(input)?;
                let zero_point = self.x.get(input).map_or(0, |fact| Element::zero_point(fact.dtype));
                let place = x.place;
                let sum = match zero_point {
                    0 => PlacedSum::U8(epilogue::SumU8 { place, scale }),
                    _ => PlacedSum::I8(epilogue::SumI8 { place, scale }),
                };
                (sum, Some(x))
            }
            Sum::Float { input } => {
                let x = self.x(input)?;
                (PlacedSum::F32(epilogue::SumF32 { place: x.place }), Some(x))
            }
        };
        let output = match output {
            Output::Bytes(output) => PlacedOutput::Bytes(output),
            Output::I32(output) => PlacedOutput::I32(output),
            Output::F32 => PlacedOutput::F32,
        };
        Ok((Placed { sum, activation, output }, summand))
    }
}

/// An epilogue whose types are told by its values; in generated code they are types.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placed {
    sum: PlacedSum,
    activation: Activation,
    output: PlacedOutput,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum PlacedSum {
    None,
    U8(epilogue::SumU8),
    I8(epilogue::SumI8),
    F32(epilogue::SumF32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum PlacedOutput {
    U8(epilogue::ToU8),
    I8(epilogue::ToI8),
    Bytes(epilogue::Requantize),
    I32(epilogue::ToI32),
    F32,
}

impl Activation {
    /// Itself, or [`Activation::Linear`] where the bytes that follow are clamped to what it leaves.
    fn before(self, bytes: Requantize) -> Self {
        let from_0 = bytes.low >= 0 && bytes.inverse > 0.0;
        match self {
            Self::Relu if from_0 => Self::Linear,
            Self::Relu6 if from_0 && 6.0 * bytes.inverse >= f32::from(bytes.high) => Self::Linear,
            other => other,
        }
    }
}

impl Placed {
    /// The same function with fewer operations, where `acc * scale + bias` is at most `greatest`:
    ///
    /// ```text
    /// |v * inverse| < 2^30 (a margin for its rounding)   nothing keeps the conversion to i32 from overflowing
    /// the output is all of quint8 or qint8               packing clamps by itself
    /// Relu before bytes from 0 on                        their clamp at 0 does it
    /// Relu6 likewise, 6 * inverse at least the greatest  their clamps do it
    /// ```
    pub(super) fn lean(self, greatest: f64) -> Self {
        let Self { sum, activation, output } = self;
        let PlacedOutput::Bytes(bytes) = output else { return self };
        let summand = match sum {
            PlacedSum::None => 0.0,
            PlacedSum::U8(epilogue::SumBytes { scale, .. }) => 255.0 * f64::from(scale).abs(),
            PlacedSum::I8(epilogue::SumBytes { scale, .. }) => 128.0 * f64::from(scale).abs(),
            PlacedSum::F32(_) => f64::INFINITY,
        };
        let slope = if let Activation::LeakyRelu(alpha) = activation { f64::from(alpha).abs() } else { 1.0 };
        let inverse = bytes.inverse;
        let fits = (greatest + summand) * slope.max(1.0) * f64::from(inverse).abs() < f64::from(1 << 30);
        let activation = activation.before(bytes);
        let output = match bytes {
            _ if bytes == epilogue::ToU8 { inverse }.requantize() && fits => {
                PlacedOutput::U8(epilogue::ToU8 { inverse })
            }
            _ if bytes == epilogue::ToI8 { inverse }.requantize() && fits => {
                PlacedOutput::I8(epilogue::ToI8 { inverse })
            }
            _ => output,
        };
        Self { sum, activation, output }
    }

    /// Types or values of the three stages.
    fn stages(&self, token: fn(&dyn Literal) -> TokenStream) -> [TokenStream; 3] {
        let sum = match &self.sum {
            PlacedSum::None => token(&epilogue::NoSum),
            PlacedSum::U8(sum) => token(sum),
            PlacedSum::I8(sum) => token(sum),
            PlacedSum::F32(sum) => token(sum),
        };
        let activation = match self.activation {
            Activation::Linear => token(&epilogue::Linear),
            Activation::Relu => token(&epilogue::Relu),
            Activation::Relu6 => token(&epilogue::Relu6),
            Activation::LeakyRelu(alpha) => token(&epilogue::LeakyRelu { alpha }),
        };
        let output = match &self.output {
            PlacedOutput::U8(output) => token(output),
            PlacedOutput::I8(output) => token(output),
            PlacedOutput::Bytes(output) => token(output),
            PlacedOutput::I32(output) => token(output),
            PlacedOutput::F32 => token(&epilogue::ToF32),
        };
        [sum, activation, output]
    }
}

impl Literal for Placed {
    fn ty(&self) -> TokenStream {
        let [sum, activation, output] = self.stages(|stage| stage.ty());
        quote!(Finish<#sum, #activation, #output>)
    }
    fn value(&self) -> TokenStream {
        let [sum, activation, output] = self.stages(|stage| stage.value());
        quote!(Finish { sum: #sum, activation: #activation, output: #output })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakelite_kernels::epilogue::{ToI8, ToU8};

    const U8: Requantize = ToU8 { inverse: 42.5 }.requantize();
    const I8: Requantize = ToI8 { inverse: 42.5 }.requantize();

    fn lean(activation: Activation, output: Requantize, greatest: f64) -> (Activation, PlacedOutput) {
        let placed = Placed { sum: PlacedSum::None, activation, output: PlacedOutput::Bytes(output) };
        let Placed { activation, output, .. } = placed.lean(greatest);
        (activation, output)
    }

    #[test]
    fn what_packing_does_is_left_to_it() {
        let (u8, i8) = (PlacedOutput::U8(ToU8 { inverse: 42.5 }), PlacedOutput::I8(ToI8 { inverse: 42.5 }));
        assert_eq!(lean(Activation::Relu, U8, 1e6), (Activation::Linear, u8));
        assert_eq!(lean(Activation::Relu6, U8, 1e6), (Activation::Linear, u8));
        assert_eq!(lean(Activation::Relu, I8, 1e6), (Activation::Relu, i8));
        let half = Requantize { high: 127, ..U8 };
        assert_eq!(lean(Activation::Relu, half, 1e6), (Activation::Linear, PlacedOutput::Bytes(half)));
        assert_eq!(lean(Activation::Relu6, half, 1e6), (Activation::Linear, PlacedOutput::Bytes(half)));
        let early = Requantize { inverse: 42.0, ..U8 };
        assert_eq!(lean(Activation::Relu6, early, 1e6).0, Activation::Relu6);
    }

    #[test]
    fn without_the_proof_the_clamp_stays() {
        let bound = f64::from(1 << 30) / 42.5;
        assert_eq!(lean(Activation::Linear, U8, bound), (Activation::Linear, PlacedOutput::Bytes(U8)));
        assert!(matches!(lean(Activation::Linear, U8, bound * 0.999).1, PlacedOutput::U8(_)));
        let leaky = Activation::LeakyRelu(-2.0);
        assert_eq!(lean(leaky, I8, bound * 0.6), (leaky, PlacedOutput::Bytes(I8)));
    }
}
