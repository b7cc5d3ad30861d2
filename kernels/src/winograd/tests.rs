//! Every ISA against the convolution's reference, bit for bit: sizes around the tile, channels, halos, epilogues, extremes.

use super::*;
use crate::conv::{Params, start};
use crate::epilogue::*;
use crate::pack::PerChannel;
use crate::team::Cut;
use crate::team::tests::run_in_turn;
use crate::testing::{self, Element, Failures, Fill, Random, Tensors};
use std::{format, vec, vec::Vec};

/// What varies besides the epilogue.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// Batch, height, width of the output.
    y: [usize; 3],
    ic: usize,
    oc: usize,
    /// Halo before the first output.
    pad: [usize; 2],
    zero_point: u8,
    fill: Fill,
    /// How many threads share each kernel.
    threads: usize,
}

const BASE: Case =
    Case { y: [1, 9, 10], ic: 16, oc: 64, pad: [1, 1], zero_point: 0, fill: Fill::Random, threads: 1 };

impl Case {
    fn params<E>(&self, epilogue: E) -> Params<E> {
        let window = Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], pad: self.pad };
        let (x, y) = Tensors { y: self.y, channels: [self.ic, self.oc], window, gap: [5, 3] }.places();
        Params { x, y, window, zero_point: self.zero_point, widest: 4, short_steps: 0, epilogue }
    }

    fn check<E>(&self, failures: &mut Failures, epilogue: E)
    where
        E: Epilogue + core::fmt::Debug,
        E::Summand: Element,
        E::Out: PartialEq + core::fmt::Debug,
    {
        let mut random = Random::new((self.ic * self.oc + self.y[1] * self.y[2]) as u64);
        let params = self.params(epilogue);
        assert!(fits(&params), "{self:?}");
        let x = testing::input(&params.x, self.zero_point, self.fill, &mut random);
        let hwio = random.weights(self.fill, 9 * self.ic * self.oc);
        assert!(sums_fit(&hwio, self.oc), "{self:?}");
        let unit = 0.02 / (9.0 * self.ic as f32).sqrt();
        let (scale, bias) = (random.floats(0.5 * unit, unit, self.oc), random.floats(-20.0, 20.0, self.oc));
        let mut starts = vec![0; self.oc];
        start(&hwio, self.zero_point, &mut starts);
        let at_summand = params.epilogue.summand();
        let summand = E::Summand::fill(&mut random, at_summand.batch * at_summand.image);
        let mut image = vec![0u64; params.packed_bytes() / 8];
        let image: &mut [u8] = bytemuck::cast_slice_mut(&mut image);
        params.pack(&hwio, PerChannel { start: &starts, scale: &scale, bias: &bias }, image);
        let fresh = testing::untouched::<E::Out>(&params.y);
        let mut want = fresh.clone();
        reference(&params, &x, &hwio, [&scale, &bias], &summand, &mut want);
        for isa in testing::isas() {
            let mut got = fresh.clone();
            self.run(isa, &params, [&x, image], &summand, &mut got);
            failures.check(&got, &want, || format!("{isa} {self:?} {epilogue:?}"));
        }
    }

    /// The three kernels, one after the other.
    fn run<E: Epilogue>(
        &self,
        isa: crate::isa::Name,
        params: &Params<E>,
        [x, image]: [&[u8]; 2],
        summand: &[E::Summand],
        y: &mut [E::Out],
    ) {
        let cut = |pixels, channels| Cut { pixels, channels, channels_first: self.threads % 2 == 1 };
        let weights = params.weights(image);
        let at = input_place(params);
        let mut v: Vec<i32> = testing::untouched(&at);
        let input =
            InputParams { x: params.x, y: at, extent: [params.y.height, params.y.width], pad: self.pad };
        run_in_turn(isa, self.threads, cut(1, 0), Input { params: &input, x, y: &mut v });
        let at = filter_place(params);
        let mut u: Vec<i32> = testing::untouched(&at);
        let filter = FilterParams { channels: [self.ic, self.oc], y: at };
        run_in_turn(isa, self.threads, cut(4, 0), Filter { params: &filter, weights, y: &mut u });
        let product = Product::<7, E> { params, weights, filter: &u, x: &v, summand, y };
        run_in_turn(isa, self.threads, cut(self.threads * params.y.width, 64), product);
    }
}

