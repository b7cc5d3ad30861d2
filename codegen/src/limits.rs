//! What a file may make its reader spend.
//!
//! A few bytes can claim much: a constant of one repeated value is as large as its shape says, a node of twenty bytes
//! asks for 2^40 multiplications. Every such claim is checked against a limit before anything is allocated or computed.
//! The limits are far above what real networks need.
use crate::error::Reason;

/// Bytes that constants may take decoded, beyond [`GROWTH`] times the file's own length.
pub const DECODED_BYTES: u64 = 256 << 20;
/// How much larger decoded constants may be than the file they came from: 1-byte varints become 8-byte integers.
pub const GROWTH: u64 = 8;

/// An account that work is charged to.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Bytes that may be held at once.
    pub bytes: u64,
    /// Multiply-accumulates that may be done.
    pub macs: u64,
}

impl Budget {
    /// For running a graph on what the caller feeds: memory is bounded, patience is the caller's.
    pub const RUN: Self = Self { bytes: 8 << 30, macs: u64::MAX };
    /// For folding what does not depend on any input, while a graph is looked at.
    pub const FOLD: Self = Self { bytes: 1 << 30, macs: 1 << 30 };

    /// Takes memory for one tensor.
    pub fn take(&mut self, bytes: u64) -> Result<(), Reason> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(|| {
            Reason::new(format!("this output of {bytes} bytes exceeds the memory that a graph may take"))
                .help("use a smaller batch or a smaller input")
        })?;
        Ok(())
    }
    /// Gives memory back.
    pub fn give(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }
    /// Takes multiply-accumulates.
    pub fn work(&mut self, macs: u64) -> Result<(), Reason> {
        self.macs = self.macs.checked_sub(macs).ok_or_else(|| {
            Reason::new(format!("{macs} multiply-accumulates exceed the work that is allowed here"))
                .help("if this node's inputs are all constants, fold it where the model was made")
        })?;
        Ok(())
    }
}
