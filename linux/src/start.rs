//! From the kernel to `main` and back.
//!
//! The kernel enters at `_start` with the arguments on the stack:
//!
//! ```text
//! rsp -> argc | argv[0] .. argv[argc - 1] | 0 | environment .. | 0 | auxiliary vector
//! ```
//!
//! A static executable that may lie anywhere (static PIE) relocates itself before any other code runs: each address
//! that the linker wrote into data is one `R_X86_64_RELATIVE` entry of `.rela.dyn`, at which the image's own address
//! is added.

use crate::system::{self, Stream};
use core::ffi::{CStr, c_char};
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::ptr;

/// Makes a function `fn(Arguments) -> u8` the program: it is what the process runs, and its value the exit code. To be
/// written once, in a `#![no_std] #![no_main]` executable that is linked with `-nostartfiles -nostdlib`.
#[macro_export]
macro_rules! main {
    ($main:ident) => {
        #[allow(unsafe_code)]
        mod process {
            extern "C" fn start(stack: *const usize) -> ! {
                // SAFETY: `_start` alone comes here, with the stack as the kernel left it.
                let arguments = unsafe { $crate::Arguments::new(stack) };
                $crate::start::run(arguments, super::$main)
            }

            // The outermost frame has rbp 0. A call needs a stack that is aligned to 16 bytes; rbx outlives the first.
            // The image starts with its ELF header, whose address the linker calls `__ehdr_start`.
            ::core::arch::global_asm!(
                ".globl _start",
                ".hidden __ehdr_start",
                ".hidden _DYNAMIC",
                "_start:",
                "xor ebp, ebp",
                "mov rbx, rsp",
                "and rsp, -16",
                "lea rdi, [rip + __ehdr_start]",
                "lea rsi, [rip + _DYNAMIC]",
                "call {relocate}",
                "mov rdi, rbx",
                "call {start}",
                "ud2",
                relocate = sym $crate::start::relocate,
                start = sym start,
            );

            #[panic_handler]
            fn panic(info: &::core::panic::PanicInfo<'_>) -> ! {
                $crate::start::panic(info)
            }

            // Two names that `alloc` refers to, since it was compiled for programs that unwind. A panic ends this process,
            // so nothing comes here. They belong to the program: one with the standard library has its own.
            #[unsafe(naked)]
            #[unsafe(no_mangle)]
            extern "C" fn _Unwind_Resume() -> ! {
                ::core::arch::naked_asm!("ud2")
            }

            #[unsafe(naked)]
            #[unsafe(no_mangle)]
            extern "C" fn rust_eh_personality() -> ! {
                ::core::arch::naked_asm!("ud2")
            }
        }
    };
}

/// The program's arguments, its own name first.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// Ends at a null pointer.
    next: *const *const c_char,
}

/// None at all.
impl Default for Arguments {
    fn default() -> Self {
        const END: &*const c_char = &ptr::null();
        Self { next: END }
    }
}

impl Arguments {
    /// The arguments on the first stack.
    ///
    /// # Safety
    /// `stack` is what rsp was when the kernel started the process.
    pub unsafe fn new(stack: *const usize) -> Self {
        // SAFETY: argv follows argc.
        Self { next: unsafe { stack.add(1).cast() } }
    }
}

impl Iterator for Arguments {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<&'static CStr> {
        // SAFETY: `next` points into argv, at its null pointer at the furthest.
        let argument = unsafe { *self.next };
        if argument.is_null() {
            return None;
        }
        // SAFETY: the entry before was not the last; the kernel wrote strings that end in 0 and stay for ever.
        unsafe {
            self.next = self.next.add(1);
            Some(CStr::from_ptr(argument))
        }
    }
}

/// Runs the program, and ends the process.
pub fn run(arguments: Arguments, main: fn(Arguments) -> u8) -> ! {
    // A closed pipe is an error of `write`, not the process's end.
    system::ignore_broken_pipes();
    system::exit(main(arguments).into())
}

/// Entries of the dynamic section.
const END: usize = 0;
const RELA: usize = 7;
const RELA_BYTES: usize = 8;

/// One relocation: what (type and symbol) to write where.
#[repr(C)]
struct Rela {
    offset: usize,
    info: usize,
    addend: usize,
}

/// The image's address plus the addend; no other type remains in an executable without libraries.
const RELATIVE: usize = 8;

/// Adds the image's address to what the linker wrote. Nothing here may need a relocation itself.
///
/// # Safety
/// Only for `_start`: `image` is where the executable lies, and `dynamic` is its dynamic section, of tags and values.
pub unsafe extern "C" fn relocate(image: *mut u8, mut dynamic: *const [usize; 2]) {
    let (mut table, mut bytes) = (0, 0);
    loop {
        // SAFETY: the section ends with the tag `END`, which has not been met yet.
        let [tag, value] = unsafe { *dynamic };
        match tag {
            END => break,
            RELA => table = value,
            RELA_BYTES => bytes = value,
            _ => {}
        }
        // SAFETY: this was not the last entry.
        dynamic = unsafe { dynamic.add(1) };
    }
    // SAFETY: the linker put the table at this offset.
    let relocations = unsafe { image.add(table).cast::<Rela>() };
    for i in 0..bytes / size_of::<Rela>() {
        // SAFETY: the table has this entry.
        let relocation = unsafe { &*relocations.add(i) };
        if relocation.info == RELATIVE {
            let value = image.addr().wrapping_add(relocation.addend);
            // SAFETY: the linker names a word of writable data, aligned or not.
            unsafe { image.add(relocation.offset).cast::<usize>().write_unaligned(value) }
        }
    }
}

/// Says where and why, and ends the process with code 101 as Rust's own handler does.
pub fn panic(info: &PanicInfo<'_>) -> ! {
    struct Stderr;

    impl Write for Stderr {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            system::print(Stream::Error, text.as_bytes()).map_err(|_| fmt::Error)
        }
    }

    // Where nobody listens, the exit code tells.
    let _ = writeln!(Stderr, "{info}");
    system::exit(101)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn arguments_end_at_the_null_pointer() {
        let (program, word) = (c"program", c"a word");
        let stack = [2, program.as_ptr().addr(), word.as_ptr().addr(), 0, 7];
        // SAFETY: the array is laid out as the kernel's stack.
        let arguments = unsafe { Arguments::new(stack.as_ptr()) };
        assert_eq!(arguments.collect::<Vec<_>>(), [program, word]);
        assert_eq!(Arguments::default().count(), 0);
    }

    #[test]
    fn relative_addresses_become_absolute() {
        // An image of eight words: one relocation at word 0, three words long, that names word 3.
        let mut image = [3 * 8, RELATIVE, 5 * 8, 0xdead, 0, 0, 0, 0_usize];
        let dynamic = [[30, 1], [RELA, 0], [RELA_BYTES, 24], [END, 0]];
        let address = image.as_ptr().addr();
        // SAFETY: the table, and the word that it names, are inside the image.
        unsafe { relocate(image.as_mut_ptr().cast(), dynamic.as_ptr()) }
        assert_eq!(image[3], address + 5 * 8);
    }
}
