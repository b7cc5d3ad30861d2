//! Which ranges activations get: what the command line says of it, and the file they are kept in.
use crate::files;
use bakelite_codegen::calibrate::{self, Method, ranges};
use bakelite_codegen::error::Problems;
use bakelite_codegen::quantize::Report;
use std::path::PathBuf;

/// Options of `quantize` on ranges.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How the range of an activation follows from what was seen: minmax, moving-average, percentile, kl, mse, or auto,
    /// which tries these for each tensor and takes what does the least harm to what the network computes
    #[arg(long, default_value = "auto")]
    method: Method,
    /// The share of values that --method percentile keeps, in percent
    #[arg(long, value_name = "P", default_value = "99.99", value_parser = percentile)]
    percentile: f64,
    /// Write the chosen ranges to a file, one line a tensor
    #[arg(long, value_name = "FILE", conflicts_with = "ranges")]
    save_ranges: Option<PathBuf>,
    /// Use the ranges of such a file, as it is or edited, in place of measuring; --calibration may then be left out
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "percentile"])]
    ranges: Option<PathBuf>,
}

fn percentile(text: &str) -> Result<f64, String> {
    let inside = |p: &f64| *p > 50.0 && *p <= 100.0;
    text.parse().ok().filter(inside).ok_or_else(|| "expected a number above 50, up to 100".to_owned())
}

impl Args {
    /// What the quantizer is told.
    pub(crate) fn options(&self) -> Result<calibrate::Options, Problems> {
        let saved = self.ranges.as_ref().map(|path| {
            let text = String::from_utf8(files::read(path)?);
            let text = text.map_err(|_| files::problem(path, "this is not UTF-8 text"))?;
            ranges::parse(&path.display().to_string(), &text)
        });
        Ok(calibrate::Options {
            method: self.method,
            percentile: self.percentile,
            ranges: saved.transpose()?,
        })
    }
    /// Where the ranges are from, if not from samples.
    pub(crate) fn given(&self) -> Option<String> {
        self.ranges.as_ref().map(|path| format!("with the ranges of {}", path.display()))
    }
    /// What a report says of where ranges are from.
    pub(crate) fn source(&self) -> String {
        self.ranges.as_ref().map_or_else(|| self.method.to_string(), |path| path.display().to_string())
    }
    /// Writes what was chosen, if that is wanted.
    pub(crate) fn save(&self, report: &Report) -> Result<(), Problems> {
        let Some(path) = &self.save_ranges else { return Ok(()) };
        files::write(path, ranges::write(&report.calibration, &report.choices)?.as_bytes())
    }
}
