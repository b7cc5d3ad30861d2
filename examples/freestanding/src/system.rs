//! What an operating system must do for us: start us, take a line, end us. Linux on x86-64.

use core::arch::{asm, global_asm};

// The kernel enters with the arguments on the stack and no return address. The outermost frame has rbp 0, and a call
// needs a stack that is aligned to 16 bytes.
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "and rsp, -16",
    "call {main}",
    "ud2",
    main = sym crate::main,
);

/// Numbers of system calls.
const WRITE: usize = 1;
const EXIT: usize = 60;

/// Writes to standard output; what cannot be written is lost.
pub(crate) fn print(mut text: &[u8]) {
    while !text.is_empty() {
        let written: isize;
        // SAFETY: write(1, text, length) reads `text`, which is alive, and changes no memory of ours; the kernel
        // overwrites rax, rcx and r11, all declared.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") WRITE => written,
                in("rdi") 1,
                in("rsi") text.as_ptr(),
                in("rdx") text.len(),
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack, readonly),
            );
        }
        match usize::try_from(written) {
            Ok(written @ 1..) => text = text.get(written..).unwrap_or_default(),
            _ => return,
        }
    }
}

/// Ends the process.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: exit(code) touches no memory of ours and does not return.
    unsafe { asm!("syscall", in("rax") EXIT, in("rdi") code, options(noreturn, nostack, nomem)) }
}
