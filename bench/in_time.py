#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
How many answers of a model with `respond_within` are in time while its upstream hangs, as its
clients see it. The gateway and its clients have a core each; rules answer in the model's place:

    bench/in_time.py --weir build/release/weir
"""

import argparse
import http.client
import json
import os
import socket
import tempfile
import threading
import time

from process import LOAD_CORES, SERVER_CORES, Process, free_port

WITHIN_MS, CALLERS, EACH = 200, 10, 200

CONFIG = """
server: {{listen: "127.0.0.1:{port}", workers: 1}}
admin: {{listen: "127.0.0.1:{admin}"}}
log: {{level: error}}
upstreams: {{hangs: {{dialect: json, endpoints: ["http://127.0.0.1:{upstream}/predict"]}}}}
rules: {{desk: [{{label: unsure, score: 0.1}}]}}
models:
  intent:
    routes: [{{upstream: hangs, model: m}}]
    respond_within: {within}ms
    fallback: [{{rules: desk}}]
    cache: {{when: never}}
"""


def hang():
    """A server that takes every connection and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    held = []

    def take():
        while True:
            held.append(listener.accept()[0])

    threading.Thread(target=take, daemon=True).start()
    return listener.getsockname()[1]


def ask(port, number, took):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for i in range(EACH):
        body = json.dumps({"text": f"{number} {i}"})
        began = time.monotonic()
        link.request("POST", "/v1/predict/intent", body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        answer.read()
        took.append(((time.monotonic() - began) * 1e3, answer.status))


def main():
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--weir", required=True, help="a release build")
    weir = flags.parse_args().weir
    os.sched_setaffinity(0, LOAD_CORES)
    port, admin, took = free_port(), free_port(), []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weir.yaml")
        with open(path, "w") as file:
            file.write(CONFIG.format(port=port, admin=admin, upstream=hang(), within=WITHIN_MS))
        process = Process("weir", [weir, "serve", "-c", path], port, folder, SERVER_CORES)
        try:
            process.await_port()
            callers = [threading.Thread(target=ask, args=(port, n, took)) for n in range(CALLERS)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()
        finally:
            process.stop()
    late = sorted(ms for ms, _ in took if ms > WITHIN_MS)
    print(f"{len(took)} asked, {sum(s == 200 for _, s in took)} answered, "
          f"{len(took) - len(late)} within {WITHIN_MS} ms ({100 - 100 * len(late) / len(took):.2f} %), "
          f"the slowest after {max(ms for ms, _ in took):.1f} ms")


if __name__ == "__main__":
    main()
