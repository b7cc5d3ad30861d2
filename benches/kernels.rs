//! Kernels on layers of known networks, on every ISA of this CPU, against the peak of the dot product.
//!
//! `cargo bench --bench kernels` prints MACs per second; ids are
//! `{op}/{height}x{width}x{ic}-{oc}/{kernel id}`, such as `conv-3x3/56x56x64-64/igemm-6x64c4-avx512vnni`.

use bakelite_kernels::conv::{self, Conv};
use bakelite_kernels::dwconv::{self, DwConv};
use bakelite_kernels::epilogue::{Finish, Linear, NoSum, SumU8, ToU8};
use bakelite_kernels::isa::{self, Isa, Name, Program};
use bakelite_kernels::peak::Peak;
use bakelite_kernels::{PerChannel, Place, Window};
use criterion::{Criterion, Throughput};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// One layer: operation, height = width of the output, channels in and out, kernel, stride, residual sum.
struct Layer {
    op: &'static str,
    extent: usize,
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    sum: bool,
}

const fn layer(op: &'static str, extent: usize, channels: [usize; 2], kernel: usize, stride: usize) -> Layer {
    Layer { op, extent, channels, kernel, stride, sum: false }
}

const CONVS: [Layer; 10] = [
    layer("conv-7x7s2", 112, [3, 64], 7, 2),
    layer("conv-3x3", 56, [64, 64], 3, 1),
    layer("conv-3x3s2", 28, [128, 128], 3, 2),
    layer("conv-3x3", 14, [256, 256], 3, 1),
    layer("conv-3x3", 7, [512, 512], 3, 1),
    layer("conv-1x1", 56, [256, 64], 1, 1),
    Layer { sum: true, ..layer("conv-1x1-sum", 56, [64, 256], 1, 1) },
    layer("conv-1x1", 14, [1024, 256], 1, 1),
    layer("conv-1x1", 56, [144, 24], 1, 1),
    layer("matmul", 1, [2048, 1000], 1, 1),
];

const DWCONVS: [Layer; 3] = [
    layer("dwconv-3x3", 112, [32, 32], 3, 1),
    layer("dwconv-3x3", 14, [512, 512], 3, 1),
    layer("dwconv-3x3s2", 28, [128, 128], 3, 2),
];

impl Layer {
    fn window(&self) -> Window {
        let Layer { kernel, stride, .. } = *self;
        Window { kernel: [kernel; 2], stride: [stride; 2], dilation: [1; 2], pad: [kernel / 2; 2] }
    }

    fn x(&self) -> Place {
        let (extent, halo) = (self.extent * self.stride, self.kernel / 2);
        Place::with_halo([1, extent, extent, self.channels[0]], [halo; 4])
    }

    fn y(&self) -> Place {
        Place::dense([1, self.extent, self.extent, self.channels[1]])
    }

    fn id(&self, kernel: &str) -> String {
        let Layer { extent, channels: [ic, oc], .. } = self;
        format!("{extent}x{extent}x{ic}-{oc}/{kernel}")
    }
}

const TO_U8: ToU8 = ToU8 { inverse: 1.7 };

/// Bytes that begin on a cache line.
struct Aligned(Vec<u64>);

impl Aligned {
    fn new(bytes: usize, fill: impl Fn(usize) -> u8) -> Self {
        let mut new = Self(vec![0; bytes / 8 + 16]);
        new.bytes().iter_mut().enumerate().for_each(|(i, byte)| *byte = fill(i));
        new
    }

    fn bytes(&mut self) -> &mut [u8] {
        let line = self.0.as_ptr().align_offset(64);
        bytemuck::cast_slice_mut(&mut self.0[line..])
    }
}

/// The buffers of one layer.
struct Buffers {
    x: Aligned,
    y: Aligned,
    summand: Vec<u8>,
    image: Aligned,
}

impl Buffers {
    fn new(layer: &Layer, packed_bytes: usize) -> Self {
        let outside = 64;
        Self {
            x: Aligned::new(layer.x().image + outside, |i| (i * 31) as u8),
            y: Aligned::new(layer.y().image + outside, |_| 0),
            summand: vec![3; layer.y().image + outside],
            image: Aligned::new(packed_bytes, |_| 0),
        }
    }
}

fn weights(count: usize) -> Vec<i8> {
    (0..count).map(|i| (i * 7919 % 255) as i8).collect()
}

/// Gives `pack` the constants of `channels` outputs.
fn per_channel(channels: usize, pack: impl FnOnce(PerChannel<'_>)) {
    let (start, scale, bias) = (vec![0; channels], vec![0.001; channels], vec![1.0; channels]);
    pack(PerChannel { start: &start, scale: &scale, bias: &bias });
}

/// All benches of one ISA; timed inside it, since asking the CPU for its features takes microseconds.
struct Benches<'a>(&'a mut Criterion);

