//! Memory from the kernel, in whole pages.

use super::{call, number};
use core::ptr;

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
