//! `memcmp`, `bcmp` and `strlen`, byte by byte: what is compared here is names and options.

use core::arch::naked_asm;

/// Compares `count` bytes: the difference of the first pair that differs.
///
/// # Safety
/// As C's: both ranges are valid.
#[unsafe(naked)]
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, count: usize) -> i32 {
    naked_asm!(
        "xor ecx, ecx",
        "20:",
        "cmp rcx, rdx",
        "je 21f",
        "movzx eax, byte ptr [rdi + rcx]",
        "movzx r8d, byte ptr [rsi + rcx]",
        "inc rcx",
        "sub eax, r8d",
        "jz 20b",
        "ret",
        "21:",
        "xor eax, eax",
        "ret",
    )
}

/// Whether `count` bytes differ.
///
/// # Safety
/// As C's: both ranges are valid.
#[unsafe(naked)]
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, count: usize) -> i32 {
    naked_asm!("jmp {memcmp}", memcmp = sym memcmp)
}

/// The bytes before the first 0.
///
/// # Safety
/// As C's: there is a 0, and all before it is valid.
#[unsafe(naked)]
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn strlen(x: *const u8) -> usize {
    naked_asm!(
        "xor eax, eax",
        "20:",
        "cmp byte ptr [rdi + rax], 0",
        "je 21f",
        "inc rax",
        "jmp 20b",
        "21:",
        "ret",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_decides() {
        let order = |a: &[u8], b: &[u8]| {
            // SAFETY: both have the length.
            unsafe { (memcmp(a.as_ptr(), b.as_ptr(), a.len()), bcmp(a.as_ptr(), b.as_ptr(), a.len())) }
        };
        assert_eq!(order(b"", b""), (0, 0));
        assert_eq!(order(b"abc", b"abc"), (0, 0));
        assert_eq!(order(b"a\xffc", b"a\x01d"), (254, 254));
        assert_eq!(order(b"abc", b"abd"), (-1, -1));
    }

    #[test]
    fn a_string_ends_at_its_0() {
        // SAFETY: both have a 0.
        unsafe {
            assert_eq!(strlen(c"".as_ptr().cast()), 0);
            assert_eq!(strlen(c"a word".as_ptr().cast()), 6);
        }
    }
}
