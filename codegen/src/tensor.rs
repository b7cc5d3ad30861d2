//! Dense tensors, row-major, as the interpreter and the passes hold them.
use crate::error::Reason;
use std::fmt;

/// The wire format's type numbers; `DataType::DtQuint8` and so on.
pub use crate::wire::DataType;

/// The most elements one tensor may have (1 GiB of f32): a hostile file cannot ask for more.
pub const MAX_ELEMENTS: usize = 1 << 28;

/// The most dimensions one tensor may have, TensorFlow's own limit.
pub const MAX_RANK: usize = 254;

/// A shape, every dimension known.
pub type Shape = Vec<usize>;

/// Number of elements of `shape`, or why there are too many.
///
/// Dimensions of zero count as one against the limit: `[0, 2^60]` is empty, but any product over some of its
/// dimensions (a stride, a row) must stay computable too.
pub fn elements(shape: &[usize]) -> Result<usize, Reason> {
    if shape.len() > MAX_RANK {
        let found = format!("a tensor of {} dimensions", shape.len());
        return Err(Reason::new(found).supported(format!("at most {MAX_RANK}")));
    }
    let room = |n: usize, &d: &usize| n.checked_mul(d.max(1)).filter(|&n| n <= MAX_ELEMENTS);
    let product = shape.iter().try_fold(1, room).ok_or_else(|| {
        Reason::new(format!("a tensor of shape {shape:?}"))
            .supported(format!("at most {MAX_ELEMENTS} elements"))
    })?;
    Ok(if shape.contains(&0) { 0 } else { product })
}

/// The elements of a tensor. Quantized types are stored as their integers: quint8 as U8, qint8 as I8, qint32 as I32;
/// half and bfloat16 as the 16 bits.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant is named for its element")]
pub enum Data {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    Bool(Vec<bool>),
    Bytes(Vec<Vec<u8>>),
}

/// Runs an expression on the vector of whichever variant a [`Data`] holds.
#[macro_export]
macro_rules! each_data {
    ($data:expr, $v:ident => $body:expr) => {
        match $data {
            $crate::tensor::Data::F32($v) => $body,
            $crate::tensor::Data::F64($v) => $body,
            $crate::tensor::Data::I8($v) => $body,
            $crate::tensor::Data::I16($v) => $body,
            $crate::tensor::Data::I32($v) => $body,
            $crate::tensor::Data::I64($v) => $body,
            $crate::tensor::Data::U8($v) => $body,
            $crate::tensor::Data::U16($v) => $body,
            $crate::tensor::Data::U32($v) => $body,
            $crate::tensor::Data::U64($v) => $body,
            $crate::tensor::Data::Bool($v) => $body,
            $crate::tensor::Data::Bytes($v) => $body,
        }
    };
}

/// Maps the vector of whichever variant, keeping the variant: `map_data!(&data, v => pick(v))`.
#[macro_export]
macro_rules! map_data {
    ($data:expr, $v:ident => $body:expr) => {
        match $data {
            $crate::tensor::Data::F32($v) => $crate::tensor::Data::F32($body),
            $crate::tensor::Data::F64($v) => $crate::tensor::Data::F64($body),
            $crate::tensor::Data::I8($v) => $crate::tensor::Data::I8($body),
            $crate::tensor::Data::I16($v) => $crate::tensor::Data::I16($body),
            $crate::tensor::Data::I32($v) => $crate::tensor::Data::I32($body),
            $crate::tensor::Data::I64($v) => $crate::tensor::Data::I64($body),
            $crate::tensor::Data::U8($v) => $crate::tensor::Data::U8($body),
            $crate::tensor::Data::U16($v) => $crate::tensor::Data::U16($body),
            $crate::tensor::Data::U32($v) => $crate::tensor::Data::U32($body),
            $crate::tensor::Data::U64($v) => $crate::tensor::Data::U64($body),
            $crate::tensor::Data::Bool($v) => $crate::tensor::Data::Bool($body),
            $crate::tensor::Data::Bytes($v) => $crate::tensor::Data::Bytes($body),
        }
    };
}

