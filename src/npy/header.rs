//! The header: a Python dictionary with three entries in any order.

use super::{Error, MAGIC};
use crate::tensor::DType;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// More dimensions than any tensor has.
const RANK: usize = 32;

/// NumPy's names; the first of a type is the one that is written.
const TYPES: [(&str, DType); 12] = [
    ("<f4", DType::F32),
    ("|u1", DType::U8),
    ("|i1", DType::I8),
    ("<i4", DType::I32),
    ("<i8", DType::I64),
    ("|b1", DType::Bool),
    ("<u1", DType::U8),
    ("<i1", DType::I8),
    ("<b1", DType::Bool),
    ("u1", DType::U8),
    ("i1", DType::I8),
    ("?", DType::Bool),
];

/// Reads type and shape.
pub(super) fn parse(text: &str) -> Result<(DType, Vec<usize>), Error> {
    let mut reader = Reader { rest: text };
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    reader.expect("{", "`{`")?;
    while !reader.take("}") {
        match reader.string()? {
            "descr" => descr = Some(reader.entry(Reader::string)?),
            "fortran_order" => fortran = Some(reader.entry(Reader::boolean)?),
            "shape" => shape = Some(reader.entry(Reader::tuple)?),
            _ => return Err(reader.expected("one of the entries 'descr', 'fortran_order', 'shape'")),
        }
        if !reader.take(",") && !reader.rest.starts_with('}') {
            return Err(reader.expected("`,` or `}`"));
        }
    }
    let descr = descr.ok_or_else(|| reader.expected("entry 'descr'"))?;
    let fortran = fortran.ok_or_else(|| reader.expected("entry 'fortran_order'"))?;
    let shape = shape.ok_or_else(|| reader.expected("entry 'shape'"))?;
    let dtype = TYPES.iter().find(|(name, _)| *name == descr).map(|(_, dtype)| *dtype);
    match dtype {
        None => Err(Error::Type(format!("{:.40}", format!("'{descr}'")))),
        // With one long dimension both orders are the same.
        Some(_) if fortran && shape.iter().filter(|dimension| **dimension != 1).count() > 1 => {
            Err(Error::FortranOrder)
        }
        Some(dtype) => Ok((dtype, shape)),
    }
}

/// Magic, version 1, and the header, padded to a multiple of 64 bytes.
pub(super) fn write(dtype: DType, shape: &[usize]) -> Vec<u8> {
    let descr = TYPES.iter().find(|(_, other)| *other == dtype).map_or("", |(name, _)| name);
    let mut dimensions: Vec<String> = shape.iter().map(usize::to_string).collect();
    if dimensions.len() == 1 {
        dimensions.push(String::new());
    }
    let shape = dimensions.join(", ").trim_end().to_owned();
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    // 10 bytes stand before the header, and a newline ends it.
    let end = (10 + header.len() + 1).next_multiple_of(64) - 11;
    header.extend(core::iter::repeat_n(' ', end - header.len()));
    header.push('\n');
    let length = u16::try_from(header.len()).expect("a shape of 32 dimensions has less than 1000 characters");
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend(length.to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn take(&mut self, token: &str) -> bool {
        let found = self.rest.trim_start().strip_prefix(token);
        self.rest = found.map_or(self.rest.trim_start(), str::trim_start);
        found.is_some()
    }

    /// Takes a token; `quoted` is how the error names it.
    fn expect(&mut self, token: &str, quoted: &'static str) -> Result<(), Error> {
        if self.take(token) { Ok(()) } else { Err(self.expected(quoted)) }
    }

    fn expected(&self, expected: &'static str) -> Error {
        let found =
            self.rest.chars().next().map_or("its end".to_owned(), |c| format!("`{}`", c.escape_debug()));
        Error::Header { expected, found }
    }

    fn entry<T>(&mut self, value: fn(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.expect(":", "`:`")?;
        value(self)
    }

    fn string(&mut self) -> Result<&'a str, Error> {
        self.expect("'", "`'`")?;
        let (string, rest) = self.rest.split_once('\'').ok_or_else(|| self.expected("`'`"))?;
        self.rest = rest.trim_start();
        Ok(string)
    }

    fn boolean(&mut self) -> Result<bool, Error> {
        let value = self.take("True");
        if value || self.take("False") { Ok(value) } else { Err(self.expected("True or False")) }
    }

    fn tuple(&mut self) -> Result<Vec<usize>, Error> {
        self.expect("(", "`(`")?;
        let mut dimensions = Vec::new();
        while !self.take(")") {
            let end = self.rest.bytes().take_while(u8::is_ascii_digit).count();
            let dimension = self.rest[..end].parse().map_err(|_| self.expected("a dimension or `)`"))?;
            self.rest = &self.rest[end..];
            dimensions.push(dimension);
            if dimensions.len() > RANK || !self.take(",") && !self.rest.starts_with(')') {
                return Err(self.expected("`,` or `)`, and at most 32 dimensions"));
            }
        }
        Ok(dimensions)
    }
}
