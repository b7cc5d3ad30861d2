#!/usr/bin/env python3
"""What TensorFlow exports for the networks of `bakelite zoo`: one line a node, for `codegen/tests/zoo.rs` to compare with.

    pip install tensorflow-cpu tf_keras
    python3 scripts/zoo.py codegen/tests/zoo

Builds each network with Keras' own code, freezes it, and writes NAME.txt:

    NAME = OP(INPUTS) ATTRIBUTES

in the text form of Bakelite's graphs. An input is a node's name, the value and shape of an integer constant, or type and
shape of a float constant. Identity and the reads of variables are looked through. ResNet-50 v1.5 is Keras' ResNet-50 with the stride of a stage's first block moved from its
1x1 to its 3x3 convolution.
"""
import os
import sys
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2 as freeze
from tf_keras.src.applications import resnet


def block_v1_5(x, filters, kernel_size=3, stride=1, conv_shortcut=True, name=None):
    """Keras' `block1` with the stride in the 3x3 convolution."""
    layers = keras.layers
    shortcut = x
    if conv_shortcut:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=name + "_0_conv")(x)
        shortcut = layers.BatchNormalization(axis=3, epsilon=1.001e-5, name=name + "_0_bn")(shortcut)
    x = layers.Conv2D(filters, 1, name=name + "_1_conv")(x)
    x = layers.BatchNormalization(axis=3, epsilon=1.001e-5, name=name + "_1_bn")(x)
    x = layers.Activation("relu", name=name + "_1_relu")(x)
    x = layers.Conv2D(filters, kernel_size, strides=stride, padding="SAME", name=name + "_2_conv")(x)
    x = layers.BatchNormalization(axis=3, epsilon=1.001e-5, name=name + "_2_bn")(x)
    x = layers.Activation("relu", name=name + "_2_relu")(x)
    x = layers.Conv2D(4 * filters, 1, name=name + "_3_conv")(x)
    x = layers.BatchNormalization(axis=3, epsilon=1.001e-5, name=name + "_3_bn")(x)
    x = layers.Add(name=name + "_add")([shortcut, x])
    return layers.Activation("relu", name=name + "_out")(x)


def resnet50_v1_5():
    original, resnet.block1 = resnet.block1, block_v1_5
    try:
        return keras.applications.ResNet50(weights=None)
    finally:
        resnet.block1 = original


a = keras.applications
NETWORKS = {
    "resnet50": lambda: a.ResNet50(weights=None),
    "resnet50_v1_5": resnet50_v1_5,
    "resnet101": lambda: a.ResNet101(weights=None),
    "inception_v3": lambda: a.InceptionV3(weights=None),
    "mobilenet_v1": lambda: a.MobileNet(weights=None),
    "mobilenet_v2": lambda: a.MobileNetV2(weights=None),
}


def exported(model):
    spec = tf.TensorSpec(model.input_shape, tf.float32, name="input")
    call = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
    return freeze(call).graph.as_graph_def()


def shown(key, attr):
    """Text of an attribute; None for what needs no saying, as in Bakelite's text form."""
    kind = attr.WhichOneof("value")
    if kind == "list":
        ints = list(attr.list.i)
        return None if not ints or key == "dilations" and set(ints) == {1} else str(ints)
    if kind == "s":
        return None if attr.s == b"NHWC" else f'"{attr.s.decode()}"'
    if kind == "f":
        return None if key == "exponential_avg_factor" else str(np.float32(attr.f)).replace("e-0", "e-")
    if kind == "i":
        return None if key == "N" else str(attr.i)
    if kind == "b":
        return "true" if attr.b and key != "use_cudnn_on_gpu" else None
    if kind == "shape":
        return str([d.size for d in attr.shape.dim])
    return None if key.startswith("T") and key != "T" or attr.type == tf.float32.as_datatype_enum else tf.as_dtype(attr.type).name


def lines(graph, prefix):
    nodes = {n.name: n for n in graph.node}

    def short(name):
        return name.removeprefix(prefix + "/")

    def operand(name):
        node = nodes[name.split(":")[0]]
        while node.op == "Identity":
            node = nodes[node.input[0].split(":")[0]]
        if node.op != "Const":
            return short(node.name)
        array = tf.make_ndarray(node.attr["value"].tensor)
        shape = str(list(array.shape))
        return f"{array.flatten().tolist()} as {shape}" if array.dtype.kind == "i" else f"float{shape}"

    for n in graph.node:
        if n.op in ("Const", "Identity", "NoOp"):
            continue
        inputs = ", ".join(operand(i) for i in n.input if not i.startswith("^"))
        texts = ((key, shown(key, n.attr[key])) for key in sorted(n.attr))
        attributes = "".join(f" {key}={text}" for key, text in texts if text is not None)
        yield f"{short(n.name)} = {n.op}({inputs}){attributes}"


for name, build in NETWORKS.items():
    keras.backend.clear_session()
    model = build()
    text = "\n".join(lines(exported(model), model.name)) + "\n"
    Path(sys.argv[1], f"{name}.txt").write_text(text)
    print(f"{name}: {model.count_params()} parameters, {text.count(chr(10))} nodes")
