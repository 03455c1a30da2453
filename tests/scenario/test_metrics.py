# SPDX-License-Identifier: Apache-2.0
"""/metrics, /admin/predictions, /admin/cache/explain, and a real Prometheus that reads them."""

import json
import shutil
import subprocess

import pytest

from weirtest import chat, config
from weirtest.client import Client
from weirtest.patience import until
from weirtest.prometheus import Prometheus

PREDICTIONS = [
    {"name": "intent", "from": "/choices/0/message/content", "kind": "label",
     "labels": ["refund", "shipping"]},
    {"name": "prompt", "from": "/usage/prompt_tokens", "kind": "number", "bins": [5, 10, 20]},
    {"name": "size", "from": "/choices/0/message/content", "kind": "length", "bins": [2, 100]},
]  # fmt: skip


def started(stage, script=None, **overlay):
    upstream = stage.upstream(script or chat.says("refund"))
    settings = config.merged(config.chat(predictions=PREDICTIONS), overlay)
    return upstream, stage.weir(config.gateway(upstream, **settings))


def counted(weir, requests):
    """An answer is counted when it has been given: waits for the last of them."""
    until(lambda: weir.metrics.sum("weir_requests_total") == requests, what="all to be counted")


def counts(weir, prediction):
    """Counts by value, summed over whatever other labels there are."""
    found = {}
    for labels, value in weir.metrics.samples("weir_predictions_total", prediction=prediction):
        found[labels["value"]] = found.get(labels["value"], 0) + value
    return {name: count for name, count in found.items() if count}


def test_the_names_of_the_contract_are_there(stage):
    _, weir = started(stage)
    weir.post(chat.PATH, chat.stable(stream=True))
    weir.post(chat.PATH, chat.stable())
    counted(weir, 2)
    text = weir.metrics.text()
    for name in (
        "gen_ai_server_request_duration_seconds", "gen_ai_server_time_to_first_token_seconds",
        "gen_ai_client_token_usage", "weir_requests_total", "weir_request_duration_seconds",
        "weir_request_latency_seconds", "weir_overhead_seconds", "weir_in_flight",
        "weir_cache_lookups_total", "weir_cache_bytes", "weir_upstream_attempts_total",
        "weir_loop_lag_seconds", "weir_build_info", "weir_predictions_total",
    ):  # fmt: skip
        assert f"# TYPE {name} " in text, name
    for quantile in ("0.5", "0.95", "0.99"):
        assert weir.metrics.samples("weir_request_latency_seconds", quantile=quantile)


def test_outcomes_add_up_to_the_requests(stage):
    upstream, weir = started(stage, **config.chat(max_attempts=1))
    weir.post(chat.PATH, chat.stable())
    weir.post(chat.PATH, chat.stable())
    weir.post(chat.PATH, b"{")
    upstream.next(chat.fails(500))
    weir.post(chat.PATH, chat.question())
    counted(weir, 4)
    for outcome in ("ok", "cache_hit", "rejected", "upstream_error"):
        assert weir.metrics.sum("weir_requests_total", outcome=outcome) == 1, outcome


def test_lists_of_models_are_requests_too(stage):
    _, weir = started(stage)
    assert weir.get("/v1/models").status == 200 and weir.get("/v1/models/none").status == 404
    weir.metrics.wait("weir_requests_total", 1, endpoint="models", outcome="ok")
    weir.metrics.wait("weir_requests_total", 1, endpoint="models", outcome="rejected")
    assert len(weir.wait_logged("exchange_end", 2, endpoint="models")) == 2


def test_latency_counts_every_request_and_its_quantiles_are_ordered(stage):
    _, weir = started(stage)
    for number in range(20):
        weir.post(chat.PATH, chat.question(str(number)))
    counted(weir, 20)
    assert weir.metrics.sum("weir_request_duration_seconds_count") == 20
    quantiles = {
        labels["quantile"]: value
        for labels, value in weir.metrics.samples("weir_request_latency_seconds")
    }
    assert 0 < quantiles["0.5"] <= quantiles["0.95"] <= quantiles["0.99"] < 10


def test_a_callers_words_never_become_a_label(stage):
    _, weir = started(stage)
    for number in range(30):
        weir.post(chat.PATH, json.dumps({"model": f"evil-{number}", "messages": []}).encode())
        weir.get(f"/evil-{number}")
    text = weir.metrics.text()
    assert "evil" not in text
    until(lambda: weir.metrics.sum("weir_requests_total", outcome="rejected") >= 30)


