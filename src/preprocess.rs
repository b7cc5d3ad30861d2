//! The arithmetic between a u8 pixel and a network's input, such as `x/127.5-1`.
//!
//! ```text
//! sum     = product (("+" | "-") product)*
//! product = sign (("*" | "/") sign)*
//! sign    = "-" sign | value
//! value   = NUMBER | "x" | "(" sum ")" | "[" number ("," number)* "]"
//! ```
//!
//! `x` is the channel's byte, and `[a,b,c]` is one number a channel: `(x-[123.7,116.8,103.9])/58`. Everything is f32
//! with one rounding an operation, left to right. A byte has 256 values, so that a picture costs one look-up an element.

use crate::tensor::{DType, TensorMut};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use parse::Op;

mod parse;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocess {
    text: String,
    /// In postfix order.
    ops: Vec<Op>,
    /// The length of its lists, if it has any.
    channels: Option<usize>,
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// It does not follow the grammar.
    Syntax {
        /// The expression.
        text: String,
        /// The byte at which reading stopped.
        at: usize,
        /// What would have been accepted there.
        expected: &'static str,
    },
    /// Its lists have different lengths.
    Lists {
        /// The length of the first list.
        first: usize,
        /// The length of another.
        other: usize,
    },
    /// Its lists do not have one number a channel.
    Channels {
        /// The expression.
        text: String,
        /// Its numbers.
        found: usize,
        /// The input's channels.
        expected: usize,
    },
    /// The input's type cannot hold a value.
    Value {
        /// The expression.
        text: String,
        /// The pixel.
        x: u8,
        /// What the expression makes of it.
        value: f32,
        /// The input's type.
        dtype: DType,
    },
}

impl core::str::FromStr for Preprocess {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (ops, channels) = parse::parse(text)?;
        Ok(Self { text: text.to_owned(), ops, channels })
    }
}

impl fmt::Display for Preprocess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Preprocess {
    /// The value of pixel `x` in a channel.
    fn value(&self, x: u8, channel: usize) -> f32 {
        let mut stack = Vec::with_capacity(self.ops.len());
        for op in &self.ops {
            let value = match op {
                Op::X => f32::from(x),
                Op::Number(number) => *number,
                Op::List(numbers) => numbers[channel],
                Op::Negate => -pop(&mut stack),
                Op::Binary(operator) => {
                    let (right, left) = (pop(&mut stack), pop(&mut stack));
                    operator.apply(left, right)
                }
            };
            stack.push(value);
        }
        pop(&mut stack)
    }

    /// The values of all pixels, channel by channel.
    pub fn tables(&self, channels: usize) -> Result<Vec<[f32; 256]>, Error> {
        match self.channels {
            Some(found) if found != channels => {
                Err(Error::Channels { text: self.text.clone(), found, expected: channels })
            }
            _ => Ok((0..channels).map(|c| core::array::from_fn(|x| self.value(x as u8, c))).collect()),
        }
    }

    /// Writes pixels, `channels` interleaved, as elements of the type that `y` has. `y` is as long as `pixels`.
    pub fn apply(&self, pixels: &[u8], channels: usize, y: &mut TensorMut<'_>) -> Result<(), Error> {
        let tables = self.tables(channels)?;
        match y {
            TensorMut::F32(y) => look_up(&tables, pixels, y),
            TensorMut::U8(y) => look_up(&self.integers::<u8>(&tables, DType::U8)?, pixels, y),
            TensorMut::I8(y) => look_up(&self.integers::<i8>(&tables, DType::I8)?, pixels, y),
            TensorMut::I32(y) => look_up(&self.integers::<i32>(&tables, DType::I32)?, pixels, y),
            TensorMut::I64(y) => look_up(&self.integers::<i64>(&tables, DType::I64)?, pixels, y),
            TensorMut::Bool(_) => return Err(self.unfit(0, tables[0][0], DType::Bool)),
        }
        Ok(())
    }

