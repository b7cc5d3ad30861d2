//! Contractions of two tensors: every dimension has a label, labels that the result lacks are summed over.
//!
//! The sum goes over the summed labels in the order in which the operands name them, the last fastest.
use crate::error::Reason;
use crate::lower::{Call, Site};
use crate::ops::{Fact, Inputs, check, strided};
use crate::tensor::{DataType, Shape, Tensor, elements};
use bakelite_kernels::float::contract::Contract;
use bakelite_kernels::float::nest::Nest;
use std::collections::BTreeMap;

/// Labels from here on broadcast: a dimension of 1 stands for any.
pub(super) const BROADCAST: usize = 256;

/// A contraction of tensors whose shapes are known.
pub(super) struct Contraction {
    /// Of the result.
    pub(super) shape: Shape,
    extent: Vec<usize>,
    stride: [Vec<isize>; 3],
}

/// Elements from one to the next along a label: what all dimensions of that label move together.
fn stride(labels: &[usize], shape: &[usize], label: usize) -> isize {
    let strides = strided::dense(shape);
    let moves = (0..shape.len()).filter(|&d| labels[d] == label && shape[d] != 1);
    moves.fold(0, |sum, d| sum.saturating_add(strides[d]))
}

/// How long each label is.
fn extents(labels: [&[usize]; 2], shapes: [&[usize]; 2]) -> Result<BTreeMap<usize, usize>, Reason> {
    let mut extents = BTreeMap::new();
    for (labels, shape) in labels.into_iter().zip(shapes) {
        if labels.len() != shape.len() {
            return Err(Reason::new(format!("an operand of shape {shape:?}"))
                .supported(format!("{} dimensions", labels.len())));
        }
        for (&label, &n) in labels.iter().zip(shape) {
            let extent = extents.entry(label).or_insert(n);
            if *extent == 1 && label >= BROADCAST {
                *extent = n;
            }
            if n != *extent && (n != 1 || label < BROADCAST) {
                let [a, b] = shapes;
                let found = format!("a product of {a:?} and {b:?}");
                return Err(Reason::new(found).supported("equal dimensions where they belong together"));
            }
        }
    }
    Ok(extents)
}

impl Contraction {
    /// The contraction whose operands and result have these labels; the result's are all different and among the operands'.
    pub(super) fn new([a, b, y]: [&[usize]; 3], shapes: [&[usize]; 2]) -> Result<Self, Reason> {
        let extents = extents([a, b], shapes)?;
        let shape: Shape = y.iter().filter_map(|label| extents.get(label).copied()).collect();
        elements(&shape)?;
        let (last, first) = y.split_last().map_or((None, y), |(last, first)| (Some(*last), first));
        let mut loops = first.to_vec();
        for &label in a.iter().chain(b) {
            if !loops.contains(&label) && last != Some(label) {
                loops.push(label);
            }
        }
        loops.extend(last);
        let along =
            |labels: &[usize], shape: &[usize]| loops.iter().map(|&l| stride(labels, shape, l)).collect();
        let stride = [along(a, shapes[0]), along(b, shapes[1]), along(y, &shape)];
        Ok(Self { shape, extent: loops.iter().map(|l| extents[l]).collect(), stride })
    }
    fn nest(&self) -> Result<Nest<3>, Reason> {
        strided::nest(&self.extent, self.stride.each_ref().map(Vec::as_slice), [0; 3])
    }
    /// The one output.
    pub(super) fn infer(self) -> Result<Vec<Fact>, Reason> {
        self.nest()?;
        check::output(DataType::DtFloat, self.shape)
    }
    /// The result.
    pub(super) fn eval(self, x: Inputs<'_>) -> Result<Vec<Tensor>, Reason> {
        let mut y = vec![0.0; elements(&self.shape)?];
        check::run(Contract { nest: &self.nest()?, a: x.f32(0)?, b: x.f32(1)?, y: &mut y });
        Ok(vec![Tensor::f32(self.shape, y)?])
    }
    /// Its kernel call.
    pub(super) fn lower(self, site: &mut Site<'_, '_>) -> Result<(), Reason> {
        let nest = self.nest()?;
        let (a, b, y) = (site.x_dense(0)?, site.x_dense(1)?, site.y_dense(0)?);
        let call = Call::bare("float::contract::Contract").by_ref("nest", &nest);
        site.call(call.read("a", a).read("b", b).write("y", y));
        Ok(())
    }
    /// Products of one run.
    pub(super) fn macs(&self) -> u64 {
        self.extent.iter().fold(1, |macs: u64, &n| macs.saturating_mul(n as u64))
    }
}
