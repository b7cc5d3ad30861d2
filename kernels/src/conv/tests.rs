//! Every ISA against the reference, bit for bit: sizes around the tile, windows, fills, epilogues.

use super::*;
use crate::epilogue::*;
use crate::isa::Name;
use crate::testing::{self, Element, Failures, Fill, Random, Tensors};
use std::{format, vec};

/// What varies besides the epilogue.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// Batch, height, width of the output.
    y: [usize; 3],
    ic: usize,
    oc: usize,
    window: Window,
    /// Channels of a pixel that belong to other tensors of a concatenation: of x, of y.
    gap: [usize; 2],
    zero_point: u8,
    fill: Fill,
    /// Of the weights; from 2 on their products in pairs fit 16 bits.
    divisor: i8,
    seed: u64,
}

const SQUARE3: Window = Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], pad: [1, 1] };
const BASE: Case = Case {
    y: [1, 1, 13],
    ic: 16,
    oc: 64,
    window: Window::POINT,
    gap: [0, 0],
    zero_point: 0,
    fill: Fill::Random,
    divisor: 1,
    seed: 0,
};

impl Case {
    fn params<E>(&self, epilogue: E) -> Params<E> {
        let (y, channels) = (self.y, [self.ic, self.oc]);
        let (x, y) = Tensors { y, channels, window: self.window, gap: self.gap }.places();
        Params { x, y, window: self.window, zero_point: self.zero_point, widest: 4, short_steps: 0, epilogue }
    }

    /// Compares every ISA with the reference, and the packed image's size with what was announced.
    fn check<const MR: usize, E>(&self, failures: &mut Failures, epilogue: E)
    where
        E: Epilogue + core::fmt::Debug,
        E::Summand: Element,
        E::Out: PartialEq + core::fmt::Debug,
    {
        let mut random = Random::new(self.seed);
        let params = Params { widest: widest(MR), ..self.params(epilogue) };
        let x = testing::input(&params.x, self.zero_point, self.fill, &mut random);
        let taps = self.window.kernel[0] * self.window.kernel[1] * self.ic;
        let mut hwio = random.weights(self.fill, taps * self.oc);
        hwio.iter_mut().for_each(|w| *w /= self.divisor);
        // The accumulators' spread is about 74² √K for random fills; the outputs' should pass both clamps.
        let unit = 0.02 / (taps as f32).sqrt();
        let scale = random.floats(0.5 * unit, unit, self.oc);
        let bias = random.floats(-20.0, 20.0, self.oc);
        let mut starts = vec![0; self.oc];
        start(&hwio, self.zero_point, &mut starts);
        let at_summand = params.epilogue.summand();
        let summand = E::Summand::fill(&mut random, at_summand.batch * at_summand.image);

        let mut image = vec![0u64; params.packed_bytes() / 8];
        let image: &mut [u8] = bytemuck::cast_slice_mut(&mut image);
        params.pack(&hwio, PerChannel { start: &starts, scale: &scale, bias: &bias }, image);
        let image: &[u8] = image;
        let short_steps = pack::short_steps(params.lanes(), params.weights(image).panels);
        assert!(short_steps >= [0, 1, 2, 4][self.divisor.ilog2() as usize], "{self:?}: {short_steps}");
        let params = Params { short_steps, ..params };
        let fresh = testing::untouched::<E::Out>(&params.y);
        let mut want = fresh.clone();
        reference(&params, &x, &hwio, [&scale, &bias], &summand, &mut want);
        for isa in testing::isas() {
            let mut got = fresh.clone();
            let (weights, summand) = (params.weights(image), &summand[..]);
            let (params, next, y) = (&params, weights, &mut got);
            match params.forms(MR) & (WINDOWS | PADDING) {
                0 => testing::run_cut(isa, 64, Conv::<MR, 7, E> { params, weights, next, x: &x, summand, y }),
                WINDOWS => {
                    testing::run_cut(isa, 64, Conv::<MR, 15, E> { params, weights, next, x: &x, summand, y })
                }
                _ => testing::run_cut(
                    isa,
                    64,
                    Conv::<MR, { ANY & !LATE }, E> { params, weights, next, x: &x, summand, y },
                ),
            }
            failures.check(&got, &want, || format!("{isa} MR {MR} {self:?} {epilogue:?}"));
            if igemm::waits(MR, params.widest) {
                let mut y = fresh.clone();
                let conv = Conv::<MR, ANY, E> { params, weights, next, x: &x, summand, y: &mut y };
                testing::run_cut(isa, 64, conv);
                failures.check(&y, &want, || format!("{isa} MR {MR}, late, {self:?} {epilogue:?}"));
            }
        }
    }

    /// A summand of the output's shape.
    fn summand(&self) -> Place {
        let [batch, height, width] = self.y;
        testing::gapped([batch, height, width, self.oc], [1, 0, 0, 2], 3)
    }
}

const QUINT8: Requantize = Requantize { inverse: 1.7, low: 0, high: 255, zero_point: 0 };
const QINT8: Requantize = Requantize { inverse: 1.3, low: -128, high: 127, zero_point: 128 };
const PLAIN: Finish<NoSum, Linear, Requantize> = Finish { sum: NoSum, activation: Linear, output: QUINT8 };

