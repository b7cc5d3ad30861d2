//! Pictures: PNG, JPEG and PPM to interleaved bytes, and to a network's input.
//!
//! The whole frame is resized (its sides are not kept in proportion, nothing is cut off), see [`resize`], and then
//! `preprocess` makes numbers of the bytes. Grey becomes colour by repeating, colour becomes grey by ITU-R 601 luma;
//! transparency is dropped; 16 bits become the upper 8; orientation marks are ignored.

use crate::array::Elements;
use crate::network::TensorInfo;
use crate::preprocess::{self, Preprocess};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

mod decode;
pub mod resize;

/// A picture's most pixels: 64 Mi, so that no file asks for more than a few hundred megabytes.
pub const MAX_PIXELS: usize = 1 << 26;
/// The longest side of a picture, as in JPEG.
pub const MAX_SIDE: usize = 65_535;

/// Interleaved bytes, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// `height * width * channels` bytes.
    pub bytes: Vec<u8>,
}

/// Why a picture cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// None of the formats.
    Format,
    /// The decoder's complaint.
    Decode {
        /// The format.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// More than [`MAX_PIXELS`] or [`MAX_SIDE`], or none.
    Dimensions {
        /// Pixels of a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// The input does not take pictures.
    Input {
        /// Its name.
        name: String,
        /// Its dimensions.
        shape: Vec<usize>,
    },
    /// The expression does not suit the input.
    Preprocess(preprocess::Error),
}

impl Picture {
    /// Reads a file's bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let picture = match bytes {
            [0x89, b'P', b'N', b'G', ..] => decode::png(bytes),
            [0xff, 0xd8, ..] => decode::jpeg(bytes),
            [b'P', b'5' | b'6', ..] => decode::ppm(bytes),
            _ => Err(Error::Format),
        }?;
        debug_assert_eq!(picture.bytes.len(), picture.width * picture.height * picture.channels);
        Ok(picture)
    }

    /// The same picture in 1 or 3 channels.
    pub fn into_channels(self, channels: usize) -> Self {
        let bytes = match (self.channels, channels) {
            (1, 3) => self.bytes.iter().flat_map(|x| [*x; 3]).collect(),
            (3, 1) => self.bytes.as_chunks().0.iter().map(luma).collect(),
            _ => return self,
        };
        Self { channels, bytes, ..self }
    }

    /// The picture as elements of an input `[1, height, width, 1 or 3]`.
    pub fn into_input(self, input: &TensorInfo, preprocess: &Preprocess) -> Result<Elements, Error> {
        let (height, width, channels) = frame(input)?;
        let picture = self.into_channels(channels);
        let bytes = resize::bilinear(&picture, width, height);
        let mut elements = Elements::zeros(input.dtype, bytes.len());
        let written = preprocess.apply(&bytes, channels, &mut elements.all_mut());
        written.map_err(Error::Preprocess)?;
        Ok(elements)
    }
}

/// Height, width and channels of an input for one picture.
pub fn frame(input: &TensorInfo) -> Result<(usize, usize, usize), Error> {
    match *input.shape {
        [1, height, width, channels @ (1 | 3)] if height > 0 && width > 0 => Ok((height, width, channels)),
        _ => Err(Error::Input { name: input.name.to_owned(), shape: input.shape.to_vec() }),
    }
}

/// ITU-R 601 luma in 16 bits of fraction.
fn luma(&[red, green, blue]: &[u8; 3]) -> u8 {
    ((u32::from(red) * 19595 + u32::from(green) * 38470 + u32::from(blue) * 7471 + 0x8000) >> 16) as u8
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Format => f.write_str("not a picture: found none of PNG, JPEG, PPM (P6) and PGM (P5)"),
            Error::Decode { format, reason } => write!(f, "broken {format}: {reason}"),
            Error::Dimensions { width, height } => {
                write!(f, "a picture of {width} x {height} pixels; supported are sides of 1 to {MAX_SIDE} ")?;
                write!(f, "and {MAX_PIXELS} pixels in all")
            }
            Error::Input { name, shape } => {
                write!(f, "input `{name}` has shape {shape:?}; pictures need [1, height, width, 1 or 3]")
            }
            Error::Preprocess(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::DType;
    use std::string::ToString;
    use std::vec;

    #[test]
    fn channels_follow_the_input() {
        let grey = Picture { width: 2, height: 1, channels: 1, bytes: vec![7, 9] };
        let colour = grey.clone().into_channels(3);
        assert_eq!(colour.bytes, [7, 7, 7, 9, 9, 9]);
        assert_eq!(colour.into_channels(1), grey);
        // As Pillow's convert("L").
        assert_eq!(
            [[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]].map(|rgb| luma(&rgb)),
            [76, 150, 29, 18]
        );
    }

    #[test]
    fn an_input_takes_a_picture_or_says_why_not() {
        let picture = Picture { width: 1, height: 1, channels: 3, bytes: vec![0, 51, 255] };
        let preprocess: Preprocess = "x/255".parse().unwrap();
        let input = TensorInfo { name: "x", dtype: DType::F32, shape: &[1, 1, 2, 3] };
        let elements = picture.clone().into_input(&input, &preprocess);
        assert_eq!(elements, Ok(Elements::F32(vec![0.0, 0.2, 1.0, 0.0, 0.2, 1.0])));
        let input = TensorInfo { name: "x", dtype: DType::F32, shape: &[4, 10] };
        assert_eq!(
            picture.into_input(&input, &preprocess).unwrap_err().to_string(),
            "input `x` has shape [4, 10]; pictures need [1, height, width, 1 or 3]"
        );
    }
}
