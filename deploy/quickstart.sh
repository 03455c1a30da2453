#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# From a clean clone on Debian 12 to a cached, streamed, measured answer, in one command.
#
# Installs what is missing (Debian packages only), builds a release, starts a private Redis,
# two local model servers and Weir, and asks a handful of real questions. It stays up until
# Ctrl-C; with --once it ends after the questions, with status 0 only if all was as it should
# be. Nothing stays behind: all files but the build lie in a temporary folder, all processes
# end with this one. A port that is taken is replaced by a free one.

set -euo pipefail

readonly PACKAGES=(
    build-essential meson ninja-build pkg-config
    libuv1-dev node-llhttp libhiredis-dev libcurl4-openssl-dev libjansson-dev libyaml-dev libpcre2-dev libjs-dygraphs libssl-dev
    redis-server ca-certificates curl
    python3 python3-fastapi python3-uvicorn python3-sklearn
)
readonly READY_SECONDS=30
readonly INTERRUPTED=130

once=false
drift=false
up=false
started=()
names=()
logs=""

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/packages.sh
source deploy/packages.sh

usage() {
    echo "usage: deploy/quickstart.sh [--drift] [--once]"
    echo "  --drift  replay a day of questions in a minute, change the model in it, and see the alarm"
    echo "  --once   end after the demonstration; status 0 if all was as it should be"
}

say() { printf '%s\n' "$*"; }

# ---- the end -----------------------------------------------------------------------------------

