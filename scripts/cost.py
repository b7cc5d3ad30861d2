#!/usr/bin/env python3
"""Compares what the cost model predicts with what this machine does, for the five networks of `bakelite zoo`.

    scripts/cost.py PICTURES [--isa avx512vnni] [--networks resnet50,mobilenet_v1] [--folder FOLDER] [--bakelite target/release/bakelite]

Writes, quantizes (any pictures serve), compiles and builds each network, profiles it, and prints for each kind of kernel the
measured and the predicted time, and the mean error of its layers, each weighed by its time. What is in FOLDER already
is used again. Times are minima, so other work on the machine matters little.
"""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

NETWORKS = "resnet50,resnet101,inception_v3,mobilenet_v1,mobilenet_v2"


def build(tool, name, folder, pictures):
    """The executable of a network."""
    fp32, int8, package = (folder / f for f in (f"{name}.pb", f"{name}_int8.pb", name))
    if not int8.exists():
        subprocess.run([tool, "zoo", name, "-o", fp32], check=True, stdout=sys.stderr)
        quick = ["--method", "minmax", "--equalize", "off", "--bias-correction", "off"]
        command = [tool, "quantize", fp32, "--calibration", pictures, "--preprocess", "x/127.5-1", *quick, "-o", int8]
        subprocess.run(command, check=True, stdout=sys.stderr)
    subprocess.run([tool, "compile", int8, "-o", package, "--name", name, "--build"], check=True, stdout=sys.stderr)
    return package / name


def report(name, profile):
    """Prints a line a kind, and a line for the network."""
    kinds = collections.defaultdict(lambda: [0, 0.0, 0.0, 0.0])
    for layer in profile["layers"]:
        measured = layer["minimum_ms"]
        predicted = layer["predicted_cycles"] / profile["clock_ghz"] / 1e6
        for key in (layer["kernel"].split("-")[0], "all"):
            kind = kinds[key]
            for i, value in enumerate((1, measured, predicted, abs(predicted - measured))):
                kind[i] += value
    print(f"{name}, {profile['isa']}, {profile['machine']}, {profile['clock_ghz']:.2f} GHz")
    for key, (count, measured, predicted, error) in sorted(kinds.items(), key=lambda kind: kind[1][1]):
        share = 100 * error / max(measured, 1e-9)
        ratio = 100 * predicted / max(measured, 1e-9)
        print(f"  {key:10} {count:4} layers  measured {measured:9.4f} ms  predicted {predicted:9.4f} ms"
              f"  {ratio:6.1f} %  mean error {share:5.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=pathlib.Path)
    parser.add_argument("--isa", default="avx512vnni")
    parser.add_argument("--networks", default=NETWORKS)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("target/cost"))
    parser.add_argument("--bakelite", default=os.environ.get("BAKELITE", "target/release/bakelite"))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for name in args.networks.split(","):
        executable = build(args.bakelite, name, args.folder, args.pictures)
        command = [executable.resolve(), "--profile", "json", "--isa", args.isa]
        report(name, json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


if __name__ == "__main__":
    main()