def test_a_name_that_is_handed_on_never_becomes_a_label(stage):
    redis = stage.redis()
    _, weir = started(stage, default_upstream="up", **config.redis(redis))
    body = chat.stable().replace(b'"chat"', b'"evil-name"')
    answers = [weir.post(chat.PATH, body) for _ in range(2)]
    assert [answer.header("x-weir-cache") for answer in answers] == ["miss", "hit"]
    assert answers[0].header("x-weir-model") == "evil-name"
    counted(weir, 2)
    assert weir.metrics.sum("weir_requests_total", model="*") == 2
    assert weir.metrics.sum("weir_predictions_total", model="*", version="*")
    assert "evil" not in weir.metrics.text()


def test_promtool_finds_nothing_to_say(stage):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    _, weir = started(stage)
    for ask in (chat.stable(), chat.stable(), chat.question(stream=True), b"{"):
        weir.post(chat.PATH, ask)
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=weir.metrics.text(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_openmetrics_is_spoken_when_asked_for(stage):
    _, weir = started(stage)
    headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
    response = weir.ask_admin("/metrics", headers=headers)
    assert response.header("content-type").startswith("application/openmetrics-text")
    assert response.body.endswith(b"# EOF\n")
    plain = weir.ask_admin("/metrics")
    assert plain.header("content-type").startswith("text/plain")
    assert b"# EOF" not in plain.body


def test_a_real_prometheus_scrapes_it(stage, tmp_path):
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not installed")
    _, weir = started(stage)
    weir.post(chat.PATH, chat.stable())
    scrape = {"job_name": "weir", "static_configs": [{"targets": ["%s:%d" % weir.admin]}]}
    settings = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}
    prometheus = stage.keep(Prometheus(tmp_path, settings))
    until(lambda: prometheus.value('up{job="weir"}') == 1, 90, "a scrape")
    until(lambda: prometheus.value('sum(weir_requests_total{outcome="ok"})') == 1, 60)
    assert prometheus.value("count(weir_build_info)") == 1
    assert prometheus.value("histogram_quantile(0.5, weir_request_duration_seconds_bucket)") >= 0


# -- predictions -------------------------------------------------------------------------


