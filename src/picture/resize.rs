//! Bilinear resizing with antialiasing, in Pillow's arithmetic (`Image.resize(size, Resampling.BILINEAR)`).
//!
//! Pixels are areas: output pixel `o` of `n` looks at `(o + 0.5) * s` where `s = inputs / n`. Its weights are a triangle
//! around that centre with half width `max(s, 1)`, over the centres of input pixels, and sum to one: shrinking takes in
//! every pixel, enlarging is plain bilinear interpolation. Columns first, then rows, each rounded to a byte:
//!
//! ```text
//! support = max(s, 1)     from = trunc(centre - support + 0.5)     to = trunc(centre + support + 0.5), both clamped
//! w[i] = max(0, 1 - |from + i + 0.5 - centre| / support), divided by their sum, rounded half away to 22 bits of fraction
//! y = clamp((2^21 + Σ x[from + i] * w[i]) >> 22, 0, 255)
//! ```
//!
//! Cost: `2 * max(s, 1)` multiplications a pass and output byte.

use super::Picture;
use alloc::vec;
use alloc::vec::Vec;

/// Bits of a weight's fraction.
const FRACTION: u32 = 22;

/// One output pixel's run of input pixels.
struct Run {
    from: usize,
    weights: Vec<i32>,
}

/// Resizes the whole frame: `height * width * channels` bytes.
pub fn bilinear(picture: &Picture, width: usize, height: usize) -> Vec<u8> {
    let row_bytes = width * picture.channels;
    let mut narrow = vec![0; picture.height * row_bytes];
    let columns = runs(picture.width, width);
    let rows = picture.bytes.chunks_exact(picture.width * picture.channels);
    for (x, y) in rows.zip(narrow.chunks_exact_mut(row_bytes)) {
        resize_row(x, picture.channels, &columns, y);
    }
    let mut y = vec![0; height * row_bytes];
    for (run, y) in runs(picture.height, height).iter().zip(y.chunks_exact_mut(row_bytes)) {
        let x = &narrow[run.from * row_bytes..];
        for (column, y) in y.iter_mut().enumerate() {
            *y = weigh(run, x[column..].iter().step_by(row_bytes));
        }
    }
    y
}

fn resize_row(x: &[u8], channels: usize, columns: &[Run], y: &mut [u8]) {
    for (run, y) in columns.iter().zip(y.chunks_exact_mut(channels)) {
        for (channel, y) in y.iter_mut().enumerate() {
            *y = weigh(run, x[run.from * channels + channel..].iter().step_by(channels));
        }
    }
}

/// The weighted sum of bytes, rounded.
fn weigh<'a>(run: &Run, x: impl Iterator<Item = &'a u8>) -> u8 {
    let sum: i32 = x.zip(&run.weights).map(|(x, w)| i32::from(*x) * w).sum();
    ((sum + (1 << (FRACTION - 1))) >> FRACTION).clamp(0, 255) as u8
}

/// The runs of all outputs along one side.
fn runs(inputs: usize, outputs: usize) -> Vec<Run> {
    let scale = inputs as f64 / outputs as f64;
    let support = scale.max(1.0);
    (0..outputs).map(|output| run(inputs, (output as f64 + 0.5) * scale, support)).collect()
}

fn run(inputs: usize, centre: f64, support: f64) -> Run {
    // `as` truncates and takes negative numbers to 0.
    let from = (centre - support + 0.5) as usize;
    let to = ((centre + support + 0.5) as usize).min(inputs);
    let inverse = 1.0 / support;
    let triangle = |x: usize| (1.0 - ((x as f64 - centre + 0.5) * inverse).abs()).max(0.0);
    let weights: Vec<f64> = (from..to).map(triangle).collect();
    let sum: f64 = weights.iter().sum();
    let fixed = |w: &f64| rounded(w / sum * f64::from(1 << FRACTION));
    Run { from, weights: weights.iter().map(fixed).collect() }
}

/// Round half up, of what is not negative: `core` has no `round`. The difference is exact.
fn rounded(x: f64) -> i32 {
    let floor = x as i32;
    floor + i32::from(x - f64::from(floor) >= 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    /// The same formula as in `tests/pictures/make.py`.
    fn pattern(width: usize, height: usize, channels: usize) -> Picture {
        let byte = |i: usize| ((i * 73 + i / 5 * 151 + i * i % 97) % 256) as u8;
        Picture { width, height, channels, bytes: (0..width * height * channels).map(byte).collect() }
    }

    #[test]
    fn bytes_are_pillows() {
        let expected = std::fs::read(format!("{}/tests/pictures/resized.bin", env!("CARGO_MANIFEST_DIR")));
        let expected = expected.unwrap();
        let cases =
            [(9, 7, 3, 4, 3), (9, 7, 3, 13, 16), (100, 83, 3, 32, 32), (5, 5, 1, 5, 5), (64, 1, 1, 3, 2)];
        let mut found = Vec::new();
        for (width, height, channels, to_width, to_height) in cases {
            found.extend(bilinear(&pattern(width, height, channels), to_width, to_height));
        }
        assert_eq!(found.len(), expected.len());
        let first = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        assert_eq!(first, None);
    }

    #[test]
    fn a_flat_picture_stays_flat() {
        let picture = Picture { width: 301, height: 7, channels: 1, bytes: vec![200; 301 * 7] };
        assert!(bilinear(&picture, 32, 32).iter().all(|y| *y == 200));
    }
}
