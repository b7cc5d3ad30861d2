//! `_QuantizedMatMul`: x `[M,K]` times w `[K,N]`, per tensor or per channel, what is fused being a list.
//!
//! ```text
//! v = f32(acc) * (ss * ws[n]) + bias[n], + add, activation      ss = amax(x range)/(255|127), ws = amax(w range[n])/127
//! y = v (Dequantize) or RNE(clamp(v * (1 / ds))) (Requantize),  ds = amax(y range)/(255|127)
//! ```
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::{Activation, Output, Product, Site, Stages, Sum};
use crate::ops::known::Known;
use crate::ops::quantized_matmul::{check_inputs, check_transposed, macs, shape};
use crate::ops::quantized_product;
use crate::ops::quantized_window::type_of;
use crate::ops::scales::{inverse, magnitudes, scale, spread};
use crate::ops::{Fact, Inputs, Operation};
use crate::tensor::{DataType, Tensor};
use DataType::{DtFloat, DtQint8, DtQuint8};
use bakelite_kernels::Window;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What is fused, bias aside, which always is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fused {
    /// `BiasAdd, Add, Dequantize`: a float tensor is added.
    Add,
    /// `BiasAdd, [activation], Dequantize`; the activation is linear or relu.
    Dequantize(Activation),
    /// `BiasAdd, [activation], Requantize`.
    Requantize(Activation),
}

/// Inputs: x, w, bias, add?, min and max of x, of w, of y?.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedQuantizedMatMul {
    /// What is fused.
    pub fused: Fused,
    /// Type of the activations: quint8 or qint8.
    pub x: DataType,
    /// Type of the output: float, or if it is requantized quint8 or qint8.
    pub y: DataType,
}

impl FusedQuantizedMatMul {
    /// From quint8 to float or, if `fused` requantizes, quint8.
    pub fn new(fused: Fused) -> Self {
        let y = if matches!(fused, Fused::Requantize(_)) { DtQuint8 } else { DtFloat };
        Self { fused, x: DtQuint8, y }
    }
    fn activation(&self) -> Activation {
        match self.fused {
            Fused::Add => Activation::Linear,
            Fused::Dequantize(activation) | Fused::Requantize(activation) => activation,
        }
    }
    fn list(&self) -> Vec<&'static str> {
        let mut list = vec!["BiasAdd"];
        match self.activation() {
            Activation::Linear => {}
            Activation::Relu => list.push("Relu"),
            Activation::Relu6 => list.push("Relu6"),
            Activation::LeakyRelu(_) => list.push("LeakyRelu"),
        }
        match self.fused {
            Fused::Add => list.extend(["Add", "Dequantize"]),
            Fused::Dequantize(_) => list.push("Dequantize"),
            Fused::Requantize(_) => list.push("Requantize"),
        }
        list
    }
    /// Where the ranges begin.
    fn ranges(&self) -> usize {
        if self.fused == Fused::Add { 4 } else { 3 }
    }
    fn requantizes(&self) -> bool {
        matches!(self.fused, Fused::Requantize(_))
    }
    /// The numbers that the product is computed with; all but the activations and the tensor that is added must be
    /// known.
    pub fn product<'a>(&self, k: &Known<'a>) -> Result<Product<'a>, Reason> {
        let [_, _, n] = shape(k)?;
        let ss = scale(k.range(self.ranges(), "a")?, self.x)?;
        let magnitude = magnitudes(k.ranges(self.ranges() + 2, n, "b")?);
        let output = if self.requantizes() {
            quantized_product::bytes(self.y, inverse(scale(self.output_range(k)?, self.y)?)?)
        } else {
            Output::F32
        };
        let sum = if self.fused == Fused::Add { Sum::Float { input: 3 } } else { Sum::None };
        Ok(Product {
            x: 0,
            window: Window::POINT,
            weights: k.tensor(1, "weight")?.as_i8()?,
            depthwise: false,
            scale: spread(magnitude.iter().map(|m| ss * (m / 127.0)).collect(), n),
            bias: k.vector(2, "bias")?.to_vec(),
            stages: Stages { sum, activation: self.activation(), output },
        })
    }
    fn output_range(&self, k: &Known<'_>) -> Result<[f32; 2], Reason> {
        k.range(self.ranges() + 4, "output")
    }
}

/// Reads the list.
fn fused(list: &[&str], alpha: f32) -> Result<Fused, Reason> {
    let activation = |word: &str| match word {
        "Relu" => Some(Activation::Relu),
        "Relu6" => Some(Activation::Relu6),
        "LeakyRelu" => Some(Activation::LeakyRelu(alpha)),
        _ => None,
    };
    let found = match list {
        ["BiasAdd", "Add", "Dequantize"] => Some(Fused::Add),
        ["BiasAdd", "Dequantize"] => Some(Fused::Dequantize(Activation::Linear)),
        ["BiasAdd", "Relu", "Dequantize"] => Some(Fused::Dequantize(Activation::Relu)),
        ["BiasAdd", "Requantize"] => Some(Fused::Requantize(Activation::Linear)),
        ["BiasAdd", word, "Requantize"] => activation(word).map(Fused::Requantize),
        _ => None,
    };
    found.ok_or_else(|| {
        let gelu = list.iter().any(|word| word.starts_with("Gelu"));
        let help = if gelu { "keep this layer's MatMul and Gelu in fp32" } else { "" };
        Reason::new(format!("fused_ops [{}]", list.join(", ")))
            .supported("[BiasAdd, Dequantize], [BiasAdd, Relu, Dequantize], [BiasAdd, Add, Dequantize], [BiasAdd, Requantize], [BiasAdd, Relu | Relu6 | LeakyRelu, Requantize]")
            .help(help)
    })
}

