# SPDX-License-Identifier: Apache-2.0
"""What is shipped for Prometheus and Grafana: whole, true to what a gateway tells, and tried."""

import itertools
import json
import re
import shutil
import subprocess

import pytest
import yaml

from weirtest import chat, config
from weirtest.patience import in_parallel, until
from weirtest.process import ROOT
from weirtest.prometheus import Prometheus
from weirtest.promql import Expression

RULES = ROOT / "deploy" / "prometheus"
BOARDS = {path.stem: json.loads(path.read_text())
          for path in sorted((ROOT / "deploy" / "grafana").glob("*.json"))}  # fmt: skip
ROW = re.compile(r'^ +M\(\w+, +\w+, +"(\w+)", +"([^"]*)"', re.MULTILINE)
OF_THE_SCRAPE = {"job", "instance"}
GRAFANAS_OWN = {"__rate_interval", "__range", "__all"}
VARIABLE = re.compile(r"\$(\w+)")


def rules_of(name):
    groups = yaml.safe_load((RULES / name).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


RECORDS = {rule["record"]: rule["expr"] for rule in rules_of("weir.rules.yml")}
ALERTS = {rule["alert"]: rule for rule in rules_of("weir.alerts.yml")}


def declared():
    """The labels of each metric, as the table of all metrics has them."""
    table = dict(ROW.findall((ROOT / "include" / "weir" / "base" / "metric.h").read_text()))
    labels = {name: set(filter(None, text.split(","))) for name, text in table.items()}
    return {**labels, "weir_request_latency_seconds": {"model", "quantile"}, "up": set()}


def panels(board):
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def plain(expr):
    """An expression as Grafana sends it: durations and choices in the place of variables."""
    return VARIABLE.sub(lambda m: "5m" if m[1] in {"__rate_interval", "__range", "window"}
                        else ".*", expr)  # fmt: skip


def board_queries(board):
    """(where, expression) of all that a dashboard asks."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield panel["title"], plain(target["expr"])
    for variable in board["templating"]["list"]:
        asked = re.match(r"label_values\((.*), (\w+)\)$", variable.get("definition", ""))
        if asked:
            yield variable["name"], f"sum by ({asked[2]}) ({plain(asked[1])})"
    for annotation in board["annotations"]["list"]:
        if "expr" in annotation:
            yield annotation["name"], plain(annotation["expr"])


def all_queries():
    yield from RECORDS.items()
    yield from ((name, alert["expr"]) for name, alert in ALERTS.items())
    for name, board in BOARDS.items():
        yield from ((f"{name}: {where}", expr) for where, expr in board_queries(board))


# -- the dashboards as files -------------------------------------------------------------


def test_both_dashboards_are_there_and_lead_to_each_other():
    assert sorted(BOARDS) == ["models", "traffic"]
    uids = {name: board["uid"] for name, board in BOARDS.items()}
    for name, board in BOARDS.items():
        urls = {link["url"] for link in board["links"]}
        assert urls == {f"/d/{uid}" for other, uid in uids.items() if other != name}
        assert all(link["keepTime"] and link["includeVars"] for link in board["links"])


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_dashboard_is_one_that_grafana_10_reads(board):
    assert board["schemaVersion"] == 38 and board["title"] and board["description"]
    assert board["__requires"][0] == {
        "type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.0.0"}  # fmt: skip
    variables = {v["name"]: v for v in board["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == (
        "datasource", "prometheus")  # fmt: skip
    assert {"job", "model"} <= set(variables)
    assert all(v["label"] and v["description"] for v in variables.values())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_no_two_panels_overlap(board):
    places = [panel["gridPos"] for panel in board["panels"]]
    for at in places:
        assert at["w"] > 0 and at["h"] > 0 and at["x"] >= 0 and at["x"] + at["w"] <= 24
    for a, b in itertools.combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, (a, b)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_panel_says_what_it_shows_and_in_which_unit(board):
    assert len({panel["title"] for panel in panels(board)}) == len(panels(board))
    for panel in panels(board):
        assert len(panel["description"]) > 10, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert refs and len(set(refs)) == len(refs), panel["title"]
        for asker in (panel, *panel["targets"]):
            assert asker["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_variables_are_declared_and_each_is_used(board):
    names = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board)))
    assert used - GRAFANAS_OWN == names


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_legend_names_only_labels_that_its_query_keeps(board):
    for panel in panels(board):
        for target in panel["targets"]:
            asked = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert asked <= Expression(plain(target["expr"])).grouping, panel["title"]


# -- names, against the table of metrics, a running gateway, and the page -----------------


def labels_known():
    """What may be asked of each metric: by the table's names, as Prometheus stores them."""
    known = {}
    for name, labels in declared().items():
        known[name] = labels | OF_THE_SCRAPE
        for suffix in ("_bucket", "_sum", "_count"):
            known[name + suffix] = labels | OF_THE_SCRAPE | {"le"}
    for record, expr in RECORDS.items():
        known[record] = set().union(*(known[m] for m in Expression(expr).metrics))
    return known


def test_every_label_that_is_asked_for_is_declared():
    known = labels_known()
    for where, text in all_queries():
        expression = Expression(text)
        for metric, asked in expression.selectors:
            assert metric in known, f"{where}: {metric}"
            assert asked <= known[metric], f"{where}: {metric} has no {asked - known[metric]}"
        kept = set().union(*(known[metric] for metric in expression.metrics))
        assert expression.grouping <= kept, f"{where}: {expression.grouping - kept}"


def test_every_metric_that_is_asked_for_is_told_by_a_gateway(stage):
    weir = stage.weir(config.gateway(stage.upstream(chat.says())))
    assert weir.post(chat.PATH, chat.stable(stream=True)).status == 200
    weir.metrics.wait("weir_requests_total", 1)
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", weir.metrics.text(), re.MULTILINE))
    told = set(types) | set(RECORDS) | {"up"}
    for name, kind in types.items():
        if kind == "histogram":
            told |= {name + suffix for suffix in ("_bucket", "_sum", "_count")}
    for where, text in all_queries():
        assert Expression(text).metrics <= told, f"{where}: {Expression(text).metrics - told}"
    assert {"weir_drift_score", "weir_drift_alarm", "weir_drift_ticks_total",
            "weir_drift_histograms", "weir_alerts_sent_total"} <= told  # fmt: skip


def test_a_gateway_tells_the_labels_that_the_table_declares(stage):
    weir = stage.weir(config.gateway(stage.upstream(chat.says())))
    assert weir.post(chat.PATH, chat.stable(stream=True)).status == 200
    weir.metrics.wait("weir_requests_total", 1)
    seen = 0
    for name, labels in declared().items():
        for suffix in ("", "_count"):
            for told, _ in weir.metrics.samples(name + suffix):
                assert set(told) == labels, name
                seen += 1
    assert seen > 20


def anchors(page):
    """The anchors of a page's headings, as a repository's host makes them."""
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
            for heading in headings}  # fmt: skip


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_and_leads_to_its_section(name):
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    assert alert["annotations"]["summary"] and alert["annotations"]["description"]
    page, anchor = alert["annotations"]["runbook_url"].split("#")
    assert anchor == name.lower() and anchor in anchors(page)


