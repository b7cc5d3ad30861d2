use super::*;
use crate::isa::{Kernel, Name};
use crate::testing::{self, Failures, Fill, Random};

#[test]
fn equals_the_references() {
    let (mut random, mut failures) = (Random::new(11), Failures::default());
    // Extent of the input, kernel, stride, dilation, pads before, extent of the output.
    let windows = [
        ([7, 6], [3, 3], [2, 2], [1, 1], [1, 0], [4, 3]),
        ([5, 5], [2, 2], [1, 1], [1, 1], [0, 0], [5, 5]),
        ([6, 7], [3, 3], [1, 1], [1, 1], [1, 1], [6, 7]),
        ([5, 2], [4, 3], [1, 1], [1, 1], [2, 2], [6, 3]),
        ([4, 9], [1, 3], [3, 2], [1, 2], [0, 2], [2, 4]),
        ([2, 2], [5, 5], [1, 1], [1, 1], [2, 2], [2, 2]),
        ([2, 1], [3, 3], [1, 1], [1, 1], [1, 1], [2, 1]),
        ([9, 8], [4, 3], [3, 2], [2, 1], [1, 2], [3, 5]),
        ([9, 5], [8, 3], [1, 1], [1, 1], [3, 0], [6, 4]),
        ([1, 9], [1, 3], [1, 2], [1, 1], [0, 1], [1, 5]),
        ([7, 7], [7, 7], [1, 1], [1, 1], [0, 0], [1, 1]),
    ];
    for (extent, kernel, stride, dilation, pad, out) in windows {
        for (channels, zero_point, gap) in [(1, 0, 0), (5, 128, 2), (64, 0, 0), (100, 128, 28)] {
            for fill in [Fill::Random, Fill::Min, Fill::Max] {
                let x = testing::gapped([2, extent[0], extent[1], channels], [0; 4], gap);
                let y = testing::gapped([2, out[0], out[1], channels], [1, 0, 0, 2], gap);
                let params = Params { x, y, window: Window { kernel, stride, dilation, pad }, zero_point };
                let x = testing::input(&params.x, zero_point, fill, &mut random);
                let (mut most, mut mean) = (testing::untouched(&y), testing::untouched(&y));
                max_reference(&params, &x, &mut most);
                average_reference(&params, &x, &mut mean);
                for isa in testing::isas() {
                    let case = || std::format!("{isa} {params:?} {fill:?}");
                    let [a, b] = match params.slides() {
                        1 => both::<1>(isa, &params, &x),
                        2 => both::<2>(isa, &params, &x),
                        _ => both::<0>(isa, &params, &x),
                    };
                    failures.check(&a, &most, || std::format!("max {}", case()));
                    failures.check(&b, &mean, || std::format!("average {}", case()));
                    let [a, b] = both::<0>(isa, &params, &x);
                    failures.check(&a, &most, || std::format!("any max {}", case()));
                    failures.check(&b, &mean, || std::format!("any average {}", case()));
                }
            }
        }
    }
}

fn both<const SLIDES: usize>(isa: Name, params: &Params, x: &[u8]) -> [std::vec::Vec<u8>; 2] {
    let [mut most, mut mean] = [testing::untouched(&params.y), testing::untouched(&params.y)];
    testing::run_cut(isa, 3, Max::<SLIDES> { params, x, y: &mut most });
    testing::run_cut(isa, 3, Average::<SLIDES> { params, x, y: &mut mean });
    [most, mean]
}

/// The mean of `count` bytes each, given their sums.
struct Shares<'a> {
    sums: &'a [usize],
    count: usize,
    y: &'a mut [u8],
}

impl Kernel for Shares<'_> {
    type Output = ();
    const DOTS: bool = false;

    fn call<I: Isa>(self, isa: I) {
        let lanes = 4 * I::LANES;
        for (sums, y) in self.sums.chunks(lanes).zip(self.y.chunks_mut(lanes)) {
            let mut all = isa.sums(isa.load_bytes(&[]));
            for i in 0..self.count {
                let bytes: std::vec::Vec<u8> =
                    sums.iter().map(|sum| sum.saturating_sub(255 * i).min(255) as u8).collect();
                all = isa.add_sums(all, isa.sums(isa.load_bytes(&bytes)));
            }
            isa.store_bytes(isa.share_sums(all, Share::of(self.count)), y);
        }
    }
}

#[test]
fn every_share_of_a_sum_is_the_average() {
    let (place, mut failures) = (Place::dense([1; 4]), Failures::default());
    for count in 1..=Share::MOST {
        let sums: std::vec::Vec<usize> = (0..=255 * count).collect();
        for zero_point in [0, 128] {
            let params = Params { x: place, y: place, window: Window::POINT, zero_point };
            let average = |&sum: &usize| {
                params.average(sum as i32 - count as i32 * i32::from(zero_point), 1.0 / count as f32)
            };
            let want: std::vec::Vec<u8> = sums.iter().map(average).collect();
            for isa in testing::isas() {
                let mut y = std::vec![0; sums.len()];
                testing::run(isa, Shares { sums: &sums, count, y: &mut y });
                failures.check(&y, &want, || std::format!("{isa} {count} {zero_point}"));
            }
        }
    }
}

#[test]
fn worked_averages() {
    let place = |height, width| Place::dense([1, height, width, 1]);
    let window = Window { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [0, 0] };
    let params = |zero_point| Params { x: place(2, 3), y: place(1, 2), window, zero_point };
    let (mut y, x) = ([0; 2], [1, 2, 9, 2, 1, 12]);
    average_reference(&params(0), &x, &mut y);
    // 6/4 is a tie and goes to 2; two taps of the second window are outside, 21/2 goes to 10.
    assert_eq!(y, [2, 10]);
    average_reference(&params(1), &x, &mut y);
    // Less 1: 2/4 goes to 0, 19/2 to 10.
    assert_eq!(y, [1, 11]);
    max_reference(&params(0), &x, &mut y);
    assert_eq!(y, [2, 12]);
}
