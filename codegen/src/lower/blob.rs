//! The constants of a program in one run of bytes: packed weights, tables, tensors.
//!
//! Sections begin on multiples of 64 and are padded to one, so that a panel lies on one cache line and a byte kernel
//! may read over the end; equal sections are kept once.
use crate::lower::SLACK;
use std::collections::HashMap;

/// Bytes of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Section {
    /// Where it begins, a multiple of 64.
    pub start: usize,
    /// Its length, padding excluded.
    pub bytes: usize,
}

/// Constants, side by side.
#[derive(Clone, Debug, Default)]
pub struct Blob {
    bytes: Vec<u8>,
    /// Where each content is.
    known: HashMap<Vec<u8>, Section>,
}

impl Blob {
    /// The section that holds `content`, old or new.
    pub fn add(&mut self, content: Vec<u8>) -> Section {
        if let Some(&section) = self.known.get(&content) {
            return section;
        }
        let section = Section { start: self.bytes.len(), bytes: content.len() };
        self.bytes.extend(&content);
        self.bytes.resize((self.bytes.len() + SLACK - 1).next_multiple_of(64), 0);
        self.known.insert(content, section);
        section
    }

    /// All bytes, for keeps.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// All bytes; the last section too has its padding.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_aligned_and_kept_once() {
        let mut blob = Blob::default();
        let first = blob.add(vec![1; 65]);
        let second = blob.add(vec![2; 64]);
        assert_eq!(blob.add(vec![1; 65]), first);
        assert_eq!([first.start, second.start, blob.bytes().len()], [0, 128, 256]);
        assert_eq!(blob.bytes()[64..67], [1, 0, 0]);
    }
}