    /// The tables of an integer type, if it holds every value exactly.
    fn integers<T: TryFrom<i64> + Copy>(
        &self,
        tables: &[[f32; 256]],
        dtype: DType,
    ) -> Result<Vec<Vec<T>>, Error> {
        let integer = |(x, &value): (usize, &f32)| {
            let exact = Some(value as i64).filter(|integer| *integer as f32 == value);
            exact.and_then(|integer| T::try_from(integer).ok()).ok_or(self.unfit(x as u8, value, dtype))
        };
        tables.iter().map(|table| table.iter().enumerate().map(integer).collect()).collect()
    }

    fn unfit(&self, x: u8, value: f32, dtype: DType) -> Error {
        Error::Value { text: self.text.clone(), x, value, dtype }
    }
}

fn look_up<T: Copy>(tables: &[impl AsRef<[T]>], pixels: &[u8], y: &mut [T]) {
    for (pixel, y) in pixels.chunks(tables.len()).zip(y.chunks_mut(tables.len())) {
        for ((x, y), table) in pixel.iter().zip(y).zip(tables) {
            *y = table.as_ref()[usize::from(*x)];
        }
    }
}

fn pop(stack: &mut Vec<f32>) -> f32 {
    stack.pop().expect("the parser puts operands before their operator")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Syntax { text, at, expected } => {
                let found = text.get(*at..).and_then(|rest| rest.chars().next());
                let found = found.map_or("the end".to_owned(), |c| format!("`{c}`"));
                write!(f, "preprocess `{text}`: found {found} at {at}, expected {expected}")
            }
            Error::Lists { first, other } => {
                write!(f, "preprocess: one list has {first} numbers and another {other}")
            }
            Error::Channels { text, found, expected } => {
                write!(
                    f,
                    "preprocess `{text}`: its lists have {found} numbers, the input has {expected} channels"
                )
            }
            Error::Value { text, x, value, dtype } => {
                write!(
                    f,
                    "preprocess `{text}`: pixel {x} becomes {value}, which the input's {dtype} cannot hold"
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

    fn at(text: &str, x: u8) -> f32 {
        text.parse::<Preprocess>().unwrap().value(x, 0)
    }

    #[test]
    fn the_four_usual_forms() {
        assert_eq!(at("x", 200), 200.0);
        assert_eq!(at("x/255", 51), 51.0 / 255.0);
        assert_eq!(at("x/127.5-1", 255), 1.0);
        assert_eq!(at("(x-127)/128", 63), -0.5);
    }

    #[test]
    fn operators_bind_as_usual_and_from_the_left() {
        assert_eq!(at("1+2*x", 3), 7.0);
        assert_eq!(at("x-1-1", 3), 1.0);
        assert_eq!(at("x/2/2", 8), 2.0);
        assert_eq!(at("-x*-(2+1)", 2), 6.0);
        assert_eq!(at(" 1e2 + x * .5 ", 4), 102.0);
    }

    #[test]
    fn lists_have_one_number_a_channel() {
        let expression: Preprocess = "(x-[1,2,3])/[-1, 2, 4]".parse().unwrap();
        let tables = expression.tables(3).unwrap();
        assert_eq!(tables.iter().map(|table| table[5]).collect::<Vec<_>>(), [-4.0, 1.5, 0.5]);
        assert!(matches!(expression.tables(1), Err(Error::Channels { found: 3, expected: 1, .. })));
        assert_eq!("x-[1,2]+[3]".parse::<Preprocess>(), Err(Error::Lists { first: 2, other: 1 }));
    }

    #[test]
    fn integers_must_be_exact() {
        let mut y = [0_i8; 2];
        "x-128".parse::<Preprocess>().unwrap().apply(&[0, 255], 1, &mut TensorMut::I8(&mut y)).unwrap();
        assert_eq!(y, [-128, 127]);
        let error = "x/255".parse::<Preprocess>().unwrap().apply(&[0], 1, &mut TensorMut::I8(&mut y));
        assert_eq!(
            error.unwrap_err().to_string(),
            "preprocess `x/255`: pixel 1 becomes 0.003921569, which the input's i8 cannot hold"
        );
        let error = "x".parse::<Preprocess>().unwrap().apply(&[0], 1, &mut TensorMut::I8(&mut y));
        assert!(matches!(error, Err(Error::Value { x: 128, .. })));
    }
}
