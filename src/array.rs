//! Tensors that own their elements: what files hold and what a command keeps between them and a network.

use crate::tensor::{DType, TensorMut, TensorRef};
use alloc::vec;
use alloc::vec::Vec;

/// Elements, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// Elements of `f32`.
    F32(Vec<f32>),
    /// Elements of `u8`.
    U8(Vec<u8>),
    /// Elements of `i8`.
    I8(Vec<i8>),
    /// Elements of `i32`.
    I32(Vec<i32>),
    /// Elements of `i64`.
    I64(Vec<i64>),
    /// Elements of `bool`.
    Bool(Vec<bool>),
}

/// Elements with a shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its dimensions, outermost first.
    pub shape: Vec<usize>,
    /// As many as the product of the dimensions.
    pub elements: Elements,
}

impl Elements {
    /// `length` zeros.
    pub fn zeros(dtype: DType, length: usize) -> Self {
        match dtype {
            DType::F32 => Elements::F32(vec![0.0; length]),
            DType::U8 => Elements::U8(vec![0; length]),
            DType::I8 => Elements::I8(vec![0; length]),
            DType::I32 => Elements::I32(vec![0; length]),
            DType::I64 => Elements::I64(vec![0; length]),
            DType::Bool => Elements::Bool(vec![false; length]),
        }
    }

    /// Elements `range`, to read; it must be inside.
    pub fn view(&self, range: core::ops::Range<usize>) -> TensorRef<'_> {
        match self {
            Elements::F32(x) => TensorRef::F32(&x[range]),
            Elements::U8(x) => TensorRef::U8(&x[range]),
            Elements::I8(x) => TensorRef::I8(&x[range]),
            Elements::I32(x) => TensorRef::I32(&x[range]),
            Elements::I64(x) => TensorRef::I64(&x[range]),
            Elements::Bool(x) => TensorRef::Bool(&x[range]),
        }
    }

    /// Elements `range`, to write; it must be inside.
    pub fn view_mut(&mut self, range: core::ops::Range<usize>) -> TensorMut<'_> {
        match self {
            Elements::F32(y) => TensorMut::F32(&mut y[range]),
            Elements::U8(y) => TensorMut::U8(&mut y[range]),
            Elements::I8(y) => TensorMut::I8(&mut y[range]),
            Elements::I32(y) => TensorMut::I32(&mut y[range]),
            Elements::I64(y) => TensorMut::I64(&mut y[range]),
            Elements::Bool(y) => TensorMut::Bool(&mut y[range]),
        }
    }

    /// All elements, to read.
    pub fn all(&self) -> TensorRef<'_> {
        self.view(0..self.len())
    }

    /// All elements, to write.
    pub fn all_mut(&mut self) -> TensorMut<'_> {
        self.view_mut(0..self.len())
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Elements::F32(x) => x.len(),
            Elements::U8(x) => x.len(),
            Elements::I8(x) => x.len(),
            Elements::I32(x) => x.len(),
            Elements::I64(x) => x.len(),
            Elements::Bool(x) => x.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.all().dtype()
    }

    /// The elements as scores.
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            Elements::F32(x) => x.clone(),
            Elements::U8(x) => x.iter().map(|x| f32::from(*x)).collect(),
            Elements::I8(x) => x.iter().map(|x| f32::from(*x)).collect(),
            Elements::I32(x) => x.iter().map(|x| *x as f32).collect(),
            Elements::I64(x) => x.iter().map(|x| *x as f32).collect(),
            Elements::Bool(x) => x.iter().map(|x| f32::from(u8::from(*x))).collect(),
        }
    }
}
