# SPDX-License-Identifier: Apache-2.0
"""
The servers that are compared: one worker each, no logs, connections that stay.

nginx caches twice: as Debian's nginx.conf has it (sendfile, no cache of open files), which
is what the targets are about, and as fast as we could set it, which is told beside.
"""

import getpass
import json
import os
import shutil
import tempfile

from process import ALL_CORES, LOAD_CORES, SERVER_CORES, Process, free_port

CONNECTIONS = 12000  # above the ten thousand idle ones

NGINX = """
worker_processes 1;
worker_rlimit_nofile 20000;
events {{ worker_connections 9000; multi_accept on; }}
http {{
    tcp_nodelay on;
    sendfile on;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_max_body_size 32m;
    client_body_buffer_size 256k;
    client_body_in_single_buffer on;
    proxy_cache_path {folder}/cache levels=1:2 keys_zone=answers:16m inactive=1h;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_read_timeout 1h;
    upstream bench {{
        server 127.0.0.1:{upstream};
        keepalive 4096;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{proxy} backlog=4096;
        location / {{ proxy_pass http://bench; }}
    }}
    proxy_cache_methods POST;
    proxy_cache_key "$request_uri|$request_body";
    proxy_cache_valid 200 1h;
    server {{
        listen 127.0.0.1:{cached} backlog=4096;
        add_header X-Cache $upstream_cache_status;
        location / {{ proxy_pass http://bench; proxy_cache answers; }}
    }}
    server {{
        listen 127.0.0.1:{tuned} backlog=4096;
        sendfile off;
        open_file_cache max=1000 inactive=1h;
        open_file_cache_valid 1h;
        add_header X-Cache $upstream_cache_status;
        location / {{ proxy_pass http://bench; proxy_cache answers; }}
    }}
}}
"""

HAPROXY = """
global
    nbthread 1
    maxconn 9000
defaults
    mode http
    option http-keep-alive
    option http-no-delay
    http-reuse always
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
listen bench
    bind 127.0.0.1:{port} backlog 4096
    server upstream 127.0.0.1:{upstream}
"""

WEIR_MODEL = """
upstreams:
  bench: {{dialect: openai, endpoints: ["http://127.0.0.1:{upstream}/v1"]}}
models:
  bench:
    routes: [{{upstream: bench, model: bench-model}}]
    cache: {{ttl: 1h, when: deterministic}}
"""

WEIR = """
server: {{listen: "127.0.0.1:{port}", workers: {workers}, max_connections: {connections}}}
admin: {{listen: "127.0.0.1:{admin}"}}
log: {{level: error}}
cache:
  memory: {memory}
  redis: {{url: "redis://127.0.0.1:{redis}/0", prefix: "{name}:", timeout: 1s}}
""" + WEIR_MODEL + """
  bench-nothing:
    routes: [{{upstream: bench, model: bench-model}}]
    cache: {{ttl: 1h, when: deterministic}}
  bench-watched:
    routes: [{{upstream: bench, model: bench-model}}]
    cache: {{ttl: 1h, when: deterministic}}
    predictions: {predictions}
  bench-segments:
    routes: [{{upstream: bench, model: bench-model}}]
    cache: {{ttl: 1h, when: deterministic}}
    predictions: {predictions}
    segments: {segments}
  bench-nocache:
    routes: [{{upstream: bench, model: bench-model}}]
    cache: {{when: never}}
"""

CONTENT = "/choices/0/message/content"
# Ten, of each kind one: what an operator might watch who watches everything.
PREDICTIONS = [
    {"name": "intent", "from": CONTENT, "kind": "label", "labels": ["refund", "shipping"]},
    {"name": "words", "kind": "label", "match": "(refund|parcel)", "labels": ["refund", "parcel"]},
    {"name": "size", "from": CONTENT, "kind": "length"},
    {"name": "used", "from": "/usage/total_tokens", "kind": "number", "bins": [10, 100, 1000]},
    {"name": "is_json", "kind": "json"},
    {"name": "language", "kind": "script"},
    {"name": "tool", "kind": "tool"},
    {"name": "confidence", "kind": "confidence"},
    {"name": "asked", "of": "request", "kind": "length"},
    {"name": "asked_language", "of": "request", "kind": "script"},
]
SEGMENTS = [
    {"name": "plan", "from": "header:content-type"},
    {"name": "model", "from": "/model"},
    {"together": ["plan", "model"]},
]


