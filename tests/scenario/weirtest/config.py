# SPDX-License-Identifier: Apache-2.0
"""Configurations for tests: free ports, one model named `chat`, and limits that a busy machine
does not reach: a test that is about a limit sets it."""

import copy
import os


def merged(base, *overlays):
    """A copy of `base` with the overlays' members laid over it, mapping by mapping."""
    whole = copy.deepcopy(base)
    for overlay in overlays:
        for name, value in overlay.items():
            if isinstance(value, dict) and isinstance(whole.get(name), dict):
                whole[name] = merged(whole[name], value)
            else:
                whole[name] = copy.deepcopy(value)
    return whole


def upstream(*servers, **settings):
    base = {
        "dialect": "openai",
        "endpoints": [server.url for server in servers],
        "timeouts": {"connect": "20s", "headers": "20s", "first_data": "20s", "data_gap": "20s"},
    }
    return merged(base, settings)


def gateway(*servers, **overlay):
    """One model `chat`; each server is an upstream (`up`, `up2`, ...) and a route to it."""
    names = ["up" if i == 0 else f"up{i + 1}" for i in range(len(servers))]
    base = {
        "server": {
            "listen": "127.0.0.1:0",
            "workers": int(os.environ.get("WEIR_TEST_WORKERS", "2")),
            "drain": {"delay": "0s", "timeout": "2s"},
        },
        "admin": {"listen": "127.0.0.1:0"},
        "log": {"format": "json", "level": "info"},
        "cache": {"memory": "16MiB"},
        "upstreams": {name: upstream(server) for name, server in zip(names, servers)},
        "models": {
            "chat": {
                "routes": [{"upstream": name, "model": "real-model"} for name in names],
                "deadline": "60s",
                "cache": {"ttl": "1h", "scope": "tenant", "when": "deterministic"},
            }
        },
    }
    return merged(base, overlay)


def timeouts(**limits):
    """An overlay that sets the timeouts of the first upstream."""
    return {"upstreams": {"up": {"timeouts": limits}}}


def chat(**settings):
    """An overlay of the model `chat`."""
    return {"models": {"chat": settings}}


def redis(server, **settings):
    """An overlay that adds a Redis tier."""
    return {"cache": {"redis": {"url": server.url, "timeout": "2s", **settings}}}


def without_memory(server, **settings):
    return merged(redis(server, **settings), {"cache": {"memory": 0}})
