//! Inception v3 (Szegedy et al. 2015, arXiv 1512.00567).
//!
//! ```text
//! stem 299x299x3 -> 35x35x192 -> 3 x (1x1 | 5x5 | 3x3 3x3 | pool) -> reduction
//!      -> 17x17x768 -> 4 x (1x1 | 1x7 7x1 | 7x1 1x7 7x1 1x7 | pool) -> reduction
//!      -> 8x8x1280 -> 2 x (1x1 | 1x3 + 3x1 | 3x3, 1x3 + 3x1 | pool) -> mean -> 1000
//! ```
//!
//! Layers are numbered in the order in which Keras makes them: `conv2d`, `conv2d_1`, ...
use crate::zoo::builder::{BatchNorm, Builder, Value, Window};

const NORM: BatchNorm = BatchNorm { epsilon: 1e-3, scale: false };
const POINT: Window = Window::same(1, 1);

/// Inception v3.
pub fn build(b: &mut Builder) {
    let mut net = Net { b, conv: 0, average: 0, max: 0 };
    let x = net.b.input();
    let x = net.stem(&x);
    let x = net.mixed35(&x, 32, "mixed0");
    let x = net.mixed35(&x, 64, "mixed1");
    let x = net.mixed35(&x, 64, "mixed2");
    let x = net.reduce35(&x);
    let x = net.mixed17(&x, 128, "mixed4");
    let x = net.mixed17(&x, 160, "mixed5");
    let x = net.mixed17(&x, 160, "mixed6");
    let x = net.mixed17(&x, 192, "mixed7");
    let x = net.reduce17(&x);
    let x = net.mixed8(&x, ["mixed9_0", "concatenate", "mixed9"]);
    let x = net.mixed8(&x, ["mixed9_1", "concatenate_1", "mixed10"]);
    let x = b.mean(x, "avg_pool", false);
    let x = b.matmul(&x, "predictions", 1000);
    let x = b.bias(x, "predictions");
    b.softmax(x, "predictions");
}

/// The builder, and how many layers of each kind there are.
struct Net<'a> {
    b: &'a mut Builder,
    conv: usize,
    average: usize,
    max: usize,
}

/// Keras' automatic name of layer `count` of a kind.
fn numbered(kind: &str, count: usize) -> String {
    if count == 0 { kind.to_owned() } else { format!("{kind}_{count}") }
}

impl Net<'_> {
    /// Convolution, batch norm and relu.
    fn conv(&mut self, x: &Value, channels: usize, window: Window) -> Value {
        let names = ["conv2d", "batch_normalization", "activation"].map(|kind| numbered(kind, self.conv));
        self.conv += 1;
        let y = self.b.conv(x, &names[0], channels, window);
        let y = self.b.batch_norm(y, &names[1], NORM);
        self.b.relu(y, &names[2], "Relu")
    }
    /// Convolutions one behind the other.
    fn chain(&mut self, x: &Value, layers: &[(usize, Window)]) -> Value {
        layers.iter().fold(x.clone(), |x, &(channels, window)| self.conv(&x, channels, window))
    }
    fn max_pool(&mut self, x: &Value) -> Value {
        let name = numbered("max_pooling2d", self.max);
        self.max += 1;
        self.b.pool(x, &name, "MaxPool", Window::valid(3, 2))
    }
    /// An average of 3x3, and a 1x1 convolution.
    fn average(&mut self, x: &Value, channels: usize) -> Value {
        let name = numbered("average_pooling2d", self.average);
        self.average += 1;
        let y = self.b.pool(x, &name, "AvgPool", Window::same(3, 3));
        self.conv(&y, channels, POINT)
    }
    fn stem(&mut self, x: &Value) -> Value {
        let x =
            self.chain(x, &[(32, Window::valid(3, 2)), (32, Window::valid(3, 1)), (64, Window::same(3, 3))]);
        let x = self.max_pool(&x);
        let x = self.chain(&x, &[(80, Window::valid(1, 1)), (192, Window::valid(3, 1))]);
        self.max_pool(&x)
    }
    fn mixed35(&mut self, x: &Value, pooled: usize, name: &str) -> Value {
        let parts = [
            self.chain(x, &[(64, POINT)]),
            self.chain(x, &[(48, POINT), (64, Window::same(5, 5))]),
            self.chain(x, &[(64, POINT), (96, Window::same(3, 3)), (96, Window::same(3, 3))]),
            self.average(x, pooled),
        ];
        self.b.concat(&parts, name)
    }
    fn reduce35(&mut self, x: &Value) -> Value {
        let parts = [
            self.chain(x, &[(384, Window::valid(3, 2))]),
            self.chain(x, &[(64, POINT), (96, Window::same(3, 3)), (96, Window::valid(3, 2))]),
            self.max_pool(x),
        ];
        self.b.concat(&parts, "mixed3")
    }
    fn mixed17(&mut self, x: &Value, c: usize, name: &str) -> Value {
        let (wide, tall) = (Window::same(1, 7), Window::same(7, 1));
        let parts = [
            self.chain(x, &[(192, POINT)]),
            self.chain(x, &[(c, POINT), (c, wide), (192, tall)]),
            self.chain(x, &[(c, POINT), (c, tall), (c, wide), (c, tall), (192, wide)]),
            self.average(x, 192),
        ];
        self.b.concat(&parts, name)
    }
    fn reduce17(&mut self, x: &Value) -> Value {
        let (wide, tall) = (Window::same(1, 7), Window::same(7, 1));
        let parts = [
            self.chain(x, &[(192, POINT), (320, Window::valid(3, 2))]),
            self.chain(x, &[(192, POINT), (192, wide), (192, tall), (192, Window::valid(3, 2))]),
            self.max_pool(x),
        ];
        self.b.concat(&parts, "mixed8")
    }
    fn mixed8(&mut self, x: &Value, [first, second, name]: [&str; 3]) -> Value {
        let point = self.chain(x, &[(320, POINT)]);
        let y = self.chain(x, &[(384, POINT)]);
        let small = self.fork(&y, first);
        let y = self.chain(x, &[(448, POINT), (384, Window::same(3, 3))]);
        let large = self.fork(&y, second);
        let pooled = self.average(x, 192);
        self.b.concat(&[point, small, large, pooled], name)
    }
    /// A 1x3 and a 3x1 convolution of the same input.
    fn fork(&mut self, x: &Value, name: &str) -> Value {
        let parts = [Window::same(1, 3), Window::same(3, 1)].map(|window| self.conv(x, 384, window));
        self.b.concat(&parts, name)
    }
}
