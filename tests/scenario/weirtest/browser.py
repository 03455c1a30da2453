# SPDX-License-Identifier: Apache-2.0
"""A real Chromium without a screen, and axe's check of what it shows."""

import os
import pathlib
import subprocess
import sys

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from weirtest.patience import until

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")  # fmt: skip


class Browser:
    def __init__(self, width=1280, height=1000):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for flag in FLAGS:
            options.add_argument(flag)
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.set_window_size(width, height)

    def stop(self):
        self.driver.quit()

    def open(self, weir, path="/"):
        host, port = weir.admin
        self.driver.get(f"http://{host}:{port}{path}")

    def run(self, script, *args):
        return self.driver.execute_script(script, *args)

    def text(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])]"
                        ".map(e => e.innerText).join('\\n')", selector)  # fmt: skip

    def await_text(self, selector, word, seconds=60):
        until(lambda: word in self.text(selector), seconds)

    def complaints(self):
        """What the page itself did wrong; a resource that is not there is not among it."""
        return [line["message"] for line in self.driver.get_log("browser")
                if line["source"] in ("javascript", "security", "console-api")]  # fmt: skip


def axe_source():
    """axe-core as its Python package carries it."""
    cache = os.environ.get("WEIR_TEST_CACHE")
    if not cache:
        pytest.skip("WEIR_TEST_CACHE names no folder to install axe in")
    home = pathlib.Path(cache) / "axe"
    found = list(home.glob("lib/*/site-packages/axe_core_python/axe.min.js"))
    if not found:
        words = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps",
                 "--disable-pip-version-check", "axe-core-python"]  # fmt: skip
        for step in ([sys.executable, "-m", "venv", str(home)], words):
            made = subprocess.run(step, capture_output=True, text=True, timeout=300)
            if made.returncode != 0:
                pytest.skip("axe could not be installed: " + made.stderr[-300:])
        found = list(home.glob("lib/*/site-packages/axe_core_python/axe.min.js"))
    return found[0].read_text()


def axe_violations(browser):
    """What axe finds, as lines `rule: what (where)`."""
    browser.driver.set_script_timeout(60)
    browser.run(axe_source() + "; window.axe = axe;")
    answer = browser.driver.execute_async_script(
        "const done = arguments[0]; axe.run().then(done, e => done({failed: String(e)}));"
    )
    assert "failed" not in answer, answer
    return [f"{v['id']}: {v['help']} ({v['nodes'][0]['html'][:120]})" for v in answer["violations"]]
