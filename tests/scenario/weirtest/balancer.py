# SPDX-License-Identifier: Apache-2.0
"""HAProxy or nginx in front of two gateways, as deploy/ ships it, but for its addresses."""

import getpass
import os
import pathlib
import subprocess

from .client import Client
from .patience import until
from .redis import free_port

DEPLOY = pathlib.Path(__file__).resolve().parents[3] / "deploy"


class Balancer:
    def __init__(self, kind, folder, ports):
        self.address = ("127.0.0.1", free_port())
        words, env = getattr(self, kind)(folder, ports)
        self.process = subprocess.Popen(
            words, env={**os.environ, **env},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(self._listens, what=kind)

    def haproxy(self, _folder, ports):
        env = {
            "WEIR_LISTEN": f"127.0.0.1:{self.address[1]}",
            "WEIR_1": f"127.0.0.1:{ports[0]}",
            "WEIR_2": f"127.0.0.1:{ports[1]}",
        }
        return ["haproxy", "-db", "-f", str(DEPLOY / "haproxy.cfg")], env

    def nginx(self, folder, ports):
        text = (DEPLOY / "nginx.conf").read_text()
        for shipped, own in ((8080, ports[0]), (8180, ports[1]), (8000, self.address[1])):
            text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{own}")
        temp = "".join(f" {n}_temp_path {folder}/{n};" for n in ("proxy", "fastcgi", "uwsgi", "scgi"))
        temp += f" client_body_temp_path {folder}/body; access_log off;"
        text = text.replace("http {", "http {" + temp, 1)
        (folder / "nginx.conf").write_text(
            f"user {getpass.getuser()}; pid {folder}/pid; error_log {folder}/error.log;\n" + text
        )
        words = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
        return words, {}

    def _listens(self):
        try:
            Client(self.address).close()
        except OSError:
            return False
        return True

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
