//! Kernels on every layer shape of the zoo's five networks (`shapes.txt`), on every ISA of this CPU, against the peak of
//! the dot product.
//!
//! `cargo bench --bench kernels [FILTER]` prints MACs per second; ids are `{op}/{x}-{oc}/{kernel id}`, such as
//! `conv-3x3/56x56x64-64/igemm-6x64c4-avx512vnni`. A network's name in `BENCH_NETWORK` leaves its shapes alone,
//! `BENCH_TILES=all` tries every tile, and `BENCH_REFERENCE=1` adds the kernels' meaning in plain Rust.

use bakelite_kernels::conv::{self, Conv};
use bakelite_kernels::dwconv::{self, DwConv};
use bakelite_kernels::epilogue::{Epilogue, Finish, Linear, NoSum, Sum, SumU8, ToU8};
use bakelite_kernels::isa::{self, Isa, Name, Program};
use bakelite_kernels::peak::Peak;
use bakelite_kernels::winograd::{self, Filter, FilterParams, Input, InputParams, Product};
use bakelite_kernels::{PerChannel, Place, Weights, Window, pack};
use criterion::{Criterion, Throughput};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A line of `shapes.txt`.
#[derive(Clone, Copy)]
struct Layer {
    op: &'static str,
    x: [usize; 3],
    y: [usize; 3],
    window: Window,
    /// Rows of the tile that the compiler chose.
    rows: usize,
    /// Whether it chose transformed inputs and weights.
    winograd: bool,
    networks: &'static str,
}

/// `3x4x5` as numbers.
fn numbers<const N: usize>(text: &str) -> [usize; N] {
    let numbers: Vec<usize> = text.split('x').map(|n| n.parse().expect("a number")).collect();
    numbers.try_into().expect("as many numbers as the column has")
}

fn layers() -> impl Iterator<Item = Layer> {
    let lines = include_str!("shapes.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let &[op, x, y, stride, pad, tile, networks] = &columns[..] else { panic!("columns of {line}") };
        // `conv-3x3s2-sum`, `igemm-6x64c4`
        let kernel = op.split('-').nth(1).map_or([1; 2], |k| numbers(k.split('s').next().expect("a part")));
        let rows =
            tile.split(['-', 'x']).nth(1).expect("the rows behind the kernel").parse().expect("a number");
        let stride = stride.parse().expect("a number");
        let window = Window { kernel, stride: [stride; 2], dilation: [1; 2], pad: numbers(pad) };
        let winograd = tile.starts_with("winograd");
        Layer { op, x: numbers(x), y: numbers(y), window, rows, winograd, networks }
    })
}

impl Layer {
    fn x(&self) -> Place {
        let [height, width, channels] = self.x;
        let Window { kernel, stride, pad, .. } = self.window;
        let behind = |axis: usize, extent: usize| {
            ((self.y[axis] - 1) * stride[axis] + kernel[axis]).saturating_sub(pad[axis] + extent)
        };
        let halo = [pad[0], behind(0, height), pad[1], behind(1, width)];
        Place::with_halo([1, height, width, channels], halo)
    }

    fn y(&self) -> Place {
        let [height, width, channels] = self.y;
        Place::dense([1, height, width, channels])
    }

    fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1]
    }

    fn id(&self, kernel: &str) -> String {
        let ([height, width, ic], [.., oc]) = (self.x, self.y);
        format!("{height}x{width}x{ic}-{oc}/{kernel}")
    }

    /// The tiles to try: the compiler's, or all with whose rows the output can be covered.
    fn tiles(&self) -> Vec<usize> {
        if std::env::var("BENCH_TILES").as_deref() != Ok("all") {
            return if self.winograd { vec![] } else { vec![self.rows] };
        }
        let pixels = self.y().pixels();
        conv::candidates(self.y[2]).iter().copied().filter(|&rows| rows <= pixels).collect()
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
        let network = std::env::var("BENCH_NETWORK").unwrap_or_default();
        for layer in layers().filter(|layer| layer.networks.contains(&network)) {
            if layer.op.starts_with("dwconv") {
                dwconv(self.0, isa, &layer)
            } else {
                conv(self.0, isa, &layer)
            }
        }
    }
}

