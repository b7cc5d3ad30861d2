#!/usr/bin/env bash
# Takes the five networks of the zoo the whole way, checks what must hold, and prints a row of a Markdown table for each.
#
#   scripts/networks.sh FOLDER [NETWORK...]
#
# zoo -> quantize (on the sample pictures in models/) -> compile -> cargo build -> run. Checked: the digests of all
# instruction sets are one; logits and probabilities are the interpreter's, bit for bit; every int8 tensor is
# TensorFlow's (needs pip install tensorflow-cpu==2.21.0; else it says so). What is left of a network stays in FOLDER:
# NETWORK_fp32.pb, NETWORK.pb and the package NETWORK/.
#
# Needs the tool (cargo build --release -p bakelite-cli), GNU time, and python3; PYTHON names another one.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
tool=${BAKELITE:-$root/target/release/bakelite}
python=${PYTHON:-python3}
mkdir -p "$1"; cd "$1"; shift
[ $# -gt 0 ] || set -- resnet50 resnet101 inception_v3 mobilenet_v1 mobilenet_v2

fail() { echo "error: $*" >&2; exit 1; }

# A float input [1, extent, extent, 3], uniform in -range..range.
noise() {
    python3 - "$@" <<'PYTHON'
import array, random, sys

file, extent, spread = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
draw = random.Random(1)
values = array.array("f", (draw.uniform(-spread, spread) for _ in range(extent * extent * 3)))
header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': (1, {extent}, {extent}, 3), }}"
header += " " * (-(len(header) + 11) % 64) + "\n"
with open(file, "wb") as out:
    out.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + values.tobytes())
PYTHON
}

# Milliseconds from exec to exit of one inference, the least of ten.
cold() {
    local best=999999999 begin end
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        begin=${EPOCHREALTIME/./}; "$1" --digest > /dev/null; end=${EPOCHREALTIME/./}
        [ $((end - begin)) -lt "$best" ] && best=$((end - begin))
    done
    awk "BEGIN { printf \"%.1f\", $best / 1000 }"
}

# The digest of each instruction set of this CPU; fails unless all are one.
digests() {
    local list isa all=""
    list=$("$1" --help | sed -n 's/.*--isa NAME .*here: //p' | tr -d ,)
    [ -n "$list" ] || fail "$1 names no instruction set"
    for isa in $list; do all+="$("$1" --digest --isa "$isa")"$'\n'; done
    [ "$(printf %s "$all" | sort -u | wc -l)" = 1 ] || fail "$1: digests differ: $list: $all"
}

# Both outputs against the interpreter's, byte for byte.
interpreter() {
    local name=$1 logits=$2 executable=$3 input=$4
    "$executable" --npy "input=$input" --out "$logits=ours.0.npy" --out "predictions/Softmax=ours.1.npy" > /dev/null
    "$tool" run "$name.pb" --feed "input=$input" \
        --fetch "$logits=theirs.0.npy" "predictions/Softmax=theirs.1.npy" > /dev/null
    cmp ours.0.npy theirs.0.npy && cmp ours.1.npy theirs.1.npy || fail "$name: not what the interpreter computes"
}

tensorflow() {
    if "$python" -c 'import tensorflow' 2> /dev/null; then
        "$python" "$root/scripts/tensorflow_parity.py" "$1.pb" "input=$2" --bakelite "$tool" --quiet 2> /dev/null |
            tail -n 1
    else
        echo "skipped: no TensorFlow"
    fi
}

# Bytes as MB with two digits.
mb() { awk "BEGIN { printf \"%.2f\", ($1) / 1e6 }"; }

network() {
    local name=$1 pixels=x/127.5-1 extent=224 spread=1 logits=predictions/BiasAdd
    case $name in
        resnet*) pixels='x-[123.7,116.8,103.9]' spread=120 ;;
        inception_v3) extent=299 ;;
        mobilenet_v1) logits=conv_preds/BiasAdd ;;
    esac
    "$tool" zoo "$name" -o "${name}_fp32.pb" > /dev/null
    "$tool" quantize "${name}_fp32.pb" --calibration "$root/models/samples" --preprocess "$pixels" --method minmax \
        --equalize off --bias-correction off -o "$name.pb" > "$name.log"
    "$tool" compile "$name.pb" -o "$name" --preprocess "$pixels" --output "$logits" predictions/Softmax > /dev/null
    rm -rf "$name/target"
    (cd "$name" && env -u RUSTFLAGS CARGO_TARGET_DIR=target time -f '%e %M' -o ../build.txt \
        cargo build --release --offline --quiet)
    local executable="$name/target/x86_64-unknown-linux-gnu/release/$name"
    local seconds kilobytes resident weights arena bound
    read -r seconds kilobytes < build.txt
    command time -f %M -o resident.txt "$executable" --digest > /dev/null
    resident=$(($(cat resident.txt) * 1024))
    weights=$(stat -c %s "$name/src/weights.bin")
    read -r arena bound < <(sed -n 's/^\/\/ arena *\([0-9]*\) bytes, of which \([0-9]*\).*/\1 \2/p' "$name/src/model.rs")
    digests "$executable"
    noise input.npy "$extent" "$spread"
    interpreter "$name" "$logits" "$executable" input.npy
    local bench
    bench=$("$executable" --bench | sed -n 's/^minimum *\([0-9.]* ms\).*/\1/p')
    echo "| $name | $seconds s, $((kilobytes / 1024)) MiB | $(mb "$weights") + $(mb "$(stat -c %s "$executable") - $weights")" \
        "| $(mb "$resident - $weights - $arena") | $(mb "$arena") of $(mb "$bound") | $(cold "$executable") ms | $bench" \
        "| $(tensorflow "$name" input.npy) |"
}

echo "| network | cargo build | executable: weights + rest, MB | resident - weights - arena, MB | arena of bound, MB" \
    "| cold start | inference | TensorFlow |"
echo "|---|---|---|---|---|---|---|---|"
for name in "$@"; do network "$name"; done
