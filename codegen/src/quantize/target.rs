//! `--target-drop`: the fewest layers stay fp32 with which int8 loses no more top-1 than the caller allows.
//!
//! Layers are ranked by sensitivity, the worst first, and the first `k` kept; the least `k` that holds is found by doubling
//! and halving, which takes it that more fp32 is not worse. The `k` that is taken was measured, and so was `k - 1`.
//! With all layers kept the network is the fp32 one, so there always is one.
use crate::calibrate::{Progress, Source, feeds};
use crate::error::{Problems, Reason};
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

/// What the caller allows, on data with labels.
pub struct Target<'a> {
    /// `(fp32 top-1 - int8 top-1) * 100` may be so much.
    pub points: f64,
    /// The samples.
    pub samples: &'a dyn Source,
    /// The index of the right class of each.
    pub labels: &'a [usize],
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// What was asked for.
    pub points: f64,
    /// Samples that it was measured on.
    pub samples: usize,
    /// Right answers in fp32.
    pub fp32: usize,
    /// Right answers with every layer in int8 that can be.
    pub int8: usize,
    /// Right answers with what is kept.
    pub mixed: usize,
    /// Last nodes of the layers that are kept for it, the worst first.
    pub kept: Vec<String>,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let top1 = |right: usize| 100.0 * right as f64 / self.samples.max(1) as f64;
        write!(
            f,
            "target {} points: top-1 {:.2} in fp32, {:.2} in int8",
            self.points,
            top1(self.fp32),
            top1(self.int8)
        )?;
        match &self.kept[..] {
            [] => write!(f, " ({} samples); no layer is kept for it", self.samples),
            kept => {
                let (count, all) = (kept.len(), self.samples);
                let layers = if count == 1 { "layer" } else { "layers" };
                write!(f, ", {:.2} with {count} {layers} in fp32 ({all} samples)", top1(self.mixed))
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
        let fp32 = self.right(subject, subject.graph, progress)?;
        let mut search =
            Search { target: self, subject, layers, kept, ranked: vec![], right: BTreeMap::new() };
        let int8 = search.right(0, progress)?;
        let (mut count, mut costs) = (0, vec![]);
        if !self.holds(fp32, int8) {
            costs = sensitivity(subject, layers, &search.kept, judge, progress)?;
            search.ranked = (0..costs.len()).collect();
            search.ranked.sort_by(|&a, &b| costs[a].1.sqnr.total_cmp(&costs[b].1.sqnr).then(a.cmp(&b)));
            search.ranked.iter_mut().for_each(|rank| *rank = costs[*rank].0);
            count = search.least(fp32, progress)?;
        }
        let mixed = search.right(count, progress)?;
        let name = |&i: &usize| subject.graph.node(layers[i].end).name.clone();
        let names = search.ranked.iter().take(count).map(name).collect();
        let (points, samples) = (self.points, self.labels.len());
        let reached = Reached { points, samples, fp32, int8, mixed, kept: names };
        Ok((search.kept(count), reached, costs.into_iter().map(|(_, cost)| cost).collect()))
    }
    fn holds(&self, fp32: usize, int8: usize) -> bool {
        let drop = (fp32 as f64 - int8 as f64) / self.labels.len().max(1) as f64;
        // A hair more, so that a drop of exactly so many points holds.
        drop * 100.0 <= self.points + 1e-9
    }
    /// How many samples the first output of a graph made from the subject's classifies rightly.
    fn right(&self, subject: &Subject<'_>, graph: &Graph, progress: Progress<'_>) -> Result<usize, Problems> {
        const WHAT: &str = "counting right answers";
        let inputs: Vec<Edge> =
            subject.inputs.iter().filter_map(|&e| graph.edge(&subject.graph.name(e))).collect();
        let numbers: Vec<usize> = (0..self.labels.len()).collect();
        let mut right = 0;
        for batch in numbers.chunks(4 * rayon::current_num_threads()) {
            progress(WHAT, batch[0], numbers.len());
            let one = |&i: &usize| self.is_right(graph, &inputs, i);
            let each: Vec<bool> = batch.par_iter().map(one).collect::<Result<_, _>>()?;
            right += each.into_iter().filter(|&right| right).count();
        }
        progress(WHAT, numbers.len(), numbers.len());
        Ok(right)
    }
    /// Of equals the first class counts.
    fn is_right(&self, graph: &Graph, inputs: &[Edge], i: usize) -> Result<bool, Problems> {
        let Some(&output) = graph.outputs.first() else { return Ok(false) };
        let y = run(graph, &feeds(inputs, &self.samples.get(i)?)?, &[output], Products::Fast)?;
        let node = graph.node(output.node);
        let refused = |reason: Reason| Problems::at(&node.name, node.op.name(), reason);
        let scores = y[0].as_f32().map_err(refused)?;
        if self.labels[i] >= scores.len() {
            let found = format!("class {} for an output of {} scores", self.labels[i], scores.len());
            let help =
                "see --labels and --classes-offset, and that the first output is the one with the scores";
            return Err(refused(Reason::new(found).help(help)));
        }
        let best = (1..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best });
        Ok(best == self.labels[i])
    }
}

/// How many of the worst layers must stay fp32.
struct Search<'a> {
    target: &'a Target<'a>,
    subject: &'a Subject<'a>,
    layers: &'a [Layer],
    /// What stays fp32 anyway.
    kept: Kept,
    /// The worst first.
    ranked: Vec<usize>,
    /// What was counted.
    right: BTreeMap<usize, usize>,
}

impl Search<'_> {
    /// What stays fp32 with the `count` worst.
    fn kept(&self, count: usize) -> Kept {
        let mut all = self.kept.clone();
        let worst = self.ranked.iter().take(count).flat_map(|&i| self.layers[i].nodes());
        all.extend(worst.map(|id| (id, "kept: without it the target is not reached".to_owned())));
        all
    }
    fn right(&mut self, count: usize, progress: Progress<'_>) -> Result<usize, Problems> {
        if let Some(&known) = self.right.get(&count) {
            return Ok(known);
        }
        let (_, quantized) = self.subject.quantize(self.layers.to_vec(), &self.kept(count))?;
        let right = self.target.right(self.subject, &quantized, progress)?;
        self.right.insert(count, right);
        Ok(right)
    }
    /// The least count that holds.
    fn least(&mut self, fp32: usize, progress: Progress<'_>) -> Result<usize, Problems> {
        let all = self.ranked.len();
        let (mut fails, mut holds) = (0, 1.min(all));
        while holds < all && !self.target.holds(fp32, self.right(holds, progress)?) {
            (fails, holds) = (holds, (2 * holds).min(all));
        }
        while holds - fails > 1 {
            let middle = fails + (holds - fails) / 2;
            match self.target.holds(fp32, self.right(middle, progress)?) {
                true => holds = middle,
                false => fails = middle,
            }
        }
        Ok(holds)
    }
}