/// Whether the kernels' meaning is timed too; once, beside the plain Rust that is their fast form.
fn reference<I: Isa>() -> bool {
    I::NAME == Name::Scalar && std::env::var_os("BENCH_REFERENCE").is_some()
}

/// A bench of one layer: its id, and MACs as the unit.
fn bench(criterion: &mut Criterion, layer: &Layer, kernel: &str, macs: usize, mut run: impl FnMut()) {
    let mut group = criterion.benchmark_group(layer.op);
    group.throughput(Throughput::Elements(macs as u64));
    group.bench_function(layer.id(kernel), |bencher| bencher.iter(&mut run));
}

fn conv<I: Isa>(criterion: &mut Criterion, isa: I, layer: &Layer) {
    if layer.op.ends_with("-sum") {
        conv_with(criterion, isa, layer, SumU8 { place: layer.y(), scale: 0.3 });
    } else {
        conv_with(criterion, isa, layer, NoSum);
    }
}

fn conv_with<I: Isa, S: Sum<Summand = u8>>(criterion: &mut Criterion, isa: I, layer: &Layer, sum: S) {
    let epilogue = Finish { sum, activation: Linear, output: TO_U8 };
    let (x, y, window) = (layer.x(), layer.y(), layer.window);
    let params = conv::Params { x, y, window, zero_point: 0, widest: 4, short_steps: 0, epilogue };
    macro_rules! with_rows {
        ($rows:expr, $($mr:literal)*) => { match $rows {
            $($mr => conv_rows::<I, $mr, _>(criterion, isa, layer, &params),)*
            rows => unreachable!("{rows} rows are no candidate"),
        } };
    }
    if layer.winograd {
        winograd(criterion, isa, layer, &params);
    }
    for rows in layer.tiles() {
        with_rows!(rows, 1 2 3 4 5 6 7 8 12);
    }
    if reference::<I>() {
        let mut buffers = Buffers::new(layer, 0);
        let Buffers { x, y, summand, .. } = &mut buffers;
        let hwio = weights(layer.taps() * layer.x[2] * layer.y[2]);
        let constants = [vec![0.001; layer.y[2]], vec![1.0; layer.y[2]]];
        let constants = constants.each_ref().map(Vec::as_slice);
        bench(criterion, layer, "reference", params.macs(), || {
            conv::reference(&params, x.bytes(), &hwio, constants, summand, y.bytes());
        });
    }
}

fn conv_rows<I: Isa, const MR: usize, E>(
    criterion: &mut Criterion,
    isa: I,
    layer: &Layer,
    params: &conv::Params<E>,
) where
    E: Epilogue<Summand = u8, Out = u8>,
{
    let params = &conv::Params { widest: conv::widest(MR), ..*params };
    let mut buffers = Buffers::new(layer, params.packed_bytes());
    let hwio = weights(layer.taps() * layer.x[2] * layer.y[2]);
    let Buffers { x, y, summand, image } = &mut buffers;
    let image = &mut image.bytes()[..params.packed_bytes()];
    per_channel(layer.y[2], |constants| params.pack(&hwio, constants, image));
    let (x, y, weights, next) = (x.bytes(), y.bytes(), params.weights(image), Weights::NONE);
    let groups = pack::groups(layer.y[2].next_multiple_of(16), params.widest).next();
    let lanes = groups.map_or(0, |group| 16 * group.vectors);
    // The code that a network has for such a layer, but for the widths of its groups.
    let forms = params.forms(MR) & (conv::WINDOWS | conv::PADDING | conv::LATE);
    bench(criterion, layer, &format!("igemm-{MR}x{lanes}c4-{}", I::NAME), params.macs(), || match forms {
        0 => isa.run(Conv::<MR, 7, _> { params, weights, next, x, summand, y: &mut *y }),
        conv::WINDOWS => isa.run(Conv::<MR, 15, _> { params, weights, next, x, summand, y: &mut *y }),
        conv::LATE => {
            isa.run(Conv::<MR, { 7 | conv::LATE }, _> { params, weights, next, x, summand, y: &mut *y })
        }
        _ => isa.run(Conv::<MR, { conv::ANY }, _> { params, weights, next, x, summand, y: &mut *y }),
    });
}

