//! What the tests of all kernels share.

use crate::isa::{self, Isa, Kernel, Name, Program};
use crate::team::tests::run_in_turn;
use crate::team::{Cut, Split};
use crate::window::{Place, Window};
use bytemuck::Pod;
use std::cell::Cell;
use std::io::Write;
use std::prelude::v1::*;
use std::vec;

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

/// A tensor with a gap after the channels of each pixel.
pub(crate) fn gapped(shape: [usize; 4], halo: [usize; 4], gap: usize) -> Place {
    let [batch, height, width, channels] = shape;
    Place { channels, ..Place::with_halo([batch, height, width, channels + gap], halo) }
}

/// Every index of a shape.
pub(crate) fn grid([n, y, x, c]: [usize; 4]) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let pixels = (0..n).flat_map(move |n| (0..y).flat_map(move |y| (0..x).map(move |x| (n, y, x))));
    pixels.flat_map(move |(n, y, x)| (0..c).map(move |c| (n, y, x, c)))
}

/// The tensors of a test of a window.
pub(crate) struct Tensors {
    /// Batch, height, width of the output.
    pub(crate) y: [usize; 3],
    /// Of the input and of the output.
    pub(crate) channels: [usize; 2],
    pub(crate) window: Window,
    /// Channels of a pixel that belong to other tensors: of x, of y.
    pub(crate) gap: [usize; 2],
}

impl Tensors {
    /// Input and output; the input is smaller than its last windows by half of the halo before it.
    pub(crate) fn places(&self) -> (Place, Place) {
        let Window { kernel, stride, dilation, pad } = self.window;
        let [batch, height, width] = self.y;
        let axis = |a: usize, o: usize| {
            let after = (o - 1) * stride[a] + (kernel[a] - 1) * dilation[a] + 1 - pad[a];
            let extent = after.saturating_sub(pad[a] / 2).max(1);
            (extent, after.saturating_sub(extent))
        };
        let ((h, below), (w, right)) = (axis(0, height), axis(1, width));
        let halo = [pad[0], below, pad[1], right];
        let x = gapped([batch, h, w, self.channels[0]], halo, self.gap[0]);
        (x, gapped([batch, height, width, self.channels[1]], [0; 4], self.gap[1]))
    }
}

/// Input bytes, the zero point on the halo, rubbish in gaps, and 63 bytes more.
pub(crate) fn input(x: &Place, zero_point: u8, fill: Fill, random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![zero_point; x.batch * x.image + 63];
    for n in 0..x.batch {
        for iy in 0..x.height {
            for ix in 0..x.width {
                let at = x.at(n, iy, ix);
                bytes[at..][..x.pixel].copy_from_slice(&random.bytes(Fill::Random, x.pixel));
                bytes[at..][..x.channels].copy_from_slice(&random.bytes(fill, x.channels));
            }
        }
    }
    bytes
}

/// An output buffer of bytes 0xa5, so that a store where none belongs is seen.
pub(crate) fn untouched<T: Pod>(y: &Place) -> Vec<T> {
    let mut buffer = vec![T::zeroed(); y.batch * y.image];
    bytemuck::cast_slice_mut::<_, u8>(&mut buffer).fill(0xa5);
    buffer
}

/// Fills summands.
pub(crate) trait Element: Sized {
    fn fill(random: &mut Random, count: usize) -> Vec<Self>;
}

impl Element for u8 {
    fn fill(random: &mut Random, count: usize) -> Vec<u8> {
        random.bytes(Fill::Random, count)
    }
}

impl Element for f32 {
    fn fill(random: &mut Random, count: usize) -> Vec<f32> {
        random.floats(-50.0, 50.0, count)
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
        // Past the harness, which hides what a passing test prints with the macros.
        writeln!(std::io::stderr(), "skipped: {name}: this CPU has it not").expect("stderr is open");
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

/// Runs a kernel on the named ISA in pieces of any pixels and multiples of `channels` channels (0: all), for 1, 2, 3 and
/// 5 threads in turn.
pub(crate) fn run_cut<K: Split>(name: Name, channels: usize, kernel: K) {
    // Five, so that the turn is another for each of three or four ISAs.
    const THREADS: [usize; 5] = [1, 2, 3, 5, 1];
    std::thread_local! { static TURN: Cell<usize> = const { Cell::new(0) } }
    let turn = TURN.get();
    TURN.set(turn + 1);
    let cut = Cut { pixels: 1 + turn / 2 % 4, channels, channels_first: turn % 2 == 1 };
    run_in_turn(name, THREADS[turn % 5], cut, kernel);
}

/// Compares bit for bit, collects the failing cases, and reports them all at the end.
#[derive(Default)]
pub(crate) struct Failures {
    cases: usize,
    failed: Vec<String>,
}

impl Failures {
    pub(crate) fn check<T: Pod + core::fmt::Debug>(
        &mut self,
        got: &[T],
        want: &[T],
        case: impl FnOnce() -> String,
    ) {
        self.cases += 1;
        let bits = bytemuck::bytes_of::<T>;
        if bytemuck::cast_slice::<T, u8>(got) == bytemuck::cast_slice::<T, u8>(want) {
            return;
        }
        let at = got.iter().zip(want).position(|(got, want)| bits(got) != bits(want));
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
