//! Damaged SavedModels: their graphs and functions, and the checkpoints beside them, with checksums made right again so
//! that damage reaches what lies behind.
use crate::random::Random;
use crate::{attempts, mutate};
use bakelite_codegen::saved_model;
use bakelite_codegen::wire::SavedModel;
use prost::Message;
use std::fs;
use std::path::{Path, PathBuf};

const DAMAGES: u64 = 3000;
const FILES: [&str; 3] =
    ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"];

/// The folders that the tests of SavedModels keep: file by file.
fn models() -> Vec<Vec<Vec<u8>>> {
    let folder = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/saved_model").join(name);
    let read = |folder: PathBuf| FILES.map(|file| fs::read(folder.join(file)).expect("it is kept")).to_vec();
    ["keras", "tf1"].map(|name| read(folder(name))).to_vec()
}

fn model(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut model = SavedModel::decode(bytes).expect("it is kept whole");
    for meta in &mut model.meta_graphs {
        let Some(graph) = &mut meta.graph_def else { continue };
        for _ in 0..1 + random.below(3) {
            let functions = graph.library.as_mut().map_or(&mut [][..], |library| &mut library.function[..]);
            let at = random.below(functions.len() + 1);
            match functions.get_mut(at) {
                Some(function) => mutate::fields(&mut function.node_def, random),
                None => mutate::fields(&mut graph.node, random),
            }
        }
    }
    model.encode_to_vec()
}

/// A table whose one data block's checksum, at the end of the block behind which the footer's blocks lie, is right.
fn index(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let Some(end) = bytes.len().checked_sub(48 + 8 + 5) else { return bytes };
    for _ in 0..1 + random.below(3) {
        let at = random.below(end);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = [*byte ^ 1 << random.below(8), 0xff, 0][random.below(3)];
        }
    }
    repair(bytes)
}

/// Writes a right checksum wherever a block of the table may end: behind a byte 0, the four bytes that TensorFlow wrote.
fn repair(mut bytes: Vec<u8>) -> Vec<u8> {
    let Some(start) = bytes.len().checked_sub(48) else { return bytes };
    let (mut at, mut handles) = (start, vec![]);
    while let Some((number, next)) = varint(&bytes, at).filter(|_| handles.len() < 4) {
        handles.push(number);
        at = next;
    }
    let mut blocks: Vec<(usize, usize)> =
        handles.chunks(2).filter_map(|h| Some((*h.first()?, *h.get(1)?))).collect();
    // The index block comes last in the file; before the other blocks is the data.
    let data = blocks.iter().map(|block| block.0).min().and_then(|first| first.checked_sub(5));
    blocks.extend(data.map(|end| (0, end)));
    for (offset, size) in blocks {
        let Some(end) = offset.checked_add(size).and_then(|end| end.checked_add(1)) else { continue };
        let Some(covered) = bytes.get(offset..end) else { continue };
        let sum = crc32c::crc32c(covered).rotate_right(15).wrapping_add(0xa282_ead8);
        if let Some(field) = bytes.get_mut(end..end.saturating_add(4)) {
            field.copy_from_slice(&sum.to_le_bytes());
        }
    }
    bytes
}

fn varint(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((number, at));
        }
    }
    None
}

/// Whether a graph comes out of the folder.
fn reads(folder: &Path, files: &[Vec<u8>]) -> bool {
    for (name, bytes) in FILES.iter().zip(files) {
        fs::write(folder.join(name), bytes).expect("a temporary folder can be written");
    }
    match saved_model::read(folder, None) {
        Ok(_) => true,
        Err(problems) => {
            assert!(!problems.0.is_empty() && !problems.to_string().is_empty(), "an error that says nothing");
            false
        }
    }
}

#[test]
fn damaged_saved_models_are_read_or_refused() {
    attempts::limited("folders::damaged_saved_models_are_read_or_refused", || {
        let (models, folder) = (models(), tempfile::tempdir().expect("a temporary folder"));
        fs::create_dir(folder.path().join("variables")).expect("a temporary folder can be written");
        let name = |seed| format!("model {}", seed as usize % models.len());
        let read = attempts::all(DAMAGES, name, |seed, random| {
            let mut files = models[seed as usize % models.len()].clone();
            match random.below(8) {
                0..3 => files[0] = model(&files[0], random),
                3..6 => files[1] = index(&files[1], random),
                _ => {
                    let at = random.below(files.len());
                    files[at] = mutate::flip(files[at].clone(), random);
                }
            }
            reads(folder.path(), &files)
        });
        attempts::came_far(&read, DAMAGES as usize / 10);
    });
}
