//! One case: a graph, what it is fed, and what TensorFlow computed.
use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::ops::Products;
use bakelite_codegen::tensor::{Data, DataType, Tensor};
use bakelite_codegen::{graphdef, interpret};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) struct Case {
    folder: PathBuf,
    json: Value,
}

impl Case {
    pub(crate) fn read(folder: &Path) -> Self {
        let text = std::fs::read(folder.join("case.json")).expect("a case has case.json");
        Self { folder: folder.to_owned(), json: serde_json::from_slice(&text).expect("case.json is JSON") }
    }

    /// Runs the graph, as it is and written and read again; an error names the case and what differs.
    pub(crate) fn check(&self) -> Result<(), String> {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        self.compare().map_err(|error| format!("{name}: {error}"))
    }

    fn compare(&self) -> Result<(), String> {
        let bytes = std::fs::read(self.folder.join("graph.pb")).expect("a case has graph.pb");
        let graph = graphdef::read(&bytes).map_err(|e| e.to_string())?;
        let again = graphdef::read(&graphdef::write(&graph).map_err(|e| e.to_string())?);
        for graph in [graph, again.map_err(|e| e.to_string())?] {
            let feeds = self.tensors(&graph, "feeds").into_iter().map(|(e, t)| (e, Arc::new(t)));
            let feeds: HashMap<_, _> = feeds.collect();
            let (edges, wanted): (Vec<_>, Vec<_>) = self.tensors(&graph, "fetches").into_iter().unzip();
            let got =
                interpret::run(&graph, &feeds, &edges, Products::Contract).map_err(|e| e.to_string())?;
            for ((edge, want), got) in edges.iter().zip(&wanted).zip(&got) {
                same(got, want).map_err(|error| format!("{}: {error}", graph.name(*edge)))?;
            }
        }
        Ok(())
    }

    fn tensors(&self, graph: &Graph, list: &str) -> Vec<(Edge, Tensor)> {
        let list = self.json[list].as_array().expect("feeds and fetches are lists");
        list.iter().map(|entry| self.tensor(graph, entry)).collect()
    }

    fn tensor(&self, graph: &Graph, entry: &Value) -> (Edge, Tensor) {
        let text = |key: &str| entry[key].as_str().expect("a string");
        let shape = entry["shape"].as_array().expect("a shape").iter();
        let shape = shape.map(|d| d.as_u64().expect("a dimension") as usize).collect();
        let bytes = std::fs::read(self.folder.join(text("file"))).expect("the file of a tensor");
        let edge = graph.edge(text("tensor")).expect("a tensor of the graph");
        (edge, tensor(text("dtype"), shape, &bytes))
    }
}

/// A tensor from little-endian bytes.
pub(crate) fn tensor(dtype: &str, shape: Vec<usize>, bytes: &[u8]) -> Tensor {
    let words = || bytes.as_chunks::<4>().0.iter();
    let (dtype, data) = match dtype {
        "float" => (DataType::DtFloat, Data::F32(words().map(|&w| f32::from_le_bytes(w)).collect())),
        "qint32" => (DataType::DtQint32, Data::I32(words().map(|&w| i32::from_le_bytes(w)).collect())),
        "int32" => (DataType::DtInt32, Data::I32(words().map(|&w| i32::from_le_bytes(w)).collect())),
        "quint8" => (DataType::DtQuint8, Data::U8(bytes.to_vec())),
        "qint8" => (DataType::DtQint8, Data::I8(bytes.iter().map(|&b| b as i8).collect())),
        other => panic!("a tensor of type {other}"),
    };
    Tensor::new(dtype, shape, data).expect("the file is as long as the shape says")
}

/// Equal types, shapes and bits.
fn same(got: &Tensor, want: &Tensor) -> Result<(), String> {
    if got.dtype != want.dtype || got.shape != want.shape {
        return Err(format!("{got} instead of {want}"));
    }
    if let (Data::F32(got), Data::F32(want)) = (&got.data, &want.data) {
        let differs = |(a, b): (&f32, &f32)| a.to_bits() != b.to_bits();
        let count = got.iter().zip(want).filter(|&pair| differs(pair)).count();
        return match got.iter().zip(want).position(differs) {
            Some(i) => Err(format!("{count} floats differ, at {i} {} instead of {}", got[i], want[i])),
            None => Ok(()),
        };
    }
    if got.data == want.data {
        return Ok(());
    }
    let ints = |t: &Tensor| -> Vec<i64> {
        match &t.data {
            Data::U8(v) => v.iter().map(|&v| v.into()).collect(),
            Data::I8(v) => v.iter().map(|&v| v.into()).collect(),
            Data::I32(v) => v.iter().map(|&v| v.into()).collect(),
            other => panic!("{} elements of another type", other.len()),
        }
    };
    let (got, want) = (ints(got), ints(want));
    let count = got.iter().zip(&want).filter(|(a, b)| a != b).count();
    let i = got.iter().zip(&want).position(|(a, b)| a != b).unwrap_or_default();
    Err(format!("{count} of {} integers differ, at {i} {} instead of {}", got.len(), got[i], want[i]))
}