impl Program for Benches<'_> {
    type Output = ();

    fn call<I: Isa>(self, isa: I) {
        println!("{}: {:.1} GMAC/s is the peak of dot4", I::NAME, peak(isa));
        for layer in &CONVS {
            conv(self.0, isa, layer);
        }
        for layer in &DWCONVS {
            dwconv(self.0, isa, layer);
        }
    }
}

fn conv<I: Isa>(criterion: &mut Criterion, isa: I, layer: &Layer) {
    let (sum, no_sum) = (SumU8 { place: layer.y(), scale: 0.3 }, NoSum);
    macro_rules! with_rows {
        ($rows:expr, $($mr:literal)*) => { match ($rows, layer.sum) {
            $(($mr, true) => conv_rows::<I, $mr, _>(criterion, isa, layer, sum),
              ($mr, false) => conv_rows::<I, $mr, _>(criterion, isa, layer, no_sum),)*
            (rows, _) => unreachable!("{rows} rows are no candidate"),
        } };
    }
    // Narrow tiles only where there is nothing wider to fill.
    let pixels = layer.y().pixels();
    let fits = |rows: &&usize| **rows <= pixels && (**rows >= 4 || pixels < 4);
    for &rows in conv::candidates(layer.channels[1]).iter().filter(fits) {
        with_rows!(rows, 1 2 3 4 5 6 8 12);
    }
}

fn conv_rows<I: Isa, const MR: usize, S>(criterion: &mut Criterion, isa: I, layer: &Layer, sum: S)
where
    S: bakelite_kernels::epilogue::Sum<Summand = u8>,
{
    let epilogue = Finish { sum, activation: Linear, output: TO_U8 };
    let params = conv::Params { x: layer.x(), y: layer.y(), window: layer.window(), zero_point: 0, epilogue };
    let mut buffers = Buffers::new(layer, params.packed_bytes());
    let hwio = weights(layer.kernel * layer.kernel * layer.channels[0] * layer.channels[1]);
    let Buffers { x, y, summand, image } = &mut buffers;
    let image = &mut image.bytes()[..params.packed_bytes()];
    per_channel(layer.channels[1], |constants| params.pack(&hwio, constants, image));
    let (x, y, weights) = (x.bytes(), y.bytes(), params.weights(image));
    let mut group = criterion.benchmark_group(layer.op);
    group.throughput(Throughput::Elements(params.macs() as u64));
    group.bench_function(layer.id(&format!("igemm-{MR}x64c4-{}", I::NAME)), |bencher| {
        bencher.iter(|| {
            isa.run(Conv::<MR, _> { params: &params, weights, x, summand, y: &mut *y });
        });
    });
}

fn dwconv<I: Isa>(criterion: &mut Criterion, isa: I, layer: &Layer) {
    let epilogue = Finish { sum: NoSum, activation: Linear, output: TO_U8 };
    let params =
        dwconv::Params { x: layer.x(), y: layer.y(), window: layer.window(), zero_point: 0, epilogue };
    let mut buffers = Buffers::new(layer, params.packed_bytes());
    let hwc = weights(layer.kernel * layer.kernel * layer.channels[0]);
    let Buffers { x, y, image, .. } = &mut buffers;
    let image = &mut image.bytes()[..params.packed_bytes()];
    per_channel(layer.channels[1], |constants| params.pack(&hwc, constants, image));
    let (x, y, weights) = (x.bytes(), y.bytes(), params.weights(image));
    let mut group = criterion.benchmark_group(layer.op);
    group.throughput(Throughput::Elements(params.macs() as u64));
    group.bench_function(layer.id(&format!("dwconv-64c4-{}", I::NAME)), |bencher| {
        bencher.iter(|| isa.run(DwConv { params: &params, weights, x, summand: &[], y: &mut *y }));
    });
}

/// The best of some short runs, in GMAC/s.
fn peak<I: Isa>(isa: I) -> f64 {
    let peak = Peak { steps: 2000 };
    let seconds = (0..50).map(|_| {
        let begin = Instant::now();
        black_box(isa.run(peak));
        begin.elapsed().as_secs_f64()
    });
    peak.macs::<I>() as f64 / seconds.fold(f64::INFINITY, f64::min) / 1e9
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .sample_size(20)
        .configure_from_args();
    for &name in Name::ALL {
        if isa::with(name, Benches(&mut criterion)).is_none() {
            eprintln!("skipped: {name}: this CPU has it not");
        }
    }
    criterion.final_summary();
}
