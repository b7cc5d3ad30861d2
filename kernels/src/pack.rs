//! Weights in the order in which kernels read them: one image for every ISA.
//!
//! ```text
//! [start i32 × P] [scale f32 × P] [bias f32 × P]     P = channels rounded up to 16
//! [group]                                            64 (or 32) channels each; then one of 32, then 16s
//!   [k / 4] [panel: NV] [lane: 16] [4]               i8, K padded with zeros
//! ```
//!
//! A group of 64 has `NV` = 4 panels, 32 has 2, 16 has 1. Channels stand in the order of [`isa`](crate::isa). Every
//! section is a multiple of 64 bytes, so an image that starts on a cache line keeps each panel on one.

use bytemuck::cast_slice;

mod runs;
pub use runs::Runs;

/// A packed image, seen as what it holds; all per channel in panel order.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// What the accumulator starts with: `-zero_point * Σ w`.
    pub start: &'a [[i32; 16]],
    /// `x.scale * w.scale`.
    pub scale: &'a [[f32; 16]],
    /// Bias as a real value.
    pub bias: &'a [[f32; 16]],
    /// 16 lanes of 4 weights each.
    pub panels: &'a [[i8; 64]],
}

impl<'a> Weights<'a> {
    /// No weights: what follows the last product.
    pub const NONE: Self = Self { start: &[], scale: &[], bias: &[], panels: &[] };

    /// Sees `image`, a packed image with `lanes` channels, padding included.
    ///
    /// # Panics
    /// If the image does not begin on a multiple of 4 bytes (it should: of 64), or is shorter than its head.
    #[inline(always)]
    pub fn new(image: &'a [u8], lanes: usize) -> Self {
        let bytes = lanes * 4;
        let (start, rest) = image.split_at(bytes);
        let (scale, rest) = rest.split_at(bytes);
        let (bias, panels) = rest.split_at(bytes);
        Self {
            start: cast_slice::<u8, i32>(start).as_chunks().0,
            scale: cast_slice::<u8, f32>(scale).as_chunks().0,
            bias: cast_slice::<u8, f32>(bias).as_chunks().0,
            panels: cast_slice::<u8, i8>(panels).as_chunks().0,
        }
    }

    /// The panels of 64 channels with which the share of a thread begins, if it begins at the same part of the channels:
    /// `part[0]` of `part[1]`.
    #[inline(always)]
    pub(crate) fn group_at(&self, part: [usize; 2]) -> &'a [[i8; 64]] {
        let groups = self.start.len().div_ceil(4);
        let group = 4 * (self.panels.len() / self.start.len().max(1));
        let first = groups * part[0] / part[1].max(1) * group;
        let rest = self.panels.get(first..).unwrap_or_default();
        &rest[..group.min(rest.len())]
    }
}

/// The groups of `lanes` channels, padding included: as many of `widest` = 4 or 2 vectors as there are, then narrower ones.
pub fn groups(lanes: usize, widest: usize) -> impl Iterator<Item = Group> {
    let mut first = 0;
    core::iter::from_fn(move || {
        let vectors = match (lanes - first) / 16 {
            0 => return None,
            rest if rest >= widest => widest,
            2.. => 2,
            _ => 1,
        };
        let group = Group { first, vectors };
        first += 16 * vectors;
        Some(group)
    })
}

/// `16 * vectors` channels from `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// The first channel.
    pub first: usize,
    /// Panels side by side: 4, 2 or 1.
    pub vectors: usize,
}

impl Group {
    /// The channel in lane `lane` of panel `s`.
    fn channel(self, s: usize, lane: usize) -> usize {
        self.first + (lane / 4 * self.vectors + s) * 4 + lane % 4
    }

    /// Every (panel, lane, channel) in the order of the image.
    fn lanes(self) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..self.vectors).flat_map(move |s| (0..16).map(move |lane| (s, lane, self.channel(s, lane))))
    }
}

