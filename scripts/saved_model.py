"""Writes the SavedModels of codegen/tests/saved_model, each with an input and TensorFlow's output (raw f32).

keras    a Sequential of convolution, batch norm, pooling, dropout and dense: functions, resources, object checkpoint
tf1      reference variables, one of them partitioned, saved by simple_save: no functions, a checkpoint by names

pip install tensorflow-cpu==2.21.0; python scripts/saved_model.py
"""
import os
import shutil
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent.parent / "codegen/tests/saved_model"
X = np.random.default_rng(3).random((2, 8, 8, 3), dtype=np.float32)


def save(name, y, write):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    write(str(folder))
    (folder / "fingerprint.pb").unlink(missing_ok=True)
    for empty in ("assets",):
        shutil.rmtree(folder / empty, ignore_errors=True)
    X.tofile(HERE / f"{name}.x.bin")
    y.astype(np.float32).tofile(HERE / f"{name}.y.bin")


def keras():
    layers = tf.keras.layers
    tf.keras.utils.set_random_seed(3)
    model = tf.keras.Sequential([
        tf.keras.Input((8, 8, 3), name="image"),
        layers.Conv2D(4, 3, padding="same", use_bias=False),
        layers.BatchNormalization(moving_mean_initializer="ones", beta_initializer="ones"),
        layers.ReLU(),
        layers.MaxPooling2D(),
        layers.Dropout(0.3),
        layers.Flatten(),
        layers.Dense(5, activation="softmax"),
    ])
    options = tf.saved_model.SaveOptions(experimental_debug_stripper=True)
    save("keras", model(X).numpy(), lambda f: tf.saved_model.save(model, f, options=options))


def tf1():
    t = tf.compat.v1
    with tf.Graph().as_default(), t.Session() as session:
        t.set_random_seed(3)
        x = t.placeholder(tf.float32, [None, 8, 8, 3], name="image")
        w = t.get_variable("w", [3, 3, 3, 4], use_resource=False)
        bias = t.get_variable("bias", [4], use_resource=False)
        dense = t.get_variable("dense", [4, 5], use_resource=False, partitioner=t.fixed_size_partitioner(2))
        y = tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(x, w, 1, "SAME") + bias), [1, 2])
        y = tf.nn.softmax(tf.matmul(y, tf.convert_to_tensor(dense)), name="probabilities")
        session.run(t.global_variables_initializer())
        computed = session.run(y, {x: X})
        save("tf1", computed, lambda f: t.saved_model.simple_save(session, f, {"image": x}, {"probabilities": y}))


keras()
tf1()