#[test]
fn sizes_around_the_tile() {
    let mut failures = Failures::default();
    for pixels in [1, 2, 3, 5, 6, 7, 11, 12, 13, 25] {
        for oc in [1, 3, 15, 16, 17, 31, 33, 48, 63, 64, 65, 129] {
            for ic in [1, 3, 4, 5, 9] {
                let case = Case { y: [1, 1, pixels], ic, oc, seed: (pixels + oc + ic) as u64, ..BASE };
                case.check::<6, _>(&mut failures, PLAIN);
            }
        }
    }
}

#[test]
fn every_tile() {
    let mut failures = Failures::default();
    for oc in [16, 24, 40, 64, 112] {
        let case = Case { y: [2, 3, 5], oc, window: SQUARE3, zero_point: 128, ..BASE };
        case.check::<1, _>(&mut failures, PLAIN);
        case.check::<2, _>(&mut failures, PLAIN);
        case.check::<3, _>(&mut failures, PLAIN);
        case.check::<4, _>(&mut failures, PLAIN);
        case.check::<5, _>(&mut failures, PLAIN);
        case.check::<6, _>(&mut failures, PLAIN);
        case.check::<7, _>(&mut failures, PLAIN);
        case.check::<8, _>(&mut failures, PLAIN);
        case.check::<12, _>(&mut failures, PLAIN);
    }
}

#[test]
fn windows() {
    let mut failures = Failures::default();
    let w = |kernel, stride, dilation, pad| Window { kernel, stride, dilation, pad };
    let windows = [
        w([1, 1], [2, 2], [1, 1], [0, 0]),
        w([3, 1], [1, 1], [1, 1], [1, 0]),
        w([1, 7], [1, 1], [1, 1], [0, 3]),
        w([7, 1], [1, 2], [1, 1], [3, 0]),
        SQUARE3,
        w([3, 3], [2, 2], [1, 1], [0, 0]),
        w([3, 3], [2, 2], [1, 1], [1, 0]),
        w([3, 3], [1, 1], [2, 2], [2, 2]),
        w([3, 2], [1, 3], [3, 1], [1, 1]),
        w([2, 3], [1, 1], [1, 2], [0, 2]),
        w([5, 5], [1, 1], [1, 1], [2, 1]),
        w([7, 7], [2, 2], [1, 1], [3, 3]),
    ];
    for window in windows {
        for (ic, gap) in [(1, [0, 0]), (3, [0, 0]), (4, [0, 8]), (5, [3, 1]), (16, [16, 0])] {
            for zero_point in [0, 128] {
                // Rows that are shorter than a tile, and rows at whose end one goes on in the next.
                for y in [[2, 5, 4], [2, 3, 7]] {
                    let case = Case { y, ic, oc: 20, window, gap, zero_point, ..BASE };
                    case.check::<6, _>(&mut failures, PLAIN);
                }
            }
        }
    }
}

/// Tiles of every width at either edge, over both, and across rows; a halo that is not zero must never be skipped.
#[test]
fn padding() {
    let mut failures = Failures::default();
    let w = |kernel, stride, dilation, pad| Window { kernel, stride, dilation, pad };
    let windows = [
        SQUARE3,
        w([5, 5], [1, 1], [1, 1], [2, 2]),
        w([1, 7], [1, 1], [1, 1], [0, 3]),
        w([7, 1], [1, 1], [1, 1], [3, 0]),
        w([3, 3], [2, 2], [1, 1], [1, 1]),
        w([3, 3], [1, 1], [2, 2], [2, 2]),
    ];
    for window in windows {
        for width in [1, 2, 4, 6, 7, 12, 13] {
            for (ic, zero_point) in [(4, 0), (8, 0), (6, 0), (8, 128)] {
                for oc in [16, 40, 64] {
                    let case = Case { y: [2, 3, width], ic, oc, window, zero_point, ..BASE };
                    case.check::<4, _>(&mut failures, PLAIN);
                    case.check::<6, _>(&mut failures, PLAIN);
                    case.check::<7, _>(&mut failures, PLAIN);
                    case.check::<12, _>(&mut failures, PLAIN);
                }
            }
        }
    }
}

#[test]
fn extremes() {
    let mut failures = Failures::default();
    for fill in [Fill::Min, Fill::Max, Fill::Opposite] {
        for (ic, zero_point) in [(4, 0), (67, 128), (512, 0), (512, 128)] {
            let case = Case { y: [1, 3, 3], ic, oc: 65, window: SQUARE3, zero_point, fill, ..BASE };
            case.check::<6, _>(&mut failures, PLAIN);
            let output = ToI32 { inverse: 1e3 };
            case.check::<6, _>(&mut failures, Finish { sum: NoSum, activation: Linear, output });
        }
    }
}

