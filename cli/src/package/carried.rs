//! The files that this tool carries, packed by its build script.

use std::collections::BTreeMap;

/// `(length u32 LE, path, length u32 LE, content)*`.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/carried.bin"));

/// Every carried file by its path in a package.
pub(super) fn files() -> BTreeMap<String, Vec<u8>> {
    let mut rest = PACKED;
    let mut files = BTreeMap::new();
    while !rest.is_empty() {
        let path = String::from_utf8_lossy(take(&mut rest)).into_owned();
        files.insert(path, take(&mut rest).to_vec());
    }
    files
}

fn take(rest: &mut &'static [u8]) -> &'static [u8] {
    let part = rest.split_first_chunk().and_then(|(length, tail)| {
        let (part, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        *rest = tail;
        Some(part)
    });
    part.expect("the build script packed whole files")
}
