#!/usr/bin/env python3
"""Compares TensorFlow and `bakelite run` on a quantized graph, node by node.

    pip install tensorflow-cpu
    cargo build --release -p bakelite-cli
    scripts/tensorflow_parity.py GRAPH.pb NAME=INPUT.npy ...
    BAKELITE_FORMS=FOLDER cargo test --release -p bakelite-codegen --test forms && scripts/tensorflow_parity.py FOLDER

Every tensor of 8 bits that the graph computes must have the same bits in both; so must the ranges beside it. fp32
tensors that an int8 op or Dequantize gives must too; the graph's fp32 outputs may differ by the order of a sum
(--tolerance). Prints a table; exit code 1 on any difference.

Of a folder every graph is compared, on random input, with a line for each and for what differs in it.

A residual sum overwrites its summand, and fetching both crashes TensorFlow: summands are asked for one at a time, all
else at once.
"""
import argparse
import os
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

BYTES = {tf.quint8: np.uint8, tf.qint8: np.int8, tf.qint32: np.int32}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph", help="a file, or a folder of them")
    parser.add_argument("feeds", nargs="*", metavar="NAME=INPUT.npy")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(root, "target"))
    parser.add_argument("--bakelite", default=os.path.join(target, "release", "bakelite"), help="the tool's binary")
    parser.add_argument("--tolerance", type=float, default=1e-5, help="of the fp32 outputs, absolute")
    parser.add_argument("--quiet", action="store_true", help="print only what differs")
    return parser.parse_args()


def load(path):
    definition = tf.compat.v1.GraphDef()
    with open(path, "rb") as file:
        definition.ParseFromString(file.read())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    return graph


def tensors(graph):
    """(tensor, exact) of every node to compare, in the graph's order: the int8 ones, then the outputs."""
    read = {t.name for op in graph.get_operations() for t in op.inputs}
    for op in graph.get_operations():
        if op.type in ("Const", "HostConst", "Placeholder") or not op.outputs:
            continue
        quantized = any(t.dtype in BYTES for t in list(op.inputs) + list(op.outputs))
        if quantized:
            yield from ((t, True) for t in op.outputs)
        elif not any(t.name in read for t in op.outputs):
            yield from ((t, False) for t in op.outputs)


def summands(graph):
    """Names of the nodes that a residual sum may write over."""
    sums = (op for op in graph.get_operations() if "Sum" in op.type or b"Sum" in fused(op))
    return {t.op.name for op in sums for t in op.inputs if t.dtype in BYTES and t.op.type != "Const"}


def fused(op):
    return op.get_attr("fused_ops") if "Fused" in op.type else []


def plain(value, dtype):
    return value.view(BYTES[dtype]) if dtype in BYTES else value


def ours(args, path, feeds, wanted):
    """All wanted tensors from one run of the interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        files = {t.name: os.path.join(folder, f"{i}.npy") for i, (t, _) in enumerate(wanted)}
        fetches = [f"{name.removesuffix(':0')}={file}" for name, file in files.items()]
        command = [args.bakelite, "run", path, "--feed", *feeds, "--fetch", *fetches]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{args.bakelite} run failed:\n{done.stderr}")
        return {name: np.load(file) for name, file in files.items()}


def compare(theirs, mine, exact, tolerance):
    """(how many elements differ, by how much at most)."""
    if theirs.shape != mine.shape or theirs.dtype != mine.dtype:
        return theirs.size, f"{theirs.dtype}{list(theirs.shape)} / {mine.dtype}{list(mine.shape)}"
    if exact:
        return int((theirs.view(np.uint8) != mine.view(np.uint8)).sum()) if theirs.ndim else int(theirs != mine), \
            np.abs(theirs.astype(np.float64) - mine.astype(np.float64)).max(initial=0)
    difference = np.abs(theirs.astype(np.float64) - mine.astype(np.float64))
    # A NaN is a difference too.
    return int((~(difference <= tolerance)).sum()), difference.max(initial=0)


def check(args, path, given, quiet):
    """(tensors, how many of them differ) of one graph."""
    graph = load(path)
    wanted = list(tensors(graph))
    if not any(exact for _, exact in wanted):
        sys.exit(f"{path} computes nothing in int8: there is nothing to compare")
    mine = ours(args, path, given, wanted)
    feeds = {}
    for feed in given:
        name, file = feed.split("=", 1)
        feeds[name if ":" in name else f"{name}:0"] = np.load(file)
    wrong = 0
    overwritten = summands(graph)
    with tf.compat.v1.Session(graph=graph) as session:
        at_once = [t for t, _ in wanted if t.op.name not in overwritten]
        values = dict(zip((t.name for t in at_once), session.run(at_once, feeds)))
        for tensor, exact in wanted:
            value = values.pop(tensor.name) if tensor.name in values else session.run(tensor, feeds)
            theirs = plain(value, tensor.dtype)
            different, most = compare(np.asarray(theirs), mine[tensor.name], exact, args.tolerance)
            wrong += different > 0
            if different or not quiet:
                verdict = "same" if not different else f"{different} of {np.size(theirs)} differ"
                kind = "bits" if exact else f"within {args.tolerance}"
                shape = "x".join(map(str, np.shape(theirs))) or "scalar"
                print(f"{tensor.op.type:44} {shape:16} {kind:14} {verdict:24} {most:<12} {tensor.name}")
    return len(wanted), wrong


def random_feeds(path, folder):
    """A file of numbers in [-1, 1) for each placeholder; open dimensions are 1."""
    generator, feeds = np.random.default_rng(1), []
    for op in load(path).get_operations():
        if op.type == "Placeholder":
            shape = [size or 1 for size in op.outputs[0].shape]
            file = os.path.join(folder, f"{len(feeds)}.npy")
            np.save(file, generator.uniform(-1, 1, shape).astype(np.float32))
            feeds.append(f"{op.name}={file}")
    return feeds


def main():
    args = arguments()
    if not os.path.isdir(args.graph):
        count, wrong = check(args, args.graph, args.feeds, args.quiet)
        print(f"{count} tensors, {wrong} differ")
        sys.exit(1 if wrong else 0)
    names = sorted(name for name in os.listdir(args.graph) if name.endswith(".pb"))
    bad = 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(args.graph, name)
            count, wrong = check(args, path, random_feeds(path, folder), True)
            print(f"{name}: {count} tensors, {wrong} differ")
            bad += wrong > 0
    print(f"{len(names)} graphs, {bad} differ")
    sys.exit(1 if bad or not names else 0)


if __name__ == "__main__":
    main()
