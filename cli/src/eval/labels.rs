//! What is true of samples: classes, objects or values, and the files that say so.
use super::metrics::Metric;
use super::metrics::average_precision::{Frame, Object};
use crate::files;
use crate::labels::problems;
use bakelite::array::Elements;
use bakelite::npy;
use bakelite_codegen::error::{Problems, Reason};
use std::path::{Path, PathBuf};

/// What is true, by sample.
pub(super) enum Truth {
    /// Nothing is known: models are compared with the first.
    None,
    Classes(Vec<i64>),
    Objects(Vec<Vec<Object>>),
    Values(Vec<Vec<f32>>),
}

impl Truth {
    /// Of how many samples, where it is known.
    pub(super) fn count(&self) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Classes(v) => Some(v.len()),
            Self::Objects(v) => Some(v.len()),
            Self::Values(v) => Some(v.len()),
        }
    }
    /// That of the first samples only.
    pub(super) fn first(mut self, count: usize) -> Self {
        match &mut self {
            Self::None => {}
            Self::Classes(v) => v.truncate(count),
            Self::Objects(v) => v.truncate(count),
            Self::Values(v) => v.truncate(count),
        }
        self
    }
    /// Whether it fits the metric and outputs of so many elements. Every label that does not is named.
    pub(super) fn check(&self, metric: Metric, elements: usize, names: &[String]) -> Result<(), Problems> {
        match (metric, self) {
            (Metric::Top1 | Metric::Topk, Self::Classes(classes)) => {
                in_range(classes, elements as i64, names)
            }
            (Metric::Auc, Self::Classes(classes)) => in_range(classes, 2, names),
            (Metric::Mse | Metric::Cosine, Self::Values(values)) => {
                let length = values.first().map_or(0, Vec::len);
                if length == elements {
                    return Ok(());
                }
                let found = format!("labels of {length} values for an output of {elements}");
                Err(Problems::file(Reason::new(found).supported("as many")))
            }
            (Metric::Map, Self::Objects(_))
            | (Metric::Mse | Metric::Cosine, Self::None | Self::Classes(_)) => Ok(()),
            (metric, _) => {
                let found = format!("--metric {} with data of another kind", metric.name());
                Err(Problems::file(Reason::new(found).supported(metric.data())))
            }
        }
    }
}

/// All labels are classes of the output.
fn in_range(classes: &[i64], count: i64, names: &[String]) -> Result<(), Problems> {
    let outside = |(_, class): &(&String, &i64)| !(0..count).contains(*class);
    let bad: Vec<_> = names.iter().zip(classes).filter(outside).collect();
    let mut problems = Problems::default();
    if !bad.is_empty() {
        let found = format!("{} of {} labels are no class", bad.len(), classes.len());
        let help = "the label is that of the data with --classes-offset added";
        problems.add("", "", Reason::new(found).supported(format!("0 to {}", count - 1)).help(help));
    }
    for (name, class) in bad {
        problems.add("", "", Reason::new(format!("{name}: label {class}")));
    }
    problems.into_result(())
}

/// The objects of each picture: `class centre-x centre-y width height` lines of `FOLDER/NAME.txt`.
pub(super) fn objects(
    pictures: &[PathBuf],
    folder: &Path,
    offset: i64,
    frame: Frame,
) -> Result<Vec<Vec<Object>>, Problems> {
    let (mut all, mut bad) = (vec![], vec![]);
    for picture in pictures {
        let file = folder.join(picture.file_stem().unwrap_or_default()).with_extension("txt");
        let text = files::read(&file)
            .map_err(|p| p.0.first().map_or(String::new(), |p| p.reason.found.clone()))
            .and_then(|b| String::from_utf8(b).map_err(|e| format!("{}: {e}", file.display())));
        let objects = text.and_then(|text| {
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            let object = |(i, line)| {
                let object = Object::parse(line, offset, frame);
                object.ok_or_else(|| format!("{}: line {}: {line:?}", file.display(), i + 1))
            };
            lines.map(object).collect::<Result<Vec<_>, _>>()
        });
        match objects {
            Ok(objects) => all.push(objects),
            Err(found) => bad.push(found),
        }
    }
    problems(folder, &bad, pictures.len(), "lines of `class centre-x centre-y width height`")?;
    Ok(all)
}

/// The truths of an array: classes for metrics of classes, values for the others.
pub(super) fn array(path: &Path, metric: Metric, offset: i64) -> Result<Truth, Problems> {
    let array = npy::parse(&files::read(path)?).map_err(|e| files::problem(path, e))?;
    let rows = array.shape.first().copied().unwrap_or(0);
    let each = array.elements.len().checked_div(rows).unwrap_or(0);
    if rows == 0 || each == 0 {
        return Err(files::problem(path, "there are no labels"));
    }
    let values = array.elements.to_f32();
    if matches!(metric, Metric::Mse | Metric::Cosine) {
        return Ok(Truth::Values(values.chunks(each).map(<[f32]>::to_vec).collect()));
    }
    if each != 1 {
        let found = files::reason(path, format!("labels of shape {:?}", array.shape));
        return Err(Problems::file(found.supported("one class a sample")));
    }
    let classes = match array.elements {
        Elements::I64(v) => v,
        Elements::F32(v) if v.iter().any(|x| x.fract() != 0.0) => {
            let bad = v.iter().enumerate().filter(|(_, x)| x.fract() != 0.0);
            let bad: Vec<String> = bad.map(|(i, x)| format!("row {i}: class {x}")).collect();
            problems(path, &bad, v.len(), "whole numbers")?;
            vec![]
        }
        Elements::F32(_) | Elements::U8(_) | Elements::I8(_) | Elements::Bool(_) => {
            values.iter().map(|&x| x as i64).collect()
        }
        Elements::I32(v) => v.into_iter().map(i64::from).collect(),
    };
    Ok(Truth::Classes(classes.into_iter().map(|c| c.saturating_add(offset)).collect()))
}

#[cfg(test)]
mod tests;
