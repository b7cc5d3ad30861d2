//! Placeholder: an input of the graph. Its value is fed; it is never evaluated.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::{Fact, Inputs, Operation};
use crate::tensor::{DataType, Tensor};
use std::ops::RangeInclusive;

/// An input of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Placeholder {
    /// Element type.
    pub dtype: DataType,
    /// `None` of unknown rank, -1 an unknown dimension.
    pub shape: Option<Vec<i64>>,
}

impl Operation for Placeholder {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let shape = a.shape_or("shape", None)?;
        if let Some(sizes) = &shape {
            // What is known of the shape must be believable; an open dimension counts as one.
            let size = |&d: &i64| if d == -1 { Some(1) } else { usize::try_from(d).ok() };
            let known: Option<Vec<usize>> = sizes.iter().map(size).collect();
            let known = known.ok_or_else(|| {
                Reason::new(format!("shape {sizes:?}")).supported("dimensions of 0 and above, or -1 for an open one")
            })?;
            crate::tensor::elements(&known)?;
        }
        Ok(Self { dtype: a.dtype("dtype")?, shape })
    }
    fn name(&self) -> &str {
        "Placeholder"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("dtype", self.dtype);
        a.shape("shape", self.shape.as_deref());
    }
    fn arity(&self) -> RangeInclusive<usize> {
        0..=0
    }
    fn ports(&self) -> usize {
        1
    }
    /// The declared shape; an unknown first dimension is a batch of one. See `facts` for shapes given by the caller.
    fn infer(&self, _: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let unknown = || {
            Reason::new(format!("the input's shape {:?} is not known", self.shape))
                .help("give it with --shape NAME=1,224,224,3")
        };
        let declared = self.shape.as_ref().ok_or_else(unknown)?;
        let known = |(i, &d): (usize, &i64)| match d {
            -1 if i == 0 => Ok(1),
            _ => usize::try_from(d).map_err(|_| unknown()),
        };
        let shape: Vec<usize> = declared.iter().enumerate().map(known).collect::<Result<_, _>>()?;
        crate::tensor::elements(&shape)?;
        Ok(vec![Fact::new(self.dtype, shape)])
    }
    fn eval(&self, _: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        Err(Reason::new("this input was not fed").help("feed it with --feed NAME=FILE.npy"))
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        site.input()
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