impl Data {
    /// Number of elements.
    pub fn len(&self) -> usize {
        each_data!(self, v => v.len())
    }
    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Bytes(v) => v.iter().map(|s| size_of::<Vec<u8>>() + s.len()).sum(),
            numbers => each_data!(numbers, v => std::mem::size_of_val(v.as_slice())),
        }
    }
}

/// A dense row-major tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The TensorFlow type; `Data` alone does not tell qint8 from int8.
    pub dtype: DataType,
    /// Dimensions, outermost first; empty for a scalar.
    pub shape: Shape,
    /// As many elements as the shape says.
    pub data: Data,
}

impl Tensor {
    /// A tensor whose data has as many elements as its shape says.
    pub fn new(dtype: DataType, shape: Shape, data: Data) -> Result<Self, Reason> {
        let count = elements(&shape)?;
        if count != data.len() {
            return Err(Reason::new(format!(
                "{} elements for shape {shape:?}, which has {count}",
                data.len()
            )));
        }
        Ok(Self { dtype, shape, data })
    }
    /// An f32 tensor.
    pub fn f32(shape: Shape, data: Vec<f32>) -> Result<Self, Reason> {
        Self::new(DataType::DtFloat, shape, Data::F32(data))
    }
    /// An f32 scalar.
    pub fn scalar(value: f32) -> Self {
        Self { dtype: DataType::DtFloat, shape: vec![], data: Data::F32(vec![value]) }
    }
    /// An int32 vector, as shape operands are.
    pub fn ints(values: &[i32]) -> Self {
        Self { dtype: DataType::DtInt32, shape: vec![values.len()], data: Data::I32(values.to_vec()) }
    }
    /// The elements as f32, or what they are instead.
    pub fn as_f32(&self) -> Result<&[f32], Reason> {
        match &self.data {
            Data::F32(v) => Ok(v),
            _ => Err(self.wrong("float")),
        }
    }
    /// The elements as u8 (uint8, quint8).
    pub fn as_u8(&self) -> Result<&[u8], Reason> {
        match &self.data {
            Data::U8(v) => Ok(v),
            _ => Err(self.wrong("quint8")),
        }
    }
    /// The elements as i8 (int8, qint8).
    pub fn as_i8(&self) -> Result<&[i8], Reason> {
        match &self.data {
            Data::I8(v) => Ok(v),
            _ => Err(self.wrong("qint8")),
        }
    }
    /// The elements as i32 (int32, qint32).
    pub fn as_i32(&self) -> Result<&[i32], Reason> {
        match &self.data {
            Data::I32(v) => Ok(v),
            _ => Err(self.wrong("int32")),
        }
    }
    /// The elements of an int32 or int64 tensor, widened: axes, shapes, paddings.
    pub fn to_i64(&self) -> Result<Vec<i64>, Reason> {
        match &self.data {
            Data::I32(v) => Ok(v.iter().map(|&i| i64::from(i)).collect()),
            Data::I64(v) => Ok(v.clone()),
            _ => Err(self.wrong("int32 or int64")),
        }
    }
    fn wrong(&self, wanted: &str) -> Reason {
        Reason::new(format!("a {} tensor of shape {:?}", name(self.dtype), self.shape)).supported(wanted)
    }
}

/// Bytes of one element in memory; of a string, without its text.
pub fn element_bytes(dtype: DataType) -> usize {
    use DataType::*;
    match dtype {
        DtQuint8 | DtQint8 | DtUint8 | DtInt8 | DtBool => 1,
        DtInt16 | DtUint16 | DtQint16 | DtQuint16 | DtHalf | DtBfloat16 => 2,
        DtFloat | DtInt32 | DtQint32 | DtUint32 => 4,
        DtString => size_of::<Vec<u8>>(),
        _ => 8,
    }
}

/// TensorFlow's short name of a type: `float`, `quint8`, `int32`.
pub fn name(dtype: DataType) -> String {
    dtype.as_str_name().trim_start_matches("DT_").to_lowercase()
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", name(self.dtype), self.shape)
    }
}