# Ends what was started, the last first, so that Weir drains while the others still answer.
end_all() {
    local i pid tries
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        pid=${started[i]}
        kill -TERM "$pid" 2>/dev/null || continue
        for ((tries = 0; tries < 50; tries++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    started=()
}

on_exit() {
    local status=$?
    trap '' INT TERM
    end_all
    packages_drop_policy
    if [ "$status" -eq 0 ] || [ "$status" -eq "$INTERRUPTED" ]; then
        [ -z "$logs" ] || rm -rf "$logs"
    else
        [ -z "$logs" ] || say "Something went wrong; the logs are in $logs"
    fi
    exit "$status"
}

on_signal() {
    # Once all is up, Ctrl-C is how a person ends it, and not a failure.
    if $up; then echo; say "Ending."; exit 0; fi
    exit "$INTERRUPTED"
}

fail() {
    say "$1"
    [ $# -lt 2 ] || tail -n 20 "$2" | sed 's/^/  | /'
    exit 1
}

# ---- the build -----------------------------------------------------------------------------------

build() {
    say "Building build/release/weir"
    if [ ! -f build/release/build.ninja ]; then
        meson setup build/release --buildtype=release -Db_lto=true >"$logs/build.log" 2>&1 ||
            fail "meson setup failed:" "$logs/build.log"
    fi
    ninja -C build/release >>"$logs/build.log" 2>&1 || fail "The build failed:" "$logs/build.log"
    [ -x build/release/weir ] || fail "The build made no build/release/weir." "$logs/build.log"
}

# ---- processes ---------------------------------------------------------------------------------

# The preferred port if it is free, else one that the kernel gives.
free_port() {
    /usr/bin/python3 - "$1" <<'PYTHON'
import socket, sys
for port in (int(sys.argv[1]), 0):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            s.listen()
        except OSError:
            continue
        print(s.getsockname()[1])
        break
PYTHON
}

# Starts a process in a session of its own: Ctrl-C is for this script, which ends it in order.
start() {
    local name=$1
    shift
    setsid "$@" >"$logs/$name.log" 2>&1 </dev/null &
    started+=($!)
    names+=("$name")
}

# wait_for NAME COMMAND...: until the command succeeds, while the last started process lives.
wait_for() {
    local name=$1 pid=${started[-1]} until=$((SECONDS + READY_SECONDS))
    shift
    until "$@" >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null || fail "$name ended at its start:" "$logs/$name.log"
        [ "$SECONDS" -lt "$until" ] ||
            fail "$name was not ready after $READY_SECONDS s:" "$logs/$name.log"
        sleep 0.05
    done
}

answers() { curl -fsS --noproxy '*' --max-time 2 "$1"; }

start_redis() {
    redis_port=$(free_port 6390)
    start redis redis-server --bind 127.0.0.1 --port "$redis_port" --save '' --appendonly no \
        --dir "$logs" --maxmemory 64mb --maxmemory-policy allkeys-lru
    wait_for redis redis-cli -p "$redis_port" ping
    export WEIR_REDIS_URL="redis://127.0.0.1:$redis_port/0"
}

start_model() {
    local name=$1 version=$2 port=$3
    start "$name" /usr/bin/python3 -B deploy/model-service/main.py \
        --version "$version" --port "$port"
    wait_for "$name" answers "http://127.0.0.1:$port/health"
}

# start_weir CONFIGURATION
start_weir() {
    weir=127.0.0.1:$(free_port 8080)
    admin=127.0.0.1:$(free_port 8081)
    start weir build/release/weir serve -c "$1" \
        --listen "$weir" --admin "$admin"
    wait_for weir answers "http://$weir/readyz"
}

start_all() {
    local port_a port_b
    say "Starting a private Redis, two model servers and Weir"
    start_redis
    port_a=$(free_port 8001)
    export MODEL_A_URL="http://127.0.0.1:$port_a"
    start_model model-a 1 "$port_a"
    port_b=$(free_port 8002)
    export MODEL_B_URL="http://127.0.0.1:$port_b"
    start_model model-b 2 "$port_b"
    start_weir config/quickstart.yaml
    say "  Weir     http://$weir, admin http://$admin"
    say "  models   $MODEL_A_URL (version 1), $MODEL_B_URL (version 2)"
    say "  Redis    127.0.0.1:$redis_port"
    echo
}

# ---- another model behind the same name ------------------------------------------------------------

show_drift() {
    local port
    say "Starting a private Redis and Weir"
    start_redis
    port=$(free_port 8001)
    export MODEL_A_URL="http://127.0.0.1:$port"
    start_weir config/drift-demo.yaml
    say "  Weir http://$weir; watch it in a browser at http://$admin/ or with"
    say "  build/release/weir top --admin $admin"
    echo
    /usr/bin/python3 -B deploy/drift_demo.py --weir "$weir" --admin "$admin" \
        --model-port "$port" || fail "The demonstration did not go as it should."
}

next_steps() {
    cat <<TEXT

Try next
  curl -i http://$weir/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model":"support-chat","temperature":0,"messages":[{"role":"user","content":"I forgot my password"}]}'
  curl -N http://$weir/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model":"support-chat","stream":true,"messages":[{"role":"user","content":"Cancel my order please"}]}'
  curl http://$weir/v1/predict/support-intent -H 'content-type: application/json' \\
    -d '{"text":"Let me talk to a human"}'
  redis-cli -p $redis_port --scan --pattern 'weir:v1:*'
  redis-cli -p $redis_port HGETALL "\$(redis-cli -p $redis_port --scan --pattern 'weir:v1:answer:*' | head -n 1)"
  curl http://$admin/metrics
  curl -H 'accept: text/plain' http://$admin/admin/predictions
TEXT
}

# Keeps all up. A process that ends meanwhile ends the rest, and is named.
stay() {
    local i
    say
    up=true
    say "All is up. Logs are in $logs. Ctrl-C ends it."
    wait -n "${started[@]}" 2>/dev/null || true
    for i in "${!started[@]}"; do
        kill -0 "${started[i]}" 2>/dev/null ||
            fail "${names[i]} ended by itself:" "$logs/${names[i]}.log"
    done
}

# ---- the way through -----------------------------------------------------------------------------

read_arguments() {
    while [ $# -gt 0 ]; do
        case "$1" in
            --once) once=true ;;
            --drift) drift=true ;;
            -h | --help) usage; exit 0 ;;
            *) usage >&2; exit 2 ;;
        esac
        shift
    done
}

show_answers() {
    local status=0
    start_all
    /usr/bin/python3 deploy/demo.py --weir "$weir" --admin "$admin" \
        --redis-port "$redis_port" || status=1
    next_steps
    return "$status"
}

main() {
    local status=0
    read_arguments "$@"
    logs=$(mktemp -d "${TMPDIR:-/tmp}/weir-quickstart.XXXXXX")
    trap on_exit EXIT
    trap on_signal INT TERM HUP

    packages_install "$logs/apt.log" "${PACKAGES[@]}" || exit 1
    build
    if $drift; then show_drift; else show_answers || status=1; fi
    if $once; then exit "$status"; fi
    stay
}

main "$@"
