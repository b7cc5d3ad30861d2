//! `memset`.

use core::arch::naked_asm;

/// Fills `count` bytes.
///
/// # Safety
/// As C's: the range is valid.
#[unsafe(naked)]
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memset(y: *mut u8, byte: i32, count: usize) -> *mut u8 {
    naked_asm!(
        "mov rax, rdi",
        "movzx ecx, sil",
        "mov r8, 0x0101010101010101",
        "imul rcx, r8",
        "cmp rdx, 16",
        "jae 20f",
        "cmp edx, 8",
        "jae 18f",
        "cmp edx, 4",
        "jae 17f",
        "test edx, edx",
        "jz 16f",
        "mov [rdi], cl",
        "mov [rdi + rdx - 1], cl",
        "shr rdx",
        "mov [rdi + rdx], cl",
        "16:",
        "ret",
        "17:",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], ecx",
        "ret",
        "18:",
        "mov [rdi], rcx",
        "mov [rdi + rdx - 8], rcx",
        "ret",
        "20:",
        "cmp rdx, 1024",
        "jae 25f",
        "movq xmm0, rcx",
        "punpcklqdq xmm0, xmm0",
        "lea r8, [rdi + rdx - 16]",
        "24:",
        "movups [rdi], xmm0",
        "add rdi, 16",
        "cmp rdi, r8",
        "jb 24b",
        "movups [r8], xmm0",
        "ret",
        "25:",
        "mov r9, rdi",
        "mov eax, esi",
        "mov rcx, rdx",
        "rep stosb",
        "mov rax, r9",
        "ret",
    )
}

#[cfg(test)]
mod tests {
    use super::super::lengths;
    use super::*;

    #[test]
    fn fills_end_where_they_should() {
        for count in lengths() {
            let mut found = std::vec![1; count + 2];
            // SAFETY: the range is inside.
            let y = unsafe { memset(found.as_mut_ptr().add(1), 0x5a7, count) };
            assert_eq!(y.addr(), found.as_ptr().addr() + 1);
            let (first, last) = (found[0], found[count + 1]);
            let inside = found[1..=count].iter().all(|byte| *byte == 0xa7);
            assert!(first == 1 && last == 1 && inside, "{count} bytes");
        }
    }
}
