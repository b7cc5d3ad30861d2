//! Variables to constants.
//!
//! Which tensor of the checkpoint a variable takes is what the graph's own restore says: it assigns an output of
//! RestoreV2, whose operands are constant names and slices. A variable that the restore leaves out is looked up by its
//! name, directly and in the checkpoint's object graph.
use super::bundle::Bundle;
use super::functions;
use super::library::Library;
use super::slice::{self, Spec};
use crate::error::{Problems, Reason};
use crate::graphdef;
use crate::tensor::{self, Data};
use crate::wire::{
    AttrValue, DataType, MetaGraphDef, NodeDef, TensorProto, TrackableObjectGraph, attr_value::Value,
};
use prost::Message;
use std::collections::{BTreeMap, HashMap, HashSet};

const IDENTITY: &str = "Identity";
/// The object graph's place in a checkpoint.
const OBJECTS: &str = "_CHECKPOINTABLE_OBJECT_GRAPH";

/// Where in the checkpoint each variable lies: key, and slice.
pub(super) type Restored = HashMap<String, (String, Option<Spec>)>;

/// What the saver's restore assigns to each variable.
pub(super) fn restored(library: &Library<'_>, meta: &MetaGraphDef) -> Result<Restored, Problems> {
    let Some(saver) = meta.saver_def.as_ref().filter(|s| !s.restore_op_name.is_empty()) else {
        return Ok(Restored::new());
    };
    let (flat, _) = functions::flatten(library, &[format!("^{}", saver.restore_op_name)])
        .or_else(|_| functions::flatten(library, std::slice::from_ref(&saver.restore_op_name)))?;
    let origins = Origins::new(&flat);
    let mut operands: HashMap<&str, Option<[Vec<String>; 2]>> = HashMap::new();
    let assigned = flat.iter().filter(|n| assigns(n)).filter_map(|assign| {
        let (variable, _) = origins.get(assign.input.first()?)?;
        let (restore, port) = origins.get(assign.input.get(1)?)?;
        let known = operands.entry(&restore.name);
        let read = || Some([origins.strings(restore, 1)?, origins.strings(restore, 2)?]);
        let [names, slices] = known.or_insert_with(read).as_ref()?;
        let slice = slices.get(port).filter(|s| !s.is_empty());
        // A slice that cannot be read leaves the variable to be asked for by name, which fails by name.
        let slice = slice.map_or(Some(None), |s| slice::parse(s).map(Some))?;
        (restore.op == "RestoreV2").then_some(())?;
        Some((variable.name.clone(), (names.get(port)?.clone(), slice)))
    });
    Ok(assigned.collect())
}

fn assigns(node: &NodeDef) -> bool {
    matches!(
        node.op.as_str(),
        "Assign"
            | "AssignAdd"
            | "AssignSub"
            | "AssignVariableOp"
            | "AssignAddVariableOp"
            | "AssignSubVariableOp"
    )
}

fn is_variable(node: &NodeDef) -> bool {
    matches!(node.op.as_str(), "VarHandleOp" | "VariableV2" | "Variable")
}

/// Nodes by name, and what lies behind identities.
struct Origins<'a> {
    nodes: HashMap<&'a str, &'a NodeDef>,
    /// Of each identity: the node behind it and which of its outputs. Each is walked once.
    ends: HashMap<&'a str, Option<(&'a NodeDef, usize)>>,
}

