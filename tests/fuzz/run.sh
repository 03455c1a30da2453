#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fuzzes every target for MINUTES of one core each (10 unless told), as many at once as there
# are cores, and prints what came of it:
#
#     tests/fuzz/run.sh [MINUTES [TARGET...]]
#
# New inputs that reach new code stay in build/fuzz/corpus/TARGET, findings in
# build/fuzz/found/TARGET: the status is 1 if there are any. A finding that has been mended
# belongs into tests/fuzz/corpus/TARGET.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly BUILD=build/fuzz
readonly SANITIZERS=address,undefined
minutes=${1:-10}
[[ $minutes =~ ^[1-9][0-9]*$ ]] || { echo "usage: $0 [MINUTES [TARGET...]]" >&2; exit 2; }
seconds=$((minutes * 60))
shift $(($# > 0))
targets=("$@")

build() {
    if [ ! -f "$BUILD/build.ninja" ]; then
        # Warnings are the other compiler's business; the coverage that guides the fuzzer is
        # wanted in every library.
        CC=clang-14 CFLAGS="-fsanitize=fuzzer-no-link" meson setup "$BUILD" \
            -Dtests=true -Dfuzz=true -Dwerror=false -Db_sanitize=$SANITIZERS -Db_lundef=false
    fi
    [ ${#targets[@]} -gt 0 ] ||
        mapfile -t targets < <(printf '%s\n' tests/fuzz/fuzz_*.c | sed 's/.*fuzz_\(.*\)\.c/\1/')
    ninja -C "$BUILD" "${targets[@]/#/tests/fuzz/fuzz-}"
}

# Runs in a subshell of its own, beside others.
fuzz() {
    local name=$1
    mkdir -p "$BUILD/corpus/$name" "$BUILD/found/$name"
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        "$BUILD/tests/fuzz/fuzz-$name" -max_total_time="$seconds" -timeout=10 \
        -print_final_stats=1 -artifact_prefix="$BUILD/found/$name/" \
        "$BUILD/corpus/$name" "tests/fuzz/corpus/$name" >"$BUILD/$name.log" 2>&1 ||
        echo "fuzz: $name ended with a finding" >&2
}

fuzz_all() {
    local name
    for name in "${targets[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
        fuzz "$name" &
    done
    wait
}

last() { sed -n "$1" "$BUILD/$2.log" | tail -n 1; }

report() {
    local name found status=0
    printf '%-12s %12s %9s %9s %7s %9s\n' target execs blocks features inputs findings
    for name in "${targets[@]}"; do
        found=$(find "$BUILD/found/$name" -type f | wc -l)
        [ "$found" -eq 0 ] || status=1
        printf '%-12s %12s %9s %9s %7s %9s\n' "$name" \
            "$(last 's/^stat::number_of_executed_units: *//p' "$name")" \
            "$(last 's/.*cov: \([0-9]*\).*/\1/p' "$name")" \
            "$(last 's/.*ft: \([0-9]*\).*/\1/p' "$name")" \
            "$(find "$BUILD/corpus/$name" -type f | wc -l)" "$found"
    done
    return $status
}

trap 'trap - TERM; kill 0' INT TERM
build
fuzz_all
report
