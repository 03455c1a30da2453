# SPDX-License-Identifier: Apache-2.0
"""HAProxy or nginx in front of two gateways, as deploy/ ships it, but for its addresses."""

import os
import pathlib
import subprocess

from . import nginx
from .client import Client
from .patience import until
from .redis import free_port

DEPLOY = pathlib.Path(__file__).resolve().parents[3] / "deploy"


class Front:
    """A process that is there when it listens, and is always stopped."""

    def __init__(self, words, port, env=None):
        self.address = ("127.0.0.1", port)
        self.process = subprocess.Popen(
            words, env={**os.environ, **(env or {})},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(self._listens, what=words[0])

    def _listens(self):
        try:
            Client(self.address).close()
        except OSError:
            return False
        return True

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Balancer(Front):
    def __init__(self, kind, folder, ports):
        port = free_port()
        words, env = getattr(self, kind)(folder, port, ports)
        super().__init__(words, port, env)

    def haproxy(self, _folder, port, ports):
        env = {
            "WEIR_LISTEN": f"127.0.0.1:{port}",
            "WEIR_1": f"127.0.0.1:{ports[0]}",
            "WEIR_2": f"127.0.0.1:{ports[1]}",
        }
        return ["haproxy", "-db", "-f", str(DEPLOY / "haproxy.cfg")], env

    def nginx(self, folder, port, ports):
        text = (DEPLOY / "nginx.conf").read_text()
        for shipped, own in ((8080, ports[0]), (8180, ports[1]), (8000, port)):
            text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{own}")
        return nginx.command(folder, text), {}
