//! NumPy's `.npy`: versions 1 to 3, C order, little-endian.
//!
//! ```text
//! 93 'NUMPY' major minor | header length (u16 in version 1, u32 in 2 and 3) | header | elements
//! header  {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   padded with spaces to a line of 64 bytes
//! ```
//!
//! A file is believed only as far as it reaches: the number of bytes must be what type and shape say.

use crate::array::{Array, Elements};
use crate::tensor::{DType, TensorRef};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

mod header;

/// What a `.npy` file starts with.
const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// Why bytes are not an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The magic bytes are missing.
    Magic,
    /// A version other than 1, 2 and 3.
    Version(u8),
    /// The file ends inside its header.
    Truncated,
    /// The header is not the three expected entries.
    Header {
        /// What reading stopped at.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// An element type that networks do not have.
    Type(String),
    /// Columns first.
    FortranOrder,
    /// Type and shape ask for another number of bytes.
    Length {
        /// The element type.
        dtype: DType,
        /// The dimensions.
        shape: Vec<usize>,
        /// The bytes that follow the header.
        found: usize,
    },
}

/// Reads a file's bytes.
pub fn parse(bytes: &[u8]) -> Result<Array, Error> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(Error::Magic)?;
    let (&[major, _minor], rest) = rest.split_first_chunk().ok_or(Error::Truncated)?;
    let (length, rest) = match major {
        1 => rest.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_le_bytes(*length)), rest)),
        2 | 3 => rest.split_first_chunk().map(|(length, rest)| (u32::from_le_bytes(*length) as usize, rest)),
        _ => return Err(Error::Version(major)),
    }
    .ok_or(Error::Truncated)?;
    let (header, data) = rest.split_at_checked(length).ok_or(Error::Truncated)?;
    let (dtype, shape) = header::parse(&String::from_utf8_lossy(header))?;
    let count = shape.iter().try_fold(dtype.bytes(), |bytes, dimension| bytes.checked_mul(*dimension));
    if count != Some(data.len()) {
        return Err(Error::Length { dtype, shape, found: data.len() });
    }
    Ok(Array { shape, elements: elements(dtype, data) })
}

fn elements(dtype: DType, data: &[u8]) -> Elements {
    match dtype {
        DType::F32 => Elements::F32(data.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()),
        DType::U8 => Elements::U8(data.to_vec()),
        DType::I8 => Elements::I8(data.iter().map(|x| x.cast_signed()).collect()),
        DType::I32 => Elements::I32(data.as_chunks().0.iter().copied().map(i32::from_le_bytes).collect()),
        DType::I64 => Elements::I64(data.as_chunks().0.iter().copied().map(i64::from_le_bytes).collect()),
        DType::Bool => Elements::Bool(data.iter().map(|x| *x != 0).collect()),
    }
}

/// The bytes of a file, in version 1 as NumPy itself writes it.
pub fn write(x: TensorRef<'_>, shape: &[usize]) -> Vec<u8> {
    let mut bytes = header::write(x.dtype(), shape);
    match x {
        TensorRef::F32(x) => x.iter().for_each(|x| bytes.extend(x.to_le_bytes())),
        TensorRef::U8(x) => bytes.extend(x),
        TensorRef::I8(x) => bytes.extend(x.iter().map(|x| x.cast_unsigned())),
        TensorRef::I32(x) => x.iter().for_each(|x| bytes.extend(x.to_le_bytes())),
        TensorRef::I64(x) => x.iter().for_each(|x| bytes.extend(x.to_le_bytes())),
        TensorRef::Bool(x) => bytes.extend(x.iter().map(|x| u8::from(*x))),
    }
    bytes
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Magic => f.write_str("not an .npy file: it does not start with \\x93NUMPY"),
            Error::Version(major) => write!(f, ".npy version {major} is not supported, 1 to 3 are"),
            Error::Truncated => f.write_str("the .npy file ends inside its header"),
            Error::Header { expected, found } => {
                write!(f, ".npy header: found {found}, expected {expected}")
            }
            Error::Type(descr) => write!(
                f,
                ".npy type {descr} is not supported; supported: '<f4', '|u1', '|i1', '<i4', '<i8', '|b1'"
            ),
            Error::FortranOrder => {
                f.write_str(".npy file in Fortran order; save it as numpy.ascontiguousarray(x)")
            }
            Error::Length { dtype, shape, found } => {
                write!(
                    f,
                    ".npy file: {found} bytes follow the header, which is not {dtype} in shape {shape:?}"
                )
            }
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec;

    /// What NumPy 2 writes for `np.array([[1, -2, 0.5]], 'f4')`.
    fn numpy() -> Vec<u8> {
        let mut bytes =
            b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }".to_vec();
        bytes.resize(127, b' ');
        bytes.push(b'\n');
        for x in [1.0_f32, -2.0, 0.5] {
            bytes.extend(x.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn it_reads_and_writes_what_numpy_writes() {
        let array = parse(&numpy()).unwrap();
        assert_eq!(array, Array { shape: vec![1, 3], elements: Elements::F32(vec![1.0, -2.0, 0.5]) });
        assert_eq!(write(array.elements.all(), &array.shape), numpy());
    }

    #[test]
    fn every_type_and_rank_comes_back() {
        let arrays = [
            (vec![], Elements::I64(vec![-7])),
            (vec![3], Elements::U8(vec![0, 7, 255])),
            (vec![3, 1], Elements::I8(vec![-128, 0, 127])),
            (vec![1, 1, 2], Elements::I32(vec![i32::MIN, i32::MAX])),
            (vec![2], Elements::Bool(vec![false, true])),
            (vec![0, 5], Elements::F32(vec![])),
        ];
        for (shape, elements) in arrays {
            let bytes = write(elements.all(), &shape);
            assert_eq!(parse(&bytes), Ok(Array { shape, elements }));
        }
    }

    #[test]
    fn version_2_has_a_longer_length() {
        let mut bytes = numpy();
        bytes.splice(6..10, [2, 0, 0x76, 0, 0, 0]);
        assert_eq!(parse(&bytes), parse(&numpy()));
        bytes[6] = 9;
        assert_eq!(parse(&bytes), Err(Error::Version(9)));
    }

    #[test]
    fn no_prefix_and_no_flipped_bit_is_believed_beyond_its_bytes() {
        let bytes = numpy();
        for end in 0..bytes.len() {
            assert!(parse(&bytes[..end]).is_err(), "the first {end} bytes");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(array) = parse(&flipped) {
                assert_eq!(array.elements.len(), array.shape.iter().product::<usize>(), "bit {bit}");
            }
        }
    }

    #[test]
    fn errors_are_sentences() {
        let with = |header: &str| {
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((header.len() as u16).to_le_bytes());
            bytes.extend(header.as_bytes());
            parse(&bytes).unwrap_err().to_string()
        };
        assert_eq!(
            with("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}"),
            ".npy type '<f8' is not supported; supported: '<f4', '|u1', '|i1', '<i4', '<i8', '|b1'"
        );
        assert_eq!(
            with("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}"),
            ".npy file in Fortran order; save it as numpy.ascontiguousarray(x)"
        );
        assert_eq!(
            with("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4)}"),
            ".npy file: 0 bytes follow the header, which is not f32 in shape [4294967296, 4294967296, 4]"
        );
        assert_eq!(
            with("{'descr': '<f4', 'shape': (2,)}"),
            ".npy header: found its end, expected entry 'fortran_order'"
        );
        assert_eq!(with("(1, 2)"), ".npy header: found `(`, expected `{`");
    }
}