def nginx_in(folder, text):
    """The configuration with its files in `folder`, to be run in front by whoever we are."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    files = "".join(f" {kind}_temp_path {folder}/{kind};" for kind in kinds)
    main = (f"user {getpass.getuser()}; daemon off; pid {folder}/nginx.pid;"
            f" error_log {folder}/nginx-error.log warn;\n")
    return main + text.replace("http {", f"http {{ access_log off;{files}", 1)


class Stage:
    """A temporary folder, and all that was started in it. Leaving the `with` ends all."""

    def __init__(self, build, weir, stream_events, stream_every_ms):
        self.tools = os.path.join(build, "bench")
        self.weir_path = weir
        self.stream_flags = ["--events", str(stream_events), "--every", str(stream_every_ms)]
        self.running = []

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="weir-bench-")
        return self

    def __exit__(self, *fault):
        for process in reversed(self.running):
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def tool(self, name):
        return os.path.join(self.tools, name)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)

    def start(self, name, words, port, cores=None):
        process = Process(name, words, port, self.folder, cores or SERVER_CORES)
        self.running.append(process)
        return process

    def stop(self, process):
        process.stop()
        self.running.remove(process)

    def start_upstream(self):
        port = free_port()
        words = [self.tool("upstream"), "--port", str(port), *self.stream_flags]
        self.upstream = self.start("upstream", words, port, LOAD_CORES)
        self.upstream.await_port()
        return self.upstream

    def start_redis(self):
        port = free_port()
        words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                 "--appendonly", "no", "--dir", self.folder]
        self.redis = self.start("redis", words, port, LOAD_CORES)
        self.redis.await_port()
        return self.redis

    def start_limit(self, answer):
        port = free_port()
        path = self.write("limit-answer", answer)
        limit = self.start("limit", [self.tool("limit"), "--port", str(port),
                                     "--answer", path], port)
        limit.await_port()
        return limit

    def start_nginx(self):
        """The proxy; its caching servers are at `cached_port` and `tuned_port`."""
        proxy, cached, tuned = free_port(), free_port(), free_port()
        config = NGINX.format(folder=self.folder, upstream=self.upstream.port, proxy=proxy,
                              cached=cached, tuned=tuned)
        path = self.write("nginx.conf", nginx_in(self.folder, config))
        nginx = self.start("nginx", ["nginx", "-e", self.path("nginx-early.log"),
                                     "-c", path], proxy)
        nginx.cached_port, nginx.tuned_port = cached, tuned
        nginx.await_port()
        nginx.follow_worker()
        return nginx

    def start_haproxy(self):
        port = free_port()
        path = self.write("haproxy.cfg", HAPROXY.format(port=port, upstream=self.upstream.port))
        haproxy = self.start("haproxy", ["haproxy", "-db", "-f", path], port)
        haproxy.await_port()
        return haproxy

    def launch_weir(self, name, workers=1, memory="64MiB", alone=False):
        """Without waiting for it. `alone`: neither its upstream nor its Redis exists."""
        port = free_port()
        config = WEIR.format(
            name=name, port=port, admin=free_port(), workers=workers, memory=memory,
            connections=CONNECTIONS, redis=free_port() if alone else self.redis.port,
            upstream=free_port() if alone else self.upstream.port,
            predictions=json.dumps(PREDICTIONS), segments=json.dumps(SEGMENTS))
        path = self.write(name + ".yaml", config)
        cores = SERVER_CORES if workers == 1 else ALL_CORES
        return self.start(name, [self.weir_path, "serve", "-c", path], port, cores)

    def start_weir(self, name, **settings):
        weir = self.launch_weir(name, **settings)
        weir.await_port()
        return weir
