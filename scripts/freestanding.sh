#!/usr/bin/env bash
# Builds the freestanding example, runs it, and compares its digest with the ordinary executable's.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "skipped: the freestanding example is for Linux on x86-64"
    exit 0
fi
expected=$(cargo run --release --quiet -- --digest)
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
(cd examples/freestanding && CARGO_TARGET_DIR="$target/freestanding" cargo build --release --quiet)
program="$target/freestanding/x86_64-unknown-linux-gnu/release/freestanding"
if command -v readelf > /dev/null; then
    # No interpreter and no library to load.
    ! readelf --program-headers --dynamic "$program" | grep -E 'INTERP|NEEDED'
fi
found=$("$program")
echo "baked         $expected"
echo "freestanding  $found"
[ "$found" = "$expected" ]
