"""One runtime in a process of its own: loads a model, then measures on request.

    runtimes.py RUNTIME MODEL EXTENT THREADS CORE

Prints one line of JSON when the first result is there: `start` is the time from the start of this process, `memory` the
resident bytes. Then answers each line `SECONDS` on its input with `[minimum, median, count]` of as many runs as fit.
CORE is where it is pinned, or `-`.
"""
import json
import os
import sys
import time


def tensorflow(model, x, threads):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    definition = tf.compat.v1.GraphDef()
    with open(model, "rb") as file:
        definition.ParseFromString(file.read())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
    session = tf.compat.v1.Session(graph=graph, config=config)
    call = session.make_callable("predictions/Softmax:0", feed_list=["input:0"])
    return lambda: call(x)


def openvino(model, x, threads, precision=None):
    import openvino as ov

    core = ov.Core()
    if model.endswith(".pb"):
        model = ov.convert_model(model, input=[("input:0", x.shape)], output=["predictions/Softmax:0"])
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    if precision:
        settings["INFERENCE_PRECISION_HINT"] = precision
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    return lambda: request.infer([x])


def openvino_f32(model, x, threads):
    return openvino(model, x, threads, "f32")


def openvino_bf16(model, x, threads):
    return openvino(model, x, threads, "bf16")


def onnxruntime(model, x, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: x})


def litert(model, x, threads):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model, num_threads=threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    return interpreter.invoke


def since_start():
    """Seconds since this process began, from the kernel's own books."""
    with open("/proc/self/stat") as file:
        ticks = int(file.read().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def resident():
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def repeat(call, seconds):
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    times.sort()
    return [times[0], times[len(times) // 2], len(times)]


def main():
    runtime, model, extent, threads, core = sys.argv[1:]
    if core != "-":
        os.sched_setaffinity(0, {int(core)})
    # What a runtime prints belongs to the other stream.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    import numpy as np

    x = np.random.default_rng(1).uniform(-1, 1, [1, int(extent), int(extent), 3]).astype(np.float32)
    call = globals()[runtime](model, x, int(threads))
    call()
    print(json.dumps({"start": since_start(), "memory": resident()}), file=answers)
    for line in sys.stdin:
        print(json.dumps(repeat(call, float(line))), file=answers)


if __name__ == "__main__":
    main()
