//! What is measured: statistics of predictions that can be taken over any draw of the samples.
use super::data::Data;
use super::interval::{self, Difference};
use super::labels::Truth;
use super::predict::Prediction;
use bakelite_codegen::error::{Problems, Reason};

pub(super) mod auc;
pub(super) mod average_precision;
pub(super) mod distance;
pub(super) mod rank;

/// The metric of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Metric {
    Top1,
    Topk,
    Auc,
    Map,
    Mse,
    Cosine,
}

impl Metric {
    /// Whether a lower number is the better one.
    pub(crate) fn lower(self) -> bool {
        match self {
            Self::Mse => true,
            Self::Top1 | Self::Topk | Self::Auc | Self::Map | Self::Cosine => false,
        }
    }
    /// The word of the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Top1 => "top1",
            Self::Topk => "topk",
            Self::Auc => "auc",
            Self::Map => "map",
            Self::Mse => "mse",
            Self::Cosine => "cosine",
        }
    }
    /// The data that it takes.
    pub(super) fn data(self) -> &'static str {
        match self {
            Self::Top1 | Self::Topk => "--data labels.csv, or --feed with --data label.npy",
            Self::Auc => "labels 0 and 1: --data labels.csv, or --feed with --data label.npy",
            Self::Map => "--data FOLDER with images/ and labels/",
            Self::Mse | Self::Cosine => "pictures, or --feed, with or without --data label.npy",
        }
    }
}

/// A number of a model.
pub(super) enum Statistic {
    /// Share of samples that were right.
    Share(Vec<bool>),
    /// Mean over the samples.
    Mean(Vec<f64>),
    Auc(auc::Ranked),
    Precision(average_precision::Matched),
}

impl Statistic {
    /// Over the samples, each as often as its weight says.
    pub(super) fn over(&self, weights: &[u32]) -> f64 {
        match self {
            Self::Share(right) => mean(right.iter().map(|&r| f64::from(u8::from(r))), weights),
            Self::Mean(values) => mean(values.iter().copied(), weights),
            Self::Auc(ranked) => ranked.area(weights),
            Self::Precision(matched) => matched.average_precision(weights),
        }
    }
    /// Over all samples.
    pub(super) fn value(&self, samples: usize) -> f64 {
        self.over(&vec![1; samples])
    }
    /// Another model's number minus this one's.
    pub(super) fn difference(&self, other: &Self, samples: usize) -> Difference {
        match (self, other) {
            (Self::Share(first), Self::Share(second)) => interval::newcombe(first, second),
            _ => interval::bootstrap(samples, &|w| self.over(w), &|w| other.over(w)),
        }
    }
}

fn mean(values: impl Iterator<Item = f64>, weights: &[u32]) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (value, &weight) in values.zip(weights) {
        sum += value * f64::from(weight);
        count += f64::from(weight);
    }
    sum / count
}

/// How a number is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A share, as percent.
    Percent,
    /// As it is.
    Plain,
}

/// One number of every model.
pub(super) struct Column {
    /// Its key in JSON.
    pub(super) name: String,
    pub(super) unit: Unit,
    /// By model.
    pub(super) models: Vec<Statistic>,
}

/// The numbers of a metric.
pub(super) fn columns(
    metric: Metric,
    k: usize,
    predictions: &[Prediction],
    data: &Data,
) -> Result<Vec<Column>, Problems> {
    let column = |name: &str, unit, of: &dyn Fn(&Prediction) -> Statistic| Column {
        name: name.to_owned(),
        unit,
        models: predictions.iter().map(of).collect(),
    };
    let within = |k: usize, classes: &[i64]| {
        let name = format!("top{k}");
        column(&name, Unit::Percent, &|p| Statistic::Share(rank::within(k, &p.outputs, classes)))
    };
    let first = predictions.first().map_or(&[][..], |p| &p.outputs);
    Ok(match (metric, &data.truth) {
        (Metric::Top1, Truth::Classes(classes)) => vec![within(1, classes), within(5, classes)],
        (Metric::Topk, Truth::Classes(classes)) => vec![within(k, classes)],
        (Metric::Auc, Truth::Classes(classes)) => {
            let scores = |p: &Prediction| auc::scores(&p.outputs);
            if first.iter().any(|y| !matches!(y.len(), 1 | 2)) {
                let found = format!("AUC of an output of {} elements", first.first().map_or(0, Vec::len));
                return Err(Problems::file(Reason::new(found).supported("one score, or two")));
            }
            vec![
                column("auc", Unit::Percent, &|p| Statistic::Auc(auc::Ranked::new(&scores(p), classes))),
                column("accuracy", Unit::Percent, &|p| Statistic::Share(auc::right(&p.outputs, classes))),
            ]
        }
        (Metric::Map, Truth::Objects(objects)) => {
            average_precision::check(first)?;
            let thresholds = |thresholds: &'static [f64]| {
                move |p: &Prediction| {
                    Statistic::Precision(average_precision::Matched::new(&p.outputs, objects, thresholds))
                }
            };
            vec![
                column("ap", Unit::Percent, &thresholds(&average_precision::THRESHOLDS)),
                column("ap50", Unit::Percent, &thresholds(&average_precision::THRESHOLDS[..1])),
            ]
        }
        (Metric::Mse | Metric::Cosine, truth) => {
            let truth = if let Truth::Values(values) = truth { values } else { first };
            let of: fn(&[f32], &[f32]) -> f64 =
                if metric == Metric::Mse { distance::squared_error } else { distance::cosine };
            let each = |p: &Prediction| p.outputs.iter().zip(truth).map(|(y, t)| of(y, t)).collect();
            vec![column(metric.name(), Unit::Plain, &|p| Statistic::Mean(each(p)))]
        }
        (metric, _) => {
            let found = format!("--metric {} with data of another kind", metric.name());
            return Err(Problems::file(Reason::new(found).supported(metric.data())));
        }
    })
}

/// By model, the share of samples on which it decides as the first; where the metric is about decisions.
pub(super) fn agreement(metric: Metric, predictions: &[Prediction]) -> Option<Vec<f64>> {
    let decisions = |p: &Prediction| -> Vec<usize> {
        match metric {
            Metric::Auc => p.outputs.iter().map(|y| usize::from(auc::positive(y))).collect(),
            _ => p.outputs.iter().map(|y| rank::greatest(y)).collect(),
        }
    };
    if !matches!(metric, Metric::Top1 | Metric::Topk | Metric::Auc) {
        return None;
    }
    let first = predictions.first().map(decisions)?;
    let share = |p: &Prediction| {
        let same = decisions(p).iter().zip(&first).filter(|(a, b)| a == b).count();
        same as f64 / first.len().max(1) as f64
    };
    Some(predictions.iter().map(share).collect())
}
