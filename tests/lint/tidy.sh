#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# clang-tidy's opinion on src, for a reader: slow and sometimes wrong, so no test runs it.
#
#     tests/lint/tidy.sh [FILE...]        needs a build in build/asan (BUILD names another)
set -eu
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- src/*/*.c
exec clang-tidy-14 --quiet -p "${BUILD:-build/asan}" \
    --checks='-*,bugprone-*,clang-analyzer-*,cert-err33-c,-bugprone-easily-swappable-parameters' \
    "$@"
