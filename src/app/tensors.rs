//! `--npy` and `--out`: raw tensors in and out.
//!
//! A file has its tensor's type and shape. Where the network's batch is 1, files of `n` items run item by item, and
//! outputs of `n` items are written.

use super::arguments::{name_and_file, shown};
use super::error::Error;
use super::model::Repeats;
use super::session::{Session, summary};
use super::times::Times;
use crate::array::{Array, Elements};
use crate::network::TensorInfo;
use crate::npy;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// Runs files and writes files.
pub(super) fn run(session: &mut Session<'_>, inputs: &[Vec<u8>], outputs: &[Vec<u8>]) -> Result<(), Error> {
    if outputs.is_empty() {
        return Err(Error::NoOut);
    }
    let info = session.model.info();
    let inputs = assign("--npy", inputs, info.inputs)?;
    let paths = assign("--out", outputs, info.outputs)?;
    let (x, items) = read_all(session, &inputs)?;
    let (y, times) = run_items(session, &x, items)?;
    for ((tensor, path), y) in info.outputs.iter().zip(&paths).zip(&y) {
        let Some(path) = path else { continue };
        let bytes = npy::write(y.all(), &stacked(tensor.shape, items));
        let failed = |error| Error::File { path: shown(path), verb: "write", error };
        session.host.write(path, &bytes).map_err(failed)?;
    }
    summary(session, &times)
}

/// The file of each tensor.
fn assign<'a>(
    option: &'static str,
    arguments: &'a [Vec<u8>],
    tensors: &'static [TensorInfo],
) -> Result<Vec<Option<&'a [u8]>>, Error> {
    let mut files = vec![None; tensors.len()];
    for argument in arguments {
        let (name, file) = name_and_file(argument);
        let place = match (&name, tensors) {
            (None, [_]) => Some(0),
            (None, _) => None,
            // `x` and `x:0` are the same tensor.
            (Some(name), _) => tensors.iter().position(|tensor| plain(tensor.name) == plain(name)),
        };
        let names = || tensors.iter().map(|tensor| tensor.name).collect();
        let place = place.ok_or_else(|| Error::Tensor { option, name, names: names() })?;
        if files[place].replace(file).is_some() {
            return Err(Error::Twice { option, name: tensors[place].name });
        }
    }
    Ok(files)
}

fn plain(name: &str) -> &str {
    name.strip_suffix(":0").unwrap_or(name)
}

/// All inputs, and how many items each has.
fn read_all(session: &mut Session<'_>, paths: &[Option<&[u8]>]) -> Result<(Vec<Elements>, usize), Error> {
    let tensors = session.model.info().inputs;
    let mut inputs = Vec::with_capacity(tensors.len());
    let mut items = None;
    for (tensor, path) in tensors.iter().zip(paths) {
        let path = path.ok_or(Error::Missing { name: tensor.name })?;
        let name = shown(path);
        let bytes = session.host.read(path);
        let bytes = bytes.map_err(|error| Error::File { path: name.clone(), verb: "read", error })?;
        let array = npy::parse(&bytes).map_err(|error| Error::Npy { path: name.clone(), error })?;
        let found = count(tensor, &array).ok_or_else(|| Error::Shape {
            path: name.clone(),
            found: format!("{} {:?}", array.elements.dtype(), array.shape),
            tensor: tensor.name,
            expected: format!("{} {:?}", tensor.dtype, tensor.shape),
        })?;
        let expected = *items.get_or_insert(found);
        if expected != found {
            return Err(Error::Batch { path: name, found, expected });
        }
        inputs.push(array.elements);
    }
    Ok((inputs, items.unwrap_or(1)))
}

/// How many items of the tensor an array holds, if it is made of them.
fn count(tensor: &TensorInfo, array: &Array) -> Option<usize> {
    if array.elements.dtype() != tensor.dtype {
        return None;
    }
    match (tensor.shape, array.shape.as_slice()) {
        (expected, found) if expected == found => Some(1),
        ([1, expected @ ..], [items, found @ ..]) if *items > 0 && expected == found => Some(*items),
        _ => None,
    }
}

/// The shape of `items` items behind each other.
fn stacked(shape: &[usize], items: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    if let (Some(first), 2..) = (shape.first_mut(), items) {
        *first = items;
    }
    shape
}

fn run_items(
    session: &mut Session<'_>,
    x: &[Elements],
    items: usize,
) -> Result<(Vec<Elements>, Times), Error> {
    let info = session.model.info();
    if let Some(tensor) = info.outputs.iter().find(|tensor| items > 1 && tensor.shape.first() != Some(&1)) {
        return Err(Error::Stack { tensor: tensor.name });
    }
    let room = |tensor: &TensorInfo| Elements::zeros(tensor.dtype, items * tensor.elements());
    let mut y: Vec<_> = info.outputs.iter().map(room).collect();
    let mut times = Vec::with_capacity(items);
    for item in 0..items {
        let range = |tensor: &TensorInfo| item * tensor.elements()..(item + 1) * tensor.elements();
        let inputs: Vec<_> = info.inputs.iter().zip(x).map(|(tensor, x)| x.view(range(tensor))).collect();
        let outputs = info.outputs.iter().zip(&mut y);
        let mut outputs: Vec<_> = outputs.map(|(tensor, y)| y.view_mut(range(tensor))).collect();
        times.extend(session.run(&inputs, &mut outputs, Repeats::ONCE)?);
    }
    Ok((y, Times::new(times)))
}
