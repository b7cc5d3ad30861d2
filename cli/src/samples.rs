//! Samples: the rows of an `.npy` batch, or the pictures of a folder resized to the input.
//!
//! One sample is in memory at a time. Every picture is decoded once before work begins, so that all that cannot
//! be decoded are named in one error, not the first after a minute's work.
use crate::names::{self, Role};
use crate::{arrays, files, progress};
use bakelite::array::{Array, Elements};
use bakelite::picture::{Picture, resize};
use bakelite::preprocess::Preprocess;
use bakelite::{DType, npy};
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::facts;
use bakelite_codegen::graph::Graph;
use bakelite_codegen::tensor::{DataType, Tensor, elements, name};
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Files of these endings are pictures; others in a folder are named and left out.
const PICTURES: [&str; 5] = ["png", "jpg", "jpeg", "ppm", "pgm"];
/// Folders in folders, at most.
const DEPTH: usize = 8;

/// The input that samples are made for.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) dtype: DataType,
    /// The first dimension is one.
    pub(crate) shape: Vec<usize>,
}

impl Target {
    /// Type and shape of one sample for an input.
    pub(crate) fn of(graph: &Graph, name: &str) -> Result<Self, Problems> {
        let edge = names::edge(graph, name, Role::Input).map_err(|p| Problems(vec![p]))?;
        let (facts, mut problems) = facts::infer(graph, &HashMap::new());
        let node = graph.node(edge.node);
        let Some(fact) = facts.get(edge) else {
            problems.0.retain(|p| p.node == node.name);
            let unknown = Reason::new("the shape of this input is not known")
                .help(format!("give --shape {name}=1,..."));
            return Err(if problems.0.is_empty() {
                Problems::at(&node.name, node.op.name(), unknown)
            } else {
                problems
            });
        };
        if fact.shape.first() != Some(&1) {
            let reason = Reason::new(format!("an input of shape {:?}", fact.shape))
                .supported("a first dimension that is open, or 1");
            return Err(Problems::at(
                &node.name,
                node.op.name(),
                reason.help("export the graph with an open batch"),
            ));
        }
        Ok(Self { name: name.to_owned(), dtype: fact.dtype, shape: fact.shape.clone() })
    }
}
/// Samples, made one by one.
pub(crate) struct Samples {
    source: Source,
    target: Target,
    preprocess: Preprocess,
}

enum Source {
    Pictures(Vec<PathBuf>),
    Rows { file: PathBuf, array: Array },
}

impl Samples {
    /// Opens a file or folder, and checks that every sample can be made.
    pub(crate) fn open(path: &Path, target: Target, preprocess: Preprocess) -> Result<Self, Problems> {
        let metadata = std::fs::metadata(path).map_err(|e| files::problem(path, e))?;
        let source = if metadata.is_dir() { Source::Pictures(list(path)?) } else { rows(path, &target)? };
        let samples = Self { source, target, preprocess };
        samples.check(path)?;
        Ok(samples)
    }
    /// The pictures of a list, every one of which must be usable; `list` names it in messages.
    pub(crate) fn of_pictures(
        list: &Path,
        pictures: Vec<PathBuf>,
        target: Target,
        preprocess: Preprocess,
    ) -> Result<Self, Problems> {
        let samples = Self { source: Source::Pictures(pictures), target, preprocess };
        samples.check(list)?;
        Ok(samples)
    }
    /// How many there are; at least one.
    pub(crate) fn len(&self) -> usize {
        match &self.source {
            Source::Pictures(files) => files.len(),
            Source::Rows { array, .. } => array.shape.first().copied().unwrap_or(0),
        }
    }
    /// Sample `i`, a batch of one.
    pub(crate) fn get(&self, i: usize) -> Result<Tensor, Problems> {
        match &self.source {
            Source::Pictures(list) => {
                let file = list.get(i).ok_or_else(|| absent(i))?;
                self.picture(file).map_err(|found| files::problem(file, found))
            }
            Source::Rows { file, array } => {
                let elements = row(array, i).ok_or_else(|| absent(i))?;
                self.row(elements).map_err(|r| {
                    Problems::file(Reason { found: format!("{}: {}", file.display(), r.found), ..r })
                })
            }
        }
    }
    fn check(&self, path: &Path) -> Result<(), Problems> {
        let count = self.len();
        if count == 0 {
            let supported = format!("an .npy batch, or a folder of pictures ({})", PICTURES.join(", "));
            return Err(Problems::file(files::reason(path, "there are no samples").supported(supported)));
        }
        let Source::Pictures(_) = &self.source else { return self.get(0).map(drop) };
        let bar = progress::bar("decoding", count as u64);
        let failed = |i| {
            bar.inc(1);
            self.get(i).err()
        };
        let bad: Vec<Problems> = (0..count).into_par_iter().filter_map(failed).collect();
        bar.finish_and_clear();
        if bad.is_empty() {
            return Ok(());
        }
        let found = format!("{} of {count} pictures cannot be used", bad.len());
        let mut problems = Problems::file(files::reason(path, found).help("replace them or take them out"));
        problems.0.extend(bad.into_iter().flat_map(|p| p.0));
        Err(problems)
    }
    /// A picture in the input's size, type and arithmetic.
    fn picture(&self, file: &Path) -> Result<Tensor, String> {
        let [1, height, width, channels @ (1 | 3)] = self.target.shape[..] else {
            return Err(format!(
                "a picture cannot be input `{}` of shape {:?}; supported: [1, height, width, 1 or 3]",
                self.target.name, self.target.shape
            ));
        };
        let bytes =
            files::read(file).map_err(|p| p.0.first().map_or(String::new(), |p| p.reason.found.clone()))?;
        let picture = Picture::decode(&bytes).map_err(|e| e.to_string())?.into_channels(channels);
        self.pixels(&resize::bilinear(&picture, width, height), channels).map_err(|r| r.found)
    }
    /// Bytes through the preprocessing.
    fn pixels(&self, bytes: &[u8], channels: usize) -> Result<Tensor, Reason> {
        let mut elements = Elements::zeros(self.stored()?, bytes.len());
        let done = self.preprocess.apply(bytes, channels, &mut elements.all_mut());
        done.map_err(|e| Reason::new(e.to_string()))?;
        arrays::tensor(Array { shape: self.target.shape.clone(), elements }, self.target.dtype)
    }
    /// A row: bytes are pixels, anything else is fed as it is.
    fn row(&self, elements: Elements) -> Result<Tensor, Reason> {
        match elements {
            Elements::U8(bytes) => self.pixels(&bytes, self.target.shape.last().copied().unwrap_or(1)),
            elements => {
                arrays::tensor(Array { shape: self.target.shape.clone(), elements }, self.target.dtype)
            }
        }
    }
    fn stored(&self) -> Result<DType, Reason> {
        match self.target.dtype {
            DataType::DtFloat => Ok(DType::F32),
            DataType::DtUint8 | DataType::DtQuint8 => Ok(DType::U8),
            DataType::DtInt8 | DataType::DtQint8 => Ok(DType::I8),
            DataType::DtInt32 | DataType::DtQint32 => Ok(DType::I32),
            DataType::DtInt64 => Ok(DType::I64),
            other => Err(Reason::new(format!("pixels for the {} input `{}`", name(other), self.target.name))),
        }
    }
}

