//! `memcpy` and `memmove`: one function, which copies from the end where it must.

use core::arch::naked_asm;

/// Copies `count` bytes from `x` to `y`.
///
/// # Safety
/// As C's: both ranges are valid and do not overlap.
#[unsafe(naked)]
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memcpy(y: *mut u8, x: *const u8, count: usize) -> *mut u8 {
    naked_asm!("jmp {memmove}", memmove = sym memmove)
}

/// Copies `count` bytes from `x` to `y`, which may overlap.
///
/// # Safety
/// As C's: both ranges are valid.
#[unsafe(naked)]
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memmove(y: *mut u8, x: *const u8, count: usize) -> *mut u8 {
    naked_asm!(
        "mov rax, rdi",
        "cmp rdx, 16",
        "jae 20f",
        "cmp edx, 8",
        "jae 18f",
        "cmp edx, 4",
        "jae 17f",
        "test edx, edx",
        "jz 16f",
        // 1 to 3 bytes: the first, the middle, the last.
        "mov r8, rdx",
        "shr r8",
        "movzx ecx, byte ptr [rsi]",
        "movzx r9d, byte ptr [rsi + r8]",
        "movzx r10d, byte ptr [rsi + rdx - 1]",
        "mov [rdi], cl",
        "mov [rdi + r8], r9b",
        "mov [rdi + rdx - 1], r10b",
        "16:",
        "ret",
        // 4 to 7.
        "17:",
        "mov ecx, [rsi]",
        "mov r8d, [rsi + rdx - 4]",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], r8d",
        "ret",
        // 8 to 15.
        "18:",
        "mov rcx, [rsi]",
        "mov r8, [rsi + rdx - 8]",
        "mov [rdi], rcx",
        "mov [rdi + rdx - 8], r8",
        "ret",
        // 16 to 32.
        "20:",
        "cmp rdx, 32",
        "ja 21f",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + rdx - 16]",
        "movups [rdi], xmm0",
        "movups [rdi + rdx - 16], xmm1",
        "ret",
        // 33 to 64.
        "21:",
        "cmp rdx, 64",
        "ja 22f",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + 16]",
        "movups xmm2, [rsi + rdx - 32]",
        "movups xmm3, [rsi + rdx - 16]",
        "movups [rdi], xmm0",
        "movups [rdi + 16], xmm1",
        "movups [rdi + rdx - 32], xmm2",
        "movups [rdi + rdx - 16], xmm3",
        "ret",
        // More: from the end where `y` starts inside of `x`.
        "22:",
        "mov rcx, rdi",
        "sub rcx, rsi",
        "cmp rcx, rdx",
        "jb 26f",
        "cmp rdx, 2048",
        "jae 25f",
        // The last 64 bytes are read before they can be overwritten.
        "movups xmm4, [rsi + rdx - 64]",
        "movups xmm5, [rsi + rdx - 48]",
        "movups xmm6, [rsi + rdx - 32]",
        "movups xmm7, [rsi + rdx - 16]",
        "lea r8, [rdi + rdx - 64]",
        "24:",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + 16]",
        "movups xmm2, [rsi + 32]",
        "movups xmm3, [rsi + 48]",
        "movups [rdi], xmm0",
        "movups [rdi + 16], xmm1",
        "movups [rdi + 32], xmm2",
        "movups [rdi + 48], xmm3",
        "add rsi, 64",
        "add rdi, 64",
        "cmp rdi, r8",
        "jb 24b",
        "movups [r8], xmm4",
        "movups [r8 + 16], xmm5",
        "movups [r8 + 32], xmm6",
        "movups [r8 + 48], xmm7",
        "ret",
        "25:",
        "mov rcx, rdx",
        "rep movsb",
        "ret",
        // The same from the end; the first 64 bytes last.
        "26:",
        "movups xmm4, [rsi]",
        "movups xmm5, [rsi + 16]",
        "movups xmm6, [rsi + 32]",
        "movups xmm7, [rsi + 48]",
        "lea r8, [rdi + 64]",
        "add rsi, rdx",
        "add rdi, rdx",
        "28:",
        "movups xmm0, [rsi - 16]",
        "movups xmm1, [rsi - 32]",
        "movups xmm2, [rsi - 48]",
        "movups xmm3, [rsi - 64]",
        "movups [rdi - 16], xmm0",
        "movups [rdi - 32], xmm1",
        "movups [rdi - 48], xmm2",
        "movups [rdi - 64], xmm3",
        "sub rsi, 64",
        "sub rdi, 64",
        "cmp rdi, r8",
        "ja 28b",
        "movups [rax], xmm4",
        "movups [rax + 16], xmm5",
        "movups [rax + 32], xmm6",
        "movups [rax + 48], xmm7",
        "ret",
    )
}

#[cfg(test)]
mod tests {
    use super::super::lengths;
    use super::*;
    use std::vec::Vec;

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|i| (i * 31 + i / 251) as u8).collect()
    }

    #[test]
    fn copies_are_whole_wherever_they_overlap() {
        const AT: usize = 100;
        for count in lengths() {
            for to in [0, 1, 7, 36, 84, 99, 100, 101, 108, 117, 163, 164, 199] {
                let mut found = bytes(count + 200);
                let mut expected = found.clone();
                expected.copy_within(AT..AT + count, to);
                // SAFETY: both ranges are inside.
                let y = unsafe {
                    let base = found.as_mut_ptr();
                    memmove(base.add(to), base.add(AT), count)
                };
                assert_eq!(y.addr(), found.as_ptr().addr() + to);
                assert!(found == expected, "{count} bytes to {to}");
            }
            let (x, mut y) = (bytes(count), std::vec![0; count]);
            // SAFETY: both have the length.
            unsafe { memcpy(y.as_mut_ptr(), x.as_ptr(), count) };
            assert!(x == y, "{count} bytes");
        }
    }
}
