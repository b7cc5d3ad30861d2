#!/usr/bin/env python3
"""Saves Keras networks as SavedModels, and compares TensorFlow with what Bakelite makes of the folders.

    pip install tensorflow-cpu==2.21.0
    cargo build --release -p bakelite-cli
    scripts/keras_parity.py [NETWORK ...]

Of each network: fp32 by `bakelite optimize FOLDER` and `run` must equal TensorFlow within --tolerance of its largest
output; then `bakelite quantize FOLDER` with random samples must give an int8 graph that runs and points where fp32 points (cosine).
Weights and batch norm statistics are random, from a constant seed. Prints a line each; exit code 1 on any failure.
"""
import argparse
import os
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

L, A = tf.keras.layers, tf.keras.applications


def sequential():
    return tf.keras.Sequential([
        tf.keras.Input((32, 32, 3)),
        L.Conv2D(16, 3, padding="same"), L.BatchNormalization(), L.ReLU(), L.MaxPooling2D(),
        L.Conv2D(32, 3, activation="relu"), L.AveragePooling2D(2),
        L.Flatten(), L.Dropout(0.5), L.Dense(10, activation="softmax"),
    ])


def residual():
    x = image = tf.keras.Input((32, 32, 3), name="image")
    x = L.ReLU(6.0)(L.BatchNormalization()(L.Conv2D(16, 3, strides=2, padding="same")(x)))
    y = L.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    y = L.Conv2D(16, 1)(L.ReLU(6.0)(L.BatchNormalization()(y)))
    x = L.GlobalAveragePooling2D()(L.Add()([x, y]))
    return tf.keras.Model(image, L.Dense(10)(x))


def two_outputs():
    image = tf.keras.Input((32, 32, 3), name="image")
    x = L.Conv2D(16, 3, activation="relu")(image)
    pooled = L.GlobalMaxPooling2D()(x)
    return tf.keras.Model(image, {"kind": L.Dense(5, activation="softmax")(pooled), "place": L.Dense(4)(pooled)})


class Positions(L.Layer):
    """Adds a learned vector for each place of a sequence."""

    def build(self, shape):
        self.table = self.add_weight(shape=shape[1:], initializer="random_normal")

    def call(self, x):
        return x + self.table


def attention():
    """A text classifier: one block of a transformer."""
    tokens = tf.keras.Input((16,), dtype="int32", name="tokens")
    x = Positions()(L.Embedding(WORDS, 32)(tokens))
    x = L.LayerNormalization()(x + L.MultiHeadAttention(4, 8)(x, x))
    x = L.LayerNormalization()(x + L.Dense(32)(L.Dense(64, activation="gelu")(x)))
    return tf.keras.Model(tokens, L.Dense(5, activation="softmax")(L.GlobalAveragePooling1D()(x)))


def speech():
    sound = tf.keras.Input((64, 13), name="sound")
    x = L.Conv1D(16, 3, padding="causal", dilation_rate=2, activation="relu")(sound)
    x = L.Conv1D(16, 3, padding="same", dilation_rate=4, activation="relu")(x)
    return tf.keras.Model(sound, L.Dense(4)(L.GlobalAveragePooling1D()(x)))


def recurrent(cell):
    steps = tf.keras.Input((12, 8), name="steps")
    return tf.keras.Model(steps, L.Dense(3)(cell(8, unroll=True)(steps)))


WORDS = 100
NETWORKS = {
    "attention": attention,
    "speech": speech,
    "lstm": lambda: recurrent(L.LSTM),
    "gru": lambda: recurrent(L.GRU),
    "sequential": sequential,
    "residual": residual,
    "two_outputs": two_outputs,
    "mobilenet_v2": lambda: A.MobileNetV2(weights=None, input_shape=(96, 96, 3)),
    "mobilenet_v3": lambda: A.MobileNetV3Small(weights=None, input_shape=(96, 96, 3)),
    "resnet50": lambda: A.ResNet50(weights=None, input_shape=(96, 96, 3)),
    "densenet121": lambda: A.DenseNet121(weights=None, input_shape=(96, 96, 3)),
    "inception_v3": lambda: A.InceptionV3(weights=None, input_shape=(96, 96, 3)),
    "efficientnet_v2": lambda: A.EfficientNetV2B0(weights=None, input_shape=(96, 96, 3)),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(root, "target"))
    parser.add_argument("--bakelite", default=os.path.join(target, "release", "bakelite"), help="the tool's binary")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="of fp32, relative to the largest output")
    return parser.parse_args()


def randomize(model):
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            n = layer.moving_mean.shape[0]
            spread = [rng.uniform(0.6, 1.4, n)] if layer.scale else []
            shift = [rng.normal(0, 0.2, n)] if layer.center else []
            layer.set_weights(spread + shift + [rng.normal(0, 0.2, n), rng.uniform(0.6, 1.4, n)])


def saved(model, folder):
    """The two ways Keras users save: (name, folder, how)."""
    yield "export", os.path.join(folder, "export"), lambda f: model.export(f, verbose=False)
    yield "save", os.path.join(folder, "save"), lambda f: tf.saved_model.save(model, f)


def bakelite(tool, *args):
    done = subprocess.run([tool, *args], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"bakelite {' '.join(args)}\n{done.stderr}")


def run(tool, graph, name, x, outputs, folder):
    np.save(os.path.join(folder, "x.npy"), x)
    fetch = [f"{o}={folder}/{i}.npy" for i, o in enumerate(outputs)]
    bakelite(tool, "run", graph, "--feed", f"{name}={folder}/x.npy", "--fetch", *fetch)
    return [np.load(f"{folder}/{i}.npy") for i in range(len(outputs))]


def compare(options, network, folder):
    tf.keras.utils.set_random_seed(1)
    model = NETWORKS[network]()
    randomize(model)
    random, shape = np.random.default_rng(2), (8, *model.input_shape[1:])
    numbers = model.inputs[0].dtype == "int32"
    x = random.integers(0, WORDS, shape, np.int32) if numbers else random.uniform(0, 1, shape).astype(np.float32)
    np.save(os.path.join(folder, "samples.npy"), x)
    good = True
    for way, where, write in saved(model, folder):
        write(where)
        serve = tf.saved_model.load(where).signatures["serving_default"]
        name = next(iter(serve.structured_input_signature[1]))
        wanted = serve(**{name: tf.constant(x[:2])})
        outputs = sorted(wanted)
        fp32 = os.path.join(folder, f"{way}_fp32.pb")
        bakelite(options.bakelite, "optimize", where, "-o", fp32)
        y = run(options.bakelite, fp32, name, x[:2], outputs, folder)
        worst = max(np.abs(a - wanted[o]).max() / np.abs(wanted[o]).max() for a, o in zip(y, outputs))
        int8 = os.path.join(folder, f"{way}.pb")
        bakelite(options.bakelite, "quantize", where, "--calibration", f"{folder}/samples.npy", "-o", int8)
        q = run(options.bakelite, int8, name, x[:2], outputs, folder)
        cosine = min(np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b)) for a, b in zip(y, q))
        ok = worst <= options.tolerance and cosine > 0.95
        good &= bool(ok)
        print(f"{network:16} {way:7} fp32 {worst:.1e}  int8 cosine {cosine:.4f}{'' if ok else '  FAILED'}", flush=True)
    return good


def main():
    options, good = arguments(), True
    for network in options.networks or NETWORKS:
        try:
            with tempfile.TemporaryDirectory() as folder:
                good &= compare(options, network, folder)
        except RuntimeError as error:
            print(f"{network:16} FAILED\n{error}", flush=True)
            good = False
    sys.exit(not good)


main()