fn absent(i: usize) -> Problems {
    Problems::file(Reason::new(format!("there is no sample {i}")))
}

/// The rows of an array, whose other dimensions must be those of the input.
fn rows(path: &Path, target: &Target) -> Result<Source, Problems> {
    let array = npy::parse(&files::read(path)?).map_err(|e| {
        let help = "samples are an .npy batch or a folder of pictures";
        Problems::file(files::reason(path, e).help(help))
    })?;
    let found = format!("shape {:?} for input `{}`", array.shape, target.name);
    let wanted = target.shape.get(1..).unwrap_or_default();
    if array.shape.get(1..) != Some(wanted) {
        let dims: Vec<String> = wanted.iter().map(usize::to_string).collect();
        let supported = format!("[samples, {}]", dims.join(", "));
        return Err(Problems::file(files::reason(path, found).supported(supported)));
    }
    elements(&array.shape).map_err(|r| files::problem(path, r.found))?;
    Ok(Source::Rows { file: path.to_owned(), array })
}

/// One row's elements.
fn row(array: &Array, i: usize) -> Option<Elements> {
    let length: usize = array.shape.iter().skip(1).product();
    let range = i.checked_mul(length)?..i.checked_add(1)?.checked_mul(length)?;
    Some(match &array.elements {
        Elements::F32(v) => Elements::F32(v.get(range)?.to_vec()),
        Elements::U8(v) => Elements::U8(v.get(range)?.to_vec()),
        Elements::I8(v) => Elements::I8(v.get(range)?.to_vec()),
        Elements::I32(v) => Elements::I32(v.get(range)?.to_vec()),
        Elements::I64(v) => Elements::I64(v.get(range)?.to_vec()),
        Elements::Bool(v) => Elements::Bool(v.get(range)?.to_vec()),
    })
}

/// All pictures of a folder and its folders, by path. Other files are named on standard error.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>, Problems> {
    let (mut found, mut others) = (vec![], vec![]);
    collect(folder, DEPTH, &mut found, &mut others)?;
    found.sort();
    if !others.is_empty() {
        others.sort();
        let names: Vec<_> = others.iter().take(8).map(|p| p.display().to_string()).collect();
        let listed = names.join(", ");
        progress::note(&format!("left out, since no pictures by name ({} in all): {listed}", others.len()));
    }
    Ok(found)
}

fn collect(
    folder: &Path,
    depth: usize,
    found: &mut Vec<PathBuf>,
    others: &mut Vec<PathBuf>,
) -> Result<(), Problems> {
    for entry in std::fs::read_dir(folder).map_err(|e| files::problem(folder, e))? {
        let path = entry.map_err(|e| files::problem(folder, e))?.path();
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        match () {
            () if hidden => {}
            () if path.is_dir() && depth > 0 => collect(&path, depth - 1, found, others)?,
            () if PICTURES.contains(&ending.as_str()) => found.push(path),
            () => others.push(path),
        }
    }
    Ok(())
}
