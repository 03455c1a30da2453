#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Measures Weir against nginx, HAProxy and the limit, on this machine, in one run:
# builds a release, then hands over to story.py, which starts and stops everything.
#
#     bench/run.sh [--quick] [--help for all flags]
#
# BUILD names another build folder.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$root/build/release}

need() {
    for command in "$@"; do
        command -v "$command" >/dev/null || {
            echo "bench: $command is missing; on Debian 12:" \
                "apt-get install nginx-light haproxy wrk redis-server meson ninja-build" >&2
            exit 1
        }
    done
}

build() {
    [ -f "$build/build.ninja" ] || meson setup "$build" "$root" --buildtype=release -Db_lto=true
    ninja -C "$build" "$@" >&2
}

wants_weir() {
    for word in "$@"; do
        [ "$word" != --without-weir ] || return 1
    done
}

PATH=$PATH:/usr/sbin
need nginx haproxy wrk redis-server meson ninja
build bench/upstream bench/limit bench/streams bench/idle
! wants_weir "$@" || build weir
ulimit -n "$(ulimit -Hn)" # ten thousand connections, twice
exec /usr/bin/python3 -B "$root/bench/story.py" --build "$build" "$@"
