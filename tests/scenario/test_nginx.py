# SPDX-License-Identifier: Apache-2.0
"""S7, X2: behind a real nginx with its usual settings, streams flow and connections are kept."""

import shutil
import threading

import pytest

from weirtest import chat, config
from weirtest.balancer import Front
from weirtest.client import Client
from weirtest.nginx import command
from weirtest.patience import PROMPTLY
from weirtest.redis import free_port

# Response buffering is on, as it is by default: only the answer's own header turns it off.
SETTINGS = """
worker_processes 1;
events {{ worker_connections 256; }}
http {{
  upstream weir {{ server {host}:{port}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{own}; client_max_body_size 32m;
    location / {{ proxy_pass http://weir; proxy_http_version 1.1;
                  proxy_set_header Connection ""; }}
  }}
}}
"""


@pytest.fixture
def behind(stage, tmp_path):
    """Starts a gateway for the script and an nginx in front of it."""
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")

    def start(script):
        upstream = stage.upstream(script)
        weir = stage.weir(config.gateway(upstream))
        (host, port), own = weir.address, free_port()
        words = command(tmp_path, SETTINGS.format(host=host, port=port, own=own))
        return upstream, weir, stage.keep(Front(words, own))

    return start


def test_s7_each_event_passes_nginx_while_upstream_still_talks(behind):
    go = threading.Event()
    events = chat.stream_of("Hello", "World")
    _, _, nginx = behind(chat.stream(*events[:2], go, *events[2:]))
    with Client(nginx.address) as client:
        client.ask("POST", chat.PATH, chat.question(stream=True))
        response = client.head()
        assert chat.text_of(client.until_event(response, 2)) == "Hello"
        go.set()
        client.rest(response)
    assert response.events[-1] == b"[DONE]"


def test_s1_a_cut_stream_is_one_error_event_behind_nginx_too(behind):
    _, _, nginx = behind(chat.stream(chat.event({"content": "Hello"}), then="reset"))
    with Client(nginx.address) as client:
        response = client.post(chat.PATH, chat.question(stream=True))
    assert response.complete and len(chat.errors_in(response.events)) == 1


def test_s2_leaving_nginx_cancels_upstream(behind):
    upstream, weir, nginx = behind(chat.stream(chat.event({"content": "a"}), then="hang"))
    client = Client(nginx.address)
    client.ask("POST", chat.PATH, chat.question(stream=True))
    client.until_event(client.head(), 1)
    client.reset()
    assert upstream.call().gone.wait(PROMPTLY), "the upstream call outlived its client"
    weir.metrics.wait("weir_in_flight", 0)


def test_x2_three_hundred_requests_through_kept_connections_see_no_502(behind):
    _, _, nginx = behind(chat.says())
    statuses = set()
    with Client(nginx.address) as client:
        for number in range(300):
            statuses.add(client.post(chat.PATH, chat.question(str(number))).status)
    assert statuses == {200}


def test_m2_a_large_body_passes_both(behind):
    upstream, _, nginx = behind(chat.says())
    with Client(nginx.address, timeout=60) as client:
        assert client.post(chat.PATH, chat.question("m" * (5 << 20))).status == 200
    assert len(upstream.requests[0].body) > 5 << 20
