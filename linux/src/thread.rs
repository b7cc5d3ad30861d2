//! Threads of one process: `clone` with a stack of their own, and a futex to sleep on.
//!
//! ```text
//! low  | guard page | stack, downwards <- | the closure |  high
//! ```
//!
//! A thread has no thread-local storage: it must not run code that uses it, and nothing in this crate does.

use crate::errno::Errno;
use crate::system;
use core::arch::naked_asm;
use core::sync::atomic::AtomicU32;

/// Starts a thread with at least so many bytes of stack; it ends when `work` returns.
pub fn spawn<F: FnOnce() + Send + 'static>(stack_bytes: usize, work: F) -> Result<(), Errno> {
    let bytes = (stack_bytes + size_of::<Start<F>>() + align_of::<Start<F>>()).next_multiple_of(PAGE) + PAGE;
    let stack = system::map(bytes);
    if stack.is_null() {
        return Err(Errno::NO_MEMORY);
    }
    // SAFETY: the first page is of the mapping, and nothing has used it.
    unsafe { system::protect(stack, PAGE) };
    let top = stack.addr() + bytes - size_of::<Start<F>>();
    let top = top & !(align_of::<Start<F>>().max(16) - 1);
    let start = stack.with_addr(top).cast::<Start<F>>();
    // SAFETY: `start` is aligned, and inside the mapping with all its bytes.
    unsafe { start.write(Start { stack, bytes, work }) };
    // SAFETY: below `start` is a stack that nobody else uses; `run` takes what was written, and gives the mapping back.
    let cloned = unsafe { clone(FLAGS, start.cast(), run::<F>, start.cast()) };
    if cloned < 0 {
        // SAFETY: no thread has begun, so that the closure is still there and nobody's but ours.
        unsafe {
            drop(start.read());
            system::unmap(stack, bytes);
        }
        return Err(Errno(-cloned as i32));
    }
    Ok(())
}

/// The kernel's unit of memory.
const PAGE: usize = 4096;

/// The same memory, folders, files, signals and process.
const FLAGS: usize = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;

/// What a thread begins with.
struct Start<F> {
    stack: *mut u8,
    bytes: usize,
    work: F,
}

/// The thread's outermost frame: does the work and ends the thread.
///
/// # Safety
/// `start` is a `Start<F>` at the top of the stack this runs on; this is the only call with it.
unsafe extern "C" fn run<F: FnOnce()>(start: *mut ()) -> ! {
    // SAFETY: the caller's promise.
    let Start { stack, bytes, work } = unsafe { start.cast::<Start<F>>().read() };
    work();
    // SAFETY: nothing refers to the stack any more but this frame, which does not go on.
    unsafe { end(stack, bytes) }
}

/// `clone`: returns the thread's number or a negative error here, and calls `run(data)` there.
///
/// # Safety
/// `stack` is aligned to 16, memory below it is free for the thread, and `run(data)` may be called on another thread.
#[unsafe(naked)]
unsafe extern "C" fn clone(
    flags: usize,
    stack: *mut u8,
    run: unsafe extern "C" fn(*mut ()) -> !,
    data: *mut (),
) -> isize {
    // The kernel leaves all registers but rax, rcx and r11 as they are, in both threads, and with these flags looks at
    // its first two arguments only.
    naked_asm!(
        "mov r9, rdx",
        "mov r8, rcx",
        "mov eax, 56",
        "syscall",
        "test rax, rax",
        "jz 2f",
        "ret",
        "2:",
        "xor ebp, ebp",
        "mov rdi, r8",
        "call r9",
        "ud2",
    )
}

/// Gives the stack back and ends the thread, on registers alone.
///
/// # Safety
/// `stack` is this thread's mapping.
#[unsafe(naked)]
unsafe extern "C" fn end(stack: *mut u8, bytes: usize) -> ! {
    naked_asm!("mov eax, 11", "syscall", "mov eax, 60", "xor edi, edi", "syscall", "ud2")
}

/// Sleeps until somebody wakes those who sleep on `word`; returns at once if it is not `value`, and may return early.
pub fn sleep(word: &AtomicU32, value: u32) {
    system::futex(word, FUTEX_WAIT, value);
}

/// Wakes all who sleep on `word`.
pub fn wake(word: &AtomicU32) {
    system::futex(word, FUTEX_WAKE, i32::MAX as u32);
}

/// Operations of `futex`, within the process.
const FUTEX_WAIT: usize = 128;
const FUTEX_WAKE: usize = 129;

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::Ordering;
    use std::sync::Arc;

    // The threads here touch nothing of the standard library's that is a thread's own.

    #[test]
    fn a_thread_works_and_wakes_who_waits() {
        let state = Arc::new([const { AtomicU32::new(0) }; 2]);
        let (theirs, array) = (Arc::clone(&state), [7_u64; 100]);
        spawn(1 << 14, move || {
            while theirs[0].load(Ordering::Acquire) == 0 {
                sleep(&theirs[0], 0);
            }
            theirs[1].store(array.iter().sum::<u64>() as u32, Ordering::Release);
            wake(&theirs[1]);
        })
        .unwrap();
        state[0].store(1, Ordering::Release);
        wake(&state[0]);
        while state[1].load(Ordering::Acquire) == 0 {
            sleep(&state[1], 0);
        }
        assert_eq!(state[1].load(Ordering::Acquire), 700);
        // Its end is not to be waited for, but its closure is dropped before.
        while Arc::strong_count(&state) > 1 {
            system::give_way();
        }
    }

    #[test]
    fn no_memory_is_an_error_and_drops_the_closure() {
        let state = Arc::new(());
        let theirs = Arc::clone(&state);
        assert_eq!(spawn(1 << 60, move || drop(theirs)), Err(Errno::NO_MEMORY));
        assert_eq!(Arc::strong_count(&state), 1);
    }

    #[test]
    fn processors_are_the_standard_librarys_or_more() {
        // Which counts the quota of a control group too.
        let processors = system::affinity();
        assert!(processors >= std::thread::available_parallelism().unwrap().get(), "{processors}");
    }
}
