//! `--target-drop`: the metrics and the data of `eval`, for the first output.
use crate::eval::{Metric, Scored, Wanted};
use crate::run::{Binding, binding};
use bakelite::preprocess::Preprocess;
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::Graph;
use bakelite_codegen::quantize::{Score, Target};
use std::path::PathBuf;

/// Options of `quantize` on what may be lost.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Keep the fewest layers in fp32 with which the metric is worse by at most so many hundredths on labelled data
    #[arg(long, value_name = "POINTS", value_parser = points)]
    target_drop: Option<f64>,
    /// The labelled data of --target-drop, as of `bakelite eval`: labels.csv, a folder, label.npy
    #[arg(long, alias = "labels", value_name = "DATA", requires = "target_drop")]
    data: Option<PathBuf>,
    /// Feed an input the rows of an array for --target-drop, in place of pictures
    #[arg(long, value_name = "NAME=FILE.npy", num_args = 1.., value_parser = binding, requires = "target_drop")]
    feed: Vec<Binding>,
    /// Added to every label
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    classes_offset: i64,
    /// What --target-drop measures, of the first output
    #[arg(long, value_enum, default_value_t = Metric::Top1)]
    metric: Metric,
    /// The k of topk
    #[arg(long, value_name = "K", default_value = "5")]
    k: std::num::NonZeroUsize,
}

fn points(text: &str) -> Result<f64, String> {
    let points: f64 = text.parse().map_err(|_| "expected a number of percentage points".to_owned())?;
    if points.is_finite() && points >= 0.0 { Ok(points) } else { Err("expected zero or more".to_owned()) }
}

impl Args {
    /// The data, if there is a target.
    pub(super) fn open(
        &self,
        graph: &Graph,
        inputs: &[String],
        preprocess: &Preprocess,
    ) -> Result<Option<Scored>, Problems> {
        if self.target_drop.is_none() {
            return Ok(None);
        }
        let feed = if self.feed.is_empty() { vec![] } else { self.feeds(inputs)? };
        let wanted = Wanted {
            data: self.data.as_deref(),
            feed: &feed,
            metric: self.metric,
            classes_offset: self.classes_offset,
            limit: None,
            preprocess,
        };
        Scored::open(&wanted, self.k.get(), graph, inputs).map(Some)
    }
    /// One array for each input, in the inputs' order.
    fn feeds(&self, inputs: &[String]) -> Result<Vec<Binding>, Problems> {
        let of = |name: &String| self.feed.iter().find(|f| f.name == *name).cloned();
        let feed: Vec<Binding> = inputs.iter().filter_map(of).collect();
        if feed.len() == inputs.len() && self.feed.len() == inputs.len() {
            return Ok(feed);
        }
        let given: Vec<&str> = self.feed.iter().map(|f| f.name.as_str()).collect();
        let found = format!("--feed for {}", given.join(", "));
        Err(Problems::file(Reason::new(found).supported(format!("one for each of {}", inputs.join(", ")))))
    }
    /// What the quantizer is told.
    pub(super) fn allowed<'a>(&'a self, scored: &'a Scored, score: &'a Score<'a>) -> Target<'a> {
        Target {
            points: self.target_drop.unwrap_or(f64::INFINITY),
            samples: scored.samples(),
            metric: self.metric.name(),
            lower: self.metric.lower(),
            score,
        }
    }
}
