//! How much each layer costs: SQNR at the last results when it alone is int8 and all others stay fp32. The lower, the worse.
//!
//! Cost: a run of the network for each layer and sample, so a few samples must do.
use crate::calibrate::Progress;
use crate::error::Problems;
use crate::quantize::Subject;
use crate::quantize::judge::Judge;
use crate::quantize::keep::Kept;
use crate::quantize::layer::Layer;

/// Samples that it is measured on: ranks need fewer than decisions.
const SAMPLES: usize = 8;

/// What one layer costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensitivity {
    /// The layer's last node.
    pub node: String,
    /// SQNR at the last results with this layer alone in int8, in decibels.
    pub sqnr: f64,
}

/// The sensitivity of every layer, in their order; of those that stay fp32 anyway, none.
pub(super) fn sensitivity(
    subject: &Subject<'_>,
    layers: &[Layer],
    kept: &Kept,
    judge: &Judge<'_>,
    progress: Progress<'_>,
) -> Result<Vec<(usize, Sensitivity)>, Problems> {
    let judge = judge.few(SAMPLES);
    let int8 = |&i: &usize| !layers[i].nodes().any(|id| kept.contains_key(&id));
    let int8: Vec<usize> = (0..layers.len()).filter(int8).collect();
    let mut found = vec![];
    for (done, &i) in int8.iter().enumerate() {
        progress("measuring layers", done, int8.len());
        let mut all = kept.clone();
        let others = layers.iter().enumerate().filter(|(j, _)| *j != i);
        all.extend(
            others.flat_map(|(_, l)| l.nodes()).map(|id| (id, "another layer is measured".to_owned())),
        );
        let (_, quantized) = subject.quantize(layers.to_vec(), &all)?;
        let node = subject.graph.node(layers[i].end).name.clone();
        found.push((i, Sensitivity { node, sqnr: judge.sqnr(&quantized)? }));
    }
    progress("measuring layers", int8.len(), int8.len());
    Ok(found)
}
