//! Every ISA against the reference, bit for bit.

use super::*;
use crate::conv;
use crate::epilogue::*;
use crate::testing::{self, Failures, Fill, Random, Tensors};
use std::{format, vec};

/// What varies besides the epilogue.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// Batch, height, width of the output.
    y: [usize; 3],
    channels: usize,
    window: Window,
    /// Channels of a pixel that belong to other tensors of a concatenation: of x, of y.
    gap: [usize; 2],
    zero_point: u8,
    fill: Fill,
}

const SQUARE3: Window = Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], pad: [1, 1] };
const BASE: Case =
    Case { y: [1, 2, 5], channels: 64, window: SQUARE3, gap: [0, 0], zero_point: 128, fill: Fill::Random };

impl Case {
    fn check<E>(&self, failures: &mut Failures, epilogue: E)
    where
        E: Epilogue + core::fmt::Debug,
        E::Summand: testing::Element,
        E::Out: PartialEq + core::fmt::Debug,
    {
        let mut random = Random::new(self.channels as u64);
        let channels = [self.channels; 2];
        let tensors = Tensors { y: self.y, channels, window: self.window, gap: self.gap };
        let (x, y) = tensors.places();
        let params = Params { x, y, window: self.window, zero_point: self.zero_point, epilogue };
        let x = testing::input(&params.x, self.zero_point, self.fill, &mut random);
        let hwc = random.weights(self.fill, self.window.kernel[0] * self.window.kernel[1] * self.channels);
        let scale = random.floats(0.004, 0.01, self.channels);
        let bias = random.floats(-20.0, 20.0, self.channels);
        let mut starts = vec![0; self.channels];
        conv::start(&hwc, self.zero_point, &mut starts);
        let at_summand = params.epilogue.summand();
        let summand: std::vec::Vec<E::Summand> =
            testing::Element::fill(&mut random, at_summand.batch * at_summand.image);

        let mut image = vec![0u64; params.packed_bytes() / 8];
        let image: &mut [u8] = bytemuck::cast_slice_mut(&mut image);
        params.pack(&hwc, PerChannel { start: &starts, scale: &scale, bias: &bias }, image);
        let image: &[u8] = image;
        let fresh = testing::untouched::<E::Out>(&params.y);
        let mut want = fresh.clone();
        reference(&params, &x, &hwc, [&scale, &bias], &summand, &mut want);
        for isa in testing::isas() {
            let mut got = fresh.clone();
            let (weights, summand) = (params.weights(image), &summand[..]);
            testing::run_cut(isa, 64, DwConv::<E> { params: &params, weights, x: &x, summand, y: &mut got });
            failures.check(&got, &want, || format!("{isa} {self:?} {epilogue:?}"));
        }
    }
}

const QUINT8: Requantize = Requantize { inverse: 1.7, low: 0, high: 255, zero_point: 0 };
const QINT8: Requantize = Requantize { inverse: 1.3, low: -128, high: 127, zero_point: 128 };
const PLAIN: Finish<NoSum, Linear, Requantize> = Finish { sum: NoSum, activation: Linear, output: QUINT8 };

#[test]
fn sizes_around_the_tile() {
    let mut failures = Failures::default();
    for channels in [1, 3, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 127, 128, 129, 200] {
        for y in [[1, 1, 1], [1, 1, 3], [1, 2, 2], [2, 1, 4], [1, 3, 3], [1, 5, 5]] {
            Case { y, channels, ..BASE }.check(&mut failures, PLAIN);
        }
    }
}

