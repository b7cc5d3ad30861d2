//! Slices of partitioned variables: the text by which a restore asks for one, and the key under which it is stored.
//!
//! The text is `4 5 0,2:-`: the whole shape, then start,length of each dimension, `-` for all of it. The key is
//! LevelDB's ordered code of 0, the name, the rank, and start and length of each dimension.
use crate::wire::TensorSliceProto;
use crate::wire::tensor_slice_proto::extent::HasLength;
use std::fmt;

/// A slice that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    shape: Vec<i64>,
    /// Start and length of each dimension.
    extents: Vec<(i64, i64)>,
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of shape {:?}", self.extents, self.shape)
    }
}

/// Reads the text of a slice.
pub(super) fn parse(text: &str) -> Option<Spec> {
    let (shape, slice) = text.rsplit_once(' ')?;
    let shape: Vec<i64> = shape.split(' ').map(|d| d.parse().ok()).collect::<Option<_>>()?;
    let extent = |(part, &size): (&str, &i64)| match part.split_once(',') {
        Some((start, length)) => Some((start.parse().ok()?, length.parse().ok()?)),
        None => (part == "-").then_some((0, size)),
    };
    let parts: Vec<&str> = slice.split(':').collect();
    let extents = parts.into_iter().zip(&shape).map(extent).collect::<Option<Vec<_>>>()?;
    (extents.len() == shape.len()).then_some(Spec { shape, extents })
}

/// The key of the stored slice that covers exactly what is asked for.
pub(super) fn key(name: &str, spec: &Spec, stored: &[TensorSliceProto]) -> Option<Vec<u8>> {
    let raw = |slice: &TensorSliceProto| -> Vec<(i64, i64)> {
        let length = |l: &Option<HasLength>| l.as_ref().map_or(-1, |HasLength::Length(n)| *n);
        slice.extent.iter().map(|e| (e.start, length(&e.has_length))).collect()
    };
    let full = |&((start, length), &size): &((i64, i64), &i64)| {
        if length == -1 { (0, size) } else { (start, length) }
    };
    let same = |raw: &Vec<(i64, i64)>| {
        raw.len() == spec.shape.len()
            && raw.iter().copied().zip(&spec.shape).map(|e| full(&e)).eq(spec.extents.iter().copied())
    };
    let slice = stored.iter().map(raw).find(same)?;
    let mut key = vec![0];
    for &byte in name.as_bytes() {
        match byte {
            0 => key.extend([0, 0xff]),
            0xff => key.extend([0xff, 0]),
            byte => key.push(byte),
        }
    }
    key.extend([0, 1]);
    let rank = (slice.len() as u64).to_be_bytes();
    let rank = &rank[rank.iter().take_while(|&&b| b == 0).count()..];
    key.push(rank.len() as u8);
    key.extend(rank);
    slice.iter().for_each(|&(start, length)| key.extend([start, length].into_iter().flat_map(ordered)));
    Some(key)
}

/// A signed number in so few bytes that 7 bits of each hold it; as many leading bits are flipped as there are bytes.
fn ordered(number: i64) -> Vec<u8> {
    let magnitude = if number < 0 { !number } else { number };
    let fits = |n: &usize| *n >= 10 || magnitude < 1i64 << (7 * n - 1).min(62);
    let bytes = (1..=10).find(fits).unwrap_or(10);
    let wide = i128::from(number).to_be_bytes();
    let mut code = wide[wide.len() - bytes..].to_vec();
    let header = (0xffff_u16 << (16 - bytes)).to_be_bytes();
    code.iter_mut().zip(header).for_each(|(byte, bits)| *byte ^= bits);
    code
}
