#!/usr/bin/env python3
"""Measures a baked network beside its peers, interleaved in one run, one thread, batch 1.

    pip install tensorflow-cpu openvino
    scripts/peers.py FP32.pb INT8.pb EXECUTABLE --input NAME --output NAME --shape 1,224,224,3

Each round gives every runtime the same share of time in turn, so that a slow spell of a shared machine hits all; what
counts is the minimum of all rounds, and the ratio. Prints a row of a Markdown table a runtime. The peers that cannot
read Intel's quantized ops (all but TensorFlow) run the fp32 graph, OpenVINO in the precision it chooses.
"""
import argparse
import os
import re
import subprocess
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fp32")
    parser.add_argument("int8")
    parser.add_argument("executable", help="the baked INT8.pb")
    parser.add_argument("--input", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--shape", required=True, type=lambda s: [int(d) for d in s.split(",")])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="a runtime's share of a round")
    return parser.parse_args()


def repeat(call, seconds):
    """The shortest of as many calls as fit."""
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def tensorflow(path, args, x):
    import tensorflow as tf

    definition = tf.compat.v1.GraphDef()
    with open(path, "rb") as file:
        definition.ParseFromString(file.read())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    session = tf.compat.v1.Session(graph=graph, config=config)
    call = session.make_callable(args.output + ":0", feed_list=[args.input + ":0"])
    return lambda: call(x)


def openvino(path, args, x):
    import openvino as ov

    core = ov.Core()
    model = ov.convert_model(path, input=[(args.input + ":0", args.shape)], output=[args.output + ":0"])
    compiled = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    return lambda: request.infer([x])


def baked(path):
    """Seconds of the executable's own minimum: its loop has no interpreter around it to subtract."""
    text = subprocess.run([path, "--bench"], capture_output=True, text=True, check=True).stdout
    return float(re.search(r"minimum\s+([0-9.]+) ms", text)[1]) / 1000


def main():
    args = arguments()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    x = np.random.default_rng(1).uniform(-1, 1, args.shape).astype(np.float32)
    runtimes = {"Bakelite, int8": lambda _: baked(args.executable)}
    for name, make, path in [
        ("TensorFlow, int8 (the same graph)", tensorflow, args.int8),
        ("OpenVINO, fp32 graph", openvino, args.fp32),
        ("TensorFlow, fp32", tensorflow, args.fp32),
    ]:
        try:
            call = make(path, args, x)
            repeat(call, 0.5)
        except ImportError as missing:
            print(f"skipped: {name}: {missing}")
            continue
        runtimes[name] = lambda seconds, call=call: repeat(call, seconds)
    best = dict.fromkeys(runtimes, float("inf"))
    for _ in range(args.rounds):
        best = {name: min(best[name], run(args.seconds)) for name, run in runtimes.items()}
    ours = best["Bakelite, int8"]
    print("| runtime | ms | times ours |\n|---|---|---|")
    for name, seconds in best.items():
        print(f"| {name} | {seconds * 1000:.3f} | {seconds / ours:.2f} |")


if __name__ == "__main__":
    main()
