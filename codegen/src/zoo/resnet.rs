//! ResNet v1 (He et al. 2015, arXiv 1512.03385) with bottleneck blocks, and v1.5.
//!
//! ```text
//! conv 7x7/2, 64 -> maxpool 3x3/2 -> 4 stages -> mean -> 1000
//! block:  1x1, f -> 3x3, f -> 1x1, 4f -> + shortcut -> relu     f = 64, 128, 256, 512
//! ```
//!
//! The first block of a stage has a 1x1 convolution as its shortcut, and from the second stage on halves the image.
use crate::zoo::builder::{BatchNorm, Builder, Value, Window};

/// Which convolution of a block halves the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stride {
    /// The first 1x1: v1, as published.
    First,
    /// The 3x3: v1.5, a little more work and accuracy.
    Middle,
}

const NORM: BatchNorm = BatchNorm { epsilon: 1.001e-5, scale: true };

/// The network with so many blocks in each stage.
pub fn build(b: &mut Builder, blocks: [usize; 4], stride: Stride) {
    let x = b.input();
    let x = b.pad(x, "conv1_pad", [3, 3]);
    let x = conv(b, &x, "conv1", 64, Window::valid(7, 2));
    let x = b.relu(x, "conv1_relu", "Relu");
    let x = b.pad(x, "pool1_pad", [1, 1]);
    let mut x = b.pool(&x, "pool1_pool", "MaxPool", Window::valid(3, 2));
    for (stage, (&count, filters)) in blocks.iter().zip([64, 128, 256, 512]).enumerate() {
        for i in 0..count {
            let name = format!("conv{}_block{}", stage + 2, i + 1);
            let step = if stage > 0 && i == 0 { 2 } else { 1 };
            x = block(b, &x, &name, filters, (step, stride), i == 0);
        }
    }
    let x = b.mean(x, "avg_pool", false);
    let x = b.matmul(&x, "predictions", 1000);
    let x = b.bias(x, "predictions");
    b.softmax(x, "predictions");
}

fn block(
    b: &mut Builder,
    x: &Value,
    name: &str,
    filters: usize,
    (step, stride): (usize, Stride),
    first: bool,
) -> Value {
    let (outer, inner) = if stride == Stride::First { (step, 1) } else { (1, step) };
    let shortcut = match first {
        true => conv(b, x, &format!("{name}_0"), 4 * filters, Window::valid(1, step)),
        false => x.clone(),
    };
    let y = conv(b, x, &format!("{name}_1"), filters, Window::valid(1, outer));
    let y = b.relu(y, &format!("{name}_1_relu"), "Relu");
    let y = conv(b, &y, &format!("{name}_2"), filters, Window::same(3, 3).stride(inner));
    let y = b.relu(y, &format!("{name}_2_relu"), "Relu");
    let y = conv(b, &y, &format!("{name}_3"), 4 * filters, Window::valid(1, 1));
    let y = b.add(&shortcut, &y, &format!("{name}_add"));
    b.relu(y, &format!("{name}_out"), "Relu")
}

/// Convolution, bias and batch norm: `NAME_conv`, `NAME_bn`.
fn conv(b: &mut Builder, x: &Value, name: &str, channels: usize, window: Window) -> Value {
    let y = b.conv(x, &format!("{name}_conv"), channels, window);
    let y = b.bias(y, &format!("{name}_conv"));
    b.batch_norm(y, &format!("{name}_bn"), NORM)
}
