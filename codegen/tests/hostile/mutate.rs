//! Damage to a GraphDef: to its bytes, as a bad disk does, and to its fields, as an enemy does.
use crate::random::Random;
use bakelite_codegen::ops::Op;
use bakelite_codegen::wire::{
    AttrValue, GraphDef, NodeDef, TensorProto, TensorShapeProto, attr_value::Value,
};
use prost::Message;

/// Numbers that programs forget.
const SPITEFUL: [i64; 14] = [
    0,
    1,
    -1,
    2,
    3,
    7,
    255,
    256,
    1 << 20,
    (1 << 28) + 1,
    i32::MAX as i64,
    i32::MIN as i64,
    i64::MAX,
    i64::MIN,
];
const SPITEFUL_F32: [f32; 8] = [0.0, -0.0, 1.0, -1.0, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE, f32::MAX];

/// One to three damages to a GraphDef.
pub(crate) fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    if random.below(3) == 0 {
        return flip(bytes.to_vec(), random);
    }
    let Ok(mut def) = GraphDef::decode(bytes) else { return flip(bytes.to_vec(), random) };
    for _ in 0..1 + random.below(5) / 3 {
        fields(&mut def.node, random);
    }
    def.encode_to_vec()
}

pub(crate) fn flip(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..(at + random.below(9)).min(bytes.len()))),
            2 => bytes.splice(at..at, [0xff; 5]).for_each(drop),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    bytes
}

/// Damage to one node of some.
pub(crate) fn fields(nodes: &mut [NodeDef], random: &mut Random) {
    let names: Vec<String> = nodes.iter().map(|n| n.name.clone()).collect();
    let at = random.below(nodes.len());
    let Some(node) = nodes.get_mut(at) else { return };
    match random.below(10) {
        0 => inputs(node, &names, random),
        1 => node.op = random.pick(Op::NAMES).map(|s| (*s).to_owned()).unwrap_or_default(),
        2 => node.name = random.pick(&names).cloned().unwrap_or_default(),
        _ => attribute(node, random),
    }
}

fn inputs(node: &mut NodeDef, names: &[String], random: &mut Random) {
    let at = random.below(node.input.len());
    let other = random.pick(names).cloned().unwrap_or_default();
    match random.below(5) {
        0 if at < node.input.len() => drop(node.input.remove(at)),
        1 => node.input.push(other),
        2 => node.input.insert(0, format!("{other}:{}", random.below(5))),
        3 => node.input = node.input.iter().cycle().take(3 * node.input.len()).cloned().collect(),
        _ => node.input.iter_mut().skip(at).take(1).for_each(|i| i.clone_from(&other)),
    }
}

fn attribute(node: &mut NodeDef, random: &mut Random) {
    let keys: Vec<String> = node.attr.keys().cloned().collect();
    let Some(key) = random.pick(&keys) else { return };
    if random.below(12) == 0 {
        node.attr.remove(key);
        return;
    }
    if let Some(AttrValue { value: Some(value) }) = node.attr.get_mut(key) {
        change(value, random);
    }
}

fn change(value: &mut Value, random: &mut Random) {
    let number = random.pick(&SPITEFUL).copied().unwrap_or_default();
    match value {
        Value::I(i) => *i = number,
        Value::F(f) => *f = random.pick(&SPITEFUL_F32).copied().unwrap_or_default(),
        Value::B(b) => *b = !*b,
        Value::Type(t) => *t = random.below(31) as i32,
        Value::S(s) => {
            *s = random
                .pick(&["", "SAME", "VALID", "SCALED", "MIN_FIRST", "NCHW"])
                .map_or(vec![], |s| s.as_bytes().to_vec())
        }
        Value::Shape(shape) => dimension(shape, number, random),
        Value::Tensor(tensor) => content(tensor, random),
        Value::List(list) => {
            let at = random.below(list.i.len());
            match random.below(4) {
                0 => list.i.truncate(at),
                1 => list.i.push(number),
                _ => list.i.iter_mut().skip(at).take(1).for_each(|i| *i = number),
            }
            list.s.truncate(random.below(list.s.len() + 2));
        }
        Value::Placeholder(_) | Value::Func(_) => *value = Value::I(number),
    }
}

fn dimension(shape: &mut TensorShapeProto, number: i64, random: &mut Random) {
    let at = random.below(shape.dim.len());
    match random.below(4) {
        0 => shape.dim.truncate(at),
        1 => shape.dim.extend(shape.dim.first().cloned()),
        2 => shape.dim.iter_mut().skip(at).take(1).for_each(|d| d.size = random.below(40) as i64),
        _ => shape.dim.iter_mut().skip(at).take(1).for_each(|d| d.size = number),
    }
}

/// The same shape with other values, other types, or another shape, with the content cut to fit or not.
fn content(tensor: &mut TensorProto, random: &mut Random) {
    let number = random.pick(&SPITEFUL).copied().unwrap_or_default();
    let float = random.pick(&SPITEFUL_F32).copied().unwrap_or_default();
    match random.below(7) {
        0 => tensor.dtype = random.below(31) as i32,
        1 => tensor.tensor_content.truncate(random.below(tensor.tensor_content.len() + 1)),
        2 => {
            tensor.tensor_content.clear();
            tensor.tensor_shape.iter_mut().for_each(|s| dimension(s, number, random));
        }
        3 => {
            tensor.tensor_content.clear();
            tensor.float_val = vec![float];
            tensor.int_val = vec![number.clamp(i32::MIN.into(), i32::MAX.into()) as i32];
        }
        4 => {
            let at = random.below(tensor.tensor_content.len() / 4) * 4;
            let spite =
                if random.below(2) == 0 { float.to_le_bytes() } else { (number as i32).to_le_bytes() };
            tensor.tensor_content.iter_mut().skip(at).zip(spite).for_each(|(b, s)| *b = s);
        }
        5 => tensor.tensor_shape = None,
        _ => tensor.tensor_shape.iter_mut().for_each(|s| dimension(s, number, random)),
    }
}
