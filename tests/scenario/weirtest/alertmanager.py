# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus Alertmanager, with a folder of its own."""

import json
import pathlib
import shutil
import subprocess
import tempfile

from .client import get
from .patience import LONG, until
from .redis import free_port

NAMES = ("prometheus-alertmanager", "alertmanager")  # Debian's, and its own


def binary():
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Alertmanager:
    """Tells `hook` of what begins and ends, if there is one, as soon as it may."""

    def __init__(self, hook=None):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = tempfile.TemporaryDirectory(prefix="weir-alertmanager-")
        told = [{"url": hook.url, "send_resolved": True}] if hook else []
        settings = {
            "route": {"receiver": "hook", "group_wait": "0s", "group_interval": "1s"},
            "receivers": [{"name": "hook", "webhook_configs": told}],
        }
        self.file = pathlib.Path(self.folder.name) / "alertmanager.yml"
        self.file.write_text(json.dumps(settings))
        self.start()

    def start(self):
        """Of alerts it knows nothing then; of what it told others, what it wrote down."""
        self.process = subprocess.Popen(
            [binary(), f"--config.file={self.file}", f"--storage.path={self.folder.name}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda: self._ask("/-/ready"), LONG, "the Alertmanager")

    def alerts(self, **labels):
        """What stands there now."""
        answer = self._ask("/api/v2/alerts")
        return [alert for alert in answer.json()
                if all(alert["labels"].get(k) == v for k, v in labels.items())]

    def kill(self):
        """In the midst of it all: nothing is written down."""
        self.process.kill()
        self.process.wait(10)

    def shut_down(self):
        self.process.terminate()
        self.process.wait(10)

    def stop(self):
        self.shut_down()
        self.folder.cleanup()

    def _ask(self, path):
        try:
            answer = get(("127.0.0.1", self.port), path)
        except OSError:
            return None
        return answer if answer.status == 200 else None
