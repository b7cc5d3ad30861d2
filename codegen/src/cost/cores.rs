//! The cost model's numbers: fitted by least squares of relative errors to profiles of the zoo's ResNet-50, ResNet-101,
//! Inception v3 and MobileNets on one core of an AMD EPYC of family 26 (Zen 5) at 4 GHz, cycles everywhere. Those of Winograd alone
//! (`dot2`, `forward`, `spill`, `inverse`) come from one of family 25 (Zen 4), whose cycles do half the work of a dot product and
//! count half.
//!
//! Another processor has others. What the model is for, the choice of a tile, depends on their ratios only; where that is
//! not good enough, measurements take its place.

/// An instruction set on that core.
#[derive(Clone, Copy, Debug)]
pub struct Core {
    /// As in kernel ids.
    pub isa: &'static str,
    /// 32-bit lanes of a vector.
    pub lanes: usize,
    /// Vector registers.
    pub registers: usize,
    /// The most rows of a tile of 4, of 2 and of 1 vectors.
    pub rows: [usize; 3],
    /// A dot product of vectors, and one where 1, 2 or 4 of them fit 16 bits.
    pub dot: [f64; 4],
    /// A dot product of vectors of pairs of 16 bits.
    pub dot2: f64,
    /// Transforming the 36 inputs of a vector of pairs of channels.
    pub forward: f64,
    /// Storing a sum, to be transformed later.
    pub spill: f64,
    /// Transforming the 36 sums of a vector of channels to 16 outputs.
    pub inverse: f64,
    /// What a step of a tile costs beside its dot products.
    pub step: f64,
    /// What a run costs beside its steps: the end of a loop is guessed wrongly.
    pub run: f64,
    /// The epilogue of a vector.
    pub store: f64,
    /// The epilogue's summand, a vector.
    pub sum: f64,
    /// What either costs more for groups of less than four vectors, whose bytes fill no register.
    pub narrow: f64,
    /// What a tile costs beside all that.
    pub tile: f64,
    /// What remains of a step's and a tile's costs where tiles are finished while the next one is summed.
    pub late: f64,
    /// What each sum of a tile above `CROWD` costs more.
    pub crowd: f64,
    /// How long a dot product takes until the next one can add to it.
    pub latency: f64,
    /// Loading a vector, or a scalar into all lanes of one.
    pub load: f64,
    /// A byte of weights from the second cache, where the first one does not keep a group's.
    pub stream: f64,
    /// Bytes of weights that stay near the core between two inferences.
    pub cache: usize,
    /// A byte of weights from there.
    pub near: f64,
    /// A byte of weights from memory.
    pub far: f64,
    /// Interleaving four taps of as many channels as a vector has bytes.
    pub interleave: f64,
    /// The same where windows slide along a row, their loop being unrolled.
    pub slide: f64,
    /// Finishing a pixel of so many channels in a depthwise convolution.
    pub pixel: f64,
    /// Calling a kernel.
    pub call: f64,
    /// Which column of [`RATES`].
    column: usize,
}

