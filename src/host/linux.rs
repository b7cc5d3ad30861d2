//! Linux without a C library as a host.

use super::quota::quota;
use super::{Failure, Host, MAX_BYTES, NO_NAME, TOO_LARGE};
use crate::kernels::team::System;
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::ffi::CString;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use bakelite_linux::system::{self, File, Stream};
use bakelite_linux::{Arguments, Errno, thread};
use core::num::NonZero;
use core::sync::atomic::AtomicU32;
use core::time::Duration;

/// The process that `bakelite_linux` started.
#[derive(Clone, Debug)]
pub struct Linux {
    arguments: Arguments,
}

impl Linux {
    /// The process with its arguments, the program's name first.
    pub fn new(arguments: Arguments) -> Self {
        Self { arguments }
    }
}

fn failure(error: Errno) -> Failure {
    Failure::Other(error.to_string())
}

/// A path for the kernel, which ends it at the first 0.
fn path(bytes: &[u8]) -> Result<CString, Failure> {
    CString::new(bytes).map_err(|_| Failure::Other("a path with a 0 inside".to_owned()))
}

/// A name in the same folder that no other process uses.
fn aside(path: &[u8]) -> Result<Vec<u8>, Failure> {
    let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (folder, name) = path.split_at(start);
    if matches!(name, b"" | b"." | b"..") {
        return Err(Failure::Other(NO_NAME.to_owned()));
    }
    let end = format!(".{}.part", system::process_id());
    Ok([folder, b".", name, end.as_bytes()].concat())
}

impl Host for Linux {
    fn arguments(&self) -> Vec<Vec<u8>> {
        self.arguments.clone().skip(1).map(|argument| argument.to_bytes().to_vec()).collect()
    }

    fn read(&mut self, name: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut file = File::open(&path(name)?).map_err(failure)?;
        // What is read into grows by doubling; a byte more than is allowed tells a file that is too long.
        let mut bytes = vec![0; 1 << 16];
        let mut count = 0;
        loop {
            match file.read(&mut bytes[count..]).map_err(failure)? {
                0 => break,
                read => count += read,
            }
            if count > MAX_BYTES {
                return Err(Failure::Other(TOO_LARGE.to_owned()));
            }
            if count == bytes.len() {
                bytes.resize((count * 2).min(MAX_BYTES + 1), 0);
            }
        }
        bytes.truncate(count);
        Ok(bytes)
    }

    fn write(&mut self, name: &[u8], bytes: &[u8]) -> Result<(), Failure> {
        let (aside, name) = (path(&aside(name)?)?, path(name)?);
        let written = File::create_new(&aside).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync()
        });
        let renamed = written.and_then(|()| system::rename(&aside, &name));
        if renamed.is_err() {
            // The first error is the one to report.
            let _ = system::remove(&aside);
        }
        renamed.map_err(failure)
    }

    fn print(&mut self, text: &str) -> Result<(), Failure> {
        match system::print(Stream::Output, text.as_bytes()) {
            // Where standard output is closed, nobody asked for it.
            Ok(()) | Err(Errno::BAD_DESCRIPTOR) => Ok(()),
            Err(Errno::BROKEN_PIPE) => Err(Failure::BrokenPipe),
            Err(error) => Err(failure(error)),
        }
    }

    fn complain(&mut self, text: &str) {
        let _ = system::print(Stream::Error, text.as_bytes());
    }

    fn now(&self) -> Duration {
        system::now()
    }

    fn processors(&mut self) -> usize {
        let quota = quota(|path| self.read(path.as_bytes()).ok());
        quota.map_or(usize::MAX, NonZero::get).min(system::affinity())
    }

    fn spawn(&mut self, stack_bytes: usize, work: Box<dyn FnOnce() + Send>) -> Result<(), Failure> {
        thread::spawn(stack_bytes, work).map_err(failure)
    }

    fn system(&self) -> &'static dyn System {
        &Futex
    }
}

/// Threads that sleep in the kernel.
struct Futex;

impl System for Futex {
    fn sleep(&self, word: &AtomicU32, value: u32) {
        thread::sleep(word, value);
    }

    fn wake(&self, word: &AtomicU32) {
        thread::wake(word);
    }

    fn give_way(&self) {
        system::give_way();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Standard;
    use std::string::String;

    fn folder(name: &str) -> String {
        let folder = std::env::temp_dir().join(format!("bakelite-host-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder.to_str().unwrap().to_owned()
    }

    #[test]
    fn files_are_replaced_whole_and_come_back() {
        let (folder, mut host) = (folder("files"), Linux::new(Arguments::default()));
        let path = format!("{folder}/y.npy");
        for length in [0, 5, 1 << 16, 300_000] {
            let bytes: Vec<u8> = (0..length).map(|i: u32| (i * 7 + i / 256) as u8).collect();
            host.write(path.as_bytes(), &bytes).unwrap();
            assert!(host.read(path.as_bytes()) == Ok(bytes), "{length} bytes");
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn failures_have_the_standard_librarys_words() {
        let folder = folder("failures");
        let (mut linux, mut standard) = (Linux::new(Arguments::default()), Standard);
        for path in ["absent", ".", "absent/file", "a\0b"].map(|name| format!("{folder}/{name}")) {
            let (found, expected) = (linux.read(path.as_bytes()), standard.read(path.as_bytes()));
            assert!(found.is_err() && (found == expected || path.contains('\0')), "{path}: {found:?}");
        }
        for path in ["..".to_owned(), format!("{folder}/absent/file")] {
            let (found, expected) = (linux.write(path.as_bytes(), b""), standard.write(path.as_bytes(), b""));
            assert!(found.is_err() && found == expected, "{path}: {found:?}");
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
