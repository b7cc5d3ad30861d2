//! Files and streams. What a signal interrupts goes on.

use super::{call, number};
use crate::errno::Errno;
use core::ffi::CStr;

/// A stream that every process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output = 1,
    /// Standard error.
    Error = 2,
}

/// Writes to a stream.
pub fn print(stream: Stream, bytes: &[u8]) -> Result<(), Errno> {
    write_all(stream as usize, bytes)
}

fn write_all(descriptor: usize, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        // SAFETY: `write` reads `bytes`, which is borrowed for as long.
        match unsafe {
            call(number::WRITE, [descriptor, bytes.as_ptr().expose_provenance(), bytes.len(), 0, 0])
        } {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTERRUPTED) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// An open file; it is closed when it is dropped.
#[derive(Debug)]
pub struct File {
    descriptor: usize,
}

/// Flags of `open`.
const WRITE_ONLY: usize = 0o1;
const CREATE: usize = 0o100;
const EXCLUSIVE: usize = 0o200;
const CLOSE_ON_EXEC: usize = 0o2_000_000;
/// For everyone, less what the process's mask takes away.
const MODE: usize = 0o666;

impl File {
    /// Opens a file to read.
    pub fn open(path: &CStr) -> Result<Self, Errno> {
        Self::with(path, CLOSE_ON_EXEC)
    }

    /// Makes a file, which must not be there yet, to write.
    pub fn create_new(path: &CStr) -> Result<Self, Errno> {
        Self::with(path, WRITE_ONLY | CREATE | EXCLUSIVE | CLOSE_ON_EXEC)
    }

    fn with(path: &CStr, flags: usize) -> Result<Self, Errno> {
        loop {
            // SAFETY: `open` reads `path` up to its 0.
            match unsafe { call(number::OPEN, [path.as_ptr().expose_provenance(), flags, MODE, 0, 0]) } {
                Ok(descriptor) => return Ok(Self { descriptor }),
                Err(Errno::INTERRUPTED) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads what comes next, at most as much as there is room for; 0 at the end.
    pub fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Errno> {
        loop {
            // SAFETY: `read` writes to `bytes`, which is borrowed alone.
            let read = unsafe {
                call(
                    number::READ,
                    [self.descriptor, bytes.as_mut_ptr().expose_provenance(), bytes.len(), 0, 0],
                )
            };
            if read != Err(Errno::INTERRUPTED) {
                return read;
            }
        }
    }

    /// Writes all bytes.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        write_all(self.descriptor, bytes)
    }

    /// Waits until what was written is on its disk.
    pub fn sync(&self) -> Result<(), Errno> {
        // SAFETY: `fsync` touches no memory.
        unsafe { call(number::FSYNC, [self.descriptor, 0, 0, 0, 0]).map(drop) }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: `close` touches no memory, and nothing else has this descriptor. What it could report, `sync` has.
        let _ = unsafe { call(number::CLOSE, [self.descriptor, 0, 0, 0, 0]) };
    }
}

/// Gives a file another name; one that has that name is replaced.
pub fn rename(from: &CStr, to: &CStr) -> Result<(), Errno> {
    // SAFETY: `rename` reads both names up to their 0.
    unsafe {
        call(number::RENAME, [from.as_ptr().expose_provenance(), to.as_ptr().expose_provenance(), 0, 0, 0])
            .map(drop)
    }
}

/// Removes a file.
pub fn remove(path: &CStr) -> Result<(), Errno> {
    // SAFETY: `unlink` reads the name up to its 0.
    unsafe { call(number::UNLINK, [path.as_ptr().expose_provenance(), 0, 0, 0, 0]).map(drop) }
}

#[cfg(test)]
mod tests {
    use super::super::process_id;
    use super::*;
    use std::ffi::CString;
    use std::format;

    #[test]
    fn a_file_comes_back_and_goes() {
        let name = std::env::temp_dir().join(format!("bakelite-linux-{}", process_id()));
        let path = CString::new(name.to_str().unwrap()).unwrap();
        let moved = CString::new(format!("{}.moved", name.display())).unwrap();
        assert_eq!(File::open(&path).unwrap_err(), Errno(2));
        let mut file = File::create_new(&path).unwrap();
        file.write_all(b"bytes").unwrap();
        file.sync().unwrap();
        assert_eq!(File::create_new(&path).unwrap_err(), Errno(17));
        rename(&path, &moved).unwrap();
        let mut file = File::open(&moved).unwrap();
        let mut bytes = [0; 9];
        assert_eq!((file.read(&mut bytes), file.read(&mut bytes[5..])), (Ok(5), Ok(0)));
        assert_eq!(&bytes, b"bytes\0\0\0\0");
        assert_eq!(file.write_all(b"x"), Err(Errno::BAD_DESCRIPTOR));
        remove(&moved).unwrap();
        assert_eq!(remove(&moved), Err(Errno(2)));
    }
}
