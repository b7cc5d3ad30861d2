//! The data of an evaluation: samples for every input, and what is true of each.
use super::labels::{self, Truth};
use super::metrics::Metric;
use super::metrics::average_precision::Frame;
use crate::files;
use crate::run::Binding;
use crate::samples::{Samples, Target};
use bakelite::preprocess::Preprocess;
use bakelite_codegen::calibrate::{Sample, Source};
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::Graph;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the command line says of data.
pub(crate) struct Wanted<'a> {
    /// Pictures with labels, or the labels of `feed`.
    pub(crate) data: Option<&'a Path>,
    /// Arrays in place of pictures, in the order of the inputs.
    pub(crate) feed: &'a [Binding],
    pub(crate) metric: Metric,
    pub(crate) classes_offset: i64,
    pub(crate) limit: Option<usize>,
    pub(crate) preprocess: &'a Preprocess,
}

/// Samples and truths.
pub(super) struct Data {
    sources: Vec<Samples>,
    pub(super) truth: Truth,
    /// Of each sample: its picture's file, or its row.
    pub(super) names: Vec<String>,
}

impl Source for Data {
    fn count(&self) -> usize {
        self.names.len()
    }
    /// The tensors of sample `i`, one for each input.
    fn get(&self, i: usize) -> Result<Sample, Problems> {
        self.sources.iter().map(|s| s.get(i).map(Arc::new)).collect()
    }
}

/// Opens what the command line names, for some inputs of a graph.
pub(super) fn open(wanted: &Wanted<'_>, graph: &Graph, inputs: &[String]) -> Result<Data, Problems> {
    let targets: Vec<Target> = inputs.iter().map(|n| Target::of(graph, n)).collect::<Result<_, _>>()?;
    let limit = wanted.limit.unwrap_or(usize::MAX);
    match (wanted.data, wanted.feed, &targets[..]) {
        (data, [_, ..], _) => rows(wanted, data, targets, limit),
        (Some(data), [], [target]) => pictures(wanted, data, target, limit),
        (Some(_), [], targets) => Err(Problems::file(
            Reason::new(format!("pictures for {} inputs", targets.len()))
                .help("name the one they are for with --input, or feed arrays with --feed"),
        )),
        (None, [], _) => Err(Problems::file(
            Reason::new("there are no samples").help("give --data labels.csv, or --feed NAME=FILE.npy"),
        )),
    }
}

fn pictures(args: &Wanted<'_>, path: &Path, target: &Target, limit: usize) -> Result<Data, Problems> {
    let (files, truth) = if path.is_dir() {
        folder(args, path, target, limit)?
    } else {
        if args.metric == Metric::Map {
            let supported = "a folder with images/ and labels/";
            return Err(Problems::file(files::reason(path, "data for --metric map").supported(supported)));
        }
        let (files, classes) = crate::labels::csv(path, args.classes_offset, limit)?;
        (files, Truth::Classes(classes.into_iter().map(|class| class as i64).collect()))
    };
    let names = files.iter().map(|f| f.display().to_string()).collect();
    let samples = Samples::of_pictures(path, files, target.clone(), args.preprocess.clone())?;
    Ok(Data { sources: vec![samples], truth, names })
}

/// Pictures of a folder: with their objects for map, else without labels.
fn folder(
    args: &Wanted<'_>,
    path: &Path,
    target: &Target,
    limit: usize,
) -> Result<(Vec<PathBuf>, Truth), Problems> {
    let unlabelled = matches!(args.metric, Metric::Mse | Metric::Cosine);
    if args.metric != Metric::Map && !unlabelled {
        let supported = "labels.csv (`file,class`)";
        return Err(Problems::file(files::reason(path, "a folder has no classes").supported(supported)));
    }
    let mut files = crate::samples::list(&if unlabelled { path.to_owned() } else { path.join("images") })?;
    files.truncate(limit);
    if unlabelled {
        return Ok((files, Truth::None));
    }
    let [_, height, width, _] = target.shape[..] else {
        let found = format!("map for input `{}` of shape {:?}", target.name, target.shape);
        return Err(Problems::file(Reason::new(found).supported("[1, height, width, channels]")));
    };
    let frame = Frame { width: width as f64, height: height as f64 };
    let objects = labels::objects(&files, &path.join("labels"), args.classes_offset, frame)?;
    Ok((files, Truth::Objects(objects)))
}

fn rows(
    args: &Wanted<'_>,
    data: Option<&Path>,
    targets: Vec<Target>,
    limit: usize,
) -> Result<Data, Problems> {
    let mut sources = vec![];
    for (feed, target) in args.feed.iter().zip(targets) {
        sources.push(Samples::open(&feed.file, target, args.preprocess.clone())?);
    }
    let truth = match data {
        Some(path) => labels::array(path, args.metric, args.classes_offset)?,
        None => Truth::None,
    };
    let counts: Vec<usize> = sources.iter().map(Samples::len).chain(truth.count()).collect();
    let count = counts.first().copied().unwrap_or(0);
    if counts.iter().any(|&n| n != count) {
        let found = format!("the arrays have {counts:?} rows");
        return Err(Problems::file(Reason::new(found).supported("as many of each input, and labels")));
    }
    let count = count.min(limit);
    Ok(Data { sources, truth: truth.first(count), names: (0..count).map(|i| format!("row {i}")).collect() })
}
