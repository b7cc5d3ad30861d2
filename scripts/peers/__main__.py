#!/usr/bin/env python3
"""Measures the zoo's networks beside every int8 runtime on PyPI, and beside fp32, interleaved in one run.

    cargo build --release -p bakelite-cli
    pip install -r scripts/peers/requirements.txt
    python3 scripts/peers --bakelite target/release/bakelite --work FOLDER resnet50 mobilenet_v1

All runtimes start from the same fp32 GraphDef and calibrate on the same samples. Each round gives every runtime the same
share of time in turn, so that a slow spell of a shared machine hits all; what counts is the minimum of all rounds. The
columns: one thread, two threads, images a second of two instances of one thread each (ours: `--streams 2`), from the
start of the process to the first result (the model given, the file cache warm), resident memory after it, and bytes to
deploy (runtime and model). Prints a Markdown table a network; --json keeps every figure.
"""
import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import time

import networks

HERE = os.path.dirname(os.path.abspath(__file__))
CORES = sorted(os.sched_getaffinity(0))

# Name, function of runtimes.py, method of networks.Files, packages that it needs to run.
PEERS = [
    ("OpenVINO, int8 (NNCF)", "openvino", "openvino_int8", ["openvino"]),
    ("ONNX Runtime, int8", "onnxruntime", "onnx_int8", ["onnxruntime"]),
    ("LiteRT with XNNPACK, int8", "litert", "litert_int8", ["ai_edge_litert"]),
    ("TensorFlow, int8 (our graph)", "tensorflow", "int8", ["tensorflow"]),
    ("OpenVINO, bf16", "openvino_bf16", "fp32", ["openvino"]),
    ("OpenVINO, fp32", "openvino_f32", "fp32", ["openvino"]),
    ("ONNX Runtime, fp32", "onnxruntime", "onnx", ["onnxruntime"]),
    ("LiteRT with XNNPACK, fp32", "litert", "litert", ["ai_edge_litert"]),
    ("TensorFlow, fp32", "tensorflow", "fp32", ["tensorflow"]),
]


class Peer:
    """A runtime: one process alone on a core, another on the other core, and one with two threads."""

    def __init__(self, name, function, model, packages, network):
        self.name, self.packages, self.model = name, packages, model
        extent = str(networks.EXTENT[network])
        command = [sys.executable, os.path.join(HERE, "runtimes.py"), function, model, extent]
        self.one, first = start([*command, "1", str(CORES[-1])])
        self.start, self.memory = first["start"], first["memory"]
        self.other, self.two = None, None
        if len(CORES) > 1:
            self.other, _ = start([*command, "1", str(CORES[0])])
            self.two, _ = start([*command, "2", "-"])

    def latency(self, threads, seconds):
        return measure([self.one if threads == 1 else self.two], seconds)[0][0]

    def throughput(self, seconds):
        """Images a second of both processes: the sum of the rates of their median runs."""
        return sum(1 / median for _, median, _ in measure([self.one, self.other], seconds))

    def bytes(self):
        weights = os.path.splitext(self.model)[0] + ".bin"
        models = [self.model] + [weights] * (self.model.endswith(".xml") and os.path.exists(weights))
        return sum(map(os.path.getsize, models)) + sum(map(installed, self.packages))

    def stop(self):
        for process in filter(None, (self.one, self.other, self.two)):
            process.kill()


class Baked:
    """Our executable; its own loop of two seconds is its share of a round."""

    name = "**Bakelite, int8**"

    def __init__(self, path):
        self.path = path
        self.start = min(self.cold() for _ in range(5))
        self.memory = self.resident()

    def cold(self):
        """Seconds from the start of the process to the end of its first run."""
        begin = time.perf_counter()
        subprocess.run([self.path, "--digest"], stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - begin

    def resident(self):
        """The most resident bytes of a process that runs, from the kernel's books."""
        process = subprocess.Popen([self.path, "--bench"], stdout=subprocess.DEVNULL)
        time.sleep(1)
        with open(f"/proc/{process.pid}/status") as file:
            line = next(line for line in file if line.startswith("VmHWM"))
        process.wait()
        return int(line.split()[1]) * 1024

    def run(self, cores, *options):
        pin = lambda: os.sched_setaffinity(0, cores)
        command = [self.path, "--bench", *options]
        return subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=pin).stdout

    def latency(self, threads, seconds):
        cores = CORES[-1:] if threads == 1 else CORES
        text = self.run(cores, "--threads", str(threads))
        return float(re.search(r"minimum\s+([0-9.]+) ms", text)[1]) / 1000

    def throughput(self, seconds):
        return float(re.search(r"([0-9.]+) inferences/s", self.run(CORES, "--streams", "2"))[1])

    def bytes(self):
        return os.path.getsize(self.path)

    def stop(self):
        pass


