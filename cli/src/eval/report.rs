//! What an evaluation found, for people and for programs.
use super::interval::Difference;
use super::metrics::{Column, Metric, Unit};
use super::models::Model;
use super::predict::Prediction;
use serde_json::{Map, Value, json};

/// Everything that is told.
pub(super) struct Report {
    samples: usize,
    rows: Vec<Row>,
    /// Name and unit of each number.
    columns: Vec<(String, Unit)>,
}

/// One model.
struct Row {
    file: String,
    engine: &'static str,
    values: Vec<f64>,
    speed: f64,
    /// From the first model; none for the first itself.
    differences: Vec<Difference>,
    agreement: Option<f64>,
}

impl Report {
    pub(super) fn new(
        models: &[Model],
        predictions: &[Prediction],
        columns: &[Column],
        agreement: &Option<Vec<f64>>,
    ) -> Self {
        let samples = predictions.first().map_or(0, |p| p.outputs.len());
        let row = |(i, (model, prediction)): (usize, (&Model, &Prediction))| {
            let statistics = || columns.iter().filter_map(|c| Some((c.models.first()?, c.models.get(i)?)));
            let compared = statistics().filter(|_| i > 0);
            Row {
                file: model.file.display().to_string(),
                engine: model.engine.name(),
                values: statistics().map(|(_, s)| s.value(samples)).collect(),
                speed: prediction.speed,
                differences: compared.map(|(first, s)| first.difference(s, samples)).collect(),
                agreement: agreement.as_ref().filter(|_| i > 0).and_then(|a| a.get(i).copied()),
            }
        };
        let rows = models.iter().zip(predictions).enumerate().map(row).collect();
        let columns = columns.iter().map(|c| (c.name.clone(), c.unit)).collect();
        Self { samples, rows, columns }
    }
    /// A table, with a line below each further model.
    pub(super) fn text(&self) -> String {
        let names: String = self.columns.iter().map(|(name, _)| format!("{name:>12}")).collect();
        let width = self.rows.iter().map(|r| r.file.chars().count()).max().unwrap_or(0).max(10);
        let mut text = format!("{} samples, {} threads\n", self.samples, rayon::current_num_threads());
        text += &format!("{:width$}{names}{:>12}  engine\n", "", "samples/s");
        for row in &self.rows {
            let values = row.values.iter().zip(&self.columns);
            let values: String = values.map(|(v, (_, unit))| format!("{:>12}", shown(*v, *unit))).collect();
            text += &format!("{:width$}{values}{:>12.1}  {}\n", row.file, row.speed, row.engine);
            for (difference, (name, unit)) in row.differences.iter().zip(&self.columns) {
                text += &format!("  {name} {}\n", described(difference, *unit));
            }
            if let Some(agreement) = row.agreement {
                text += &format!("  agreement {:.2} %\n", 100.0 * agreement);
            }
        }
        text
    }
    /// `{"metric", "models": [{"file", "engine", "samples", NUMBERS, "samples_per_second", ...}]}`.
    pub(super) fn json(&self, metric: Metric) -> Vec<u8> {
        let models: Vec<Value> = self.rows.iter().map(|row| self.model(row)).collect();
        let json = json!({ "metric": metric.name(), "models": models });
        format!("{json:#}\n").into_bytes()
    }
    fn model(&self, row: &Row) -> Value {
        let mut model = Map::new();
        model.insert("file".into(), json!(row.file));
        model.insert("engine".into(), json!(row.engine));
        model.insert("samples".into(), json!(self.samples));
        for ((name, _), value) in self.columns.iter().zip(&row.values) {
            model.insert(name.clone(), json!(value));
        }
        model.insert("samples_per_second".into(), json!(row.speed));
        if let Some(agreement) = row.agreement {
            model.insert("agreement".into(), json!(agreement));
        }
        let differences = row.differences.iter().zip(&self.columns).map(|(d, (name, _))| {
            (name.clone(), json!({ "value": d.value, "low": d.low, "high": d.high, "interval": d.method }))
        });
        let differences: Map<String, Value> = differences.collect();
        if !differences.is_empty() {
            model.insert("difference".into(), Value::Object(differences));
        }
        Value::Object(model)
    }
}

fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Percent => format!("{:.2} %", 100.0 * value),
        Unit::Plain => format!("{value:.6}"),
    }
}

/// `-0.31 points, 95 % interval -1.10 to 0.47 (Newcombe)`.
fn described(d: &Difference, unit: Unit) -> String {
    match unit {
        Unit::Percent => {
            let [value, low, high] = [d.value, d.low, d.high].map(|x| 100.0 * x);
            format!("{value:+.2} points, 95 % interval {low:+.2} to {high:+.2} ({})", d.method)
        }
        Unit::Plain => {
            format!("{:+.3e}, 95 % interval {:+.3e} to {:+.3e} ({})", d.value, d.low, d.high, d.method)
        }
    }
}
