//! Views of tensors: a slice and its element type, row-major and without a shape of their own.
//!
//! The shape is the network's ([`TensorInfo`]); a view fits if type and number of elements do.

use crate::network::{Mismatch, TensorInfo};

/// Makes the enums of views, their accessors and the list of element types from one table.
macro_rules! elements {
    ($($variant:ident($t:ty) = $name:literal, $bytes:literal;)*) => {
        /// The element type of a tensor.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DType {
            $(#[doc = concat!("`", stringify!($t), "`.")] $variant,)*
        }

        impl DType {
            /// Rust's name of the type.
            pub const fn as_str(self) -> &'static str {
                match self { $(DType::$variant => $name,)* }
            }

            /// Bytes of one element.
            pub const fn bytes(self) -> usize {
                match self { $(DType::$variant => $bytes,)* }
            }
        }

        /// A tensor to read.
        #[derive(Clone, Copy, Debug)]
        pub enum TensorRef<'a> {
            $(#[doc = concat!("Elements of `", stringify!($t), "`.")] $variant(&'a [$t]),)*
        }

        /// A tensor to write.
        #[derive(Debug)]
        pub enum TensorMut<'a> {
            $(#[doc = concat!("Elements of `", stringify!($t), "`.")] $variant(&'a mut [$t]),)*
        }

        impl TensorRef<'_> {
            /// The element type.
            pub fn dtype(&self) -> DType {
                match self { $(TensorRef::$variant(_) => DType::$variant,)* }
            }

            /// The number of elements.
            pub fn elements(&self) -> usize {
                match self { $(TensorRef::$variant(x) => x.len(),)* }
            }
        }

        impl TensorMut<'_> {
            /// The same elements to read.
            pub fn as_ref(&self) -> TensorRef<'_> {
                match self { $(TensorMut::$variant(y) => TensorRef::$variant(y),)* }
            }
        }

        $(impl Element for $t {
            const DTYPE: DType = DType::$variant;

            fn slice<'a>(x: &TensorRef<'a>) -> Option<&'a [Self]> {
                match x { TensorRef::$variant(x) => Some(x), _ => None }
            }

            fn slice_mut<'a>(y: &'a mut TensorMut<'_>) -> Option<&'a mut [Self]> {
                match y { TensorMut::$variant(y) => Some(y), _ => None }
            }
        })*
    };
}

elements! {
    F32(f32) = "f32", 4;
    U8(u8) = "u8", 1;
    I8(i8) = "i8", 1;
    I32(i32) = "i32", 4;
    I64(i64) = "i64", 8;
    Bool(bool) = "bool", 1;
}

impl core::fmt::Display for DType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A type that tensors are made of.
pub trait Element: Copy + 'static {
    /// Its name among the element types.
    const DTYPE: DType;
    /// The elements, if they are of this type.
    fn slice<'a>(x: &TensorRef<'a>) -> Option<&'a [Self]>;
    /// The elements, if they are of this type.
    fn slice_mut<'a>(y: &'a mut TensorMut<'_>) -> Option<&'a mut [Self]>;
}

impl<'a> TensorRef<'a> {
    /// The elements as the array that a network's tensor is.
    pub fn array<T: Element, const N: usize>(
        &self,
        tensor: &'static TensorInfo,
    ) -> Result<&'a [T; N], Mismatch> {
        let array = T::slice(self).and_then(|x| x.as_array());
        array.ok_or(Mismatch::Tensor { tensor, dtype: self.dtype(), elements: self.elements() })
    }
}

impl TensorMut<'_> {
    /// The element type.
    pub fn dtype(&self) -> DType {
        self.as_ref().dtype()
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.as_ref().elements()
    }

    /// The elements as the array that a network's tensor is.
    pub fn array<T: Element, const N: usize>(
        &mut self,
        tensor: &'static TensorInfo,
    ) -> Result<&mut [T; N], Mismatch> {
        let mismatch = Mismatch::Tensor { tensor, dtype: self.dtype(), elements: self.elements() };
        T::slice_mut(self).and_then(|y| y.as_mut_array()).ok_or(mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TENSOR: TensorInfo = TensorInfo { name: "x", dtype: DType::F32, shape: &[2, 2] };

    #[test]
    fn an_array_needs_its_type_and_its_length() {
        let (floats, bytes) = ([1.0, 2.0, 3.0, 4.0], [1, 2, 3, 4]);
        assert_eq!(TensorRef::F32(&floats).array::<f32, 4>(&TENSOR), Ok(&floats));
        let found = TensorRef::U8(&bytes).array::<f32, 4>(&TENSOR);
        assert_eq!(found, Err(Mismatch::Tensor { tensor: &TENSOR, dtype: DType::U8, elements: 4 }));
        let found = TensorRef::F32(&floats[..3]).array::<f32, 4>(&TENSOR);
        assert_eq!(found, Err(Mismatch::Tensor { tensor: &TENSOR, dtype: DType::F32, elements: 3 }));
    }
}