/// In the order of `bakelite_kernels::isa::Name::ALL` on x86-64.
pub const CORES: [Core; 4] = [
    Core {
        isa: "avx512vnni",
        lanes: 16,
        registers: 32,
        rows: [6, 12, 12],
        dot: [0.5; 4],
        dot2: 0.5,
        forward: 150.0,
        spill: 0.5,
        inverse: 80.0,
        step: 0.12,
        run: 7.0,
        store: 1.0,
        sum: 1.15,
        narrow: 0.6,
        tile: 10.0,
        late: 0.4,
        crowd: 2.2,
        latency: 4.0,
        load: 0.5,
        stream: 0.0325,
        cache: CACHE,
        near: 0.024,
        far: 0.082,
        interleave: 7.0,
        slide: 2.6,
        pixel: 14.0,
        call: CALL,
        column: 0,
    },
    Core {
        isa: "avxvnni",
        lanes: 8,
        registers: 16,
        rows: [3, 6, 6],
        dot: [0.30; 4],
        dot2: 0.5,
        forward: 150.0,
        spill: 0.5,
        inverse: 110.0,
        step: 2.39,
        run: 9.9,
        store: 0.0,
        sum: 0.48,
        narrow: 0.0,
        tile: 50.7,
        late: 1.0,
        crowd: 0.0,
        latency: 0.0,
        load: 0.0,
        stream: 0.0,
        cache: CACHE,
        near: 0.037,
        far: 0.098,
        interleave: 10.9,
        slide: 0.0,
        pixel: 0.0,
        call: CALL,
        column: 1,
    },
    Core {
        isa: "avx2",
        lanes: 8,
        registers: 16,
        rows: [3, 6, 6],
        dot: [1.16, 0.92, 0.74, 0.62],
        dot2: 0.6,
        forward: 150.0,
        spill: 0.5,
        inverse: 110.0,
        step: 3.04,
        run: 7.9,
        store: 2.39,
        sum: 1.76,
        narrow: 0.0,
        tile: 28.2,
        late: 1.0,
        crowd: 0.0,
        latency: 0.0,
        load: 0.0,
        stream: 0.0,
        cache: CACHE,
        near: 0.083,
        far: 0.095,
        interleave: 15.7,
        slide: 0.0,
        pixel: 0.0,
        call: CALL,
        column: 2,
    },
    Core {
        isa: "scalar",
        lanes: 4,
        registers: 1,
        rows: [1; 3],
        dot: [10.8; 4],
        dot2: 8.0,
        forward: 1600.0,
        spill: 2.0,
        inverse: 800.0,
        step: 0.0,
        run: 0.0,
        store: 79.0,
        sum: 0.0,
        narrow: 0.0,
        tile: 0.0,
        late: 1.0,
        crowd: 0.0,
        latency: 0.0,
        load: 0.0,
        stream: 0.0,
        cache: CACHE,
        near: 0.0,
        far: 0.0,
        interleave: 165.0,
        slide: 0.0,
        pixel: 0.0,
        call: CALL,
        column: 3,
    },
];

/// Between MobileNet's 4 MB, which stay in the third cache, and Inception's 24 MB, which do not.
const CACHE: usize = 12_000_000;
const CALL: f64 = 100.0;

/// Sums that are finished while the next tile's are computed: more than that the core does not look ahead.
pub(super) const CROWD: f64 = 16.0;

/// Bytes of weights that the first cache keeps beside activations.
pub(super) const FIRST_CACHE: usize = 36 << 10;

/// The clock of the core that was measured.
pub const GIGAHERTZ: f64 = 4.27;

/// What the time of a kernel is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    /// Bytes that it reads and writes, constants included.
    Byte,
    /// Elements under its windows.
    Tap,
    /// Multiply-accumulates.
    Mac,
}

/// Cycles of other kernels, a column an instruction set; the first whose path begins like the kernel's counts.
const RATES: [(&str, Unit, [f64; 4]); 16] = [
    ("winograd", Unit::Byte, [0.04, 0.08, 0.08, 1.0]),
    ("quantize", Unit::Byte, [0.12, 0.17, 0.17, 1.29]),
    ("decode", Unit::Byte, [0.20, 0.19, 0.28, 0.36]),
    ("combine", Unit::Byte, [0.08, 0.18, 0.18, 7.96]),
    ("lut", Unit::Byte, [0.21, 0.21, 0.21, 0.21]),
    ("pool::Max", Unit::Tap, [0.022, 0.033, 0.033, 1.3]),
    ("pool::Average", Unit::Tap, [0.020, 0.031, 0.031, 0.53]),
    ("float::conv", Unit::Mac, [0.06, 0.09, 0.09, 0.20]),
    ("float::dwconv", Unit::Mac, [0.33, 0.34, 0.34, 0.48]),
    ("float::reduce", Unit::Byte, [0.37, 0.37, 0.37, 0.37]),
    ("float::softmax", Unit::Byte, [1.26, 1.53, 1.55, 2.18]),
    ("float::copy", Unit::Byte, [0.33, 0.33, 0.33, 0.33]),
    ("float::affine", Unit::Byte, [0.04, 0.04, 0.04, 0.08]),
    ("float::unary", Unit::Byte, [0.03, 0.03, 0.03, 0.06]),
    ("float", Unit::Byte, [0.04, 0.04, 0.04, 0.05]),
    ("", Unit::Byte, [0.13, 0.30, 0.30, 0.30]),
];

impl Core {
    /// A dot product of vectors.
    pub(super) fn dot(&self, short_steps: u8) -> f64 {
        self.dot[match short_steps {
            0 => 0,
            1 => 1,
            2 | 3 => 2,
            4.. => 3,
        }]
    }
    /// The unit and its cycles for a kernel's path.
    pub(super) fn rate(&self, kernel: &str) -> (Unit, f64) {
        let found = RATES.iter().find(|(path, ..)| kernel.starts_with(path));
        let (_, unit, cycles) = found.expect("the last path is empty");
        (*unit, cycles[self.column])
    }
}