/// The channels of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes {
    /// How many have weights.
    pub(crate) channels: usize,
    /// How many there are: the others are padding.
    pub(crate) padded: usize,
    /// Vectors of the widest groups.
    pub(crate) widest: usize,
}

impl Lanes {
    pub(crate) fn groups(self) -> impl Iterator<Item = Group> {
        groups(self.padded, self.widest)
    }
}

/// What is packed, besides the weights, for each output channel.
#[derive(Clone, Copy, Debug)]
pub struct PerChannel<'a> {
    /// The accumulator's start value; see [`start`](crate::conv::start).
    pub start: &'a [i32],
    /// `x.scale * w.scale`.
    pub scale: &'a [f32],
    /// Bias as a real value.
    pub bias: &'a [f32],
}

impl PerChannel<'_> {
    /// Writes the image's head for the channels, which repeat those that are here, and zeros for padding; returns its panels.
    pub(crate) fn pack<'o>(&self, lanes: Lanes, out: &'o mut [u8]) -> &'o mut [i8] {
        let (head, panels) = out.split_at_mut(lanes.padded * 12);
        for group in lanes.groups() {
            for (s, lane, c) in group.lanes() {
                let at = group.first + s * 16 + lane;
                let c = if c < lanes.channels { c % self.start.len() } else { usize::MAX };
                let start = self.start.get(c).copied().unwrap_or(0).to_le_bytes();
                let scale = self.scale.get(c).copied().unwrap_or(0.0).to_le_bytes();
                let bias = self.bias.get(c).copied().unwrap_or(0.0).to_le_bytes();
                for (section, bytes) in [start, scale, bias].into_iter().enumerate() {
                    head[(section * lanes.padded + at) * 4..][..4].copy_from_slice(&bytes);
                }
            }
        }
        bytemuck::cast_slice_mut(panels)
    }
}

/// Bytes of an image with `k4` groups of 4 weights for each of `lanes` channels, padding included.
pub(crate) const fn image_bytes(lanes: usize, k4: usize) -> usize {
    lanes * (12 + 4 * k4)
}

/// Fills panels: `weight(channel, k)` for each `k < 4 * k4`, zero for padding.
pub(crate) fn pack_panels(
    lanes: Lanes,
    k4: usize,
    panels: &mut [i8],
    mut weight: impl FnMut(usize, usize) -> i8,
) {
    let mut panel = panels.chunks_exact_mut(4);
    for group in lanes.groups() {
        for k in 0..k4 {
            for (_, _, c) in group.lanes() {
                let w = panel.next().expect("the image has room for all panels");
                for (j, w) in w.iter_mut().enumerate() {
                    *w = if c < lanes.channels { weight(c, 4 * k + j) } else { 0 };
                }
            }
        }
    }
}

/// How many steps of an image's panels surely add up in 16 bits, a pair of lanes of bytes each: 4, 2, 1 or 0. Steps are
/// counted from the first, as VPMADDUBSW meets them:
///
/// ```text
/// -32768 <= Σ_{steps} x[0] * w[0] + x[1] * w[1] <= 32767     whatever 0 <= x <= 255
/// ```
///
/// for all its partial sums too, that is where neither positive nor negative weights of a pair add up to more than 128.
pub(crate) fn short_steps(lanes: Lanes, panels: &[[i8; 64]]) -> u8 {
    let k4 = panels.len() * 16 / lanes.padded.max(1);
    let fit = |steps: usize| {
        let mut rest = panels;
        lanes.groups().all(|group| {
            let (now, later) = rest.split_at(group.vectors * k4);
            rest = later;
            now.chunks(steps * group.vectors).all(|steps| steps_fit(steps, group.vectors))
        })
    };
    [4, 2, 1].into_iter().find(|&steps| fit(steps)).unwrap_or(0) as u8
}

