//! Where a tensor is while the network runs.
use crate::error::Reason;
use crate::graph::Edge;
use crate::lower::Section;
use crate::tensor::{DataType, Shape, name};
use bakelite_kernels::Place;

/// Index of a buffer in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub usize);

/// What kernels see a tensor as. Signed bytes are stored with 128 added, so bytes are all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is named for its Rust type")]
pub enum Element {
    U8,
    /// Bytes 0 and 1.
    Bool,
    I32,
    I64,
    F32,
}

impl Element {
    /// The element of a TensorFlow type, or why generated code cannot hold it.
    pub fn of(dtype: DataType) -> Result<Self, Reason> {
        match dtype {
            DataType::DtQuint8 | DataType::DtUint8 | DataType::DtQint8 | DataType::DtInt8 => Ok(Self::U8),
            DataType::DtBool => Ok(Self::Bool),
            DataType::DtInt32 | DataType::DtQint32 => Ok(Self::I32),
            DataType::DtInt64 => Ok(Self::I64),
            DataType::DtFloat => Ok(Self::F32),
            _ => Err(Reason::new(format!("a tensor of type {}", name(dtype))).supported(
                "float, quint8, qint8, qint32, uint8, int8, int32, int64 and bool in compiled code",
            )),
        }
    }

    /// What a tensor of this type holds for 0: 128 for signed bytes.
    pub fn zero_point(dtype: DataType) -> u8 {
        if matches!(dtype, DataType::DtQint8 | DataType::DtInt8) { 128 } else { 0 }
    }

    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::Bool => 1,
            Self::I32 | Self::F32 => 4,
            Self::I64 => 8,
        }
    }

    /// Rust's name of the element in generated code.
    pub fn rust(self) -> &'static str {
        match self {
            Self::U8 | Self::Bool => "u8",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
        }
    }
}

/// Which memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// A buffer in the arena.
    Arena(BufferId),
    /// The caller's input of that number; elements wider than a byte only, since bytes may be read over their end.
    Input(usize),
    /// The caller's output of that number.
    Output(usize),
    /// A constant in the blob.
    Blob(Section),
}

/// A tensor: memory, where in it, and of what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operand {
    /// Which memory.
    pub memory: Memory,
    /// Where in the memory, in elements.
    pub place: Place,
    /// Of what.
    pub element: Element,
    /// Whether the kernel sees exactly the elements of the place (which is dense), or the whole buffer.
    pub exact: bool,
    /// The edge whose buffer this is, where it is one's whole tensor.
    pub(super) edge: Option<Edge>,
}

impl Operand {
    /// Whether the tensor has no gaps and begins its memory.
    pub fn is_dense(&self) -> bool {
        self.place == Place::dense(self.shape())
    }

    /// The same for a kernel that wants exactly the elements; the operand must be dense.
    #[must_use]
    pub fn exact(self) -> Self {
        Self { exact: true, ..self }
    }

    /// Dimensions as NHWC.
    pub fn shape(&self) -> [usize; 4] {
        let Place { batch, height, width, channels, .. } = self.place;
        [batch, height, width, channels]
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape().iter().product()
    }

    /// The channels `from..from + channels` of each pixel.
    #[must_use]
    pub fn channels(self, from: usize, channels: usize) -> Self {
        let place = Place { channels, first: self.place.first + from, ..self.place };
        Self { place, edge: None, ..self }
    }

    /// The same elements, dense, with other dimensions of the same product.
    #[must_use]
    pub(super) fn reshaped(self, shape: [usize; 4]) -> Self {
        Self { place: Place::dense(shape), edge: None, ..self }
    }
}

/// A shape as NHWC: the last three dimensions are height, width and channels, what is before them is the batch.
pub fn nhwc(shape: &Shape) -> [usize; 4] {
    let mut dims = [1; 4];
    for (i, &d) in shape.iter().rev().enumerate() {
        let axis = 3usize.saturating_sub(i);
        dims[axis] *= d;
    }
    dims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_as_nhwc() {
        assert_eq!(nhwc(&vec![]), [1, 1, 1, 1]);
        assert_eq!(nhwc(&vec![7]), [1, 1, 1, 7]);
        assert_eq!(nhwc(&vec![2, 7]), [1, 1, 2, 7]);
        assert_eq!(nhwc(&vec![2, 3, 4, 5]), [2, 3, 4, 5]);
        assert_eq!(nhwc(&vec![2, 3, 4, 5, 6]), [6, 4, 5, 6]);
    }
}
