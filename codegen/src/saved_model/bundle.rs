//! A tensor bundle (checkpoint V2): `variables.index` names each tensor's type, shape and place; its bytes lie in
//! `variables.data-00000-of-00001` and so on, each with a CRC.
use super::slice::{self, Spec};
use super::table;
use crate::error::Reason;
use crate::graphdef;
use crate::limits::DECODED_BYTES;
use crate::tensor::DataType;
use crate::wire::bundle_header_proto::Endianness;
use crate::wire::{BundleEntryProto, BundleHeaderProto, TensorProto};
use prost::Message;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Where the variables of a SavedModel lie, without the ending.
const PREFIX: &str = "variables/variables";

/// An open bundle.
pub(super) struct Bundle {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    shards: Vec<Shard>,
    /// Bytes that may still be read: overlapping entries could ask for each shard many times.
    room: u64,
}

struct Shard {
    path: PathBuf,
    bytes: u64,
}

impl Bundle {
    /// Opens the bundle of a SavedModel; `None` if it has none.
    pub(super) fn open(folder: &Path) -> Result<Option<Self>, Reason> {
        let index = folder.join(format!("{PREFIX}.index"));
        if !index.exists() {
            return Ok(None);
        }
        let entries = table::read(&super::file(&index)?).map_err(|mut r| {
            r.found = format!("{}: {}", index.display(), r.found);
            r
        })?;
        let header = entries.get(&[][..]).and_then(|h| BundleHeaderProto::decode(&h[..]).ok());
        let header = header.ok_or_else(|| Reason::new(format!("{}: no header", index.display())))?;
        if header.endianness != Endianness::Little as i32 {
            return Err(Reason::new("a checkpoint of big-endian numbers").supported("little-endian ones"));
        }
        let count = usize::try_from(header.num_shards).unwrap_or(0).min(entries.len());
        let shards = (0..count).map(|i| {
            let path = folder.join(format!("{PREFIX}.data-{i:05}-of-{:05}", header.num_shards));
            let failed = |e: std::io::Error| {
                let found = format!("{}: {e}", path.display());
                Reason::new(found).help("copy the SavedModel with all files of its folder variables")
            };
            let meta = std::fs::metadata(&path).map_err(failed)?;
            let bytes = meta.is_file().then_some(meta.len());
            let bytes = bytes.ok_or_else(|| Reason::new(format!("{}: not a file", path.display())))?;
            Ok(Shard { path, bytes })
        });
        let shards: Vec<Shard> = shards.collect::<Result<_, Reason>>()?;
        let room = DECODED_BYTES.saturating_add(shards.iter().map(|s| s.bytes).sum());
        Ok(Some(Self { entries, shards, room }))
    }
    /// Bytes of all shards.
    pub(super) fn bytes(&self) -> u64 {
        self.shards.iter().map(|s| s.bytes).sum()
    }
    /// Whether the checkpoint has a tensor under `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key.as_bytes())
    }
    /// The bytes of a scalar string: where an object-based checkpoint keeps its object graph.
    pub(super) fn string(&mut self, key: &str) -> Result<Vec<u8>, Reason> {
        let entry = self.entry(key.as_bytes(), key)?;
        let bytes = self.read(&entry, key)?;
        // The length as varint, four bytes of its CRC, the text. The CRC of all takes the length as a u32.
        let varint = bytes.iter().position(|b| b & 0x80 == 0).map_or(bytes.len(), |i| i + 1);
        let rest = bytes.get(varint..).unwrap_or_default();
        let text = rest.get(4..).unwrap_or_default();
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
        self.check(&[&length, rest].concat(), &entry, key)?;
        Ok(text.to_vec())
    }
    /// The tensor under `key`, or the slice of it that `spec` names.
    pub(super) fn tensor(&mut self, key: &str, spec: Option<&Spec>) -> Result<TensorProto, Reason> {
        let whole = self.entry(key.as_bytes(), key)?;
        let entry = match (spec, &whole.slices[..]) {
            (None, []) => whole,
            (None, _) => {
                let found = format!("the variable {key:?} lies in slices and is read whole");
                return Err(Reason::new(found).supported("slices read as they were saved"));
            }
            (Some(spec), slices) => {
                let stored = slice::key(key, spec, slices).ok_or_else(|| {
                    Reason::new(format!("the checkpoint has no slice {spec} of {key:?}"))
                        .supported("slices read as they were saved")
                })?;
                self.entry(&stored, key)?
            }
        };
        if entry.dtype == DataType::DtString as i32 {
            return Err(Reason::new(format!("the variable {key:?} is of strings")).supported("numbers"));
        }
        let bytes = self.read(&entry, key)?;
        self.check(&bytes, &entry, key)?;
        let proto = TensorProto {
            dtype: entry.dtype,
            tensor_shape: Some(entry.shape.unwrap_or_default()),
            tensor_content: bytes,
            ..TensorProto::default()
        };
        graphdef::tensor(&proto).map_err(|mut r| {
            r.found = format!("the variable {key:?} in the checkpoint: {}", r.found);
            r
        })?;
        Ok(proto)
    }
    fn entry(&self, key: &[u8], shown: &str) -> Result<BundleEntryProto, Reason> {
        let bytes = self.entries.get(key).ok_or_else(|| {
            Reason::new(format!("the checkpoint has no variable {shown:?}"))
                .help("save the SavedModel again with all of its variables")
        })?;
        BundleEntryProto::decode(&bytes[..])
            .map_err(|e| Reason::new(format!("the checkpoint's entry of {shown:?} is damaged: {e}")))
    }
    /// The bytes of an entry, as many as it says and its shard has.
    fn read(&mut self, entry: &BundleEntryProto, key: &str) -> Result<Vec<u8>, Reason> {
        let shard = usize::try_from(entry.shard_id).ok().and_then(|i| self.shards.get(i));
        let shard = shard.ok_or_else(|| {
            Reason::new(format!("the variable {key:?} in shard {} of {}", entry.shard_id, self.shards.len()))
        })?;
        let place = u64::try_from(entry.offset).ok().zip(u64::try_from(entry.size).ok());
        let inside =
            |&(offset, size): &(u64, u64)| offset.checked_add(size).is_some_and(|end| end <= shard.bytes);
        let (offset, size) = place.filter(inside).ok_or_else(|| {
            let (offset, size, path) = (entry.offset, entry.size, shard.path.display());
            let found = format!(
                "the variable {key:?} is {size} bytes at {offset} of {path}, which has {}",
                shard.bytes
            );
            Reason::new(found).help("the file is cut: copy the SavedModel again")
        })?;
        self.room = self.room.checked_sub(size).ok_or_else(|| {
            Reason::new("the variables take more bytes than the checkpoint has").help("the index is damaged")
        })?;
        let failed = |e: std::io::Error| Reason::new(format!("{}: {e}", shard.path.display()));
        let mut file = File::open(&shard.path).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
    /// Refuses bytes that are not those that were written.
    fn check(&self, bytes: &[u8], entry: &BundleEntryProto, key: &str) -> Result<(), Reason> {
        if table::masked_crc(bytes) == entry.crc32c {
            return Ok(());
        }
        let shard = usize::try_from(entry.shard_id).ok().and_then(|i| self.shards.get(i));
        let shard = shard.map(|s| s.path.display().to_string()).unwrap_or_default();
        Err(Reason::new(format!("{shard}: the checksum of the variable {key:?} does not match"))
            .help("the file is damaged: copy the SavedModel again"))
    }
}