# -- the rules, as promtool judges them ---------------------------------------------------


def promtool(*words):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    return subprocess.run(["promtool", *words], cwd=RULES, capture_output=True, text=True,
                          timeout=100)  # fmt: skip


@pytest.mark.parametrize("words", [
    ("check", "rules", "weir.rules.yml", "weir.alerts.yml"),
    ("check", "config", "prometheus.yml"),
    ("test", "rules", "tests.yml"),
], ids=" ".join)  # fmt: skip
def test_promtool_finds_nothing_to_say(words):
    judged = promtool(*words)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_each_alert_is_shown_to_fire_and_not_to_fire():
    fires, rests = set(), set()
    for played in yaml.safe_load((RULES / "tests.yml").read_text())["tests"]:
        for asked in played["alert_rule_test"]:
            (fires if asked.get("exp_alerts") else rests).add(asked["alertname"])
    assert fires == set(ALERTS) and rests == set(ALERTS)


def test_the_example_scrapes_two_gateways_and_loads_both_files():
    example = yaml.safe_load((RULES / "prometheus.yml").read_text())
    assert example["rule_files"] == ["weir.rules.yml", "weir.alerts.yml"]
    (scrape,) = example["scrape_configs"]
    assert len(scrape["static_configs"][0]["targets"]) == 2
    assert re.fullmatch("weir.*", scrape["job_name"])


# -- a real Prometheus on two real gateways -----------------------------------------------

# Short ticks, so that a baseline is made and something judged within seconds.
JUDGED_SOON = {"tick": "1s", "min_n": 200, "baseline_ticks": 2}
QUESTIONS = itertools.count()


