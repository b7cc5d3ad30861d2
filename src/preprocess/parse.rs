//! Recursive descent from text to postfix operations; depth and length are bounded, so that any text is safe.

use super::Error;
use alloc::borrow::ToOwned;
use alloc::vec::Vec;

/// An operation on a stack of numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    /// Pushes the pixel.
    X,
    /// Pushes a number.
    Number(f32),
    /// Pushes the channel's number.
    List(Vec<f32>),
    /// Negates the top.
    Negate,
    /// Replaces the two on top.
    Binary(Operator),
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Operator {
    pub(super) fn apply(self, left: f32, right: f32) -> f32 {
        match self {
            Operator::Add => left + right,
            Operator::Subtract => left - right,
            Operator::Multiply => left * right,
            Operator::Divide => left / right,
        }
    }
}

/// Parentheses and signs inside each other.
const DEPTH: usize = 64;

/// Reads an expression: its operations and the length of its lists.
pub(super) fn parse(text: &str) -> Result<(Vec<Op>, Option<usize>), Error> {
    let mut parser = Parser { text, at: 0, ops: Vec::new() };
    parser.sum(0)?;
    if parser.peek().is_some() {
        return Err(parser.expected("an operator or the end"));
    }
    let mut lists = parser.ops.iter().filter_map(|op| match op {
        Op::List(numbers) => Some(numbers.len()),
        _ => None,
    });
    let channels = lists.next();
    match channels.and_then(|first| lists.find(|other| *other != first).map(|other| (first, other))) {
        Some((first, other)) => Err(Error::Lists { first, other }),
        None => Ok((parser.ops, channels)),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    ops: Vec<Op>,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expected(&self, expected: &'static str) -> Error {
        Error::Syntax { text: self.text.to_owned(), at: self.at, expected }
    }

    fn sum(&mut self, depth: usize) -> Result<(), Error> {
        self.product(depth)?;
        loop {
            let operator = match self.peek() {
                Some(b'+') => Operator::Add,
                Some(b'-') => Operator::Subtract,
                _ => return Ok(()),
            };
            self.at += 1;
            self.product(depth)?;
            self.ops.push(Op::Binary(operator));
        }
    }

    fn product(&mut self, depth: usize) -> Result<(), Error> {
        self.sign(depth)?;
        loop {
            let operator = match self.peek() {
                Some(b'*') => Operator::Multiply,
                Some(b'/') => Operator::Divide,
                _ => return Ok(()),
            };
            self.at += 1;
            self.sign(depth)?;
            self.ops.push(Op::Binary(operator));
        }
    }

    fn sign(&mut self, depth: usize) -> Result<(), Error> {
        if depth == DEPTH {
            return Err(self.expected("at most 64 parentheses and signs inside each other"));
        }
        if self.take(b'-') {
            self.sign(depth + 1)?;
            self.ops.push(Op::Negate);
            return Ok(());
        }
        self.value(depth)
    }

    fn value(&mut self, depth: usize) -> Result<(), Error> {
        if self.take(b'(') {
            self.sum(depth + 1)?;
            return if self.take(b')') { Ok(()) } else { Err(self.expected("an operator or `)`")) };
        }
        let op = if self.take(b'x') {
            Op::X
        } else if self.take(b'[') {
            self.list()?
        } else {
            Op::Number(self.number("a number, `x`, `(` or `[`")?)
        };
        self.ops.push(op);
        Ok(())
    }

    fn list(&mut self) -> Result<Op, Error> {
        let mut numbers = Vec::new();
        loop {
            let sign = if self.take(b'-') { -1.0 } else { 1.0 };
            numbers.push(sign * self.number("a number")?);
            if self.take(b']') {
                return Ok(Op::List(numbers));
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    /// Digits, a point, and an exponent with its sign.
    fn number(&mut self, expected: &'static str) -> Result<f32, Error> {
        self.peek();
        let rest = &self.text.as_bytes()[self.at..];
        let mut end = digits(rest, 0);
        if rest.get(end) == Some(&b'.') {
            end = digits(rest, end + 1);
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            end = digits(rest, end + 1 + sign);
        }
        let number = self.text[self.at..self.at + end].parse::<f32>().ok();
        let number = number.filter(|number| number.is_finite()).ok_or_else(|| self.expected(expected))?;
        self.at += end;
        Ok(number)
    }
}

/// The end of the digits that start at `from`.
fn digits(bytes: &[u8], from: usize) -> usize {
    from + bytes[from.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::ToString;

    #[test]
    fn errors_say_where_and_what() {
        let sentence = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(sentence(""), "preprocess ``: found the end at 0, expected a number, `x`, `(` or `[`");
        assert_eq!(sentence("x/"), "preprocess `x/`: found the end at 2, expected a number, `x`, `(` or `[`");
        assert_eq!(sentence("x y"), "preprocess `x y`: found `y` at 2, expected an operator or the end");
        assert_eq!(sentence("(x"), "preprocess `(x`: found the end at 2, expected an operator or `)`");
        assert_eq!(sentence("[1;2]"), "preprocess `[1;2]`: found `;` at 2, expected `,` or `]`");
        assert_eq!(sentence("1e"), "preprocess `1e`: found `1` at 0, expected a number, `x`, `(` or `[`");
        assert_eq!(sentence("x*é"), "preprocess `x*é`: found `é` at 2, expected a number, `x`, `(` or `[`");
        assert_eq!(sentence("1e99"), "preprocess `1e99`: found `1` at 0, expected a number, `x`, `(` or `[`");
    }

    #[test]
    fn any_nesting_is_an_answer() {
        assert!(parse(&"(".repeat(100_000)).is_err());
        assert!(parse(&"-".repeat(100_000)).is_err());
        assert!(parse(&format!("{}x{}", "(".repeat(60), ")".repeat(60))).is_ok());
    }
}
