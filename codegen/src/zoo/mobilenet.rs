//! MobileNet v1 (Howard et al. 2017, arXiv 1704.04861) and v2 (Sandler et al. 2018, arXiv 1801.04381), width 1.0.
//!
//! ```text
//! v1 block:  depthwise 3x3 -> relu6 -> 1x1 -> relu6
//! v2 block:  1x1, t * c -> relu6 -> depthwise 3x3 -> relu6 -> 1x1 -> (+ x where stride and channels allow)
//! ```
//!
//! A depthwise convolution of stride 2 is padded below and on the right, by a Pad of its own.
use crate::zoo::builder::{BatchNorm, Builder, Value, Window};

const NORM: BatchNorm = BatchNorm { epsilon: 1e-3, scale: true };
const STEM: Window = Window::same(3, 3).stride(2);
const POINT: Window = Window::same(1, 1);

/// Channels and stride of the 13 blocks of v1.
const V1: [(usize, usize); 13] = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
];

/// MobileNet v1.
pub fn v1(b: &mut Builder) {
    let x = b.input();
    let mut x = conv(b, &x, ["conv1", "conv1_bn"], 32, STEM);
    x = b.relu(x, "conv1_relu", "Relu6");
    for (i, (channels, stride)) in (1..).zip(V1) {
        x = depthwise(
            b,
            x,
            [&format!("conv_pad_{i}"), &format!("conv_dw_{i}"), &format!("conv_dw_{i}_bn")],
            stride,
        );
        x = b.relu(x, &format!("conv_dw_{i}_relu"), "Relu6");
        x = conv(b, &x, [&format!("conv_pw_{i}"), &format!("conv_pw_{i}_bn")], channels, POINT);
        x = b.relu(x, &format!("conv_pw_{i}_relu"), "Relu6");
    }
    let x = b.mean(x, "global_average_pooling2d", true);
    let x = b.conv(&x, "conv_preds", 1000, POINT);
    let x = b.bias(x, "conv_preds");
    let x = b.flatten(x, "reshape_2");
    b.softmax(x, "predictions");
}

/// Expansion, channels, repetitions and first stride of the seven stages of v2.
const V2: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// MobileNet v2.
pub fn v2(b: &mut Builder) {
    let x = b.input();
    let x = conv(b, &x, ["Conv1", "bn_Conv1"], 32, STEM);
    let mut x = b.relu(x, "Conv1_relu", "Relu6");
    let mut id = 0;
    for (expansion, channels, count, stride) in V2 {
        for i in 0..count {
            x = inverted(b, x, id, expansion, channels, if i == 0 { stride } else { 1 });
            id += 1;
        }
    }
    let x = conv(b, &x, ["Conv_1", "Conv_1_bn"], 1280, Window::valid(1, 1));
    let x = b.relu(x, "out_relu", "Relu6");
    let x = b.mean(x, "global_average_pooling2d", false);
    let x = b.matmul(&x, "predictions", 1000);
    let x = b.bias(x, "predictions");
    b.softmax(x, "predictions");
}

fn inverted(b: &mut Builder, x: Value, id: usize, expansion: usize, channels: usize, stride: usize) -> Value {
    let name = if id == 0 { "expanded_conv".to_owned() } else { format!("block_{id}") };
    let mut y = x.clone();
    if expansion > 1 {
        let names = [&format!("{name}_expand"), &format!("{name}_expand_BN")];
        y = conv(b, &y, names.map(String::as_str), expansion * x.channels(), POINT);
        y = b.relu(y, &format!("{name}_expand_relu"), "Relu6");
    }
    let names = [&format!("{name}_pad"), &format!("{name}_depthwise"), &format!("{name}_depthwise_BN")];
    y = depthwise(b, y, names.map(String::as_str), stride);
    y = b.relu(y, &format!("{name}_depthwise_relu"), "Relu6");
    y = conv(b, &y, [&format!("{name}_project"), &format!("{name}_project_BN")], channels, POINT);
    if stride == 1 && x.channels() == channels { b.add(&x, &y, &format!("{name}_add")) } else { y }
}

fn conv(b: &mut Builder, x: &Value, [name, norm]: [&str; 2], channels: usize, window: Window) -> Value {
    let y = b.conv(x, name, channels, window);
    b.batch_norm(y, norm, NORM)
}

fn depthwise(b: &mut Builder, x: Value, [pad, name, norm]: [&str; 3], stride: usize) -> Value {
    let y = if stride == 1 {
        b.depthwise(&x, name, Window::same(3, 3))
    } else {
        let padded = b.pad(x, pad, [0, 1]);
        b.depthwise(&padded, name, Window::valid(3, 2))
    };
    b.batch_norm(y, norm, NORM)
}
