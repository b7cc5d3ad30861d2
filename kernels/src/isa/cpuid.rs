//! What the CPU has and the operating system saves, asked without `std` (Intel SDM vol. 1, 14.3 and 15.2).

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

/// The features this crate asks for.
pub(super) struct Features {
    /// AVX2 and FMA, with ymm state.
    pub(super) avx2: bool,
    /// AVX-VNNI on top of `avx2`.
    pub(super) avxvnni: bool,
    /// AVX-512 F, BW, DQ, VL and VNNI, with zmm and opmask state.
    pub(super) avx512vnni: bool,
}

/// Bits of leaf 1, ecx.
const FMA: u32 = 1 << 12;
const OSXSAVE: u32 = 1 << 27;
const AVX: u32 = 1 << 28;
/// Bits of leaf 7, ebx.
const AVX2: u32 = 1 << 5;
const AVX512: u32 = 1 << 16 | 1 << 17 | 1 << 30 | 1 << 31;
/// Bit of leaf 7, ecx.
const AVX512VNNI: u32 = 1 << 11;
/// Bit of leaf 7 subleaf 1, eax.
const AVXVNNI: u32 = 1 << 4;
/// XCR0: xmm and ymm state; with opmask and both halves of zmm state.
const YMM_STATE: u64 = 0x06;
const ZMM_STATE: u64 = 0xe6;

/// Asks the CPU.
pub(super) fn features() -> Features {
    let none = Features { avx2: false, avxvnni: false, avx512vnni: false };
    if __cpuid(0).eax < 7 {
        return none;
    }
    let leaf1 = __cpuid(1).ecx;
    if !has(leaf1, FMA | OSXSAVE | AVX) {
        return none;
    }
    let leaf7 = __cpuid_count(7, 0);
    let leaf7_1 = if leaf7.eax >= 1 { __cpuid_count(7, 1).eax } else { 0 };
    // SAFETY: OSXSAVE was just seen, so XGETBV exists and XCR0 may be read.
    let state = unsafe { _xgetbv(0) };
    let avx2 = has(leaf7.ebx, AVX2) && state & YMM_STATE == YMM_STATE;
    Features {
        avx2,
        avxvnni: avx2 && has(leaf7_1, AVXVNNI),
        avx512vnni: avx2
            && has(leaf7.ebx, AVX512)
            && has(leaf7.ecx, AVX512VNNI)
            && state & ZMM_STATE == ZMM_STATE,
    }
}

fn has(register: u32, bits: u32) -> bool {
    register & bits == bits
}
