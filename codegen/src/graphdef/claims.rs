//! What a file claims its constants take, checked before any of them is decoded.
//!
//! `tensor_content` is as long as it is; a list of values is not: one float and the shape `[2^28]` are a gigabyte.
use super::decode;
use crate::error::{Problems, Reason};
use crate::limits::{DECODED_BYTES, GROWTH};
use crate::tensor::{DataType, element_bytes, elements};
use crate::wire::{NodeDef, TensorProto, attr_value::Value};

/// Charges every tensor of the file to one account, [`DECODED_BYTES`] and [`GROWTH`] times the file's length.
pub(super) fn check(nodes: &[NodeDef], file: usize) -> Result<(), Problems> {
    let room = DECODED_BYTES.saturating_add(GROWTH.saturating_mul(file as u64));
    let (mut left, mut problems) = (room, Problems::default());
    for node in nodes {
        for attr in node.attr.values() {
            let Some(Value::Tensor(tensor)) = &attr.value else { continue };
            let claimed = bytes(tensor);
            match left.checked_sub(claimed) {
                Some(rest) => left = rest,
                None => problems.add(&node.name, &node.op, refused(tensor, claimed, room)),
            }
        }
    }
    problems.into_result(())
}

fn refused(tensor: &TensorProto, claimed: u64, room: u64) -> Reason {
    let shape = decode::shape(tensor).unwrap_or_default();
    Reason::new(format!("a constant of shape {shape:?} that takes {claimed} bytes decoded"))
        .supported(format!("{room} bytes for all constants of a file of this length"))
        .help("a constant of one repeated value can be made by Fill or broadcasting instead")
}

/// Bytes of the tensor decoded; of one that decoding refuses, none.
fn bytes(tensor: &TensorProto) -> u64 {
    let count = decode::shape(tensor).and_then(|shape| elements(&shape)).unwrap_or(0) as u64;
    let longest = tensor.string_val.iter().map(Vec::len).max().unwrap_or(0) as u64;
    let Ok(dtype) = DataType::try_from(tensor.dtype) else { return 0 };
    let text = if dtype == DataType::DtString { longest } else { 0 };
    count.saturating_mul((element_bytes(dtype) as u64).saturating_add(text))
}