const QUINT8: Requantize = Requantize { inverse: 1.7, low: 0, high: 255, zero_point: 0 };
const QINT8: Requantize = Requantize { inverse: 1.3, low: -128, high: 127, zero_point: 128 };
const PLAIN: Finish<NoSum, Linear, Requantize> = Finish { sum: NoSum, activation: Linear, output: QUINT8 };

#[test]
fn maps_of_every_size() {
    let mut failures = Failures::default();
    for height in [4, 5, 7, 8, 13] {
        for (width, threads) in [(5, 1), (6, 2), (8, 3), (19, 4)] {
            Case { y: [2, height, width], threads, ..BASE }.check(&mut failures, PLAIN);
        }
    }
}

#[test]
fn channels_of_every_number() {
    let mut failures = Failures::default();
    for oc in [1, 15, 16, 17, 33, 48, 63, 64, 65, 112, 129, 192] {
        for (ic, threads) in [(4, 1), (8, 2), (16, 4), (20, 3), (32, 2), (64, 1), (80, 5), (96, 1)] {
            Case { y: [1, 6, 13], ic, oc, threads, ..BASE }.check(&mut failures, PLAIN);
        }
    }
}

#[test]
fn halos() {
    let mut failures = Failures::default();
    for pad in [[0, 0], [0, 1], [1, 0], [2, 2]] {
        for zero_point in [0, 128] {
            Case { pad, zero_point, ..BASE }.check(&mut failures, PLAIN);
        }
    }
}

/// The greatest sums that the proof lets through, and the greatest transformed values.
#[test]
fn extremes() {
    let mut failures = Failures::default();
    for fill in [Fill::Min, Fill::Max, Fill::Opposite] {
        for (ic, zero_point) in [(4, 0), (112, 0), (112, 128)] {
            let case = Case { ic, oc: 33, fill, zero_point, ..BASE };
            case.check(&mut failures, PLAIN);
            let output = ToI32 { inverse: 1e3 };
            case.check(&mut failures, Finish { sum: NoSum, activation: Linear, output });
            case.check(&mut failures, Finish { sum: NoSum, activation: Linear, output: ToF32 });
        }
    }
}

#[test]
fn epilogues() {
    let mut failures = Failures::default();
    for (oc, threads) in [(64, 1), (33, 2), (121, 3)] {
        let case = Case { y: [2, 5, 7], oc, zero_point: 128, threads, ..BASE };
        let place = testing::gapped([2, 5, 7, oc], [1, 0, 0, 2], 3);
        let (u8_sum, i8_sum) = (SumU8 { place, scale: 0.37 }, SumI8 { place, scale: 0.37 });
        let f = &mut failures;
        case.check(f, Finish { sum: NoSum, activation: Relu, output: QINT8 });
        case.check(f, Finish { sum: u8_sum, activation: Relu6, output: QUINT8 });
        case.check(
            f,
            Finish { sum: i8_sum, activation: LeakyRelu { alpha: 0.1 }, output: ToI8 { inverse: 1.3 } },
        );
        case.check(f, Finish { sum: SumF32 { place }, activation: Relu, output: ToF32 });
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let params = BASE.params(PLAIN);
    let Params { window, x, y, .. } = params;
    let with = |window| fits(&Params { window, ..params });
    assert!(fits(&params));
    assert!(!with(Window { kernel: [3, 1], ..window }) && !with(Window { kernel: [5, 3], ..window }));
    assert!(!with(Window { stride: [1, 2], ..window }) && !with(Window { dilation: [2, 1], ..window }));
    assert!(!fits(&Params { x: Place { channels: 6, ..x }, ..params }));
    assert!(
        !fits(&Params { y: Place { height: 3, ..y }, ..params }) && !fits(&Params { widest: 2, ..params })
    );
    assert!(!fits(&Params { y: Place { height: 8, width: 4, ..y }, ..params }), "two tiles");
    // 255 * 131,586 is the last below 2^25.
    let weights = |sum: usize| {
        let weight = move |i: usize| (sum / 1040 + usize::from(i < sum % 1040)) as i8;
        (0..1040).flat_map(|i| [0, weight(i)]).collect::<Vec<_>>()
    };
    let [fit, not] = [131_586, 131_587].map(weights);
    assert!(sums_fit(&fit, 2) && !sums_fit(&not, 2));
    let negative = |w: &[i8]| w.iter().map(|w| -w).collect::<Vec<_>>();
    assert!(sums_fit(&negative(&fit), 2) && !sums_fit(&negative(&not), 2));
}