impl<'a> Origins<'a> {
    fn new(flat: &'a [NodeDef]) -> Self {
        let nodes = flat.iter().map(|n| (n.name.as_str(), n)).collect();
        let mut origins = Self { nodes, ends: HashMap::new() };
        for node in flat.iter().filter(|n| n.op == IDENTITY) {
            if !origins.ends.contains_key(node.name.as_str()) {
                origins.walk(node);
            }
        }
        origins
    }
    fn walk(&mut self, identity: &'a NodeDef) {
        let (mut way, mut node) = (vec![], identity);
        let end = loop {
            // Until the end is known nothing is behind it, so that a circle ends.
            self.ends.insert(&node.name, None);
            way.push(node.name.as_str());
            let Some(edge) = node.input.first() else { break None };
            let next = self.nodes.get(edge.split(':').next().unwrap_or_default());
            match next {
                Some(next) if next.op == IDENTITY && !self.ends.contains_key(next.name.as_str()) => {
                    node = next
                }
                _ => break self.get(edge),
            }
        };
        self.ends.extend(way.into_iter().map(|name| (name, end)));
    }
    /// The node behind an edge, and which of its outputs.
    fn get(&self, edge: &str) -> Option<(&'a NodeDef, usize)> {
        let (name, port) = edge.split_once(':').unwrap_or((edge, "0"));
        let node = self.nodes.get(name)?;
        if node.op == IDENTITY { *self.ends.get(name)? } else { Some((node, port.parse().ok()?)) }
    }
    /// The strings of a node's constant input.
    fn strings(&self, node: &NodeDef, input: usize) -> Option<Vec<String>> {
        let (constant, _) = self.get(node.input.get(input)?)?;
        let Some(Value::Tensor(proto)) = constant.attr.get("value")?.value.as_ref() else { return None };
        let Data::Bytes(list) = graphdef::tensor(proto).ok()?.data else { return None };
        list.into_iter().map(|s| String::from_utf8(s).ok()).collect()
    }
}

/// Keeps what the outputs need of a flat graph and makes its variables constants.
pub(super) fn freeze(
    flat: &mut Vec<NodeDef>,
    outputs: &HashMap<String, String>,
    restored: &Restored,
    bundle: Option<&mut Bundle>,
) -> Result<(), Problems> {
    let written = written(flat);
    prune(flat, outputs.values());
    let mut problems = Problems::default();
    let mut source = Source { restored, bundle, objects: None };
    let mut types: HashMap<String, i32> = HashMap::new();
    for node in flat.iter_mut().filter(|n| is_variable(n)) {
        let value = if written.contains(&node.name) {
            let found = Reason::new("a variable that the signature itself assigns to");
            Err(found.supported("variables that serving only reads").help("save the network for inference"))
        } else {
            source.value(node)
        };
        match value {
            Ok(proto) => {
                types.insert(node.name.clone(), proto.dtype);
                constant(node, proto);
            }
            Err(reason) => problems.add(&node.name, &node.op, reason),
        }
    }
    problems.into_result(())?;
    reads(flat, &types);
    Ok(())
}

/// The variables that something in the graph assigns to.
fn written(flat: &[NodeDef]) -> HashSet<String> {
    let origins = Origins::new(flat);
    let target = |n: &NodeDef| Some(origins.get(n.input.first()?)?.0.name.clone());
    flat.iter().filter(|n| assigns(n)).filter_map(target).collect()
}

fn prune<'a>(flat: &mut Vec<NodeDef>, outputs: impl Iterator<Item = &'a String>) {
    let name = |edge: &str| edge.split(':').next().unwrap_or_default().to_owned();
    let nodes: HashMap<&str, &NodeDef> = flat.iter().map(|n| (n.name.as_str(), n)).collect();
    let (mut open, mut needed) = (outputs.map(|o| name(o)).collect::<Vec<_>>(), HashSet::new());
    while let Some(next) = open.pop() {
        if let Some(node) = nodes.get(next.as_str()).filter(|_| !needed.contains(&next)) {
            open.extend(node.input.iter().map(|i| name(i)));
            needed.insert(next);
        }
    }
    flat.retain(|n| needed.contains(&n.name));
}

/// Where values come from.
struct Source<'a> {
    restored: &'a Restored,
    bundle: Option<&'a mut Bundle>,
    /// Keys by the variables' full names; read when it is first needed.
    objects: Option<HashMap<String, String>>,
}

