//! One number of an evaluation, for outputs that are computed elsewhere.
use super::data::{self, Data, Wanted};
use super::metrics::{self, Metric};
use super::predict::Prediction;
use bakelite_codegen::calibrate::Source;
use bakelite_codegen::error::Problems;
use bakelite_codegen::graph::Graph;
use bakelite_codegen::quantize::Outputs;

/// Data with the metric on it.
pub(crate) struct Scored {
    data: Data,
    metric: Metric,
    k: usize,
}

impl Scored {
    pub(crate) fn open(
        wanted: &Wanted<'_>,
        k: usize,
        graph: &Graph,
        inputs: &[String],
    ) -> Result<Self, Problems> {
        Ok(Self { data: data::open(wanted, graph, inputs)?, metric: wanted.metric, k })
    }
    /// The samples.
    pub(crate) fn samples(&self) -> &dyn Source {
        &self.data
    }
    /// The metric's number of some outputs; `first` are what it compares with where nothing else is known.
    pub(crate) fn score(&self, first: &Outputs, outputs: &Outputs) -> Result<f64, Problems> {
        let elements = outputs.first().map_or(0, Vec::len);
        self.data.truth.check(self.metric, elements, &self.data.names)?;
        let both = [first, outputs].map(|outputs| Prediction { outputs: outputs.clone(), speed: 0.0 });
        let columns = metrics::columns(self.metric, self.k, &both, &self.data)?;
        let statistic = columns.first().and_then(|column| column.models.last());
        Ok(statistic.map_or(f64::NAN, |s| s.value(self.data.count())))
    }
}