/// All three kernels, transforms included.
fn winograd<I: Isa, E>(criterion: &mut Criterion, isa: I, layer: &Layer, params: &conv::Params<E>)
where
    E: Epilogue<Summand = u8, Out = u8>,
{
    let mut buffers = Buffers::new(layer, params.packed_bytes());
    let hwio = weights(layer.taps() * layer.x[2] * layer.y[2]);
    let Buffers { x, y, summand, image } = &mut buffers;
    let image = &mut image.bytes()[..params.packed_bytes()];
    per_channel(layer.y[2], |constants| params.pack(&hwio, constants, image));
    let (x, y, weights) = (x.bytes(), y.bytes(), params.weights(image));
    let [height, width, ic] = layer.x;
    assert_eq!(layer.window.stride, [1, 1], "{height}x{width}");
    let filter = FilterParams { channels: [ic, layer.y[2]], y: winograd::filter_place(params) };
    let (extent, pad) = ([layer.y[0], layer.y[1]], layer.window.pad);
    let input = InputParams { x: params.x, y: winograd::input_place(params), extent, pad };
    let buffer = |place: Place| Aligned::new(4 * place.batch * place.image, |_| 0);
    let (mut u, mut v) = (buffer(filter.y), buffer(input.y));
    let (u, v): (&mut [i32], &mut [i32]) =
        (bytemuck::cast_slice_mut(u.bytes()), bytemuck::cast_slice_mut(v.bytes()));
    let lanes = pack::groups(layer.y[2].next_multiple_of(16), 4).next().map_or(0, |group| 16 * group.vectors);
    bench(criterion, layer, &format!("winograd-4x{lanes}c2-{}", I::NAME), params.macs(), || {
        isa.run(Filter { params: &filter, weights, y: &mut *u });
        isa.run(Input { params: &input, x, y: &mut *v });
        isa.run(Product::<7, _> { params, weights, filter: u, x: v, summand, y: &mut *y });
    });
}

fn dwconv<I: Isa>(criterion: &mut Criterion, isa: I, layer: &Layer) {
    let epilogue = Finish { sum: NoSum, activation: Linear, output: TO_U8 };
    let params = dwconv::Params { x: layer.x(), y: layer.y(), window: layer.window, zero_point: 0, epilogue };
    let mut buffers = Buffers::new(layer, params.packed_bytes());
    let hwc = weights(layer.taps() * layer.x[2]);
    let Buffers { x, y, image, .. } = &mut buffers;
    let image = &mut image.bytes()[..params.packed_bytes()];
    per_channel(layer.y[2], |constants| params.pack(&hwc, constants, image));
    let (x, y, weights) = (x.bytes(), y.bytes(), params.weights(image));
    bench(criterion, layer, &format!("dwconv-{}x64c4-{}", layer.rows, I::NAME), params.macs(), || {
        isa.run(DwConv { params: &params, weights, x, summand: &[], y: &mut *y });
    });
    if reference::<I>() {
        let constants = [vec![0.001; layer.y[2]], vec![1.0; layer.y[2]]];
        let constants = constants.each_ref().map(Vec::as_slice);
        bench(criterion, layer, "reference", params.macs(), || {
            dwconv::reference(&params, x, &hwc, constants, &[], y);
        });
    }
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
