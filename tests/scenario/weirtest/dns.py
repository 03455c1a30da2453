# SPDX-License-Identifier: Apache-2.0
"""A name server that answers when it is told to, and a process that asks nobody else.

Who resolves reads /etc/resolv.conf, so the gateway runs in a mount namespace of its own, where
that file names our server. That takes root; elsewhere such tests are skipped.
"""

import os
import pathlib
import socket
import subprocess
import tempfile
import threading

# The port must be 53, so each process has an address of its own on loopback.
ADDRESS = f"127.53.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
ENTER = 'mount --make-rprivate / && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


def is_possible():
    tried = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return os.geteuid() == 0 and tried.returncode == 0


class NameServer:
    """Says that every name is these addresses, once `answers` is set; until then it is silent."""

    def __init__(self, *addresses):
        self.addresses = list(addresses) or ["127.0.0.1"]
        self.answers = threading.Event()
        self.asked = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="weir-dns-")
        self._file = pathlib.Path(self._folder.name) / "resolv.conf"
        self._file.write_text(f"nameserver {ADDRESS}\noptions timeout:60 attempts:1\n")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ADDRESS, 53))
        self._socket.settimeout(0.05)
        self._over = threading.Event()
        self._server = threading.Thread(target=self._serve, daemon=True)
        self._server.start()

    @property
    def around(self):
        """What stands before a command so that it asks this server."""
        return ["unshare", "-m", "sh", "-c", ENTER, "sh", str(self._file)]

    def _serve(self):
        while not self._over.is_set():
            try:
                question, peer = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            self.asked.set()
            threading.Thread(target=self._answer, args=(question, peer), daemon=True).start()

    def _answer(self, question, peer):
        self.answers.wait(60)
        end = question.index(b"\0", 12) + 5
        is_a = question[end - 4 : end - 2] == b"\0\1"
        told = self.addresses if is_a else []
        head = question[:2] + b"\x81\x80\0\1\0" + bytes([len(told)]) + b"\0" * 4
        lead = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4"
        record = b"".join(lead + socket.inet_aton(address) for address in told)
        try:
            self._socket.sendto(head + question[12:end] + record, peer)
        except OSError:
            pass

    def stop(self):
        self._over.set()
        self.answers.set()
        self._server.join()
        self._socket.close()
        self._folder.cleanup()
