//! Einsum of two operands: `abc,cde->abde`; an ellipsis stands for dimensions that broadcast. The sum goes over the
//! labels that the result lacks, in the order in which the operands name them.
//!
//! BatchMatMul is the equation `...mk,...kn->...mn`, with the letters of an operand that comes transposed exchanged.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::contract::{BROADCAST, Contraction};
use crate::ops::{Fact, Inputs, Operation, check};
use crate::tensor::{DataType, Tensor};
use std::ops::RangeInclusive;

/// A contraction in f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Einsum {
    /// As TensorFlow writes it.
    spelling: Spelling,
    operands: [Term; 2],
    result: Term,
}

/// TensorFlow's ops for contractions, with their attributes.
#[derive(Clone, Debug, PartialEq)]
enum Spelling {
    Einsum { equation: String },
    BatchMatMul { op: &'static str, adj_x: bool, adj_y: bool },
}

impl Spelling {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let op = match a.op() {
            "Einsum" => return Ok(Self::Einsum { equation: a.string("equation")? }),
            "BatchMatMul" => "BatchMatMul",
            _ => "BatchMatMulV2",
        };
        Ok(Self::BatchMatMul { op, adj_x: a.bool_or("adj_x", false)?, adj_y: a.bool_or("adj_y", false)? })
    }
    fn equation(&self) -> String {
        match self {
            Self::Einsum { equation } => equation.clone(),
            Self::BatchMatMul { adj_x, adj_y, .. } => {
                let [x, y] = [if *adj_x { "km" } else { "mk" }, if *adj_y { "nk" } else { "kn" }];
                format!("...{x},...{y}->...mn")
            }
        }
    }
}

/// The labels of one tensor.
#[derive(Clone, Debug, PartialEq)]
struct Term {
    front: Vec<usize>,
    /// Whether an ellipsis follows, and then these.
    open: bool,
    back: Vec<usize>,
}

impl Term {
    fn parse(text: &str) -> Option<Self> {
        let letters = |text: &str| {
            let letters = text.bytes().map(|b| b.is_ascii_alphabetic().then_some(usize::from(b)));
            letters.collect::<Option<Vec<_>>>()
        };
        let (front, back) = text.split_once("...").map_or((text, None), |(front, back)| (front, Some(back)));
        Some(Self { front: letters(front)?, open: back.is_some(), back: letters(back.unwrap_or(""))? })
    }
    fn named(&self) -> impl Iterator<Item = &usize> {
        self.front.iter().chain(&self.back)
    }
    /// Dimensions that the ellipsis stands for in a tensor of a rank.
    fn hidden(&self, rank: usize) -> usize {
        if self.open { rank.saturating_sub(self.front.len() + self.back.len()) } else { 0 }
    }
    fn labels(&self, hidden: usize) -> Vec<usize> {
        let ellipsis = (0..hidden).rev().map(|d| BROADCAST + d);
        self.front.iter().copied().chain(ellipsis).chain(self.back.iter().copied()).collect()
    }
}

/// Operands and result of an equation.
fn read(equation: &str) -> Option<([Term; 2], Term)> {
    let spaceless = equation.replace(' ', "");
    let (operands, result) = spaceless.split_once("->")?;
    let (a, b) = operands.split_once(',')?;
    let ([a, b], y) = ([Term::parse(a)?, Term::parse(b)?], Term::parse(result)?);
    let named: Vec<_> = y.named().collect();
    let known = named.iter().all(|l| a.named().chain(b.named()).any(|o| o == *l));
    let once = (1..named.len()).all(|i| !named[..i].contains(&named[i]));
    (known && once && y.open == (a.open || b.open)).then_some(([a, b], y))
}

impl Einsum {
    fn contraction(&self, a: &[usize], b: &[usize]) -> Result<Contraction, Reason> {
        let [in_a, in_b] = &self.operands;
        let (hidden_a, hidden_b) = (in_a.hidden(a.len()), in_b.hidden(b.len()));
        let y = self.result.labels(hidden_a.max(hidden_b));
        Contraction::new([&in_a.labels(hidden_a), &in_b.labels(hidden_b), &y], [a, b])
    }
    fn of(&self, x: &[Fact]) -> Result<Contraction, Reason> {
        self.contraction(check::float_shape(x, 0)?, check::float_shape(x, 1)?)
    }
}

impl Operation for Einsum {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        check::float(a, "T")?;
        let spelling = Spelling::parse(a)?;
        let equation = spelling.equation();
        let (operands, result) = read(&equation).ok_or_else(|| {
            Reason::new(format!("the equation {equation}"))
                .supported("two operands, `ab,bc->ac`, every label of the result once and in an operand")
        })?;
        Ok(Self { spelling, operands, result })
    }
    fn name(&self) -> &str {
        match self.spelling {
            Spelling::Einsum { .. } => "Einsum",
            Spelling::BatchMatMul { op, .. } => op,
        }
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", DataType::DtFloat);
        match &self.spelling {
            Spelling::Einsum { equation } => {
                a.int("N", 2);
                a.string("equation", equation);
            }
            Spelling::BatchMatMul { adj_x, adj_y, .. } => {
                a.bool("adj_x", *adj_x);
                a.bool("adj_y", *adj_y);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations() {
        for good in ["abc,cde->abde", "...x,xy->...y", "ab , b -> a", "aab,b->a", "a,b->", "...km,...nk->...mn"] {
            assert!(read(good).is_some(), "{good}");
        }
        for wrong in ["ab->ba", "a,b", "a,b,c->a", "a,b->c", "a,b->aa", "a1,b->a", "...a,b->a", "......,a->a", ""] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
