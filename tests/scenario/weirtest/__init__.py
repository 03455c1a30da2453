# SPDX-License-Identifier: Apache-2.0
"""The stage for scenario tests: the real gateway, scripted upstreams, raw clients.

Nothing here knows how the gateway works inside. Everything listens on 127.0.0.1 on a free
port, waits on events with a bound, and is stopped by the fixtures of conftest.py.
"""
