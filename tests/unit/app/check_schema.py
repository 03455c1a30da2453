#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema and the loader agree: what one refuses of these documents, the other does too.

Only documents whose fault a schema can see are here; a route that names no upstream, say, is
the loader's alone.   check_schema.py PRINT_CONFIG SCHEMA
"""

import copy
import json
import os
import subprocess
import sys
import tempfile

import jsonschema
import yaml

BASE = """\
upstreams:
  local: {endpoints: ["http://127.0.0.1:8001/v1"]}
models:
  chat: {routes: [{upstream: local, model: m}]}
  chat2: {routes: [{upstream: local}]}
rules:
  support: [{match: refund, label: refund}]
"""

# Each is laid over BASE: a path with dots, and the value in YAML.
GOOD = [
    ("server.listen", "127.0.0.1:0"),
    ("server.listen", "'[::1]:8080'"),
    ("server.listen", "'${SOMEWHERE:-127.0.0.1:1}'"),
    ("server.workers", "auto"),
    ("server.workers", "4"),
    ("server.workers", "'4'"),
    ("server.workers", "'${COUNT:-2}'"),
    ("server.max_body", "32MiB"),
    ("cache.memory", "0"),
    ("cache.memory", "512B"),
    ("cache.store_requests", "false"),
    ("cache.redis", "{url: 'redis://127.0.0.1:6379/0', timeout: 50ms}"),
    ("log", "{format: json, level: debug}"),
    ("tenants", "{acme: {keys: [one, 2], models: [chat]}}"),
    ("upstreams.local.endpoints", "[{url: 'http://h/v1', weight: 2}, 'https://h/v1']"),
    ("upstreams.local.auth", "{header: x-api-key, value: s}"),
    ("upstreams.local.balance", "prefix_affinity"),
    ("upstreams.local.timeouts", "{connect: 2s, total: 10m}"),
    ("upstreams.local.queue", "{size: 256, timeout: 10s}"),
    ("models.chat.deadline", "1h"),
    ("models.chat.cache", "{ttl: 0, stale: 7d, scope: shared, when: always}"),
    ("models.chat.predictions", "[{name: a, from: /x/0, kind: label, labels: [b, 1, true]}]"),
    ("models.chat.predictions", "[{name: a, from: '/x#/y', kind: number, bins: [-1, 0.5]}]"),
    ("models.chat.predictions", "[{name: a, kind: length}, {name: b, kind: script, of: request}]"),
    ("models.chat.predictions", "[{name: a, kind: label, labels: [b], match: 'is (b)'}]"),
    ("models.chat.segments", "[{name: a, from: 'header:x-a', values: [b, 1]}]"),
    ("models.chat.segments", "[{name: a, from: tenant}, {name: b, from: /c}, {together: [a, b]}]"),
    ("models.chat.fallback", "[]"),
    ("models.chat.fallback", "[stale]"),
    ("models.chat.fallback", "[{model: chat2}, stale, {rules: support}]"),
    ("models.chat.routes", "[{upstream: local, price: {input: 0.15, output: 1}}]"),
    ("models.chat.routes", "[{upstream: local, accept_if: {pointer: /a, at_least: -0.5}}]"),
    ("models.chat.routes", "[{upstream: local, accept_if: {pointer: '', is: [a, 1], is_not: [b]}}]"),
    ("models.chat.max_cost", "0.05"),
    ("models.chat.respond_within", "200ms"),
    ("models.chat.priority", "low"),
    ("models.chat.idempotency", "0"),
    ("models.chat.cache", "{revalidate: true}"),
    ("server", "{max_in_flight: 5, max_memory: auto, share_port: true}"),
    ("server.max_memory", "512MiB"),
    ("cache", "{coalesce: process, coalesce_streams: fleet}"),
    ("cache.redis", "{sentinels: [a, 'b:26379'], master: m}"),
    ("upstreams.local.each_address", "true"),
    ("upstreams.local.keys", "[a, '${KEY:-b}']"),
    ("upstreams.local.max_in_flight", "8"),
    ("upstreams.local.max_in_flight", "adaptive"),
    ("upstreams.local.cold_start", "2m"),
    ("upstreams.local.health", "{preset: ollama, down_after: 3}"),
    ("upstreams.local.health", "{path: /health, timeout: 1s, interval: 50ms}"),
    ("upstreams.local.breaker", "{faults: 0, max_ejected: 33.3%, slow_start: 0}"),
    ("upstreams.local.retry", "{budget: 0%, at_least: 0, backoff: 0, max_wait: 5s}"),
    ("upstreams.local.retry", "{budget: 100%}"),
    ("upstreams.local.hedge", "{after: p50, at_most: 5%}"),
    ("upstreams.local.hedge", "{after: 300ms}"),
    ("upstreams.local", "{dialect: rules, rules: support}"),
    ("rules.other", "[{match: a, label: b, score: 0.9, reply: \"c\\nd\"}, {keywords: [e], answer: '1'}]"),
    ("rules.other", "{field: /text, list: [{label: a}]}"),
    ("rules.other", "{list: [{label: 1}]}"),
    ("models.chat.routes", "[{upstream: local, model: 4}]"),
    ("default_upstream", "local"),
    ("drift", "{promise: {probability: 0.05, per: 30d}, tick: 60s}"),
    ("alerts", "{webhooks: [{url: 'http://h', secret: s}], exec: [a, b]}"),
]
BAD = [
    ("sever", "{}"),
    ("server", "[]"),
    ("server", "~"),
    ("server.listne", "127.0.0.1:0"),
    ("server.listen", "nowhere"),
    ("server.listen", "':8080'"),
    ("server.workers", "0"),
    ("server.workers", "257"),
    ("server.workers", "many"),
    ("server.workers", "1.5"),
    ("server.workers", "[1]"),
    ("server.max_body", "32MB"),
    ("server.max_body", "32"),
    ("server.idle_timeout", "30 parsecs"),
    ("server.idle_timeout", "-1s"),
    ("server.idle_timeout", "~"),
    ("cache.redis", "{}"),
    ("cache.store_requests", "sometimes"),
    ("log.level", "loud"),
    ("tenants", "{}"),
    ("tenants", "{public: {keys: [k]}}"),
    ("tenants", "{a b: {keys: [k]}}"),
    ("tenants", "{acme: {}}"),
    ("tenants", "{acme: {keys: []}}"),
    ("tenants", "{acme: {keys: ['']}}"),
    ("tenants", "{acme: {keys: k}}"),
    ("tenants", "{acme: {keys: [k], models: []}}"),
    ("upstreams.local", "{}"),
    ("upstreams.local.endpoints", "[]"),
    ("upstreams.local.endpoints", "[ftp://h]"),
    ("upstreams.local.endpoints", "['http://user:word@h/']"),
    ("upstreams.local.endpoints", "[{weight: 2}]"),
    ("upstreams.local.auth", "{bearer: \"a\\nb\"}"),
    ("upstreams.local.auth", "{header: 'a b', value: c}"),
    ("upstreams.local.balance", "fastest"),
    ("upstreams.local.queue", "{length: 2}"),
    ("models.chat", "{}"),
    ("models.chat.routes", "[]"),
    ("models.chat.routes", "[{model: m}]"),
    ("models.chat.routes", "[{upstream: local, wieght: 1}]"),
    ("models.chat.max_attempts", "0"),
    ("models.chat.cache", "{scope: world}"),
    ("models.chat.predictions", "[{name: a, kind: colour}]"),
    ("models.chat.predictions", "[{name: a, kind: script, of: both}]"),
    ("models.chat.segments", "[{name: a, frm: tenant}]"),
    ("models.chat.segments", "[{name: a, from: tenant}, {together: a}]"),
    ("models.chat.predictions", "[{name: a, from: x, kind: length}]"),
    ("models.chat.predictions", "[{name: a, from: /x, kind: number, bins: [low]}]"),
    ("default_upstream", "[]"),
    ("models.chat.fallback", "stale"),
    ("models.chat.fallback", "[fresh]"),
    ("models.chat.fallback", "[{}]"),
    ("models.chat.fallback", "[{model: chat2, rules: support}]"),
    ("models.chat.fallback", "[{upstream: local}]"),
    ("models.chat.routes", "[{upstream: local, price: {input: -1}}]"),
    ("models.chat.routes", "[{upstream: local, price: 0.1}]"),
    ("models.chat.routes", "[{upstream: local, accept_if: {at_least: 1}}]"),
    ("models.chat.routes", "[{upstream: local, accept_if: {pointer: /a, prediction: b, is: [c]}}]"),
    ("models.chat.routes", "[{upstream: local, accept_if: {pointer: a, at_least: 1}}]"),
    ("models.chat.max_cost", "-0.05"),
    ("models.chat.priority", "urgent"),
    ("models.chat.respond_within", "soon"),
    ("server.max_in_flight", "0"),
    ("server.max_memory", "0"),
    ("server.max_memory", "all"),
    ("server.share_port", "8080"),
    ("cache.coalesce", "everywhere"),
    ("cache.redis", "{prefix: a}"),
    ("upstreams.local.endpoints", "[{url: 'http://h', weight: 0}]"),
    ("upstreams.local.keys", "[]"),
    ("upstreams.local.keys", "k"),
    ("upstreams.local.max_in_flight", "0"),
    ("upstreams.local.max_in_flight", "auto"),
    ("upstreams.local.queue", "{size: 100001}"),
    ("upstreams.local.health", "{interval: 1s}"),
    ("upstreams.local.health", "{preset: vllm, path: /health}"),
    ("upstreams.local.health", "{preset: sglang}"),
    ("upstreams.local.breaker", "{max_ejected: 0.5}"),
    ("upstreams.local.breaker", "{max_ejected: 101%}"),
    ("upstreams.local.breaker", "{any: thing}"),
    ("upstreams.local.retry", "{budget: '%'}"),
    ("upstreams.local.retry", "{budget: -1%}"),
    ("upstreams.local.hedge", "{after: p5}"),
    ("upstreams.local.hedge", "{after: p100}"),
    ("upstreams.local", "{dialect: rules, rules: support, endpoints: ['http://h']}"),
    ("rules", "[]"),
    ("rules.other", "[]"),
    ("rules.other", "word"),
    ("rules.other", "{}"),
    ("rules.other", "{file: a, list: [{label: a}]}"),
    ("rules.other", "{field: text, list: [{label: a}]}"),
    ("rules.other", "[word]"),
    ("rules.other", "[{mach: a, label: b}]"),
    ("rules.other", "[{match: [a], label: b}]"),
    ("rules.other", "[{keywords: a, label: b}]"),
    ("rules.other", "[{label: b, score: high}]"),
]


def laid_over(path, value):
    document = copy.deepcopy(yaml.safe_load(BASE))
    place, *rest = document, *path.split(".")
    for name in rest[:-1]:
        place = place.setdefault(name, {})
    place[rest[-1]] = yaml.safe_load(value)
    return document


def loads(program, text):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([program, "check", file.name], capture_output=True, text=True)
    if done.returncode not in (0, 2):
        sys.exit(f"the loader died: {done.stderr}")
    return done.returncode == 0, done.stdout


def main(program, schema_path):
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    os.environ.pop("COUNT", None)
    os.environ.pop("SOMEWHERE", None)

    wrong = 0
    cases = [(True, *case) for case in GOOD] + [(False, *case) for case in BAD]
    for expected, path, value in cases:
        document = laid_over(path, value)
        fits = judge.is_valid(document)
        loaded, said = loads(program, json.dumps(document))
        if fits != expected or loaded != expected:
            wrong += 1
            print(f"{path}: {value}: expected {expected}, schema {fits}, loader {loaded}\n{said}")
    for text, expected in ((BASE, True), ("server: {}\n", False)):
        if judge.is_valid(yaml.safe_load(text)) != expected or loads(program, text)[0] != expected:
            wrong += 1
            print(f"{text}: expected {expected}")
    print(f"{len(cases) + 2} documents, {wrong} judged differently")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
