#!/usr/bin/env python3
"""Prints `benches/shapes.txt`: the products of packages that `bakelite compile` wrote, each shape once.

    scripts/shapes.py FOLDER/resnet50 FOLDER/resnet101 ... > benches/shapes.txt

`scripts/networks.sh FOLDER` writes those of the zoo's five networks.
"""
import pathlib
import re
import sys

LAYER = re.compile(r"^/// .*; ((?:igemm|dwconv|winograd)-\d\S+)\n(?:#.*\n)?fn .*\n(?:.*\n)*?}\n", re.M)
COLUMNS = "{:16} {:13} {:13} {:6} {:4} {:16} {}"


def numbers(pattern, text):
    """The numbers of the first bracket behind the pattern."""
    return [int(number) for number in re.search(pattern + r"[^\[]*\[([^\]]*)\]", text)[1].split(",")]


def shape(tile, text):
    """The line of a layer, without its networks."""
    x, y = (numbers(rf"\b{name}: Place", text)[1:] for name in "xy") if "Place {" not in text else places(text)
    kernel, stride, pad = (numbers(f"{name}: ", text) for name in ("kernel", "stride", "pad"))
    point = y[:2] == [1, 1] and x[:2] == [1, 1]
    kind = "dwconv" if tile.startswith("dwconv") else "matmul" if point else "conv"
    op = kind + ("" if point else "-%dx%d" % tuple(kernel))
    op += ("s%d" % stride[0] if stride != [1, 1] else "") + ("-sum" if "sum: SumU8" in text else "")
    by = "x".join
    return op, by(map(str, x)), by(map(str, y)), stride[0], by(map(str, pad)), tile


def places(text):
    """Shapes of x and y where one is part of a larger tensor, which is written field by field."""
    fields = []
    for name in "xy":
        found = re.search(rf"\b{name}: Place {{\s*batch: \d+,\s*height: (\d+),\s*width: (\d+),\s*channels: (\d+)", text)
        fields.append([int(n) for n in found.groups()] if found else numbers(rf"\b{name}: Place", text)[1:])
    return fields


def main():
    networks = {}
    for folder in map(pathlib.Path, sys.argv[1:]):
        for layer in LAYER.finditer((folder / "src/model.rs").read_text()):
            users = networks.setdefault(shape(layer[1], layer[0]), [])
            if folder.name not in users:
                users.append(folder.name)
    print("# Written by scripts/shapes.py: every shape of a product in the zoo's networks, and its tile on AVX-512 VNNI.")
    print(COLUMNS.format("# op", "x", "y", "stride", "pad", "tile", "networks"))
    for line, users in networks.items():
        print(COLUMNS.format(*line, ",".join(users)))


if __name__ == "__main__":
    main()