impl Source<'_> {
    fn value(&mut self, node: &NodeDef) -> Result<TensorProto, Reason> {
        let missing =
            || Reason::new("a variable without a checkpoint").help("variables/variables.index is not there");
        let bundle = self.bundle.as_mut().ok_or_else(missing)?;
        let proto = if let Some((key, spec)) = self.restored.get(&node.name) {
            bundle.tensor(key, spec.as_ref())?
        } else {
            let shared = match node.attr.get("shared_name").and_then(|a| a.value.as_ref()) {
                Some(Value::S(s)) if !s.is_empty() => String::from_utf8_lossy(s).into_owned(),
                _ => node.name.clone(),
            };
            if !bundle.has(&shared) && self.objects.is_none() {
                self.objects = Some(objects(bundle)?);
            }
            let known = self.objects.as_ref().and_then(|o| o.get(&shared));
            bundle.tensor(known.unwrap_or(&shared), None)?
        };
        match node.attr.get("dtype").and_then(|a| a.value.as_ref()) {
            Some(Value::Type(dtype)) if *dtype == proto.dtype => Ok(proto),
            Some(Value::Type(dtype)) => {
                let [wanted, stored] =
                    [*dtype, proto.dtype].map(|t| tensor::name(DataType::try_from(t).unwrap_or_default()));
                Err(Reason::new(format!("a variable of {wanted}, which is {stored} in the checkpoint")))
            }
            _ => Err(Reason::new("a variable without a type")),
        }
    }
}

/// The checkpoint's keys by the full names of variables. A name that two variables share stands for neither.
fn objects(bundle: &mut Bundle) -> Result<HashMap<String, String>, Reason> {
    let (mut keys, mut twice) = (HashMap::new(), HashSet::new());
    if !bundle.has(OBJECTS) {
        return Ok(keys);
    }
    let graph = TrackableObjectGraph::decode(&bundle.string(OBJECTS)?[..])
        .map_err(|e| Reason::new(format!("the checkpoint's object graph is damaged: {e}")))?;
    for attribute in graph.nodes.into_iter().flat_map(|n| n.attributes) {
        if keys.insert(attribute.full_name.clone(), attribute.checkpoint_key).is_some() {
            twice.insert(attribute.full_name);
        }
    }
    keys.retain(|name, _| !twice.contains(name));
    Ok(keys)
}

fn set(node: &mut NodeDef, op: &str, attrs: impl IntoIterator<Item = (&'static str, Value)>) {
    op.clone_into(&mut node.op);
    node.attr = attrs
        .into_iter()
        .map(|(k, v)| (k.to_owned(), AttrValue { value: Some(v) }))
        .collect::<BTreeMap<_, _>>();
}

fn constant(node: &mut NodeDef, proto: TensorProto) {
    set(node, "Const", [("dtype", Value::Type(proto.dtype)), ("value", Value::Tensor(proto))]);
}

/// What read a variable reads a constant: handles' identities take its type, reads become identities, gathers gather.
fn reads(flat: &mut [NodeDef], types: &HashMap<String, i32>) {
    let found: Vec<Option<i32>> = {
        let origins = Origins::new(flat);
        let of = |n: &NodeDef| types.get(&origins.get(n.input.first()?)?.0.name).copied();
        flat.iter().map(of).collect()
    };
    for (node, dtype) in flat.iter_mut().zip(found) {
        let Some(dtype) = dtype else { continue };
        let simple = node.attr.get("batch_dims").is_none_or(|a| matches!(a.value, None | Some(Value::I(0))));
        match node.op.as_str() {
            "ReadVariableOp" | "Identity" => set(node, IDENTITY, [("T", Value::Type(dtype))]),
            "ResourceGather" if simple => {
                let indices = node.attr.get("Tindices").and_then(|a| a.value.clone());
                let indices = indices.unwrap_or(Value::Type(DataType::DtInt32 as i32));
                set(node, "Gather", [("Tparams", Value::Type(dtype)), ("Tindices", indices)]);
            }
            _ => {}
        }
    }
}