/// Pixels with few channels are computed together: all of a row's, some of them, what is left over.
#[test]
fn folded_pixels() {
    let mut failures = Failures::default();
    for dilation in [[1, 1], [2, 2]] {
        let window = Window { dilation, pad: dilation, ..SQUARE3 };
        for (channels, width) in [(1, 67), (3, 45), (12, 11), (16, 9), (24, 5), (32, 6), (32, 7)] {
            let y = [2, 3, width];
            let case = Case { y, channels, window, ..BASE };
            case.check(&mut failures, PLAIN);
            for channels_of_summand in [channels, channels + 5] {
                let place = Place { channels, ..Place::dense([2, 3, width, channels_of_summand]) };
                let sum = SumU8 { place, scale: 0.37 };
                case.check(&mut failures, Finish { sum, activation: Relu, output: QUINT8 });
            }
            let sum = SumF32 { place: Place::dense([2, 3, width, channels]) };
            case.check(&mut failures, Finish { sum, activation: Linear, output: ToF32 });
        }
    }
}

#[test]
fn windows() {
    let mut failures = Failures::default();
    let w = |kernel, stride, dilation, pad| Window { kernel, stride, dilation, pad };
    let windows = [
        w([1, 1], [1, 1], [1, 1], [0, 0]),
        w([1, 7], [1, 1], [1, 1], [0, 3]),
        w([7, 1], [1, 2], [1, 1], [3, 0]),
        w([3, 3], [2, 2], [1, 1], [0, 0]),
        w([3, 3], [2, 2], [1, 1], [1, 0]),
        w([3, 3], [1, 1], [2, 2], [2, 2]),
        w([2, 2], [1, 1], [1, 1], [0, 1]),
        w([3, 3], [2, 2], [2, 2], [2, 2]),
        w([4, 3], [1, 2], [1, 1], [1, 1]),
        w([2, 3], [2, 1], [1, 1], [1, 2]),
        w([2, 4], [1, 3], [3, 1], [1, 1]),
        w([5, 5], [2, 2], [1, 1], [2, 1]),
        w([7, 9], [1, 1], [1, 2], [3, 8]),
    ];
    for window in windows {
        for (channels, gap) in [(8, [0, 0]), (32, [0, 0]), (24, [8, 5]), (64, [0, 64]), (70, [3, 0])] {
            for zero_point in [0, 128] {
                let case = Case { y: [2, 4, 5], channels, window, gap, zero_point, ..BASE };
                case.check(&mut failures, PLAIN);
            }
        }
    }
}

#[test]
fn fills_and_epilogues() {
    let mut failures = Failures::default();
    for fill in [Fill::Random, Fill::Min, Fill::Max, Fill::Opposite] {
        for (channels, zero_point) in [(64, 0), (80, 128)] {
            let case = Case { channels, zero_point, fill, gap: [0, 9], ..BASE };
            let [batch, height, width] = case.y;
            let place = Place::dense([batch, height, width, channels]);
            let sum = SumI8 { place, scale: 0.37 };
            let f = &mut failures;
            case.check(f, PLAIN);
            case.check(f, Finish { sum: NoSum, activation: Relu6, output: QINT8 });
            case.check(f, Finish { sum, activation: Relu, output: QUINT8 });
            case.check(f, Finish { sum: NoSum, activation: Linear, output: ToI32 { inverse: 99.9 } });
            case.check(f, Finish { sum: NoSum, activation: Relu, output: ToF32 });
        }
    }
}

#[test]
fn reference_of_a_worked_case() {
    // One row of two pixels with two channels, kernel 1x2, zero point 1.
    let window = Window { kernel: [1, 2], stride: [1, 1], dilation: [1, 1], pad: [0, 1] };
    let epilogue = Finish { sum: NoSum, activation: Linear, output: ToF32 };
    let place = Place::dense([1, 1, 2, 2]);
    let params = Params { x: place, y: place, window, zero_point: 1, epilogue };
    let mut y = [0.0; 4];
    reference(&params, &[2, 3, 5, 7], &[1, 10, 2, 20], [&[1.0, 0.5], &[0.0, 1.0]], &[], &mut y);
    // Less the zero point: 1 2, 4 6. Pixel 0 has its left tap on the halo.
    assert_eq!(y, [2.0, 21.0, 1.0 + 8.0, 0.5 * (20.0 + 120.0) + 1.0]);
}
