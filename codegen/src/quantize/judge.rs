//! How much a quantized graph keeps: signal over noise at the last int8 results, on samples that nothing else was fitted to.
//!
//! ```text
//! SQNR = 10 log10(Σ y^2 / Σ (y - y8)^2)      in decibels; of several results the mean of their noise shares
//! ```
//!
//! Which these are says [`last`]; their names are the same in the fp32 graph and in the int8 one. Samples are few, so the
//! fp32 results are kept; the rest of a run is not.
use crate::calibrate::{Sample, Source, feeds, last};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph};
use crate::interpret::run;
use crate::ops::Products;
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Samples that decisions are fitted to, at most.
const FIT: usize = 32;
/// Samples that they are judged by.
const JUDGE: usize = 16;
/// What no noise at all counts as, and the most that any ratio does.
const MOST: f64 = 200.0;

/// Some of the samples.
pub struct Slice<'a> {
    of: &'a dyn Source,
    numbers: Vec<usize>,
}

impl<'a> Slice<'a> {
    /// Samples to fit to and samples to judge by, spread evenly; disjoint, unless there are too few.
    pub fn split(of: &'a dyn Source) -> [Self; 2] {
        let all = of.count();
        let count = all.min(FIT + JUDGE);
        let spread = (0..count).map(|i| i * all / count.max(1));
        let (judge, fit): (Vec<_>, Vec<_>) = spread.enumerate().partition(|(i, _)| i % 3 == 1);
        let numbers = |v: Vec<(usize, usize)>| -> Vec<usize> { v.into_iter().map(|(_, n)| n).collect() };
        let (fit, judge) = (numbers(fit), numbers(judge));
        let judge = if judge.is_empty() { fit.clone() } else { judge };
        [fit, judge].map(|numbers| Self { of, numbers })
    }
    /// The first few of them.
    pub fn first(&self, count: usize) -> Self {
        Self { of: self.of, numbers: self.numbers.iter().take(count).copied().collect() }
    }
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
    /// The same on the first few of its samples.
    pub fn first(&self, count: usize) -> Self {
        let (inputs, points) = (self.inputs.clone(), self.points.clone());
        let want = self.want.iter().take(count).cloned().collect();
        Self { samples: self.samples.first(count), inputs, points, want }
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
