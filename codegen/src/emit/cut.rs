//! Where a layer may be cut, for a team of threads to share it.
//!
//! Kernels that are not in the list are never cut: those of floats, which stand at the ends of a network, and those that
//! reduce to a few numbers.
use crate::cost::Work;
use crate::lower::Layer;
use bakelite_kernels::{Cut, Place};

/// Units of pixels and of channels in which a kernel may be cut.
fn units(kernel: &str, work: &Work, y: &Place) -> Option<[usize; 2]> {
    if let Work::Product(product) = work {
        return Some([product.rows, 64]);
    }
    let (path, _forms) = kernel.split_once("::<").unwrap_or((kernel, ""));
    match path {
        // Rows of tiles, which are 4 rows of pixels; tiles; groups of 4 panels.
        "winograd::Product" => Some([4 * y.width, 64]),
        "winograd::Input" => Some([1, 0]),
        "winograd::Filter" => Some([4, 0]),
        "dwconv::DwConv" => Some([4, 64]),
        "pool::Max" | "pool::Average" | "combine::Channels" => Some([1, 64]),
        "combine::Pair" | "copy::Copy" | "decode::Decode" | "lut::Map" | "lut::PerChannel"
        | "quantize::Quantize" | "requantize::Fixed" | "requantize::Float" => Some([1, 0]),
        _ => None,
    }
}

/// How a layer is cut, if it can be.
pub(super) fn cut(layer: &Layer) -> Option<Cut> {
    let call = &layer.call;
    let y = call.writes().next()?.place;
    let [pixels, channels] = units(&call.kernel, &call.work, &y)?;
    // A thread reads all of what is not cut, the weights or the input. What reads few weights is cut as the products around
    // it are: theirs are more than their inputs where channels are more than pixels.
    let channels_first = match call.work {
        // Both tensors that are read are transformed; one of them is the weights.
        Work::Winograd(work) => work.channels[1] > work.tiles,
        Work::Product(_) => call.constant_bytes() > call.tensor_bytes()[0],
        Work::Bytes | Work::Windows(_) | Work::Depthwise(_) | Work::WinogradInput(_) => {
            y.channels > y.pixels()
        }
    };
    Some(Cut { pixels, channels, channels_first })
}
