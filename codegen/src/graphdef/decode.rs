//! TensorProto to [`Tensor`], every encoding.
//!
//! Non-empty `tensor_content` wins and must be exactly elements x size bytes, little endian. Otherwise the typed list:
//! none means zeros, fewer than there are elements means that the last repeats, more are ignored.
use crate::error::Reason;
use crate::tensor::{Data, DataType, Tensor, elements, name};
use crate::wire::TensorProto;

/// Reads a tensor; complex, resource, variant and 4- and 8-bit float types are refused by name.
pub fn tensor(proto: &TensorProto) -> Result<Tensor, Reason> {
    let dtype = DataType::try_from(proto.dtype)
        .map_err(|_| Reason::new(format!("a tensor of unknown type number {}", proto.dtype)))?;
    let shape = shape(proto)?;
    let count = elements(&shape)?;
    let data = if proto.tensor_content.is_empty() {
        listed(proto, dtype, count)?
    } else {
        content(&proto.tensor_content, dtype, count)?
    };
    Tensor::new(dtype, shape, data)
}

/// The shape; absent is a scalar.
pub(super) fn shape(proto: &TensorProto) -> Result<Vec<usize>, Reason> {
    let Some(shape) = &proto.tensor_shape else { return Ok(vec![]) };
    if shape.unknown_rank {
        return Err(Reason::new("a tensor of unknown rank"));
    }
    let known = |size: i64| {
        usize::try_from(size).map_err(|_| {
            Reason::new(format!("a tensor dimension of {size}")).supported("dimensions of 0 and above")
        })
    };
    shape.dim.iter().map(|d| known(d.size)).collect()
}

/// Little-endian elements from raw bytes.
macro_rules! from_le {
    ($bytes:expr, $ty:ty) => {
        $bytes.as_chunks::<{ size_of::<$ty>() }>().0.iter().map(|&b| <$ty>::from_le_bytes(b)).collect()
    };
}

fn content(bytes: &[u8], dtype: DataType, count: usize) -> Result<Data, Reason> {
    let (data, size) = match dtype {
        DataType::DtFloat => (Data::F32(from_le!(bytes, f32)), 4),
        DataType::DtDouble => (Data::F64(from_le!(bytes, f64)), 8),
        DataType::DtInt8 | DataType::DtQint8 => (Data::I8(from_le!(bytes, i8)), 1),
        DataType::DtInt16 | DataType::DtQint16 => (Data::I16(from_le!(bytes, i16)), 2),
        DataType::DtInt32 | DataType::DtQint32 => (Data::I32(from_le!(bytes, i32)), 4),
        DataType::DtInt64 => (Data::I64(from_le!(bytes, i64)), 8),
        DataType::DtUint8 | DataType::DtQuint8 => (Data::U8(bytes.to_vec()), 1),
        DataType::DtUint16 | DataType::DtQuint16 | DataType::DtHalf | DataType::DtBfloat16 => {
            (Data::U16(from_le!(bytes, u16)), 2)
        }
        DataType::DtUint32 => (Data::U32(from_le!(bytes, u32)), 4),
        DataType::DtUint64 => (Data::U64(from_le!(bytes, u64)), 8),
        DataType::DtBool => (Data::Bool(bytes.iter().map(|&b| b != 0).collect()), 1),
        _ => return Err(unsupported(dtype)),
    };
    if Some(bytes.len()) != count.checked_mul(size) {
        let found = format!("{} bytes of {} tensor_content", bytes.len(), name(dtype));
        return Err(Reason::new(found).supported(format!("{} for its {count} elements", count * size)));
    }
    Ok(data)
}

fn listed(proto: &TensorProto, dtype: DataType, count: usize) -> Result<Data, Reason> {
    let p = proto;
    Ok(match dtype {
        DataType::DtFloat => Data::F32(repeat(&p.float_val, count, |&v| Ok(v))?),
        DataType::DtDouble => Data::F64(repeat(&p.double_val, count, |&v| Ok(v))?),
        DataType::DtInt8 | DataType::DtQint8 => Data::I8(repeat(&p.int_val, count, |&v| narrow(v, dtype))?),
        DataType::DtInt16 | DataType::DtQint16 => {
            Data::I16(repeat(&p.int_val, count, |&v| narrow(v, dtype))?)
        }
        DataType::DtInt32 | DataType::DtQint32 => Data::I32(repeat(&p.int_val, count, |&v| Ok(v))?),
        DataType::DtInt64 => Data::I64(repeat(&p.int64_val, count, |&v| Ok(v))?),
        DataType::DtUint8 | DataType::DtQuint8 => Data::U8(repeat(&p.int_val, count, |&v| narrow(v, dtype))?),
        DataType::DtUint16 | DataType::DtQuint16 => {
            Data::U16(repeat(&p.int_val, count, |&v| narrow(v, dtype))?)
        }
        DataType::DtHalf | DataType::DtBfloat16 => {
            Data::U16(repeat(&p.half_val, count, |&v| narrow(v, dtype))?)
        }
        DataType::DtUint32 => Data::U32(repeat(&p.uint32_val, count, |&v| Ok(v))?),
        DataType::DtUint64 => Data::U64(repeat(&p.uint64_val, count, |&v| Ok(v))?),
        DataType::DtBool => Data::Bool(repeat(&p.bool_val, count, |&v| Ok(v))?),
        DataType::DtString => Data::Bytes(repeat(&p.string_val, count, |v| Ok(v.clone()))?),
        _ => return Err(unsupported(dtype)),
    })
}

fn repeat<T, U: Clone + Default>(
    list: &[T],
    count: usize,
    convert: impl Fn(&T) -> Result<U, Reason>,
) -> Result<Vec<U>, Reason> {
    let mut values = list.iter().take(count).map(convert).collect::<Result<Vec<U>, _>>()?;
    let last = values.last().cloned().unwrap_or_default();
    values.resize(count, last);
    Ok(values)
}

fn narrow<T: TryFrom<i32>>(value: i32, dtype: DataType) -> Result<T, Reason> {
    T::try_from(value).map_err(|_| Reason::new(format!("the value {value} in a {} tensor", name(dtype))))
}

fn unsupported(dtype: DataType) -> Reason {
    Reason::new(format!("a {} tensor", name(dtype)))
        .supported("float, double, integer, bool, string and quantized types")
}
