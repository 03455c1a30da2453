#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Starts the support desk: trains the model, listens, and says where, in one line.

The line comes once requests are answered, so whoever starts the service may wait for it, and
with `--port 0` learns the port from it. SIGTERM ends it after the running answers.
"""

import argparse
import os
import socket
import sys

# Matrices here are tiny: a pool of threads costs more than it saves, and takes other
# programs' cores. It must be said before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import uvicorn  # noqa: E402

import api  # noqa: E402
import data  # noqa: E402
from model import VERSIONS, Model  # noqa: E402

IDLE_SECONDS = 120  # longer than a gateway keeps a pooled connection


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        if self.started:
            host, port = sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            print(f"listening on http://{shown}:{port}", flush=True)


def arguments():
    parser = argparse.ArgumentParser(description="A small model server for a support desk.")
    parser.add_argument("--version", type=int, choices=VERSIONS, default=1, help="which model")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001, help="0: any free one")
    parser.add_argument("--delay-ms", type=float, default=0, help="wait before an answer")
    parser.add_argument("--gap-ms", type=float, default=0, help="wait between events of a stream")
    return parser.parse_args()


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where a socket names its protocol. With it on, a
    # body that is written after its head may wait 40 ms for the other side's acknowledgement.
    server = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((host, port))
    server.setblocking(False)
    return server


def main() -> int:
    asked = arguments()
    try:
        server = listen(asked.host, asked.port)
    except OSError as why:
        print(f"cannot listen on {asked.host}:{asked.port}: {why.strerror}", file=sys.stderr)
        return 1
    model = Model(data.read(), asked.version)
    pace = api.Pace(asked.delay_ms / 1000, asked.gap_ms / 1000)
    config = uvicorn.Config(
        api.make(model, pace), log_level="warning", timeout_keep_alive=IDLE_SECONDS
    )
    Server(config).run(sockets=[server])
    return 0


if __name__ == "__main__":
    sys.exit(main())
