//! The inputs of an op as far as they are known: all of them in `eval`; in `infer` and `lower` the constants.
//!
//! Scales, biases and ranges are computed from one of these, so that the three cannot disagree.
use crate::error::Reason;
use crate::ops::{Fact, Inputs};
use crate::tensor::{DataType, Tensor, name};
use std::sync::Arc;

/// What is known of one input.
#[derive(Clone, Copy, Debug)]
struct View<'a> {
    dtype: DataType,
    shape: &'a [usize],
    value: Option<&'a Tensor>,
}

/// What is known of all inputs.
#[derive(Clone, Debug)]
pub struct Known<'a>(Vec<View<'a>>);

impl<'a> From<&'a [Fact]> for Known<'a> {
    fn from(x: &'a [Fact]) -> Self {
        let view = |f: &'a Fact| View { dtype: f.dtype, shape: &f.shape, value: f.value.as_deref() };
        Self(x.iter().map(view).collect())
    }
}

impl<'a> From<Inputs<'a>> for Known<'a> {
    fn from(x: Inputs<'a>) -> Self {
        let view = |&t: &&'a Tensor| View { dtype: t.dtype, shape: &t.shape, value: Some(t) };
        Self(x.tensors.iter().map(view).collect())
    }
}

impl<'a> Known<'a> {
    fn view(&self, i: usize) -> Result<View<'a>, Reason> {
        self.0.get(i).copied().ok_or_else(|| Reason::new(format!("input {i} is missing")))
    }
    /// How many inputs there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
    /// Whether the values of all these inputs are known.
    pub fn has(&self, inputs: impl IntoIterator<Item = usize>) -> bool {
        inputs.into_iter().all(|i| self.0.get(i).is_some_and(|v| v.value.is_some()))
    }
    /// The shape of input `i`.
    pub fn shape(&self, i: usize) -> Result<&'a [usize], Reason> {
        Ok(self.view(i)?.shape)
    }
    /// The shape of input `i`, an image tensor.
    pub fn nhwc(&self, i: usize) -> Result<[usize; 4], Reason> {
        let shape = self.shape(i)?;
        <[usize; 4]>::try_from(shape).map_err(|_| {
            Reason::new(format!("input {i} of shape {shape:?}")).supported("[batch, height, width, channels]")
        })
    }
    /// Checks the type of input `i`.
    pub fn expect(&self, i: usize, dtype: DataType) -> Result<(), Reason> {
        let found = self.view(i)?.dtype;
        if found == dtype {
            return Ok(());
        }
        let reason = Reason::new(format!("input {i} is {}", name(found)));
        Err(reason.supported(format!("{}, as the attributes say", name(dtype))))
    }
    /// The value of input `i`.
    pub fn tensor(&self, i: usize, what: &str) -> Result<&'a Tensor, Reason> {
        self.view(i)?.value.ok_or_else(|| {
            Reason::new(format!("{what} (input {i}) depends on an input of the graph"))
                .supported(format!("a constant {what}"))
                .help("calibrate the graph first, so that its weights and ranges are constants")
        })
    }
    /// Input `i` as finite floats: a range bound, one a tensor or one a channel.
    pub fn vector(&self, i: usize, what: &str) -> Result<&'a [f32], Reason> {
        let v = self.tensor(i, what)?.as_f32()?;
        match v.iter().find(|v| !v.is_finite()) {
            Some(v) => Err(Reason::new(format!("{what} {v} (input {i})")).supported("a finite number")),
            None => Ok(v),
        }
    }
    /// Input `i` as one finite float.
    pub fn scalar(&self, i: usize, what: &str) -> Result<f32, Reason> {
        match self.vector(i, what)? {
            [v] => Ok(*v),
            v => {
                Err(Reason::new(format!("{what} (input {i}) has {} elements", v.len()))
                    .supported("one float"))
            }
        }
    }
    /// Inputs `i` and `i + 1` as the range of a whole tensor.
    pub fn range(&self, i: usize, what: &str) -> Result<[f32; 2], Reason> {
        Ok([self.scalar(i, &format!("min_{what}"))?, self.scalar(i + 1, &format!("max_{what}"))?])
    }
    /// What is known of a range output that passes inputs `i` and `i + 1` on.
    pub fn passed_range(&self, i: usize) -> Result<[Fact; 2], Reason> {
        if self.has(i..i + 2) {
            return Ok(self.range(i, "range")?.map(|end| Fact::constant(Arc::new(Tensor::scalar(end)))));
        }
        let unknown = Fact::new(DataType::DtFloat, vec![]);
        Ok([unknown.clone(), unknown])
    }
    /// Inputs `i` and `i + 1` as ranges of `channels` channels: one for all, or one for each.
    pub fn ranges(&self, i: usize, channels: usize, what: &str) -> Result<[&'a [f32]; 2], Reason> {
        let [min, max] =
            [self.vector(i, &format!("min_{what}"))?, self.vector(i + 1, &format!("max_{what}"))?];
        if min.len() != max.len() || (min.len() != 1 && min.len() != channels) {
            let found = format!("{} minima and {} maxima of the {what}", min.len(), max.len());
            return Err(Reason::new(found).supported(format!("one, or {channels}: one a channel")));
        }
        Ok([min, max])
    }
}
