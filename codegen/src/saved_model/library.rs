//! What a SavedModel knows of its graph: the main graph's nodes, the functions, and the definitions of all ops in use.
use crate::error::Reason;
use crate::limits::{DECODED_BYTES, GROWTH};
use crate::wire::{AttrValue, FunctionDef, MetaGraphDef, NodeDef, OpDef, attr_value::Value};
use std::collections::{BTreeMap, HashMap};

/// Attributes by name, where they lie in the file.
pub(super) type Attrs<'a> = BTreeMap<&'a str, &'a AttrValue>;

/// A node that calls a function with attributes.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) node: &'a NodeDef,
    pub(super) function: &'a FunctionDef,
    pub(super) attrs: &'a BTreeMap<String, AttrValue>,
}

/// A graph, its functions and the definitions of its ops.
pub(super) struct Library<'a> {
    pub(super) nodes: &'a [NodeDef],
    functions: HashMap<&'a str, &'a FunctionDef>,
    ops: HashMap<&'a str, &'a OpDef>,
    /// Bytes that the nodes may take after inlining.
    pub(super) room: u64,
}

impl<'a> Library<'a> {
    /// The library of a file of `length` bytes.
    pub(super) fn new(meta: &'a MetaGraphDef, length: usize) -> Self {
        let graph = meta.graph_def.as_ref();
        let functions = graph.and_then(|g| g.library.as_ref()).map_or(&[][..], |l| &l.function);
        let listed = meta.meta_info_def.as_ref().and_then(|i| i.stripped_op_list.as_ref());
        let signatures = functions.iter().filter_map(|f| f.signature.as_ref());
        let ops = listed.into_iter().flat_map(|l| &l.op).chain(signatures);
        let named = |f: &'a FunctionDef| Some((f.signature.as_ref()?.name.as_str(), f));
        Self {
            nodes: graph.map_or(&[], |g| &g.node),
            functions: functions.iter().filter_map(named).collect(),
            ops: ops.map(|o| (o.name.as_str(), o)).collect(),
            room: DECODED_BYTES.saturating_add(GROWTH.saturating_mul(length as u64)),
        }
    }
    /// The call that a node is, if it is one.
    pub(super) fn called(&self, node: &'a NodeDef) -> Result<Option<Call<'a>>, Reason> {
        if !matches!(node.op.as_str(), "PartitionedCall" | "StatefulPartitionedCall") {
            let function = self.functions.get(node.op.as_str());
            return Ok(function.map(|function| Call { node, function, attrs: &node.attr }));
        }
        let Some(Value::Func(f)) = node.attr.get("f").and_then(|a| a.value.as_ref()) else {
            return Err(Reason::new("a call without a function"));
        };
        match self.functions.get(f.name.as_str()) {
            Some(function) => Ok(Some(Call { node, function, attrs: &f.attr })),
            None => Err(Reason::new(format!("a call of the unknown function {:?}", f.name))),
        }
    }
    /// Attributes that stand at their defaults, which saving leaves out.
    pub(super) fn defaults(&self, op: &str) -> impl Iterator<Item = (&'a str, &'a AttrValue)> {
        let attrs = self.ops.get(op).map_or(&[][..], |op| &op.attr);
        attrs.iter().filter_map(|a| Some((a.name.as_str(), a.default_value.as_ref()?)))
    }
    /// Which output of a node `output:k` is.
    pub(super) fn port(&self, node: &NodeDef, output: &str, k: usize) -> Result<usize, Reason> {
        let unknown = || {
            Reason::new(format!("output {output:?} {k} of {} `{}`, which has none such", node.op, node.name))
        };
        let op = self.ops.get(node.op.as_str()).ok_or_else(|| {
            Reason::new(format!("the SavedModel does not define {}, whose outputs it reads", node.op))
        })?;
        let attr = |name: &str| {
            let given = node.attr.get(name);
            given.or_else(|| Some(self.defaults(&node.op).find(|(n, _)| *n == name)?.1))?.value.as_ref()
        };
        let mut port = 0usize;
        for arg in &op.output_arg {
            let width = match (attr(&arg.number_attr), attr(&arg.type_list_attr)) {
                (Some(Value::I(n)), _) => usize::try_from(*n).map_err(|_| unknown())?,
                (_, Some(Value::List(list))) => list.r#type.len(),
                _ => 1,
            };
            if arg.name == output {
                return if k < width { Ok(port.saturating_add(k)) } else { Err(unknown()) };
            }
            port = port.saturating_add(width);
        }
        Err(unknown())
    }
}