def start(command):
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    )
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"failed: {' '.join(command)}")
    return process, json.loads(line)


def measure(processes, seconds):
    for process in processes:
        process.stdin.write(f"{seconds}\n")
    return [json.loads(process.stdout.readline()) for process in processes]


def installed(package):
    """Bytes of an installed package."""
    root = os.path.dirname(importlib.util.find_spec(package).origin)
    files = (os.path.join(folder, file) for folder, _, files in os.walk(root) for file in files)
    return sum(os.path.getsize(file) for file in files if not file.endswith(".pyc"))


def compare(files, args):
    """Every figure of one network, a dictionary a runtime."""
    runtimes = [Baked(files.baked())]
    for name, function, model, packages in PEERS:
        missing = [package for package in packages if importlib.util.find_spec(package) is None]
        if missing:
            print(f"skipped: {name}: {missing[0]} is not installed", file=sys.stderr)
            continue
        runtimes.append(Peer(name, function, getattr(files, model)(), packages, files.network))
    figures = {runtime.name: {"one": [], "two": [], "rate": []} for runtime in runtimes}
    for number in range(args.rounds):
        print(f"{files.network}: round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
        for runtime in runtimes:
            figures[runtime.name]["one"].append(runtime.latency(1, args.seconds))
        for runtime in runtimes if len(CORES) > 1 else []:
            figures[runtime.name]["two"].append(runtime.latency(2, args.seconds))
            figures[runtime.name]["rate"].append(runtime.throughput(args.seconds))
    for runtime in runtimes:
        figures[runtime.name] |= {"start": runtime.start, "memory": runtime.memory, "bytes": runtime.bytes()}
        runtime.stop()
    return figures


def table(network, figures):
    """Markdown: times in ms with the ratio to ours in brackets."""
    ours = figures[Baked.name]

    def column(all_figures, key, best, show):
        if not all_figures[key]:
            return "-"
        value, reference = best(all_figures[key]), best(ours[key])
        ratio = value / reference if best is min else reference / value
        return show(value) + ("" if all_figures is ours else f" ({ratio:.2f}x)")

    ms = lambda seconds: f"{seconds * 1000:.2f}"
    lines = [
        f"| {network} | 1 thread, ms | 2 threads, ms | 2 streams, images/s | cold start, ms | resident, MB | to deploy, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in figures.items():
        cells = [
            name,
            column(row, "one", min, ms),
            column(row, "two", min, ms),
            column(row, "rate", max, lambda rate: f"{rate:.0f}"),
            f"{row['start'] * 1000:.0f}",
            f"{row['memory'] / 1e6:.1f}",
            f"{row['bytes'] / 1e6:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", choices=networks.EXTENT, metavar="NETWORK")
    parser.add_argument("--bakelite", required=True, help="the tool's executable")
    parser.add_argument("--work", required=True, help="folder for models; what is there is used again")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="a peer's share of a round")
    parser.add_argument("--prepare", action="store_true", help="only write the models")
    parser.add_argument("--json", help="file for every figure")
    args = parser.parse_args()
    args.bakelite = os.path.abspath(args.bakelite)
    everything = {}
    for network in args.networks:
        files = networks.Files(network, args.work, args.bakelite)
        for model in {model for _, _, model, _ in PEERS}:
            getattr(files, model)()
        if args.prepare:
            continue
        everything[network] = compare(files, args)
        print(table(network, everything[network]), end="\n\n", flush=True)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(everything, file, indent=1)


if __name__ == "__main__":
    main()
