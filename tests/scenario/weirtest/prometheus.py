# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus, with a configuration of the test's and a folder of its own."""

import json
import subprocess
from urllib.parse import quote

from .client import get
from .redis import free_port


class Prometheus:
    def __init__(self, folder, settings):
        """`settings` is what prometheus.yml shall hold; rule files are looked for in `folder`."""
        self.port = free_port()
        (folder / "prometheus.yml").write_text(json.dumps(settings))
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, path):
        """The data of an answer, or nothing while it does not give one."""
        try:
            told = get(("127.0.0.1", self.port), path).json()
        except (OSError, ValueError, AssertionError):
            return None
        return told["data"] if told.get("status") == "success" else None

    def result(self, query):
        """(labels, value) of each sample; nothing if the query is refused."""
        data = self.ask("/api/v1/query?query=" + quote(query))
        if data is None:
            return None
        if data["resultType"] != "vector":
            return [({}, float(data["result"][1]))]
        return [(s["metric"], float(s["value"][1])) for s in data["result"]]

    def value(self, query):
        found = self.result(query)
        return found[0][1] if found else None

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
