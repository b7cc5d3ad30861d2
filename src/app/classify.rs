//! Pictures to classes.

use super::About;
use super::arguments::shown;
use super::error::Error;
use super::model::Repeats;
use super::session::{Session, summary, zeros};
use super::times::Times;
use crate::array::Elements;
use crate::picture::Picture;
use crate::preprocess::Preprocess;
use crate::{Class, top_k};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// How many classes are printed.
const TOP: usize = 5;

/// Classifies the pictures inside the executable.
pub(super) fn samples(
    session: &mut Session<'_>,
    about: &About,
    preprocess: &Preprocess,
) -> Result<(), Error> {
    if about.samples.is_empty() {
        return Err(Error::NoSamples);
    }
    let mut times = Vec::new();
    for sample in about.samples {
        times.extend(classify(session, about, preprocess, sample.name, sample.bytes)?);
    }
    summary(session, &Times::new(times))
}

/// Classifies files.
pub(super) fn files(
    session: &mut Session<'_>,
    about: &About,
    preprocess: &Preprocess,
    paths: &[Vec<u8>],
) -> Result<(), Error> {
    let mut times = Vec::new();
    for path in paths {
        let name = shown(path);
        let bytes = session.host.read(path);
        let bytes = bytes.map_err(|error| Error::File { path: name.clone(), verb: "read", error })?;
        times.extend(classify(session, about, preprocess, &name, &bytes)?);
    }
    summary(session, &Times::new(times))
}

/// Classifies one picture, prints its classes, and tells how long the runs took.
fn classify(
    session: &mut Session<'_>,
    about: &About,
    preprocess: &Preprocess,
    name: &str,
    bytes: &[u8],
) -> Result<Vec<Duration>, Error> {
    let [input] = session.model.info().inputs else {
        return Err(Error::Inputs { name: name.to_owned(), inputs: session.model.info().inputs.len() });
    };
    let x = Picture::decode(bytes).and_then(|picture| picture.into_input(input, preprocess));
    let x = x.map_err(|error| Error::Picture { name: name.to_owned(), error })?;
    let mut outputs = zeros(session.model.info().outputs);
    let mut places: Vec<_> = outputs.iter_mut().map(Elements::all_mut).collect();
    let times = session.run(&[x.all()], &mut places, Repeats::SHORT)?;
    let scores = outputs.first().map(Elements::to_f32).unwrap_or_default();
    session.print(&best(name, &scores, about.classes))?;
    Ok(times)
}

/// The best classes: as percentages where the scores are a distribution.
fn best(name: &str, scores: &[f32], classes: &[&str]) -> String {
    let distribution = is_distribution(scores);
    let line = |class: &Class| {
        let score = match distribution {
            true => format!("{:>6.2} %", class.score * 100.0),
            false => format!("{:>10.4}", class.score),
        };
        match classes.get(class.index) {
            Some(name) => format!("  {score}  {name}\n"),
            None => format!("  {score}  class {}\n", class.index),
        }
    };
    format!("{name}\n{}", top_k::<TOP>(scores).iter().map(line).collect::<String>())
}

/// Whether the scores are probabilities: none negative, and one in all up to rounding.
fn is_distribution(scores: &[f32]) -> bool {
    let sum: f64 = scores.iter().copied().map(f64::from).sum();
    scores.iter().all(|score| *score >= 0.0) && (sum - 1.0).abs() < 1e-3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_percentages_and_other_scores_are_not() {
        assert_eq!(
            best("p.png", &[0.25, 0.75], &["cat", "dog"]),
            "p.png\n   75.00 %  dog\n   25.00 %  cat\n"
        );
        assert_eq!(best("p.png", &[-1.5, 3.0], &[]), "p.png\n      3.0000  class 1\n     -1.5000  class 0\n");
    }
}
