//! [`Tensor`] to TensorProto: raw little-endian `tensor_content`, except that scalars and strings are listed, as
//! TensorFlow writes them.
use crate::tensor::{Data, Tensor};
use crate::wire::{TensorProto, TensorShapeProto, tensor_shape_proto::Dim};

/// The bytes of every element, little endian.
macro_rules! to_le {
    ($v:expr) => {
        $v.iter().flat_map(|e| e.to_le_bytes()).collect()
    };
}

/// Writes a tensor.
pub fn tensor_proto(tensor: &Tensor) -> TensorProto {
    let dim = tensor.shape.iter().map(|&d| Dim { size: d as i64, name: String::new() }).collect();
    let mut proto = TensorProto {
        dtype: tensor.dtype as i32,
        tensor_shape: Some(TensorShapeProto { dim, unknown_rank: false }),
        ..TensorProto::default()
    };
    match &tensor.data {
        Data::F32(v) if v.len() == 1 => proto.float_val.clone_from(v),
        Data::I32(v) if v.len() == 1 => proto.int_val.clone_from(v),
        Data::Bytes(v) => proto.string_val.clone_from(v),
        data => proto.tensor_content = content(data),
    }
    proto
}

fn content(data: &Data) -> Vec<u8> {
    match data {
        Data::F32(v) => to_le!(v),
        Data::F64(v) => to_le!(v),
        Data::I8(v) => to_le!(v),
        Data::I16(v) => to_le!(v),
        Data::I32(v) => to_le!(v),
        Data::I64(v) => to_le!(v),
        Data::U8(v) => v.clone(),
        Data::U16(v) => to_le!(v),
        Data::U32(v) => to_le!(v),
        Data::U64(v) => to_le!(v),
        Data::Bool(v) => v.iter().map(|&b| u8::from(b)).collect(),
        Data::Bytes(_) => Vec::new(),
    }
}
