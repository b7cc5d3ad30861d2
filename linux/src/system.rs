//! The system calls (Linux, `arch/x86/entry/syscalls/syscall_64.tbl`), each as a safe function.

use crate::errno::Errno;
use core::arch::asm;
use core::sync::atomic::AtomicU32;
use core::time::Duration;

mod file;
mod pages;

pub use file::{File, Stream, print, remove, rename};
pub(crate) use pages::{map, protect, remap, unmap};

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

    #[test]
    fn process_and_clock_are_the_standard_librarys() {
        assert_eq!(process_id(), std::process::id());
        let (start, before) = (std::time::Instant::now(), now());
        std::thread::sleep(Duration::from_millis(2));
        let (inside, outside) = (now() - before, start.elapsed());
        assert!(Duration::from_millis(2) <= inside && inside <= outside, "{inside:?} of {outside:?}");
    }
}
