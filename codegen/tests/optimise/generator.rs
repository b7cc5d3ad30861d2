//! Random networks: whatever the passes look for, in any order, with values that others read too.
use crate::network::Network;
use bakelite_codegen::graph::{Edge, Graph};
use bakelite_codegen::tensor::Tensor;

/// A choice that a seed makes.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Images of this many channels throughout; the size only grows by pads.
pub(crate) const CHANNELS: usize = 4;

struct Generator {
    n: Network,
    dice: Dice,
}

/// A network of `steps` random steps behind `x`, with the output `y`.
pub(crate) fn network(seed: u64, steps: usize) -> Graph {
    let n = Network::new(&[-1, 6, 6, CHANNELS as i64]);
    let mut g = Generator { n, dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1) };
    let mut at = g.n.x;
    for _ in 0..steps {
        at = g.step(at);
    }
    g.n.finish(at)
}

impl Generator {
    fn step(&mut self, x: Edge) -> Edge {
        match self.dice.roll(12) {
            0..=2 => self.conv(x),
            3 => self.n.batch_norm(x, CHANNELS),
            4..=5 => self.affine(x),
            6..=7 => self.activation(x),
            8 => self.identity(x),
            9 => self.residual(x),
            10 => self.squeezed(x),
            _ => self.pad(x),
        }
    }
    /// A convolution, padded in any way, with its batch norm or without; sometimes behind a Pad.
    fn conv(&mut self, x: Edge) -> Edge {
        let x = if self.dice.roll(3) == 0 { self.pad(x) } else { x };
        let padding = ["SAME", "SAME", "VALID"][self.dice.roll(3)];
        let kernel = if padding == "VALID" { 1 + self.dice.roll(2) } else { 1 + self.dice.roll(3) };
        let y = match self.dice.roll(2) {
            0 => self.n.conv("Conv2D", x, &[kernel, kernel, CHANNELS, CHANNELS], padding),
            _ => self.n.conv("DepthwiseConv2dNative", x, &[kernel, kernel, CHANNELS, 1], padding),
        };
        match self.dice.roll(4) {
            0 => y,
            1 => self.n.batch_norm(y, CHANNELS),
            2 => {
                let y = self.affine(y);
                self.n.batch_norm(y, CHANNELS)
            }
            _ => {
                let y = self.affine(y);
                self.activation(y)
            }
        }
    }
    /// BiasAdd, Add, Sub, Mul or RealDiv of a scalar, a vector or an image of one pixel; zero and one among them.
    fn affine(&mut self, x: Edge) -> Edge {
        let c = match self.dice.roll(6) {
            0 => self.n.constant(Tensor::scalar([0.0, 1.0, 0.5, -2.0][self.dice.roll(4)])),
            1 => self.n.weights(&[1, 1, 1, CHANNELS]),
            2 => self.n.positive(1),
            3 => {
                let variance = self.n.positive(CHANNELS);
                self.n.op("Rsqrt", &[variance])
            }
            _ => self.n.weights(&[CHANNELS]),
        };
        match self.dice.roll(7) {
            0..=1 => {
                let c = self.n.weights(&[CHANNELS]);
                self.n.op("BiasAdd", &[x, c])
            }
            2 => self.n.op("Add", &[c, x]),
            3 => self.n.op("Sub", &[x, c]),
            4 => self.n.op("Sub", &[c, x]),
            5 => self.n.op("Mul", &[x, c]),
            _ => {
                let c = self.n.positive(CHANNELS);
                self.n.op("RealDiv", &[x, c])
            }
        }
    }
    fn scalar(&mut self, value: f32) -> Edge {
        self.n.constant(Tensor::scalar(value))
    }
    /// An activation, as one op or spelled out.
    fn activation(&mut self, x: Edge) -> Edge {
        let op = |g: &mut Self, name: &str, x: Edge, value: f32| {
            let c = g.scalar(value);
            g.n.op(name, &[x, c])
        };
        match self.dice.roll(8) {
            0 => self.n.op("Relu", &[x]),
            1 => self.n.op("Relu6", &[x]),
            2 => op(self, "Maximum", x, 0.0),
            3 => {
                let y = self.n.op("Relu", &[x]);
                op(self, "Minimum", y, 6.0)
            }
            4 => {
                let y = op(self, "Minimum", x, 6.0);
                self.n.op("Relu", &[y])
            }
            5 => {
                let y = op(self, "Mul", x, 0.125);
                self.n.op("Maximum", &[y, x])
            }
            6 => self.hard_swish(x),
            _ => self.n.op("Sigmoid", &[x]),
        }
    }
    fn hard_swish(&mut self, x: Edge) -> Edge {
        let (three, six, sixth) = (self.scalar(3.0), self.scalar(6.0), self.scalar(1.0 / 6.0));
        let y = self.n.op("AddV2", &[x, three]);
        let gate = self.n.op("Relu6", &[y]);
        match self.dice.roll(5) {
            0 => {
                let y = self.n.op("Mul", &[x, gate]);
                self.n.op("RealDiv", &[y, six])
            }
            1 => {
                let y = self.n.op("RealDiv", &[gate, six]);
                self.n.op("Mul", &[y, x])
            }
            2 => {
                let y = self.n.op("Mul", &[gate, sixth]);
                self.n.op("Mul", &[x, y])
            }
            3 => {
                let y = self.n.op("Mul", &[x, sixth]);
                self.n.op("Mul", &[y, gate])
            }
            _ => self.n.op("Mul", &[sixth, gate]),
        }
    }
    fn identity(&mut self, x: Edge) -> Edge {
        let name = ["Identity", "StopGradient", "PreventGradient", "Snapshot"][self.dice.roll(4)];
        self.n.op(name, &[x])
    }
    /// A sum of two convolutions of the same, with the same weights, behind which different scales fold.
    fn residual(&mut self, x: Edge) -> Edge {
        let w = self.n.weights(&[1, 1, CHANNELS, CHANNELS]);
        let branch = |g: &mut Self, w: Edge| {
            let y = g.n.with("Conv2D", &[x, w], |a| {
                a.hw("strides", [1, 1]);
                a.string("padding", "SAME");
            });
            g.affine(y)
        };
        let (a, b) = (branch(self, w), branch(self, w));
        self.n.op("AddV2", &[a, b])
    }
    /// A dense layer on every pixel, between two Reshapes.
    fn squeezed(&mut self, x: Edge) -> Edge {
        let rows = self.n.constant(Tensor::ints(&[-1, CHANNELS as i32]));
        let one = self.n.constant(Tensor::ints(&[-1, 1, 1, CHANNELS as i32]));
        let y = self.n.with("Reshape", &[x, rows], |_| {});
        let w = self.n.weights(&[CHANNELS, CHANNELS]);
        let y = self.n.op("MatMul", &[y, w]);
        let y = self.n.with("Reshape", &[y, one], |_| {});
        let y = self.affine(y);
        let y = self.n.op("Relu", &[y]);
        // Rows are summed up again, so that the network stays small.
        let axes = self.n.constant(Tensor::ints(&[0]));
        let y = self.n.with("Mean", &[y, axes], |a| a.bool("keep_dims", true));
        self.n.op("AddV2", &[x, y])
    }
    /// A Pad of zeros, or now and then of something else.
    fn pad(&mut self, x: Edge) -> Edge {
        let side = |g: &mut Self| g.dice.roll(2) as i32;
        let pads = [0, 0, side(self), side(self), side(self), side(self), 0, 0];
        let pads = self.n.constant(Tensor { shape: vec![4, 2], ..Tensor::ints(&pads) });
        if self.dice.roll(2) == 0 {
            return self.n.with("Pad", &[x, pads], |_| {});
        }
        let value = [0.0, 0.0, 0.5][self.dice.roll(3)];
        let value = self.scalar(value);
        self.n.with("PadV2", &[x, pads, value], |_| {})
    }
}
