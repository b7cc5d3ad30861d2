//! Networks of published topology with synthetic weights: what benchmarks need, with nothing to download.
//!
//! Node for node what `tf.keras.applications` exports (`scripts/zoo.py` writes TensorFlow's own list, a test compares).
//! Weights and batch-norm statistics come from a seed ([`random`]), scaled so that activations neither die nor grow
//! ([`builder`]). They say nothing about accuracy.
use crate::graph::Graph;

pub mod builder;
pub mod inception;
pub mod mobilenet;
pub mod random;
pub mod resnet;
use builder::Builder;

/// A network of the zoo.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// What the command line calls it.
    pub name: &'static str,
    /// Where it comes from.
    pub about: &'static str,
    /// Side of the square picture it reads, in pixels.
    pub side: usize,
    /// Published number of parameters, moving statistics of batch norms included.
    pub parameters: u64,
    build: fn(&mut Builder),
}

impl Network {
    /// The fp32 graph: `input` f32 `[N, side, side, 3]` in -1..1, output `predictions/Softmax` `[N, 1000]`.
    ///
    /// ```
    /// let network = bakelite_codegen::zoo::find("mobilenet_v2").unwrap();
    /// assert_eq!(network.graph(0), network.graph(0));
    /// ```
    pub fn graph(&self, seed: u64) -> Graph {
        let mut builder = Builder::new(seed, self.side);
        (self.build)(&mut builder);
        builder.finish()
    }
}

/// All networks.
pub const NETWORKS: [Network; 6] = [
    Network {
        name: "resnet50",
        about: "ResNet-50 v1 (He et al. 2015), stride in the 1x1: 3.86 GMAC",
        side: 224,
        parameters: 25_636_712,
        build: |b| resnet::build(b, [3, 4, 6, 3], resnet::Stride::First),
    },
    Network {
        name: "resnet50_v1_5",
        about: "ResNet-50 v1.5, stride in the 3x3: 4.09 GMAC",
        side: 224,
        parameters: 25_636_712,
        build: |b| resnet::build(b, [3, 4, 6, 3], resnet::Stride::Middle),
    },
    Network {
        name: "resnet101",
        about: "ResNet-101 v1 (He et al. 2015): 7.57 GMAC",
        side: 224,
        parameters: 44_707_176,
        build: |b| resnet::build(b, [3, 4, 23, 3], resnet::Stride::First),
    },
    Network {
        name: "inception_v3",
        about: "Inception v3 (Szegedy et al. 2015): 5.71 GMAC",
        side: 299,
        parameters: 23_851_784,
        build: inception::build,
    },
    Network {
        name: "mobilenet_v1",
        about: "MobileNet v1 1.0 (Howard et al. 2017): 0.57 GMAC",
        side: 224,
        parameters: 4_253_864,
        build: mobilenet::v1,
    },
    Network {
        name: "mobilenet_v2",
        about: "MobileNet v2 1.0 (Sandler et al. 2018): 0.30 GMAC",
        side: 224,
        parameters: 3_538_984,
        build: mobilenet::v2,
    },
];

/// The network of a name.
pub fn find(name: &str) -> Option<&'static Network> {
    NETWORKS.iter().find(|n| n.name == name)
}
