//! MirrorPad: a tensor continued by its own mirror image, with the border itself (SYMMETRIC) or without (REFLECT).
//!
//! Along each padded dimension lie the mirrored part before, the tensor, and the mirrored part behind; every choice of
//! one of the three for each dimension is a copy.
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use crate::lower::Site;
use crate::ops::pad::Padded;
use crate::ops::{Fact, Inputs, Operation, check, strided};
use crate::tensor::{DataType, Tensor, elements};
use bakelite_kernels::float::Nest;
use std::ops::RangeInclusive;

/// Continues a tensor by its mirror image.
#[derive(Clone, Debug, PartialEq)]
pub struct MirrorPad {
    /// Whether the border is repeated: SYMMETRIC, not REFLECT.
    pub border: bool,
    /// Element type.
    pub dtype: DataType,
    /// Type of the paddings operand, int32 or int64.
    pub index: DataType,
}

/// Dimensions that may be padded at once; each triples the copies.
const MOST: usize = 4;

/// A run of y along one dimension: how many, from where in y, from where in x, and in which direction there.
#[derive(Clone, Copy)]
struct Run {
    count: usize,
    y: usize,
    x: usize,
    step: isize,
}

impl MirrorPad {
    fn padded(&self, x: &[usize], paddings: &[i64]) -> Result<Padded, Reason> {
        let padded = Padded::new(x, paddings)?;
        let most = |n: usize| if self.border { n } else { n.saturating_sub(1) };
        let fits = |(d, &n): (usize, &usize)| {
            let after = padded.shape[d] - padded.before[d] - n;
            padded.before[d].max(after) <= most(n)
        };
        let dimensions = x.iter().zip(&padded.shape).filter(|(n, m)| n != m).count();
        if x.iter().enumerate().all(fits) && dimensions <= MOST {
            return Ok(padded);
        }
        let found = format!("paddings {paddings:?} of a tensor of shape {x:?}");
        Err(Reason::new(found).supported(format!("no more than there is to mirror, along {MOST} dimensions")))
    }
    /// The runs of dimension `d`, those without elements left out.
    fn runs(&self, n: usize, before: usize, padded: usize) -> Vec<Run> {
        let (after, border) = (padded - before - n, usize::from(!self.border));
        let runs = [
            // y[before - 1 - i] = x[border + i], written from y[0] on.
            Run { count: before, y: 0, x: (border + before).saturating_sub(1), step: -1 },
            Run { count: n, y: before, x: 0, step: 1 },
            Run { count: after, y: before + n, x: n.saturating_sub(1 + border), step: -1 },
        ];
        runs.into_iter().filter(|run| run.count > 0).collect()
    }
    /// The copies, as loops over (x, y).
    fn nests(&self, x: &[usize], padded: &Padded) -> Result<Vec<Nest<2>>, Reason> {
        let (from, to) = (strided::dense(x), strided::dense(&padded.shape));
        let mut choices: Vec<Vec<Run>> = vec![vec![]];
        for (d, &n) in x.iter().enumerate() {
            let runs = self.runs(n, padded.before[d], padded.shape[d]);
            choices = choices
                .iter()
                .flat_map(|c| runs.iter().map(|&run| [c.as_slice(), &[run]].concat()))
                .collect();
        }
        let nest = |runs: Vec<Run>| {
            let extent: Vec<usize> = runs.iter().map(|run| run.count).collect();
            let stride: Vec<isize> = runs.iter().zip(&from).map(|(run, s)| run.step * s).collect();
            let first = |at: fn(&Run) -> usize, strides: &[isize]| {
                runs.iter().zip(strides).map(|(run, &s)| at(run) * s as usize).sum()
            };
            strided::nest(&extent, [&stride, &to], [first(|run| run.x, &from), first(|run| run.y, &to)])
        };
        choices.into_iter().map(nest).collect()
    }
}

impl Operation for MirrorPad {
    fn parse(a: Attributes<'_>) -> Result<Self, Reason> {
        let border = match a.string("mode")?.as_str() {
            "SYMMETRIC" => true,
            "REFLECT" => false,
            mode => return Err(Reason::new(format!("mode {mode:?}")).supported("REFLECT and SYMMETRIC")),
        };
        Ok(Self { border, dtype: a.dtype("T")?, index: a.dtype_or("Tpaddings", DataType::DtInt32)? })
    }
    fn name(&self) -> &str {
        "MirrorPad"
    }
    fn write(&self, a: &mut AttributeWriter) {
        a.dtype("T", self.dtype);
        a.dtype("Tpaddings", self.index);
        a.string("mode", if self.border { "SYMMETRIC" } else { "REFLECT" });
    }
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn ports(&self) -> usize {
        1
    }
    fn infer(&self, x: &[Fact]) -> Result<Vec<Fact>, Reason> {
        let padded = self.padded(check::typed(x, 0, self.dtype)?, &check::known_ints(x, 1, "padding")?)?;
        check::output(self.dtype, padded.shape)
    }
    fn eval(&self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let tensor = x.get(0)?;
        let padded = self.padded(&tensor.shape, &x.ints(1)?)?;
        let mut y = strided::filled(&tensor.data, None, elements(&padded.shape)?)?;
        for nest in self.nests(&tensor.shape, &padded)? {
            strided::place(&tensor.data, &nest, &mut y)?;
        }
        Ok(vec![Tensor::new(tensor.dtype, padded.shape, y)?])
    }
    fn lower(&self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let padded = self.padded(&site.x[0].shape, &site.constant(1, "padding")?.to_i64()?)?;
        let (x, y) = (site.x_dense(0)?, site.y_dense(0)?);
        for nest in self.nests(&site.x[0].shape.clone(), &padded)? {
            strided::copy(site, x, y, &nest);
        }
        Ok(())
    }
    fn macs(&self, _: &[Fact], _: &[Fact]) -> u64 {
        0
    }
}
