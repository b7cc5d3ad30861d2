//! The part of a graph that some outputs need, with every call replaced by the function's nodes.
//!
//! A call `c` of a function with a node `n` becomes the node `c/n`. In a function an edge is `argument`, or
//! `node:output:k` where `output` is one of the op's outputs by name: the SavedModel lists the definitions of all ops it
//! uses, from which the port follows. Control edges say what is needed and are then dropped: what is left is pure.
//! Cost: the nodes of each function once a call, which is bounded.
use super::library::{Attrs, Call, Library};
use crate::error::{Problems, Reason};
use crate::wire::{AttrValue, NodeDef, attr_value::Value};
use prost::Message;
use std::collections::{BTreeMap, HashMap};

/// Calls inside calls.
const DEEPEST: usize = 64;
/// Nodes of all functions, once a call.
const MOST: usize = 1 << 18;

/// What inlining may still spend; charged before anything is copied, since few bytes can ask for many.
struct Account {
    nodes: usize,
    bytes: u64,
}

impl Account {
    fn enter(&mut self, nodes: usize, depth: usize) -> Result<(), Reason> {
        let left = self.nodes.checked_sub(nodes).filter(|_| depth <= DEEPEST);
        self.nodes = left.ok_or_else(|| {
            let limits = format!("{MOST} nodes, {DEEPEST} deep");
            Reason::new(format!("functions that call others too often, or {depth} deep")).supported(limits)
        })?;
        Ok(())
    }
    fn take(&mut self, bytes: usize) -> Result<(), Reason> {
        let left = self.bytes.checked_sub(bytes as u64);
        self.bytes = left.ok_or_else(|| {
            Reason::new("functions that take too many bytes inlined").help("freeze the model to a GraphDef")
        })?;
        Ok(())
    }
    fn take_all(&mut self, edges: &[String]) -> Result<(), Reason> {
        edges.iter().try_for_each(|e| self.take(e.len() + size_of::<String>()))
    }
}

/// The main graph, or the body of one call.
struct Frame<'a> {
    /// Before every name: empty, or the call's name and a slash.
    prefix: String,
    nodes: HashMap<&'a str, &'a NodeDef>,
    /// What the arguments are in the flat graph; `None` in the main graph.
    args: Option<HashMap<&'a str, String>>,
    attrs: Attrs<'a>,
    /// The functions that this is inside of.
    inside: Vec<&'a str>,
    roots: Vec<String>,
}

impl<'a> Frame<'a> {
    /// An edge of the frame in the flat graph, and the node of the frame that it comes from.
    fn edge(&self, library: &Library<'_>, input: &str) -> Result<(String, Option<String>), Reason> {
        let prefix = &self.prefix;
        if let Some(control) = input.strip_prefix('^') {
            let argument = self.args.as_ref().is_some_and(|a| a.contains_key(control));
            return Ok((format!("^{prefix}{control}"), (!argument).then(|| control.to_owned())));
        }
        let (name, rest) = input.split_once(':').unwrap_or((input, ""));
        let Some(args) = &self.args else { return Ok((input.to_owned(), Some(name.to_owned()))) };
        if let Some(arg) = args.get(input) {
            return Ok((arg.clone(), None));
        }
        let node = self.nodes.get(name).ok_or_else(|| unknown(input))?;
        let (output, k) = rest.split_once(':').ok_or_else(|| unknown(input))?;
        let port = library.port(node, output, k.parse().map_err(|_| unknown(input))?)?;
        let edge = if port == 0 { format!("{prefix}{name}") } else { format!("{prefix}{name}:{port}") };
        Ok((edge, Some(name.to_owned())))
    }
    /// The data inputs of a node in the flat graph.
    fn data(&self, library: &Library<'_>, node: &NodeDef) -> Result<Vec<String>, Reason> {
        let data = node.input.iter().filter(|i| !i.starts_with('^'));
        data.map(|i| Ok(self.edge(library, i)?.0)).collect()
    }
    /// Attributes of a node or a call; those that name one of the function's stand for its value.
    fn attrs(&self, given: &'a BTreeMap<String, AttrValue>) -> Result<Attrs<'a>, Reason> {
        let value = |a: &'a AttrValue| match &a.value {
            Some(Value::Placeholder(name)) => self
                .attrs
                .get(name.as_str())
                .copied()
                .ok_or_else(|| Reason::new(format!("the call does not give the attribute {name:?}"))),
            _ => Ok(a),
        };
        given.iter().map(|(name, a)| Ok((name.as_str(), value(a)?))).collect()
    }
}