/// Weights whose products, of 1, 2 and 4 steps, just fit 16 bits, over all ways to end a buffer of steps.
#[test]
fn short_sums() {
    let mut failures = Failures::default();
    for divisor in [2, 4, 8] {
        for fill in [Fill::Random, Fill::Max, Fill::Opposite] {
            for (ic, window) in
                [(3, SQUARE3), (7, SQUARE3), (20, SQUARE3), (1000, Window::POINT), (115, SQUARE3)]
            {
                for oc in [5, 33, 112] {
                    let case = Case { y: [1, 2, 3], ic, oc, window, fill, divisor, ..BASE };
                    case.check::<1, _>(&mut failures, PLAIN);
                    case.check::<2, _>(&mut failures, PLAIN);
                    case.check::<3, _>(&mut failures, PLAIN);
                    case.check::<6, _>(&mut failures, PLAIN);
                }
            }
        }
    }
}

#[test]
fn epilogues() {
    let mut failures = Failures::default();
    for (seed, oc) in [(1, 64), (2, 33), (3, 16), (4, 121)] {
        let case = Case { y: [2, 3, 5], oc, gap: [0, 7], zero_point: 128, seed, ..BASE };
        let place = case.summand();
        let u8_sum = SumU8 { place, scale: 0.37 };
        let i8_sum = SumI8 { place, scale: 0.37 };
        let signed_sum = Requantize { high: 127, ..QUINT8 };
        let f32_sum = SumF32 { place };
        let leaky = LeakyRelu { alpha: 0.1 };
        let to_i32 = ToI32 { inverse: 12345.6 };
        let f = &mut failures;
        case.check::<4, _>(f, Finish { sum: NoSum, activation: Linear, output: QINT8 });
        case.check::<4, _>(f, Finish { sum: NoSum, activation: Relu, output: QUINT8 });
        case.check::<4, _>(f, Finish { sum: u8_sum, activation: Linear, output: ToU8 { inverse: 1.7 } });
        case.check::<4, _>(f, Finish { sum: i8_sum, activation: Linear, output: ToI8 { inverse: 1.3 } });
        case.check::<4, _>(f, Finish { sum: NoSum, activation: Relu6, output: QINT8 });
        case.check::<4, _>(f, Finish { sum: NoSum, activation: leaky, output: QINT8 });
        case.check::<4, _>(f, Finish { sum: u8_sum, activation: Relu, output: QUINT8 });
        case.check::<4, _>(f, Finish { sum: i8_sum, activation: Relu, output: signed_sum });
        case.check::<4, _>(f, Finish { sum: i8_sum, activation: Linear, output: to_i32 });
        case.check::<4, _>(f, Finish { sum: f32_sum, activation: Relu, output: to_i32 });
        case.check::<4, _>(f, Finish { sum: f32_sum, activation: Linear, output: ToF32 });
        case.check::<4, _>(f, Finish { sum: NoSum, activation: Relu, output: ToF32 });
        case.check::<4, _>(f, Finish { sum: NoSum, activation: Relu6, output: ToF32 });
        case.check::<4, _>(f, Finish { sum: NoSum, activation: leaky, output: ToF32 });
    }
}

#[test]
fn reference_of_a_worked_case() {
    // 2x2 input of one channel, kernel 2x2 of weights 1, 2, 3, -4, one output; zero point 1.
    let window = Window { kernel: [2, 2], stride: [1, 1], dilation: [1, 1], pad: [0, 1] };
    let epilogue = Finish { sum: NoSum, activation: Linear, output: ToF32 };
    let x = Place::dense([1, 2, 2, 1]);
    let params = Params {
        x,
        y: Place::dense([1, 1, 2, 1]),
        window,
        zero_point: 1,
        widest: 4,
        short_steps: 0,
        epilogue,
    };
    let mut y = [0.0; 2];
    reference(&params, &[1, 2, 3, 4], &[1, 2, 3, -4], [&[0.5], &[10.0]], &[], &mut y);
    // Less the zero point: 0 1 / 2 3. Left column on the halo: 2*0 - 4*2; then 1*0 + 2*1 + 3*2 - 4*3.
    assert_eq!(y, [10.0 - 4.0, 10.0 - 2.0]);
}

#[test]
fn tiles_fit_their_registers() {
    for (channels, vectors) in [(16, 1), (32, 2), (64, 4), (1000, 4)] {
        for &mr in candidates(channels) {
            for (most, registers) in [([1; 3], 1), ([3, 6, 6], 16), ([6, 12, 12], 32)] {
                let vectors = widest(mr).min(vectors);
                let rows = rows(mr, vectors, most);
                // Sums, the fewer factors held, and the one that passes through.
                let used = rows * vectors + rows.min(vectors) + 1;
                assert!(
                    rows <= mr && (used <= registers || rows == 1),
                    "{mr}x{vectors} in {registers}: {rows}"
                );
            }
        }
        assert_eq!(candidates(channels).last(), Some(&1));
    }
}

#[test]
fn isas_are_listed() {
    assert_eq!(Name::ALL.last(), Some(&Name::Scalar));
    assert!(Name::ALL.iter().all(|&name| Name::parse(name.as_str()) == Some(name)));
    assert!(testing::isas().contains(&Name::Scalar));
}