/// Whether these steps of `vectors` panels add up.
fn steps_fit(steps: &[[i8; 64]], vectors: usize) -> bool {
    let pair = |s: usize, byte: usize| {
        let both = |panel: &[i8; 64]| [panel[byte], panel[byte + 1]].map(i32::from);
        let w = steps.iter().skip(s).step_by(vectors).flat_map(both);
        w.fold([0, 0], |[low, high], w| [low + w.min(0), high + w.max(0)])
    };
    let fits = |[low, high]: [i32; 2]| 255 * low >= i16::MIN.into() && 255 * high <= i16::MAX.into();
    (0..vectors).all(|s| (0..64).step_by(2).all(|byte| fits(pair(s, byte))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_cover_channels_once() {
        for (lanes, widest) in (16..300).step_by(16).flat_map(|lanes| [(lanes, 4), (lanes, 2)]) {
            let mut seen = [0; 320];
            let mut first = 0;
            for group in groups(lanes, widest) {
                assert!(group.first == first && group.vectors <= widest);
                first += 16 * group.vectors;
                group.lanes().for_each(|(_, _, c)| seen[c] += 1);
            }
            assert_eq!(first, lanes);
            assert!(seen[..first].iter().all(|&n| n == 1) && seen[first..].iter().all(|&n| n == 0));
        }
    }

    #[test]
    fn steps_that_fit_are_found() {
        let steps = |lanes: usize, k4: usize, weight: fn(usize, usize) -> i8| {
            let mut image = std::vec![[0; 64]; lanes / 16 * k4];
            let lanes = Lanes { channels: lanes, padded: lanes, widest: 4 };
            pack_panels(lanes, k4, image.as_flattened_mut(), weight);
            short_steps(lanes, &image)
        };
        // 255 * 128 is the most; -128 fits alone. Two positive ones of a pair: 127 and 1, not 127 and 2.
        assert_eq!(steps(16, 8, |_, k| if k % 2 == 0 { 127 } else { 1 }), 1);
        assert_eq!(steps(16, 8, |_, k| if k % 2 == 0 { -128 } else { 0 }), 1);
        assert_eq!(steps(16, 8, |_, k| if k % 2 == 0 { 127 } else { -128 }), 1);
        assert_eq!(steps(112, 5, |_, k| if k % 4 == 1 { 64 } else { 0 }), 2);
        assert_eq!(steps(112, 5, |_, _| 16), 4);
        assert_eq!(steps(112, 5, |_, _| -16), 4);
        // One channel, one pair, in the last group and in the last step.
        assert_eq!(steps(112, 9, |c, k| if c == 111 && k >= 34 { 65 } else { 1 }), 0);
        assert_eq!(steps(112, 9, |c, k| if c == 111 && k == 35 { 125 } else { 1 }), 4);
        // Steps are counted from the first: 1 and 2 are not in one pair of steps, but in one of four.
        assert_eq!(steps(32, 4, |_, k| if (4..12).contains(&k) { 60 } else { 0 }), 2);
        assert_eq!(steps(32, 4, |_, k| if (0..8).contains(&k) { 60 } else { 0 }), 1);
    }

    #[test]
    fn shares_begin_with_groups() {
        let panels: std::vec::Vec<_> = (0..11 * 2).map(|panel| [panel as i8; 64]).collect();
        let weights = Weights { start: &[[0; 16]; 11], panels: &panels, ..Weights::NONE };
        let first = |at, channels| weights.group_at([at, channels]).first().map(|panel| panel[0]);
        // Groups of 8, 8 and 6 panels, for the shares of two and of four threads.
        assert_eq!([0, 128, 192].map(|at| first(at, 256)), [Some(0), Some(8), Some(16)]);
        assert_eq!([weights.group_at([0, 1]).len(), weights.group_at([3, 4]).len()], [8, 6]);
        assert_eq!(Weights::NONE.group_at([64, 128]), [[0; 64]; 0]);
    }

    #[test]
    fn order_of_a_group() {
        let lanes = |lanes| groups(lanes, 4).next().map(|g| [g.channel(0, 4), g.channel(g.vectors - 1, 15)]);
        assert_eq!(lanes(64), Some([16, 63]));
        assert_eq!(lanes(32), Some([8, 31]));
        assert_eq!(lanes(16), Some([4, 15]));
    }
}
