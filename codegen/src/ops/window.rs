//! How a window moves over an NHWC image: TensorFlow's `padding`, and the extents that follow from it.
//!
//! Convolution, depthwise convolution and pooling share it, int8 or not. Per axis, with `reach = (kernel - 1) *
//! dilation + 1`:
//!
//! ```text
//! SAME      out = ceil(in / stride), pads = max((out - 1) * stride + reach - in, 0), the smaller half first
//! VALID     out = (in - reach) / stride + 1, no pads
//! EXPLICIT  out = (before + in + after - reach) / stride + 1
//! ```
use crate::attributes::{AttributeWriter, Attributes};
use crate::error::Reason;
use bakelite_kernels::Window;

/// The most that an explicit padding may add on one side; beyond it lies no network.
const MAX_PAD: i64 = 1 << 20;

/// The attribute `padding`, with the numbers where it is explicit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// As many pixels as make `out = ceil(in / stride)`.
    Same,
    /// None.
    Valid,
    /// `[[top, bottom], [left, right]]`.
    Explicit([[usize; 2]; 2]),
    /// The same as a `padding_list`, which TensorFlow's kernels follow, while its shape inference looks at `padding`
    /// alone.
    Listed {
        /// `[[top, bottom], [left, right]]`.
        pads: [[usize; 2]; 2],
        /// Whether `padding` is SAME, or else VALID.
        same: bool,
    },
}

/// Where an op keeps the numbers of an explicit padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PadAttribute {
    /// It has none: average pooling.
    None,
    /// `explicit_paddings`, which counts if `padding` is EXPLICIT: Conv2D, MaxPool, the `_Fused` ops.
    Explicit,
    /// `padding_list`, which replaces SAME or VALID if it is not empty: the QuantizedConv2D family.
    List,
}

impl Padding {
    /// Reads `padding` and the attribute with the numbers.
    pub fn parse(a: Attributes<'_>, numbers: PadAttribute) -> Result<Self, Reason> {
        if numbers == PadAttribute::List {
            let list = a.ints_or("padding_list", vec![])?;
            if !list.is_empty() {
                let same = a.string("padding")? == "SAME";
                return Ok(Self::Listed { pads: explicit("padding_list", &list)?, same });
            }
        }
        let padding = a.string("padding")?;
        match (padding.as_str(), numbers) {
            ("SAME", _) => Ok(Self::Same),
            ("VALID", _) => Ok(Self::Valid),
            ("EXPLICIT", PadAttribute::Explicit) => {
                explicit("explicit_paddings", &a.ints("explicit_paddings")?).map(Self::Explicit)
            }
            (_, PadAttribute::Explicit) => {
                Err(Reason::new(format!("padding {padding:?}")).supported("SAME, VALID or EXPLICIT"))
            }
            _ => Err(Reason::new(format!("padding {padding:?}")).supported("SAME or VALID")),
        }
    }
    /// Writes `padding` and, where they count, the numbers.
    pub fn write(&self, a: &mut AttributeWriter) {
        let list = |pads: [[usize; 2]; 2]| {
            let [[top, bottom], [left, right]] = pads.map(|pair| pair.map(|p| p as i64));
            [0, 0, top, bottom, left, right, 0, 0]
        };
        match *self {
            Self::Same => a.string("padding", "SAME"),
            Self::Valid => a.string("padding", "VALID"),
            Self::Explicit(pads) => {
                a.string("padding", "EXPLICIT");
                a.ints("explicit_paddings", &list(pads));
            }
            Self::Listed { pads, same } => {
                a.string("padding", if same { "SAME" } else { "VALID" });
                a.ints("padding_list", &list(pads));
            }
        }
    }
}

/// The eight numbers of an NHWC padding; the batch and channel pairs must be zero.
fn explicit(name: &str, list: &[i64]) -> Result<[[usize; 2]; 2], Reason> {
    let small = |p: &i64| (0..=MAX_PAD).contains(p);
    match *list {
        [0, 0, top, bottom, left, right, 0, 0] if list.iter().all(small) => {
            let [top, bottom, left, right] = [top, bottom, left, right].map(|p| p as usize);
            Ok([[top, bottom], [left, right]])
        }
        _ => Err(Reason::new(format!("{name} {list:?}"))
            .supported(format!("[0, 0, top, bottom, left, right, 0, 0], each 0 to {MAX_PAD}"))),
    }
}

