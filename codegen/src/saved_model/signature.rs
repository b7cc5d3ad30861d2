//! Which signature is meant, and nodes that bear the names of its inputs and outputs.
use crate::error::Reason;
use crate::tensor;
use crate::wire::{AttrValue, DataType, MetaGraphDef, NodeDef, SignatureDef, TensorInfo, attr_value::Value};
use std::collections::{BTreeMap, HashMap, HashSet};

const DEFAULT: &str = "serving_default";
/// The signature by which a SavedModel initialises itself; it computes nothing.
const INIT: &str = "__saved_model_init_op";

/// The signature of a name; without one the default, or the only one.
pub(super) fn choose<'a>(meta: &'a MetaGraphDef, name: Option<&str>) -> Result<&'a SignatureDef, Reason> {
    let computing = meta.signature_def.iter().filter(|(n, s)| *n != INIT && !s.outputs.is_empty());
    let all: BTreeMap<&str, &SignatureDef> = computing.map(|(n, s)| (n.as_str(), s)).collect();
    let chosen = match (name, all.len()) {
        (Some(name), _) => all.get(name),
        (None, 1) => all.values().next(),
        (None, _) => all.get(DEFAULT),
    };
    chosen.copied().ok_or_else(|| {
        let found = format!("the SavedModel has no signature {:?}", name.unwrap_or(DEFAULT));
        let listed: Vec<String> = all.iter().map(|(name, s)| described(name, s)).collect();
        Reason::new(found).help(match &listed[..] {
            [] => "save it with one: tf.saved_model.save(model, folder, signatures=...)".to_owned(),
            listed => format!("name one with --signature: {}", listed.join("; ")),
        })
    })
}

/// `serving_default: image float[?, 8, 8, 3] -> probabilities float[?, 5]`.
fn described(name: &str, signature: &SignatureDef) -> String {
    let one = |(key, info): (&String, &TensorInfo)| format!("{key} {}", typed(info));
    let all = |of: &BTreeMap<String, TensorInfo>| of.iter().map(one).collect::<Vec<_>>().join(", ");
    format!("{name}: {} -> {}", all(&signature.inputs), all(&signature.outputs))
}

fn typed(info: &TensorInfo) -> String {
    let dtype = DataType::try_from(info.dtype).unwrap_or_default();
    let size = |d: i64| if d < 0 { "?".to_owned() } else { d.to_string() };
    match &info.tensor_shape {
        Some(shape) if !shape.unknown_rank => {
            let sizes: Vec<String> = shape.dim.iter().map(|d| size(d.size)).collect();
            format!("{}[{}]", tensor::name(dtype), sizes.join(", "))
        }
        _ => format!("{} of any shape", tensor::name(dtype)),
    }
}

/// Gives the signature's inputs and outputs nodes of their names, where these are free; the names of the outputs.
pub(super) fn name(
    nodes: &mut Vec<NodeDef>,
    signature: &SignatureDef,
    outputs: &HashMap<String, String>,
) -> Vec<String> {
    let mut taken: HashSet<String> = nodes.iter().map(|n| n.name.clone()).collect();
    for (key, info) in &signature.inputs {
        let tensor = info.name.strip_suffix(":0").unwrap_or(&info.name);
        let at = nodes.iter().position(|n| n.name == tensor && n.op == "Placeholder");
        if let Some(at) = at.filter(|_| taken.insert(key.clone())) {
            // The placeholder takes the signature's name; what read it reads an identity of the old name.
            nodes.push(identity(tensor, key, info.dtype));
            nodes[at].name.clone_from(key);
        }
    }
    let mut names = vec![];
    for (key, info) in &signature.outputs {
        let Some(mut from) = outputs.get(&info.name).cloned() else { continue };
        let tensor = info.name.strip_suffix(":0").unwrap_or(&info.name).to_owned();
        // The name of an inlined call; `call:1` can be no node's name.
        if !tensor.contains(':') && taken.insert(tensor.clone()) {
            nodes.push(identity(&tensor, &from, info.dtype));
            from = tensor;
        }
        if from != *key && taken.insert(key.clone()) {
            nodes.push(identity(key, &from, info.dtype));
            from.clone_from(key);
        }
        names.push(from);
    }
    names
}

fn identity(name: &str, from: &str, dtype: i32) -> NodeDef {
    let dtype = DataType::try_from(dtype).unwrap_or_default() as i32;
    let attr = BTreeMap::from([("T".to_owned(), AttrValue { value: Some(Value::Type(dtype)) })]);
    NodeDef {
        name: name.to_owned(),
        op: "Identity".to_owned(),
        input: vec![from.to_owned()],
        attr,
        ..NodeDef::default()
    }
}
