//! How much a quantized graph keeps: signal over noise at the last int8 results, on samples that nothing else was fitted to.
//!
//! ```text
//! SQNR = 10 log10(Σ y^2 / Σ (y - y8)^2)      in decibels; of several results the mean of their noise shares
//! ```
//!
//! Which these are says [`last`]; their names are the same in the fp32 graph and in the int8 one. Samples are few, so the
//! fp32 results are kept; the rest of a run is not.
use crate::calibrate::{Sample, Source, feeds, last, macs};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph};
use crate::interpret::run;
use crate::ops::Products;
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Samples that decisions take of any network, two thirds to fit to and one to judge by.
const FEWEST: usize = 48;
/// Samples that they take at most: more tell nothing new, and fp32 results of all that judge are kept.
const MOST_SAMPLES: usize = 600;
/// Multiply-accumulates up to which there may be more than the fewest: on 16 pictures, ResNet-8 is judged by chance.
const BUDGET: u64 = 10_000_000_000;
/// What no noise at all counts as, and the most that any ratio does.
const MOST: f64 = 200.0;

/// Some of the samples.
pub struct Slice<'a> {
    of: &'a dyn Source,
    numbers: Vec<usize>,
}

impl<'a> Slice<'a> {
    /// Samples to fit to and samples to judge by, spread evenly; disjoint, unless there are too few.
    pub fn split(graph: &Graph, inputs: &[Edge], of: &'a dyn Source) -> Result<[Self; 2], Problems> {
        let all = of.count();
        let one = if all > 0 { macs(graph, inputs, &of.get(0)?).values().sum() } else { 0u64 };
        let affordable = usize::try_from(BUDGET / one.max(1)).unwrap_or(MOST_SAMPLES);
        let count = all.min(affordable.clamp(FEWEST, MOST_SAMPLES));
        let (judge, fit): (Vec<_>, Vec<_>) = spread(all, count).enumerate().partition(|(i, _)| i % 3 == 1);
        let numbers = |v: Vec<(usize, usize)>| -> Vec<usize> { v.into_iter().map(|(_, n)| n).collect() };
        let (fit, judge) = (numbers(fit), numbers(judge));
        let judge = if judge.is_empty() { fit.clone() } else { judge };
        Ok([fit, judge].map(|numbers| Self { of, numbers }))
    }
    /// At most so many of them, spread evenly.
    pub fn few(&self, count: usize) -> Self {
        Self { of: self.of, numbers: spread(self.numbers.len(), count).map(|i| self.numbers[i]).collect() }
    }
}

/// At most `count` numbers below `all`: files are sorted, and the first of them may be all cats.
fn spread(all: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(all);
    (0..count).map(move |i| i * all / count)
}

impl Source for Slice<'_> {
    fn count(&self) -> usize {
        self.numbers.len()
    }
    fn get(&self, i: usize) -> Result<Sample, Problems> {
        let absent = || Problems::file(Reason::new(format!("there is no sample {i}")));
        self.of.get(*self.numbers.get(i).ok_or_else(absent)?)
    }
}

/// The fp32 results on some samples.
pub struct Judge<'a> {
    samples: Slice<'a>,
    inputs: Vec<String>,
    points: Vec<String>,
    want: Vec<Vec<Arc<Tensor>>>,
}

impl<'a> Judge<'a> {
    /// Runs the fp32 graph, of which `observed` may become int8. Results that are not f32 are not looked at.
    pub fn new(
        graph: &Graph,
        inputs: &[Edge],
        observed: &BTreeSet<Edge>,
        samples: Slice<'a>,
    ) -> Result<Self, Problems> {
        let points = last(graph, observed).into_iter().map(|e| graph.name(e)).collect();
        let inputs = inputs.iter().map(|&e| graph.name(e)).collect();
        let mut judge = Self { samples, inputs, points, want: vec![] };
        judge.want = judge.results(graph)?;
        let float = |i: &usize| judge.want.iter().all(|y| y[*i].as_f32().is_ok());
        let floats: Vec<usize> = (0..judge.points.len()).filter(float).collect();
        judge.points = floats.iter().map(|&i| judge.points[i].clone()).collect();
        for y in &mut judge.want {
            *y = floats.iter().map(|&i| Arc::clone(&y[i])).collect();
        }
        Ok(judge)
    }
    /// The same on at most so many of its samples.
    pub fn few(&self, count: usize) -> Self {
        let (inputs, points) = (self.inputs.clone(), self.points.clone());
        let want = spread(self.want.len(), count).map(|i| self.want[i].clone()).collect();
        Self { samples: self.samples.few(count), inputs, points, want }
    }
    /// What it judges by.
    pub fn samples(&self) -> &Slice<'a> {
        &self.samples
    }
    /// Whether there is anything to judge by.
    pub fn can(&self) -> bool {
        !self.points.is_empty() && self.samples.count() > 0
    }
    fn results(&self, graph: &Graph) -> Result<Vec<Vec<Arc<Tensor>>>, Problems> {
        let unmade = || Problems::file(Reason::new("a result or input lost its name on the way to int8"));
        let edges = |of: Vec<Option<Edge>>| of.into_iter().collect::<Option<Vec<Edge>>>().ok_or_else(unmade);
        let points = edges(self.points.iter().map(|n| graph.edge(n)).collect())?;
        let inputs = edges(self.inputs.iter().map(|n| graph.edge(n)).collect())?;
        let one = |i| run(graph, &feeds(&inputs, &self.samples.get(i)?)?, &points, Products::Fast);
        (0..self.samples.count()).into_par_iter().map(one).collect()
    }
    /// The SQNR of a graph made from the fp32 one, in decibels.
    pub fn sqnr(&self, graph: &Graph) -> Result<f64, Problems> {
        let found = self.results(graph)?;
        let mut shares = 0.0;
        for point in 0..self.points.len() {
            let (mut signal, mut noise) = (0.0, 0.0);
            for (want, found) in self.want.iter().zip(&found) {
                let (Ok(want), Ok(found)) = (want[point].as_f32(), found[point].as_f32()) else { continue };
                signal += want.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
                noise += want.iter().zip(found).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
            }
            shares += if noise > 0.0 { noise / signal.max(f64::MIN_POSITIVE) } else { 0.0 };
        }
        Ok((-10.0 * (shares / self.points.len().max(1) as f64).log10()).min(MOST))
    }
}
