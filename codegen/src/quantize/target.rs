//! `--target-drop`: the fewest layers stay fp32 with which int8 loses no more than the caller allows, by a metric that the
//! caller brings.
//!
//! Layers are ranked by sensitivity, the worst first, and the first `k` kept; the least `k` that holds is found by doubling
//! and halving, which takes it that more fp32 is not worse. The `k` that is taken was measured, and so was `k - 1`.
//! With all layers kept the network is the fp32 one, so there always is one.
use crate::calibrate::{Progress, Sample, Source, feeds};
use crate::error::Problems;
use crate::graph::{Edge, Graph};
use crate::interpret::run;
use crate::ops::Products;
use crate::quantize::Subject;
use crate::quantize::judge::Judge;
use crate::quantize::keep::Kept;
use crate::quantize::layer::Layer;
use crate::quantize::sensitivity::{Sensitivity, sensitivity};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fmt;

/// The first output on every sample.
pub type Outputs = Vec<Vec<f32>>;
/// The number of some outputs, given those in fp32 too.
pub type Score<'a> = dyn Fn(&Outputs, &Outputs) -> Result<f64, Problems> + 'a;

/// What the caller allows, on data with labels.
pub struct Target<'a> {
    /// The score may be worse than in fp32 by so many hundredths.
    pub points: f64,
    /// The samples.
    pub samples: &'a dyn Source,
    /// The name of the score.
    pub metric: &'a str,
    /// Whether a lower score is the better one.
    pub lower: bool,
    /// The score.
    pub score: &'a Score<'a>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// What was asked for.
    pub points: f64,
    /// The name of the score.
    pub metric: String,
    /// Samples that it was measured on.
    pub samples: usize,
    /// In fp32.
    pub fp32: f64,
    /// With every layer in int8 that can be.
    pub int8: f64,
    /// With what is kept.
    pub mixed: f64,
    /// Last nodes of the layers that are kept for it, the worst first.
    pub kept: Vec<String>,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [fp32, int8, mixed] = [self.fp32, self.int8, self.mixed].map(|score| 100.0 * score);
        write!(f, "target {} points: {} {fp32:.2} in fp32, {int8:.2} in int8", self.points, self.metric)?;
        match &self.kept[..] {
            [] => write!(f, " ({} samples); no layer is kept for it", self.samples),
            kept => {
                let (count, all) = (kept.len(), self.samples);
                let layers = if count == 1 { "layer" } else { "layers" };
                write!(f, ", {mixed:.2} with {count} {layers} in fp32 ({all} samples)")
            }
        }
    }
}