/// A window over an image of known extent; each pair is `[rows, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Extent of an input image.
    pub input: [usize; 2],
    /// Extent of an output image.
    pub output: [usize; 2],
    /// Taps, steps, and the pads before the first pixel, as the kernels take them.
    pub window: Window,
    /// Pads behind the last pixel that the window reaches.
    pub after: [usize; 2],
}

impl Geometry {
    /// Moves a window of `kernel` taps over images of `input` extent.
    pub fn new(
        input: [usize; 2],
        kernel: [usize; 2],
        stride: [usize; 2],
        dilation: [usize; 2],
        padding: Padding,
    ) -> Result<Self, Reason> {
        let mut geometry = Self {
            input,
            output: [0; 2],
            window: Window { kernel, stride, dilation, pad: [0; 2] },
            after: [0; 2],
        };
        for axis in 0..2 {
            let pads = match padding {
                Padding::Explicit(pads) | Padding::Listed { pads, .. } => Some(pads[axis]),
                Padding::Valid => Some([0, 0]),
                Padding::Same => None,
            };
            let [out, before, after] = extent(input[axis], kernel[axis], stride[axis], dilation[axis], pads)
                .ok_or_else(|| {
                    Reason::new(format!(
                        "a window of {kernel:?} taps, stride {stride:?}, dilation {dilation:?}, over {input:?} pixels with padding {padding:?}"
                    ))
                    .supported("a window that fits into the padded image")
                })?;
            geometry.output[axis] = out;
            geometry.window.pad[axis] = before;
            geometry.after[axis] = after;
        }
        Ok(geometry)
    }
    /// (Output pixel, tap) pairs of one image, those on padding too: the count that papers publish.
    pub fn taps(&self) -> u64 {
        let extents = self.output.iter().chain(&self.window.kernel);
        extents.fold(1, |n: u64, &d| n.saturating_mul(d as u64))
    }
}

/// `[out, before, after]` of one axis; `pads` is `None` for SAME. `None` if the window does not fit.
fn extent(
    input: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pads: Option<[usize; 2]>,
) -> Option<[usize; 3]> {
    if kernel == 0 || stride == 0 || dilation == 0 {
        return None;
    }
    let reach = (kernel - 1).checked_mul(dilation)?.checked_add(1)?;
    if let Some([before, after]) = pads {
        let all = before.checked_add(input)?.checked_add(after)?;
        return Some([all.checked_sub(reach)? / stride + 1, before, after]);
    }
    let out = input.div_ceil(stride);
    let needed = out.saturating_sub(1).checked_mul(stride)?.checked_add(reach)?;
    let pad = needed.saturating_sub(input);
    Some([out, pad / 2, pad - pad / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(input: usize, kernel: usize, stride: usize, padding: Padding) -> [usize; 3] {
        let g = Geometry::new([input, 9], [kernel, 1], [stride, 1], [1, 1], padding).unwrap();
        [g.output[0], g.window.pad[0], g.after[0]]
    }

    #[test]
    fn same_puts_the_odd_pad_behind() {
        assert_eq!(one(224, 3, 2, Padding::Same), [112, 0, 1]);
        assert_eq!(one(225, 3, 2, Padding::Same), [113, 1, 1]);
        assert_eq!(one(7, 3, 1, Padding::Same), [7, 1, 1]);
        assert_eq!(one(7, 4, 1, Padding::Same), [7, 1, 2]);
        assert_eq!(one(2, 5, 1, Padding::Same), [2, 2, 2]);
        assert_eq!(one(7, 1, 3, Padding::Same), [3, 0, 0]);
        assert_eq!(one(0, 3, 1, Padding::Same)[0], 0);
    }

    #[test]
    fn valid_and_explicit() {
        assert_eq!(one(7, 3, 2, Padding::Valid), [3, 0, 0]);
        assert_eq!(one(8, 3, 2, Padding::Valid), [3, 0, 0]);
        assert_eq!(one(7, 3, 2, Padding::Explicit([[1, 2], [0, 0]])), [4, 1, 2]);
    }

    #[test]
    fn a_window_that_does_not_fit_is_refused() {
        for (kernel, dilation) in [(8, 1), (0, 1), (3, 4), (usize::MAX, 2)] {
            let fit = Geometry::new([7, 7], [kernel, 1], [1, 1], [dilation, 1], Padding::Valid);
            assert!(fit.is_err(), "{kernel} taps, dilation {dilation}");
        }
        assert!(Geometry::new([7, 7], [1, 1], [0, 1], [1, 1], Padding::Same).is_err());
    }
}