fn unknown(input: &str) -> Reason {
    Reason::new(format!("input `{input}` names no node or argument"))
        .help("the SavedModel is damaged: save it again")
}

/// What the outputs of inlined calls are in the flat graph.
#[derive(Default)]
struct Calls(HashMap<String, Vec<String>>);

impl Calls {
    /// What an edge is once calls are gone. Every edge on the way is settled with it, so that a chain is walked once.
    fn edge(&mut self, edge: &str) -> Result<String, Reason> {
        let (mut edge, mut way) = (edge.to_owned(), vec![]);
        while way.len() <= self.0.len() {
            let (name, port) = edge.split_once(':').unwrap_or((&edge, "0"));
            let Some(outputs) = self.0.get(name) else {
                let end = edge.strip_suffix(":0").unwrap_or(&edge).to_owned();
                self.settle(way, &end);
                return Ok(end);
            };
            let port: usize = port.parse().map_err(|_| unknown(&edge))?;
            let next = outputs.get(port).ok_or_else(|| unknown(&edge))?.clone();
            way.push((name.to_owned(), port));
            edge = next;
        }
        Err(Reason::new("calls whose outputs are each other"))
    }
    fn settle(&mut self, way: Vec<(String, usize)>, end: &str) {
        for (name, port) in way {
            if let Some(output) = self.0.get_mut(&name).and_then(|o| o.get_mut(port)) {
                end.clone_into(output);
            }
        }
    }
}

/// What `wanted` (tensors, or nodes to run) needs, without calls; and what each of `wanted` is in it.
pub(super) fn flatten(
    library: &Library<'_>,
    wanted: &[String],
) -> Result<(Vec<NodeDef>, HashMap<String, String>), Problems> {
    let main = Frame {
        prefix: String::new(),
        nodes: library.nodes.iter().map(|n| (n.name.as_str(), n)).collect(),
        args: None,
        attrs: Attrs::new(),
        inside: vec![],
        roots: wanted.to_vec(),
    };
    let (mut flat, mut calls, mut frames) = (vec![], Calls::default(), vec![main]);
    let mut account = Account { nodes: MOST, bytes: library.room };
    while let Some(frame) = frames.pop() {
        for node in walk(library, &frame)? {
            let failed = |r| Problems::at(&format!("{}{}", frame.prefix, node.name), &node.op, r);
            match library.called(node).map_err(failed)? {
                Some(call) => {
                    let (inner, outputs) = inline(library, &frame, call, &mut account).map_err(failed)?;
                    calls.0.insert(format!("{}{}", frame.prefix, node.name), outputs);
                    frames.push(inner);
                }
                // Keras writes one for each swish; its outputs are its inputs, as if it were a call.
                None if node.op == "IdentityN" => {
                    let data = frame.data(library, node).map_err(failed)?;
                    account.take_all(&data).map_err(failed)?;
                    calls.0.insert(format!("{}{}", frame.prefix, node.name), data);
                }
                None => flat.push(emit(library, &frame, node, &mut account).map_err(failed)?),
            }
        }
    }
    for node in &mut flat {
        let inputs = node.input.iter().map(|i| calls.edge(i)).collect::<Result<_, _>>();
        node.input = inputs.map_err(|r| Problems::at(&node.name, &node.op, r))?;
    }
    let outputs = wanted.iter().map(|w| Ok((w.clone(), calls.edge(w)?))).collect::<Result<_, Reason>>();
    Ok((flat, outputs.map_err(Problems::file)?))
}