impl Target<'_> {
    /// Keeps what must be kept. The sensitivities come along where they were needed.
    pub(super) fn reach(
        &self,
        subject: &Subject<'_>,
        layers: &[Layer],
        kept: Kept,
        judge: &Judge<'_>,
        progress: Progress<'_>,
    ) -> Result<(Kept, Reached, Vec<Sensitivity>), Problems> {
        let outputs = self.outputs(subject, subject.graph, progress)?;
        let fp32 = (self.score)(&outputs, &outputs)?;
        let (ranked, scores) = (vec![], BTreeMap::new());
        let mut search = Search { target: self, subject, layers, kept, outputs, ranked, scores };
        let int8 = search.score(0, progress)?;
        let (mut count, mut costs) = (0, vec![]);
        if !self.holds(fp32, int8) {
            costs = sensitivity(subject, layers, &search.kept, judge, progress)?;
            search.ranked = (0..costs.len()).collect();
            search.ranked.sort_by(|&a, &b| costs[a].1.sqnr.total_cmp(&costs[b].1.sqnr).then(a.cmp(&b)));
            search.ranked.iter_mut().for_each(|rank| *rank = costs[*rank].0);
            count = search.least(fp32, progress)?;
        }
        let mixed = search.score(count, progress)?;
        let name = |&i: &usize| subject.graph.node(layers[i].end).name.clone();
        let names = search.ranked.iter().take(count).map(name).collect();
        let (points, samples, metric) = (self.points, self.samples.count(), self.metric.to_owned());
        let reached = Reached { points, metric, samples, fp32, int8, mixed, kept: names };
        Ok((search.kept(count), reached, costs.into_iter().map(|(_, cost)| cost).collect()))
    }
    fn holds(&self, fp32: f64, int8: f64) -> bool {
        let drop = if self.lower { int8 - fp32 } else { fp32 - int8 };
        // A hair more, so that a drop of exactly so many points holds.
        drop * 100.0 <= self.points + 1e-9
    }
    /// The first output of a graph made from the subject's.
    fn outputs(
        &self,
        subject: &Subject<'_>,
        graph: &Graph,
        progress: Progress<'_>,
    ) -> Result<Outputs, Problems> {
        const WHAT: &str = "measuring the target";
        let inputs: Vec<Edge> =
            subject.inputs.iter().filter_map(|&e| graph.edge(&subject.graph.name(e))).collect();
        let numbers: Vec<usize> = (0..self.samples.count()).collect();
        let mut outputs = vec![];
        for batch in numbers.chunks(4 * rayon::current_num_threads()) {
            progress(WHAT, batch[0], numbers.len());
            let one = |&i: &usize| output(graph, &inputs, &self.samples.get(i)?);
            outputs.extend(batch.par_iter().map(one).collect::<Result<Outputs, _>>()?);
        }
        progress(WHAT, numbers.len(), numbers.len());
        Ok(outputs)
    }
}

fn output(graph: &Graph, inputs: &[Edge], sample: &Sample) -> Result<Vec<f32>, Problems> {
    let Some(&output) = graph.outputs.first() else { return Ok(vec![]) };
    let y = run(graph, &feeds(inputs, sample)?, &[output], Products::Fast)?;
    let node = graph.node(output.node);
    let y = y[0].as_f32().map_err(|reason| Problems::at(&node.name, node.op.name(), reason))?;
    Ok(y.to_vec())
}

/// How many of the worst layers must stay fp32.
struct Search<'a> {
    target: &'a Target<'a>,
    subject: &'a Subject<'a>,
    layers: &'a [Layer],
    /// What stays fp32 anyway.
    kept: Kept,
    /// In fp32.
    outputs: Outputs,
    /// The worst first.
    ranked: Vec<usize>,
    /// What was measured.
    scores: BTreeMap<usize, f64>,
}

impl Search<'_> {
    /// What stays fp32 with the `count` worst.
    fn kept(&self, count: usize) -> Kept {
        let mut all = self.kept.clone();
        let worst = self.ranked.iter().take(count).flat_map(|&i| self.layers[i].nodes());
        all.extend(worst.map(|id| (id, "kept: without it the target is not reached".to_owned())));
        all
    }
    fn score(&mut self, count: usize, progress: Progress<'_>) -> Result<f64, Problems> {
        if let Some(&known) = self.scores.get(&count) {
            return Ok(known);
        }
        let (_, quantized) = self.subject.quantize(self.layers.to_vec(), &self.kept(count))?;
        let outputs = self.target.outputs(self.subject, &quantized, progress)?;
        let score = (self.target.score)(&self.outputs, &outputs)?;
        self.scores.insert(count, score);
        Ok(score)
    }
    /// The least count that holds.
    fn least(&mut self, fp32: f64, progress: Progress<'_>) -> Result<usize, Problems> {
        let all = self.ranked.len();
        let (mut fails, mut holds) = (0, 1.min(all));
        while holds < all && !self.target.holds(fp32, self.score(holds, progress)?) {
            (fails, holds) = (holds, (2 * holds).min(all));
        }
        while holds - fails > 1 {
            let middle = fails + (holds - fails) / 2;
            match self.target.holds(fp32, self.score(middle, progress)?) {
                true => holds = middle,
                false => fails = middle,
            }
        }
        Ok(holds)
    }
}
