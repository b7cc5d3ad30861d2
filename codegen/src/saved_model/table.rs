//! The index of a tensor bundle: a LevelDB table of keys and values, every block checked by its CRC.
//!
//! ```text
//! file    data blocks, a metaindex block, the index block, 48 bytes of footer
//! footer  (offset, size) of the metaindex and of the index as varints, padded to 40 bytes, magic number
//! block   entries, u32 starts of restarts, u32 their count | compression | u32 masked crc32c of all before
//! entry   varint shared, varint own, varint value, the key after its shared first bytes, the value
//! ```
use crate::error::Reason;
use std::collections::BTreeMap;

const FOOTER: usize = 48;
const MAGIC: [u8; 8] = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];
/// A key and its value may share their first bytes with others, so that they grow when they are read: by this at most.
const GROWTH: usize = 64;

/// What is stored of a crc32c: LevelDB masks it, since a CRC over bytes that hold a CRC is weak.
pub(super) fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// All entries of a table.
pub(super) fn read(file: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Reason> {
    let start = file.len().checked_sub(FOOTER).ok_or_else(|| damaged("shorter than its footer"))?;
    let (blocks, footer) = file.split_at(start);
    if footer[FOOTER - MAGIC.len()..] != MAGIC {
        return Err(damaged("it does not end in the table's magic number"));
    }
    let mut footer = Bytes(footer);
    let (_, index) = (handle(&mut footer)?, handle(&mut footer)?);
    let (mut table, mut room) = (BTreeMap::new(), file.len().saturating_mul(GROWTH));
    for (_, at) in entries(block(blocks, index)?, &mut room)? {
        let data = block(blocks, handle(&mut Bytes(&at))?)?;
        table.extend(entries(data, &mut room)?);
    }
    Ok(table)
}

/// The entries' bytes of one block.
fn block(file: &[u8], (offset, size): (usize, usize)) -> Result<&[u8], Reason> {
    let end = offset.checked_add(size).ok_or_else(|| damaged("a block outside of the file"))?;
    let whole =
        file.get(offset..end.saturating_add(5)).ok_or_else(|| damaged("a block outside of the file"))?;
    let (covered, crc) = whole.split_at(size + 1);
    if crc != masked_crc(covered).to_le_bytes() {
        return Err(damaged(&format!("the checksum of the block at byte {offset} does not match")));
    }
    let (payload, compression) = covered.split_at(size);
    if compression != [0] {
        let found = format!("the checkpoint's index is compressed (kind {compression:?})");
        return Err(Reason::new(found).supported("no compression, as TensorFlow writes"));
    }
    let tail = |n: usize| size.checked_sub(n).and_then(|at| payload.split_at_checked(at));
    let (_, count) = tail(4).ok_or_else(|| damaged("a block without its restarts"))?;
    let count = count.try_into().map(u32::from_le_bytes).map_or(usize::MAX, |c| c as usize);
    let restarts = count.checked_mul(4).and_then(|n| n.checked_add(4));
    let (entries, _) = restarts.and_then(tail).ok_or_else(|| damaged("a block without its restarts"))?;
    Ok(entries)
}

type Entry = (Vec<u8>, Vec<u8>);

fn entries(block: &[u8], room: &mut usize) -> Result<Vec<Entry>, Reason> {
    let (mut bytes, mut found) = (Bytes(block), Vec::<Entry>::new());
    while !bytes.0.is_empty() {
        let (shared, own, value) = (bytes.varint()?, bytes.varint()?, bytes.varint()?);
        let before = found.last().map_or(&[][..], |(key, _)| key);
        let prefix = before.get(..shared).ok_or_else(|| damaged("a key that shares more than there is"))?;
        let key = [prefix, bytes.take(own)?].concat();
        let value = bytes.take(value)?.to_vec();
        *room =
            room.checked_sub(key.len() + value.len()).ok_or_else(|| damaged("its keys are absurdly long"))?;
        found.push((key, value));
    }
    Ok(found)
}

fn handle(bytes: &mut Bytes<'_>) -> Result<(usize, usize), Reason> {
    Ok((bytes.varint()?, bytes.varint()?))
}

/// A reader that never goes past the end.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Reason> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| damaged("it is cut short"))?;
        self.0 = rest;
        Ok(taken)
    }
    fn varint(&mut self) -> Result<usize, Reason> {
        let mut number = 0u64;
        for shift in (0..63).step_by(7) {
            let &[byte] = self.take(1)? else { break };
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(number).map_err(|_| damaged("a number out of range"));
            }
        }
        Err(damaged("a number out of range"))
    }
}

fn damaged(how: &str) -> Reason {
    Reason::new(format!("the checkpoint's index is damaged: {how}"))
        .help("copy the SavedModel again, or save it again")
}