/// The nodes of a frame that its roots need, control included, in the order of their names.
fn walk<'a>(library: &Library<'a>, frame: &Frame<'a>) -> Result<Vec<&'a NodeDef>, Problems> {
    let (mut needed, mut open) = (BTreeMap::new(), vec![]);
    for root in &frame.roots {
        open.extend(frame.edge(library, root).map_err(Problems::file)?.1);
    }
    while let Some(name) = open.pop() {
        let node = frame.nodes.get(name.as_str()).copied();
        let node = node.ok_or_else(|| Problems::file(unknown(&format!("{}{name}", frame.prefix))))?;
        if needed.insert(name, node).is_some() {
            continue;
        }
        for input in &node.input {
            let from = frame.edge(library, input).map_err(|r| Problems::at(&node.name, &node.op, r))?.1;
            open.extend(from.filter(|n| !needed.contains_key(n)));
        }
    }
    Ok(needed.into_values().collect())
}

/// A node of a frame in the flat graph, with all its attributes and without control edges.
fn emit<'a>(
    library: &Library<'a>,
    frame: &Frame<'a>,
    node: &'a NodeDef,
    account: &mut Account,
) -> Result<NodeDef, Reason> {
    let mut attrs: Attrs<'a> = library.defaults(&node.op).collect();
    attrs.extend(frame.attrs(&node.attr)?);
    attrs.iter().try_for_each(|(name, a)| account.take(name.len() + a.encoded_len()))?;
    let name = format!("{}{}", frame.prefix, node.name);
    let input = frame.data(library, node)?;
    account.take(name.len())?;
    account.take_all(&input)?;
    let attr = attrs.into_iter().map(|(name, a)| (name.to_owned(), a.clone())).collect();
    Ok(NodeDef { name, op: node.op.clone(), input, attr, ..NodeDef::default() })
}

/// The frame of a call, and what its outputs are in the flat graph.
fn inline<'a>(
    library: &Library<'a>,
    frame: &Frame<'a>,
    Call { node, function, attrs: given }: Call<'a>,
    account: &mut Account,
) -> Result<(Frame<'a>, Vec<String>), Reason> {
    let signature =
        function.signature.as_ref().ok_or_else(|| Reason::new("a function without a signature"))?;
    if frame.inside.contains(&signature.name.as_str()) {
        let found = format!("the function {:?} calls itself", signature.name);
        return Err(Reason::new(found).supported("no recursion"));
    }
    let inside: Vec<&str> = frame.inside.iter().copied().chain([signature.name.as_str()]).collect();
    account.enter(function.node_def.len(), inside.len())?;
    let data = frame.data(library, node)?;
    account.take_all(&data)?;
    if data.len() != signature.input_arg.len() {
        let found = format!("{} inputs for the function {:?}", data.len(), signature.name);
        return Err(Reason::new(found).supported(format!("{}", signature.input_arg.len())));
    }
    let mut attrs: Attrs<'a> = library.defaults(&signature.name).collect();
    attrs.extend(frame.attrs(given)?);
    let mut inner = Frame {
        prefix: format!("{}{}/", frame.prefix, node.name),
        nodes: function.node_def.iter().map(|n| (n.name.as_str(), n)).collect(),
        args: Some(signature.input_arg.iter().map(|a| a.name.as_str()).zip(data).collect()),
        attrs,
        inside,
        roots: vec![],
    };
    let missing = |a: &str| Reason::new(format!("the function {:?} does not return {a:?}", signature.name));
    let returned = |a: &str| function.ret.get(a).ok_or_else(|| missing(a));
    let returned = signature.output_arg.iter().map(|a| returned(&a.name));
    let outputs: Vec<&String> = returned.collect::<Result<_, _>>()?;
    let control = function.control_ret.values().map(|n| format!("^{n}"));
    inner.roots = outputs.iter().map(|o| (*o).clone()).chain(control).collect();
    let edges = outputs.iter().map(|o| Ok(inner.edge(library, o)?.0));
    let edges: Vec<String> = edges.collect::<Result<_, Reason>>()?;
    account.take_all(&edges)?;
    Ok((inner, edges))
}
