#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Tests everything, from a bare Debian 12: installs what is missing (Debian packages only),
# then builds and runs all suites (run.py). The last line is `N passed, N failed, N skipped`;
# the status is 0 only if nothing failed. Logs are in build/test-logs.
#
#     tests/run.sh [--only lint|unit|fuzz|scenario|threads|soak|chaos|simulation]... [--quick]

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/packages.sh
source deploy/packages.sh

readonly PACKAGES=(
    build-essential meson ninja-build pkg-config
    clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14 universal-ctags
    libuv1-dev node-llhttp libhiredis-dev libcurl4-openssl-dev libjansson-dev libyaml-dev libpcre2-dev libjs-dygraphs
    libssl-dev libcriterion-dev
    redis-server nginx haproxy prometheus prometheus-alertmanager wrk openssl curl ca-certificates
    python3 python3-pytest python3-yaml python3-jsonschema python3-venv
    chromium chromium-driver python3-selenium fonts-dejavu-core
    python3-fastapi python3-uvicorn python3-sklearn
)
readonly LOGS=build/test-logs

# Addresses that are drawn at random from too wide a range break gcc 12's sanitizers; where a
# container forbids to turn that off, the range is hoped to be the usual one.
steady() {
    if setarch "$(uname -m)" -R true 2>/dev/null; then
        exec setarch "$(uname -m)" -R "$@"
    fi
    exec "$@"
}

mkdir -p "$LOGS"
trap packages_drop_policy EXIT
packages_install "$LOGS/apt.log" "${PACKAGES[@]}" || exit 1
PATH=$PATH:/usr/sbin
ulimit -n "$(ulimit -Hn)"
steady /usr/bin/python3 -B tests/run.py "$@"