def test_predictions_are_counted_by_label_with_other_and_missing(stage):
    upstream, weir = started(stage)
    for number, text in enumerate(["refund", "refund", "shipping", "nonsense", "nonsense"]):
        upstream.script = chat.says(text)
        weir.post(chat.PATH, chat.question(str(number)))
    upstream.script = chat.says(
        body=chat.completion(None, "tool_calls", message={"tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]})
    )  # fmt: skip
    weir.post(chat.PATH, chat.question("none"))
    counted(weir, 6)
    found = counts(weir, "intent")
    assert (found["refund"], found["shipping"], found["other"]) == (2, 1, 2)
    assert sum(found.values()) == 6 and found.get("missing", 0) + found.get("invalid", 0) == 1
    assert "nonsense" not in weir.metrics.text()


@pytest.mark.parametrize("way", ["plain", "stream"])
def test_predictions_count_the_same_for_plain_and_streamed_answers(stage, way):
    _, weir = started(stage)
    for number in range(3):
        weir.post(chat.PATH, chat.question(str(number), stream=way == "stream"))
    counted(weir, 3)
    assert counts(weir, "intent") == {"refund": 3}
    assert counts(weir, "finish_reason") == {"stop": 3}


def test_cached_answers_are_counted_apart(stage):
    _, weir = started(stage)
    for _ in range(4):
        weir.post(chat.PATH, chat.stable())
    counted(weir, 4)
    rows = weir.metrics.samples("weir_predictions_total", prediction="intent", value="refund")
    assert sum(value for _, value in rows) == 4
    assert sorted(value for _, value in rows if value) == [1, 3]


def test_numbers_and_lengths_are_counted_in_bins(stage):
    _, weir = started(stage)
    for number in range(4):
        weir.post(chat.PATH, chat.question(str(number)))
    counted(weir, 4)
    assert list(counts(weir, "prompt").values()) == [4]
    assert list(counts(weir, "size").values()) == [4]
    assert sum(counts(weir, "output_tokens").values()) == 4


def test_failed_answers_count_no_prediction(stage):
    upstream, weir = started(stage)
    upstream.script = chat.fails(500)
    weir.post(chat.PATH, chat.question())
    counted(weir, 1)
    assert counts(weir, "intent") == {}


def test_predictions_of_a_json_model_come_from_its_answer(stage):
    upstream = stage.upstream(
        lambda call: call.answer(200, b'{"label": "refund", "score": 0.75}')
    )
    setup = config.gateway(upstream)
    setup["upstreams"]["up"] = {"dialect": "json", "endpoints": [upstream.origin + "/predict"]}
    setup["models"]["chat"]["predictions"] = [
        {"name": "label", "from": "/label", "kind": "label", "labels": ["refund"]},
        {"name": "score", "from": "/score", "kind": "number", "bins": [0.5, 0.9]},
    ]
    weir = stage.weir(setup)
    weir.post("/v1/predict/chat", b'{"text":"x"}')
    counted(weir, 1)
    assert counts(weir, "label") == {"refund": 1}
    assert list(counts(weir, "score").values()) == [1]


def test_admin_predictions_is_json_and_a_text_histogram(stage):
    _, weir = started(stage)
    for number in range(5):
        weir.post(chat.PATH, chat.question(str(number)))
    counted(weir, 5)
    response = weir.ask_admin("/admin/predictions")
    assert response.header("content-type").startswith("application/json")
    text = json.dumps(response.json())
    assert all(word in text for word in ("chat", "intent", "refund", "real-model"))
    drawn = weir.ask_admin("/admin/predictions", headers={"Accept": "text/plain"})
    assert drawn.header("content-type").startswith("text/plain")
    lines = [line for line in drawn.body.decode().splitlines() if "refund" in line]
    assert lines and "5" in lines[0]


REFUSED = {
    400: (b"GET / HTTP/1.1\r\n\r\n", "ERR_MALFORMED"),
    408: (b"POST /v1/chat/completions HTTP/1.1\r\n", "ERR_MALFORMED"),
    413: (b"POST " + chat.PATH.encode() + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n",
          "ERR_TOO_LARGE"),
    414: (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", "ERR_MALFORMED"),
    431: (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"x" * 70000, "ERR_MALFORMED"),
}  # fmt: skip


@pytest.mark.parametrize("status", REFUSED)
def test_a_message_that_is_refused_before_it_is_a_request_is_counted_and_logged(stage, status):
    message, err = REFUSED[status]
    limits = {"max_body": "1KiB", **({"header_timeout": "200ms"} if status == 408 else {})}
    weir = stage.weir(config.gateway(stage.upstream(chat.says()), server=limits))
    with Client(weir.address) as client:
        client.send(message)
        assert client.response().status == status
    weir.metrics.wait("weir_requests_total", 1, endpoint="other", outcome="rejected")
    line = weir.wait_logged("exchange_end")[0]
    assert (line["status"], line["err"]) == (status, err) and line["why"]


def test_a_failure_names_the_upstream_that_was_asked_last(stage):
    servers = stage.upstream(chat.fails(500)), stage.upstream(chat.says(body=b"{"))
    weir = stage.weir(config.gateway(*servers, **config.chat(max_attempts=2)))
    response = weir.post(chat.PATH, chat.question())
    assert (response.status, response.header("x-weir-upstream")) == (502, "up2")
    weir.metrics.wait("weir_requests_total", 1, upstream="up2", outcome="upstream_error")
    line = weir.wait_logged("exchange_end")[0]
    assert (line["upstream"], line["upstream_model"]) == ("up2", "real-model")


def test_a_request_for_which_nobody_was_asked_names_no_upstream(stage):
    upstream = stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream))
    weir.post(chat.PATH, chat.stable(), {"Cache-Control": "only-if-cached"})
    line = weir.wait_logged("exchange_end")[0]
    assert "upstream" not in line and "upstream_model" not in line and "why" not in line


def test_explain_names_the_key_that_redis_holds(stage):
    redis = stage.redis()
    _, weir = started(stage, **config.redis(redis))
    weir.post(chat.PATH, chat.stable("explain me"))
    until(lambda: redis.keys("weir:v1:answer:*"))
    digest = redis.keys("weir:v1:answer:*")[0].rsplit(":", 1)[1]
    told = weir.ask_admin("/admin/cache/explain", "POST", chat.stable("explain me"))
    assert told.status == 200 and digest in told.body.decode()
    assert "explain me" in told.body.decode()
    not_kept = weir.ask_admin("/admin/cache/explain", "POST", chat.question("hot"))
    assert not_kept.status == 200 and "temperature" in not_kept.body.decode()


def test_metrics_and_health_answer_while_the_data_plane_is_busy(stage):
    _, weir = started(stage, lambda call: call.hang())
    clients = [Client(weir.address) for _ in range(100)]
    for number, client in enumerate(clients):
        client.ask("POST", chat.PATH, chat.question(str(number)))
    weir.metrics.wait("weir_in_flight", 100)
    assert weir.ask_admin("/livez").status == 200
    for client in clients:
        client.reset()
    weir.metrics.wait("weir_in_flight", 0)
