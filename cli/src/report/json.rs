//! The report's numbers as JSON: one object for the whole, one in `places` for each operation, in the graph's order.
//!
//! Ratios end in `_db` and are decibels; what is not known is null or absent. A histogram has equal bins from `low` to
//! `high`, the values that were seen.
use bakelite_codegen::calibrate::{Candidate, Statistics};
use bakelite_codegen::quantize::report::Form;
use bakelite_codegen::quantize::{Place, Report};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Bins of a histogram as it is drawn.
const BINS: usize = 96;

/// What the report does not know by itself.
pub(crate) struct About {
    /// The fp32 file.
    pub(crate) model: String,
    /// The int8 file.
    pub(crate) graph: String,
    /// Calibration samples.
    pub(crate) samples: usize,
    /// How ranges were chosen.
    pub(crate) method: String,
}

/// The whole report.
pub(crate) fn json(report: &Report, about: &About) -> Value {
    let calibration: HashMap<&str, &Statistics> =
        report.calibration.iter().map(|s| (s.name.as_str(), s)).collect();
    let places: Vec<Value> =
        report.places.iter().map(|p| place(report, p, calibration.get(p.node.as_str()).copied())).collect();
    let [int8_macs, macs] = report.macs();
    let errors = report.errors.as_ref();
    json!({
        "model": about.model,
        "graph": about.graph,
        "notes": notes(report),
        "summary": {
            "places": report.places.len(),
            "int8": report.int8(),
            "macs": macs,
            "int8_macs": int8_macs,
            "conversions": report.conversions,
            "parameters": report.places.iter().map(|p| p.parameters).sum::<u64>(),
            "output_sqnr_db": errors.and_then(|e| e.output),
            "measured": errors.map_or(0, |e| e.samples),
            "samples": about.samples,
            "method": about.method,
        },
        "places": places,
    })
}

/// What was decided by measurement, a sentence each.
fn notes(report: &Report) -> Vec<String> {
    let choices = report.choices.iter().map(ToString::to_string);
    choices.chain(report.target.iter().map(ToString::to_string)).collect()
}

fn place(report: &Report, place: &Place, seen: Option<&Statistics>) -> Value {
    let errors = report.errors.as_ref();
    let alone = report.sensitivity.iter().find(|s| s.node == place.node);
    json!({
        "node": place.node,
        "ops": place.ops,
        "form": match place.form {
            Form::Int8 => "int8",
            Form::Chain => "chain",
            Form::Float => "float",
        },
        "inputs": place.inputs,
        "shape": place.shape,
        "result": place.result,
        "range": place.range,
        "macs": place.macs,
        "parameters": place.parameters,
        "traffic": place.traffic,
        "reason": place.reason,
        "weights_sqnr_db": errors.and_then(|e| e.weights.get(&place.node)),
        "cumulative_sqnr_db": errors.and_then(|e| e.cumulative.get(&place.node)),
        "sensitivity_db": alone.map(|s| s.sqnr),
        "activation": place.range.and(seen).and_then(activation),
    })
}

fn activation(seen: &Statistics) -> Option<Value> {
    let chosen = seen.choice()?;
    Some(json!({
        "method": seen.chosen.to_string(),
        "seen": [seen.seen.min, seen.seen.max],
        "threshold": chosen.threshold,
        "clipped": chosen.clipped,
        "sqnr_db": decibels(chosen.error),
        "candidates": seen.candidates.iter().map(candidate).collect::<Vec<_>>(),
        "histogram": histogram(seen),
    }))
}

fn candidate(c: &Candidate) -> Value {
    json!({
        "method": c.method.to_string(),
        "threshold": c.threshold,
        "clipped": c.clipped,
        "sqnr_db": decibels(c.error),
        "downstream_db": c.downstream.and_then(decibels),
    })
}

/// A share of noise in decibels; none where there is no noise.
fn decibels(share: f64) -> Option<f64> {
    (share > 0.0).then(|| -10.0 * share.log10())
}

/// Equal bins over what was seen; a bin of the statistics counts where its middle lies.
fn histogram(seen: &Statistics) -> Value {
    let (low, high) = (f64::from(seen.seen.min.min(0.0)), f64::from(seen.seen.max.max(0.0)));
    let width = (high - low).max(f64::MIN_POSITIVE) / BINS as f64;
    let mut counts = vec![0u64; BINS];
    let mut count = |value: f64, n: u64| counts[(((value - low) / width) as usize).min(BINS - 1)] += n;
    count(0.0, seen.histogram.zeros());
    for bin in seen.histogram.bins(seen.seen) {
        let middle = 0.5 * (bin.low + bin.high);
        count(if bin.negative { -middle } else { middle }, bin.count);
    }
    json!({ "low": low, "high": high, "counts": counts })
}