def busy_gateway(redis, good, bad):
    """One that has something to tell in every family that rules read."""
    priced = {"model": "real-model", "price": {"input": 2, "output": 6}}
    sure = {"accept_if": {"pointer": "/choices/0/message/content", "is": ["sure"]}}
    settings = config.gateway(good, bad, drift=JUDGED_SOON, **config.redis(redis))
    settings["upstreams"]["up"]["max_in_flight"] = 1
    settings["models"] = {
        "chat": {"routes": [{"upstream": "up", **priced}], "cache": {"ttl": "1h"}},
        "cascade": {"routes": [{"upstream": "up", **priced, **sure},
                               {"upstream": "up", **priced}]},
        "failing": {"routes": [{"upstream": "up2", **priced}], "max_attempts": 1,
                    "fallback": [{"model": "chat"}]},
    }  # fmt: skip
    return settings


def a_round(gateways):
    """Hits and misses, streams, answers asked twice, failures, and some that have to wait."""
    for weir in gateways:
        asks = [chat.stable()] * 2
        asks += [chat.question(f"q{next(QUESTIONS)}", stream=True) for _ in range(4)]
        asks += [chat.question(f"q{next(QUESTIONS)}", model=m) for m in ("cascade", "failing")]
        in_parallel([lambda ask=ask, weir=weir: weir.post(chat.PATH, ask) for ask in asks])


def talk(gateways):
    """Enough fresh answers for a tick that may be judged."""
    asks = [lambda weir=weir: weir.post(chat.PATH, chat.question(f"q{next(QUESTIONS)}"))
            for weir in gateways for _ in range(10)]  # fmt: skip
    for _ in range(3):
        in_parallel(asks)


def shipped(folder, targets):
    """The shipped configuration, with these gateways in it, and sped up for a test."""
    for name in ("weir.rules.yml", "weir.alerts.yml"):
        shutil.copy(RULES / name, folder)
    settings = yaml.safe_load((RULES / "prometheus.yml").read_text())
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["scrape_configs"][0]["static_configs"][0]["targets"] = targets
    return settings


@pytest.fixture(scope="module")
def watched(shared_stage, tmp_path_factory):
    """A Prometheus that has seen two busy gateways."""
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not installed")
    redis = shared_stage.redis()
    good, bad = shared_stage.upstream(chat.says()), shared_stage.upstream(chat.fails(500))
    gateways = [shared_stage.weir(busy_gateway(redis, good, bad)) for _ in range(2)]
    a_round(gateways)
    targets = ["%s:%d" % weir.admin for weir in gateways]
    folder = tmp_path_factory.mktemp("prometheus")
    seer = shared_stage.keep(Prometheus(folder, shipped(folder, targets)))
    until(lambda: seer.value('sum(up{job="weir"})') == 2, 90, "both to be scraped")
    a_round(gateways)
    # A series has a rate from its second value on, and hits may only just have come.
    hits = 'count(weir_cache_lookups_total{result="hit",tier="memory"})'
    until(lambda: seer.value(hits) == 2, 60, "hits at both to be scraped")
    a_round(gateways)
    score = "histogram:weir_drift_score:max"
    until(lambda: talk(gateways) or seer.result(score), 120, "a baseline and a score")
    for record in RECORDS:
        until(lambda record=record: seer.result(record), 60, f"a value of {record}")
    return seer


def test_a_real_prometheus_answers_for_each_recording_rule(watched):
    for record in RECORDS:
        until(lambda record=record: watched.result(record), 60, f"a value of {record}")
    assert {labels["model"] for labels, _ in watched.result("model:weir_requests:rate5m")} >= {
        "chat", "cascade", "failing"}  # fmt: skip
    escalated = 'model_upstream:weir_cascade_escalated:ratio15m{upstream="up"}'
    kept = 'model:weir_requests_kept:ratio5m{model="chat"}'
    until(lambda: (watched.value(escalated) or 0) > 0, 60, "a share that was escalated")
    until(lambda: 0 < (watched.value(kept) or 0) < 1, 60, "a share that was kept")


def test_every_rule_is_well_and_no_alert_is_missing(watched):
    def rules():
        groups = watched.ask("/api/v1/rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    until(lambda: all(rule["health"] == "ok" for rule in rules()), 60, "all to be evaluated")
    assert {rule["name"] for rule in rules()} == set(RECORDS) | set(ALERTS)


@pytest.mark.parametrize("name", BOARDS)
def test_a_real_prometheus_understands_every_query_of_a_dashboard(watched, name):
    for where, expr in board_queries(BOARDS[name]):
        assert watched.result(expr) is not None, f"{where}: {expr}"
