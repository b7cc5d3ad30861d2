//! The text form of a graph, one node a line, for tests and for reading:
//!
//! ```text
//! y = Conv2D(x, w) padding="SAME" strides=[1, 2, 2, 1]
//! w = Const float[3, 3, 3, 8]
//! two = Const float 2.0
//! -> y
//! ```
//!
//! Attributes that say what their absence says (NHWC, no dilation, no explicit padding) and the types that follow from
//! the inputs are left out; a constant of more than [`SHOWN`] elements is its type and shape.
use crate::attributes::AttributeWriter;
use crate::graph::{Graph, Node};
use crate::ops::Op;
use crate::tensor::{DataType, Tensor, name};
use crate::wire::{AttrValue, attr_value::Value};
use std::fmt;

/// Of a constant, this many elements are written out.
const SHOWN: usize = 4;

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            line(self, node, f)?;
        }
        let outputs: Vec<_> = self.outputs.iter().map(|&e| self.name(e)).collect();
        writeln!(f, "-> {}", outputs.join(", "))
    }
}

fn line(graph: &Graph, node: &Node, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Op::Const(c) = &node.op {
        return writeln!(f, "{} = Const {}", node.name, constant(&c.value));
    }
    let control = node.control.iter().map(|&id| format!("^{}", graph.node(id).name));
    let inputs: Vec<_> = node.inputs.iter().map(|&e| graph.name(e)).chain(control).collect();
    write!(f, "{} = {}({})", node.name, node.op.name(), inputs.join(", "))?;
    let mut attributes = AttributeWriter::default();
    node.op.write(&mut attributes);
    for (key, value) in &attributes.0 {
        if let Some(text) = attribute(key, value) {
            write!(f, " {key}={text}")?;
        }
    }
    writeln!(f)
}

/// `float[3, 3]`, or with the elements where they are few: `float 2.0`, `int32[2] [1, 2]`.
fn constant(value: &Tensor) -> String {
    let shape = if value.shape.is_empty() { String::new() } else { format!("{:?}", value.shape) };
    let head = format!("{}{shape}", name(value.dtype));
    if value.data.len() > SHOWN {
        return head;
    }
    let elements = crate::each_data!(&value.data, v => format!("{v:?}"));
    let bare = if value.shape.is_empty() { elements.trim_matches(['[', ']']).to_owned() } else { elements };
    format!("{head} {bare}")
}

/// `None` for what needs no saying.
fn attribute(key: &str, value: &AttrValue) -> Option<String> {
    let follows = (key.starts_with('T') && key != "T") || matches!(key, "U" | "N" | "is_training");
    match value.value.as_ref()? {
        _ if follows => None,
        Value::S(s) if s == b"NHWC" => None,
        Value::S(s) => Some(format!("{:?}", String::from_utf8_lossy(s))),
        Value::I(i) => Some(i.to_string()),
        Value::F(v) => Some(format!("{v:?}")),
        Value::B(b) => b.then(|| "true".to_owned()),
        Value::Type(t) => {
            let dtype = DataType::try_from(*t).ok()?;
            (dtype != DataType::DtFloat).then(|| name(dtype))
        }
        Value::List(l) if !l.s.is_empty() => {
            let strings: Vec<_> = l.s.iter().map(|s| String::from_utf8_lossy(s)).collect();
            Some(format!("[{}]", strings.join(", ")))
        }
        Value::List(l) if l.i.iter().all(|&i| i == 1) && key == "dilations" => None,
        Value::List(l) => (!l.i.is_empty()).then(|| format!("{:?}", l.i)),
        Value::Shape(s) if s.unknown_rank => Some("?".into()),
        Value::Shape(s) => Some(format!("{:?}", s.dim.iter().map(|d| d.size).collect::<Vec<_>>())),
        Value::Tensor(_) | Value::Func(_) | Value::Placeholder(_) => Some("...".into()),
    }
}