impl Operation for FusedQuantizedMatMul {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let list = a.strings_or("fused_ops", vec![])?;
        let words: Vec<&str> = list.iter().map(String::as_str).collect();
        let mut op = Self::new(fused(&words, a.float_or("leakyrelu_alpha", 0.2)?)?);
        let help = "quantize with symmetric ranges";
        a.only("input_quant_mode", "SCALED", help)?;
        a.only("output_quant_mode", "SCALED", help)?;
        check_transposed(a)?;
        if a.bool_or("transpose_b", false)? {
            return Err(Reason::new("transpose_b = true").supported("false").help("transpose the weights"));
        }
        op.x = type_of(a, "T1", None, &[DtQuint8, DtQint8])?;
        type_of(a, "T2", None, &[DtQint8])?;
        type_of(a, "Tbias", Some(DtFloat), &[DtFloat])?;
        let outputs: &[_] = if op.requantizes() { &[DtQuint8, DtQint8] } else { &[DtFloat] };
        op.y = type_of(a, "Tout", Some(DtFloat), outputs)?;
        if op.fused == Fused::Add {
            type_of(a, "U", Some(DtFloat), &[DtFloat])?;
        }
        Ok(op)
    }
    fn name(&self) -> &str {
        "_QuantizedMatMul"
    }
    fn write(&self, a: &mut AttributeWriter) {
        let mut tensors = vec![self.x, DtQint8, DtFloat];
        tensors.resize(self.ranges(), DtFloat);
        let bounds = if self.requantizes() { 6 } else { 4 };
        a.dtypes("Tdevice_inputs", &tensors);
        a.dtypes("Thost_inputs", &vec![DtFloat; bounds]);
        a.dtypes("Tdevice_outputs", &[self.y]);
        a.dtypes("Thost_outputs", if self.requantizes() { &[DtFloat, DtFloat] } else { &[] });
        a.dtype("T1", self.x);
        a.dtype("T2", DtQint8);
        a.dtype("Tbias", DtFloat);
        a.dtype("U", DtFloat);
        a.dtype("Tout", self.y);
        a.bool("transpose_a", false);
        a.bool("transpose_b", false);
        a.bool("is_weight_const", true);
        a.bool("is_bias_const", true);
        a.strings("fused_ops", &self.list());
        a.string("input_quant_mode", "SCALED");
        a.string("output_quant_mode", "SCALED");
        let alpha = if let Activation::LeakyRelu(alpha) = self.activation() { alpha } else { 0.2 };
        a.float("leakyrelu_alpha", alpha);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        let inputs = self.ranges() + if self.requantizes() { 6 } else { 4 };
        inputs..=inputs
    }
    fn ports(&self) -> usize {
        if self.requantizes() { 3 } else { 1 }
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let k = Known::from(x);
        let [m, _, n] = check_inputs(&k, self.x, DtFloat)?;
        if self.fused == Fused::Add {
            k.expect(3, DtFloat)?;
            if k.shape(3)? != [m, n] {
                let found = format!("a summand of shape {:?}", k.shape(3)?);
                return Err(Reason::new(found).supported(format!("[{m}, {n}], that of the output")));
            }
        }
        let mut facts = vec![Fact::new(self.y, vec![m, n])];
        let range = self.ranges() + 4;
        if self.requantizes() && k.has(range..range + 2) {
            let bounds = self.output_range(&k)?.map(Tensor::scalar);
            facts.extend(bounds.map(|t| Fact::constant(Arc::new(t))));
        }
        facts.resize(self.ports(), Fact::new(DtFloat, vec![]));
        Ok(facts)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let k = Known::from(x);
        let [m, inner, n] = shape(&k)?;
        let product = self.product(&k)?;
        let summand = if self.fused == Fused::Add { Some(x.get(3)?) } else { None };
        let data = quantized_product::eval(&product, x.get(0)?, [1, 1, m, inner], [1, 1, m, n], summand)?;
        let mut y = vec![Tensor::new(self.y, vec![m, n], data)?];
        if self.requantizes() {
            y.extend(self.output_range(&k)?.map(Tensor::scalar));
        }
        Ok(y)
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let x = site.x.clone();
        site.product(self.product(&Known::from(&x[..]))?)
    }
    fn macs(&self, x: &[Fact], _: &[Fact]) -> u64 {
        macs(x)
    }
}
