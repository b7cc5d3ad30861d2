//! What the tests of all kernels share.

use crate::isa::{self, Isa, Kernel, Name, Program};
use std::prelude::v1::*;

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn bytes(&mut self, fill: Fill, count: usize) -> Vec<u8> {
        (0..count).map(|_| fill.byte(self.next() as u8)).collect()
    }

    pub(crate) fn weights(&mut self, fill: Fill, count: usize) -> Vec<i8> {
        let fill = if fill == Fill::Opposite { Fill::Min } else { fill };
        (0..count).map(|_| (fill.byte(self.next() as u8) ^ 0x80) as i8).collect()
    }

    /// In `low..high`.
    pub(crate) fn floats(&mut self, low: f32, high: f32, count: usize) -> Vec<f32> {
        (0..count).map(|_| low + (high - low) * ((self.next() >> 40) as f32 / (1 << 24) as f32)).collect()
    }
}

/// What a test puts in activations (and, 128 less, in weights).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    Random,
    Min,
    Max,
    /// 255 times -128.
    Opposite,
}

impl Fill {
    fn byte(self, random: u8) -> u8 {
        match self {
            Fill::Random => random,
            Fill::Min => 0,
            Fill::Max | Fill::Opposite => 255,
        }
    }
}

/// Every ISA of this CPU. What is missing is printed, and is a failure if `KERNELS_REQUIRE` names it.
pub(crate) fn isas() -> Vec<Name> {
    let required = std::env::var("KERNELS_REQUIRE").unwrap_or_default();
    for name in required.split(',').filter(|name| !name.is_empty()) {
        assert!(Name::parse(name).is_some(), "KERNELS_REQUIRE: this target has no ISA {name:?}");
    }
    let (here, missing): (Vec<_>, Vec<_>) = Name::ALL.iter().copied().partition(|name| name.available());
    for name in missing {
        let name: Name = name;
        assert!(!required.split(',').any(|r| r == name.as_str()), "KERNELS_REQUIRE: this CPU has no {name}");
        std::eprintln!("skipped: {name}: this CPU has it not");
    }
    here
}

/// Runs a kernel on the named ISA.
pub(crate) fn run<K: Kernel>(name: Name, kernel: K) -> K::Output {
    struct Enter<K>(K);
    impl<K: Kernel> Program for Enter<K> {
        type Output = K::Output;
        fn call<I: Isa>(self, isa: I) -> K::Output {
            isa.run(self.0)
        }
    }
    isa::with(name, Enter(kernel)).expect("`isas` gave the name")
}

/// Collects failing cases, and reports them all at the end.
#[derive(Default)]
pub(crate) struct Failures {
    cases: usize,
    failed: Vec<String>,
}

impl Failures {
    pub(crate) fn check<T: PartialEq + core::fmt::Debug>(
        &mut self,
        got: &[T],
        want: &[T],
        case: impl FnOnce() -> String,
    ) {
        self.cases += 1;
        if got == want {
            return;
        }
        let at = got.iter().zip(want).position(|(got, want)| got != want);
        let at = at.map_or_else(
            || std::format!("lengths {} and {}", got.len(), want.len()),
            |at| std::format!("element {at}: {:?}, reference {:?}", got[at], want[at]),
        );
        self.failed.push(std::format!("{}: {at}", case()));
    }
}

impl Drop for Failures {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.cases > 0, "a test without cases");
            let shown = self.failed.len().min(40);
            let list = self.failed[..shown].join("\n");
            assert!(self.failed.is_empty(), "{} of {} cases failed:\n{list}", self.failed.len(), self.cases);
        }
    }
}
