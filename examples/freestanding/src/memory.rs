//! The five functions that compiled code expects of any environment. `rep movsb` and `rep stosb` are short, and fast on
//! every CPU of the last ten years; written as loops, the compiler would make calls to themselves of them.

use core::arch::asm;

/// Copies `count` bytes from `x` to `y`.
///
/// # Safety
/// As C's: both ranges are valid and do not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(y: *mut u8, x: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller's promise; rdi, rsi and rcx are declared, and the direction flag is clear by the ABI.
    unsafe {
        asm!(
            "rep movsb",
            inout("rcx") count => _,
            inout("rdi") y => _,
            inout("rsi") x => _,
            options(nostack, preserves_flags),
        );
    }
    y
}

/// Copies `count` bytes from `x` to `y`, which may overlap.
///
/// # Safety
/// As C's: both ranges are valid.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(y: *mut u8, x: *const u8, count: usize) -> *mut u8 {
    if y.addr().wrapping_sub(x.addr()) >= count {
        // SAFETY: the caller's promise; ascending order reads each byte before it is overwritten, since `y` does not
        // lie inside `x..x + count`.
        return unsafe { memcpy(y, x, count) };
    }
    // SAFETY: the caller's promise; the ranges overlap, so `count` is not 0 and the last bytes exist. Descending order
    // reads each byte before it is overwritten. The direction flag is cleared again.
    unsafe {
        asm!(
            "std",
            "rep movsb",
            "cld",
            inout("rcx") count => _,
            inout("rdi") y.add(count - 1) => _,
            inout("rsi") x.add(count - 1) => _,
            options(nostack),
        );
    }
    y
}

/// Fills `count` bytes.
///
/// # Safety
/// As C's: the range is valid.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(y: *mut u8, byte: i32, count: usize) -> *mut u8 {
    // SAFETY: the caller's promise; rdi and rcx are declared, and the direction flag is clear by the ABI.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") count => _,
            inout("rdi") y => _,
            in("al") byte as u8,
            options(nostack, preserves_flags),
        );
    }
    y
}

/// Compares `count` bytes: the difference of the first pair that differs.
///
/// # Safety
/// As C's: both ranges are valid.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, count: usize) -> i32 {
    for i in 0..count {
        // SAFETY: the caller's promise, and `i` is inside.
        let (a, b) = unsafe { (a.add(i).read_volatile(), b.add(i).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// Whether `count` bytes differ.
///
/// # Safety
/// As C's: both ranges are valid.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, count: usize) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { memcmp(a, b, count) }
}
