//! An op that Bakelite does not implement: carried along with its attributes, named when it is needed.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation};
use crate::tensor::Tensor;
use crate::wire::AttrValue;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Any op outside the list. Training nodes and pre-processing that the outputs do not need are of this kind, so it
/// becomes an error only when it is asked to mean something.
#[derive(Clone, Debug, PartialEq)]
pub struct Opaque {
    name: String,
    attributes: BTreeMap<String, AttrValue>,
}

/// What loops are made of.
const LOOPS: [&str; 8] =
    ["Enter", "Exit", "Merge", "Switch", "NextIteration", "LoopCond", "While", "StatelessWhile"];

impl Opaque {
    /// Why it does not run.
    pub fn unsupported(&self) -> Reason {
        if LOOPS.contains(&self.name.as_str()) {
            return Reason::new(format!("the op {} belongs to a loop", self.name)).supported("graphs without loops").help(
                "a loop over the pictures of a batch is preprocessing: name the edge behind it with --input (and its \
                 --shape), and feed it what the loop would have made, such as resized pictures; name outputs ahead of \
                 other loops with --output",
            );
        }
        Reason::new(format!("the op {} is not supported", self.name)).help(
            "cut the graph before it with --output (or behind it with --input), or remove it from the model",
        )
    }
}

impl Operation for Opaque {
    fn parse(attributes: Attributes<'_>) -> Result<Self, Reason> {
        Ok(Self { name: attributes.op().to_owned(), attributes: attributes.raw() })
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn write(&self, attributes: &mut AttributeWriter) {
        attributes.0.clone_from(&self.attributes);
    }
    fn arity(&self) -> RangeInclusive<usize> {
        0..=usize::MAX
    }
    /// Unknown, so any port may be named.
    fn ports(&self) -> usize {
        usize::MAX
    }
    fn infer(&self, _: &[Fact]) -> Result<Vec<Fact>, Reason> {
        Err(self.unsupported())
    }
    fn eval(&self, _: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        Err(self.unsupported())
    }
    fn lower(&self, _: &mut Site<'_, '_>) -> Result<(), Reason> {
        Err(self.unsupported())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
