#!/usr/bin/env bash
# Reads the assembly of the benches: no loop around VPDPBUSD on zmm registers may call a function or store a vector to
# the stack. Either would mean that sums left their registers, which changes no result and costs two to sixteen times.
# (With 16 ymm registers LLVM spills one sum of some tiles; store forwarding hides it, measured at 92-96 % of the peak.)
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cargo rustc --release -p bakelite --bench kernels -- --emit "asm=$folder/kernels.s"
awk '
    /^[^ \t.#].*:$/ { delete begin; name = $1 }
    /^\.L[A-Za-z0-9_]*:/ { label = $1; sub(":", "", label); begin[label] = NR }
    { line[NR] = $0 }
    # A jump back closes a loop. Only innermost ones count: those without a jump back inside.
    /^[ \t]+j[a-z]+[ \t]/ && ($2 in begin) && begin[$2] >= last {
        last = NR; dots = 0; bad = ""
        for (i = begin[$2]; i <= NR; i++) {
            if (line[i] ~ /vpdpbusd.*zmm/) dots++
            if (line[i] ~ /[ \t]call|mm[0-9]+, [-0-9]*\(%rsp\)/) bad = bad "\n" line[i]
        }
        if (dots >= 4) { loops++; if (bad != "") { failed++; print name " line " begin[$2] bad } }
    }
    END {
        if (loops < 10) { print "only " loops + 0 " loops of dot products found: the check is blind"; exit 1 }
        print loops " loops of dot products, " failed + 0 " leave their registers"
        exit failed > 0
    }
' "$folder/kernels.s"
