//! The system calls (Linux, `arch/x86/entry/syscalls/syscall_64.tbl`), each as a safe function.

use crate::errno::Errno;
use core::arch::asm;
use core::ffi::CStr;
use core::ptr;
use core::sync::atomic::AtomicU32;
use core::time::Duration;

/// Numbers of system calls.
mod number {
    pub(super) const READ: usize = 0;
    pub(super) const WRITE: usize = 1;
    pub(super) const OPEN: usize = 2;
    pub(super) const CLOSE: usize = 3;
    pub(super) const MMAP: usize = 9;
    pub(super) const MPROTECT: usize = 10;
    pub(super) const MUNMAP: usize = 11;
    pub(super) const RT_SIGACTION: usize = 13;
    pub(super) const SCHED_YIELD: usize = 24;
    pub(super) const MREMAP: usize = 25;
    pub(super) const GETPID: usize = 39;
    pub(super) const FSYNC: usize = 74;
    pub(super) const RENAME: usize = 82;
    pub(super) const UNLINK: usize = 87;
    pub(super) const FUTEX: usize = 202;
    pub(super) const SCHED_GETAFFINITY: usize = 204;
    pub(super) const CLOCK_GETTIME: usize = 228;
    pub(super) const EXIT_GROUP: usize = 231;
}

/// Makes a system call; those with fewer parameters ignore the rest.
///
/// # Safety
/// The kernel reads and writes what the arguments point to: it must be there, and nothing else may refer to what is
/// written.
unsafe fn call(number: usize, [a, b, c, d, e]: [usize; 5]) -> Result<usize, Errno> {
    let value: isize;
    // SAFETY: the caller's promise; the kernel changes rax, rcx and r11 beside memory, and does not use our stack.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => value,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") 0,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    // -4095..0 are failures.
    usize::try_from(value).map_err(|_| Errno(-value as i32))
}

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

/// The process's number.
pub fn process_id() -> u32 {
    // SAFETY: `getpid` touches no memory; it cannot fail.
    unsafe { call(number::GETPID, [0; 5]) }.map_or(0, |id| id as u32)
}

/// The clock that never goes back.
const MONOTONIC: usize = 1;

/// The time since some moment before the process started.
pub fn now() -> Duration {
    let mut time = [0_u64; 2];
    // SAFETY: `clock_gettime` writes seconds and nanoseconds, and fails for no clock that every kernel has.
    let _ =
        unsafe { call(number::CLOCK_GETTIME, [MONOTONIC, time.as_mut_ptr().expose_provenance(), 0, 0, 0]) };
    Duration::new(time[0], time[1] as u32)
}

/// Lets `write` to a pipe that nobody reads fail, where the kernel would end the process.
pub(crate) fn ignore_broken_pipes() {
    const SIGPIPE: usize = 13;
    const IGNORE: usize = 1;
    // The kernel's `struct sigaction`: handler, flags, restorer, mask of 8 bytes.
    let action = [IGNORE, 0, 0, 0];
    // SAFETY: `rt_sigaction` reads `action`. The call cannot fail for this signal; no handler of ours is ever entered.
    let _ = unsafe { call(number::RT_SIGACTION, [SIGPIPE, action.as_ptr().expose_provenance(), 0, 8, 0]) };
}

/// Fresh memory of zeros, whole pages of it; null if there is none.
pub(crate) fn map(bytes: usize) -> *mut u8 {
    const READ_WRITE: usize = 1 | 2;
    const PRIVATE_ANONYMOUS: usize = 0x02 | 0x20;
    const NO_FILE: usize = usize::MAX;
    // SAFETY: the kernel chooses an address where nothing is.
    let address = unsafe { call(number::MMAP, [0, bytes, READ_WRITE, PRIVATE_ANONYMOUS, NO_FILE]) };
    address.map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
}

/// Gives back what `map` gave.
///
/// # Safety
/// All of it is from `map` or `remap`, and nothing refers to it any more.
pub(crate) unsafe fn unmap(address: *mut u8, bytes: usize) {
    // SAFETY: the caller's promise.
    let _ = unsafe { call(number::MUNMAP, [address.expose_provenance(), bytes, 0, 0, 0]) };
}

/// The same memory in another length, perhaps elsewhere; null, and nothing has happened, if there is none.
///
/// # Safety
/// All of it is from `map` or `remap`, and nothing but `address` refers to it.
pub(crate) unsafe fn remap(address: *mut u8, bytes: usize, new_bytes: usize) -> *mut u8 {
    const MAY_MOVE: usize = 1;
    // SAFETY: the caller's promise.
    let new = unsafe { call(number::MREMAP, [address.expose_provenance(), bytes, new_bytes, MAY_MOVE, 0]) };
    new.map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
}

/// Takes away the right to use memory: a guard below a stack.
///
/// # Safety
/// All of it is from `map`, whole pages, and nobody refers to it.
pub(crate) unsafe fn protect(address: *mut u8, bytes: usize) {
    const NONE: usize = 0;
    // SAFETY: the caller's promise. It cannot fail for a mapping that is there.
    let _ = unsafe { call(number::MPROTECT, [address.expose_provenance(), bytes, NONE, 0, 0]) };
}

/// Sleeps on a word of memory, or wakes who does.
pub(crate) fn futex(word: &AtomicU32, operation: usize, value: u32) {
    // SAFETY: `futex` reads the word, which is borrowed for as long. That it is woken early or finds another value is for
    // the caller to see; nothing else can fail.
    let _ =
        unsafe { call(number::FUTEX, [word.as_ptr().expose_provenance(), operation, value as usize, 0, 0]) };
}

/// Lets other threads have the processor.
pub fn give_way() {
    // SAFETY: `sched_yield` touches no memory.
    let _ = unsafe { call(number::SCHED_YIELD, [0; 5]) };
}

/// How many processors the process may run on; at least one.
pub fn affinity() -> usize {
    // Room for 8192 processors, the most that Linux is built for.
    let mut mask = [0_u64; 128];
    // SAFETY: `sched_getaffinity` writes to the mask at most as many bytes as it is told.
    let written = unsafe {
        call(number::SCHED_GETAFFINITY, [0, size_of_val(&mask), mask.as_mut_ptr().expose_provenance(), 0, 0])
    };
    let ones: u32 = mask.iter().map(|word| word.count_ones()).sum();
    if written.is_ok() { ones.max(1) as usize } else { 1 }
}

/// Ends the process.
pub fn exit(code: i32) -> ! {
    // SAFETY: exit_group(code) ends every thread; it touches no memory of ours and does not return.
    unsafe {
        asm!("syscall", in("rax") number::EXIT_GROUP, in("rdi") code, options(noreturn, nostack, nomem))
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn process_and_clock_are_the_standard_librarys() {
        assert_eq!(process_id(), std::process::id());
        let (start, before) = (std::time::Instant::now(), now());
        std::thread::sleep(Duration::from_millis(2));
        let (inside, outside) = (now() - before, start.elapsed());
        assert!(Duration::from_millis(2) <= inside && inside <= outside, "{inside:?} of {outside:?}");
    }
}
