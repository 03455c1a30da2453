# SPDX-License-Identifier: Apache-2.0
"""Official SDKs, each in a virtual environment of its own under WEIR_TEST_CACHE, made once.

Without that variable, or when an SDK cannot be installed, tests are skipped and say why.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from . import process


def _knows(python, name):
    return subprocess.run([python, "-c", f"import {name}"], capture_output=True).returncode == 0


def python_with(name):
    """The interpreter of an environment that has the SDK of that name."""
    cache = os.environ.get("WEIR_TEST_CACHE")
    if not cache:
        pytest.skip("WEIR_TEST_CACHE names no folder to install the SDK in")
    home = pathlib.Path(cache) / f"{name}-sdk"
    python = home / "bin" / "python"
    if python.exists() and _knows(python, name):
        return str(python)
    made = subprocess.run([sys.executable, "-m", "venv", str(home)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("no virtual environment could be made: " + made.stderr.decode()[-200:])
    words = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", name]
    installed = subprocess.run(words, capture_output=True, text=True, timeout=300)
    if installed.returncode != 0:
        pytest.skip("the SDK could not be installed: " + installed.stderr[-300:])
    return str(python)


def run(python, script):
    """Runs a script; returns what it said, a line of JSON each."""
    result = subprocess.run(
        [python, "-c", script], capture_output=True, text=True, timeout=120,
        env=process.environment(),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    return [json.loads(line) for line in result.stdout.splitlines()]
