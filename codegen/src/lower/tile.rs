//! The tile of a product: how many pixels a kernel computes at once.
//!
//! The choice is a matter of speed only, any tile gives the same bits. Now it is the kernels' own estimate; a model of
//! the cost per instruction set belongs here.
use bakelite_kernels::{Place, conv};

/// Rows MR of a convolution's tile.
pub(super) fn rows(y: &Place) -> usize {
    conv::tile_rows(y.pixels(), y.channels)
}

/// The kernel's id without its instruction set: MR pixels by the channels of the widest group.
pub(super) fn id(rows: usize, y: &Place) -> String {
    let channels = match y.channels.next_multiple_of(16) {
        64.. => 64,
        32.. => 32,
        _ => 16,
    };
    format!("igemm-{rows}x{channels}c4")
}
