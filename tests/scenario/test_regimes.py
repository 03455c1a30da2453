# SPDX-License-Identifier: Apache-2.0
"""A provider's answers become longer, or slower: it is told once, with before and after.

Ticks are a second long, and a regime is learned in twenty of them."""

import pytest
from test_changes import LONG, SOON, Provider, Traffic, changes, learned, settings
from test_drift import page

from weirtest import config
from weirtest.patience import until

pytestmark = pytest.mark.limit(500)
LATER = 240  # where an answer takes two seconds
ASKERS = 12


def test_longer_answers_are_told_with_before_and_after(stage):
    provider = Provider()
    weir = stage.weir(settings(stage.upstream(provider)))
    stage.keep(Traffic(weir))
    learned(weir, ticks=26)
    provider.change(tokens=LONG)
    until(lambda: changes(weir, "output_tokens"), SOON, "the change")
    (change,) = changes(weir, "output_tokens")
    before, after = change["before"], change["after"]
    assert before["p10"] < before["p50"] < before["p90"] < after["p90"]
    assert 100 < before["p50"] < 400 < after["p50"] < 3000
    assert change["sentence"].startswith("output_tokens median about ")
    assert change["sentence"].endswith(" UTC")
    assert change["upstream"] == "up"
    assert changes(weir, "fingerprint") == changes(weir, "returned_model") == []


def test_slower_answers_are_told_with_before_and_after(stage):
    provider = Provider(wait_s=0.3)
    weir = stage.weir(settings(stage.upstream(provider)))
    stage.keep(Traffic(*[weir] * ASKERS))
    learned(weir, ticks=40)

    provider.change(wait_s=1.8)

    def slower():
        return [c for c in changes(weir, "latency") if c["after"]["p50"] > 1.5]

    until(slower, LATER, "the change")
    (change,) = slower()
    before, after = change["before"], change["after"]
    assert 0.25 < before["p50"] < 1 and before["n"] and after["n"]
    assert before["p10"] <= before["p50"] <= before["p90"] < after["p90"]
    assert change["sentence"].startswith("latency median about ")
    assert " s since " in change["sentence"] and change["sentence"].endswith(" UTC")
    assert (change["model"], change["version"], change["upstream"]) == (
        "chat", "real-model", "up")
    (line,) = weir.wait_logged("model_changed", id=change["id"])
    assert (line["kind"], line["what"], line["upstream"]) == ("latency", change["sentence"], "up")
    until(lambda: weir.metrics.sum("weir_model_changes_total", model="chat", upstream="up",
                                   what="latency") == len(changes(weir, "latency")))
    learned(weir, ticks=12)
    assert slower() == [change] and changes(weir) == []
    assert all(not row["prediction"].startswith("~")
               for row in page(weir, "drift")["histograms_list"])
    assert "~" not in weir.metrics.text()


def test_answers_half_as_long_again_are_told_though_a_coarse_bin_has_both(stage):
    provider = Provider(tokens=(80,) * 5)  # 120 is in le_256 as well
    weir = stage.weir(settings(stage.upstream(provider)))
    stage.keep(Traffic(weir))
    learned(weir, ticks=26)
    provider.change(tokens=(120,) * 5)
    until(lambda: changes(weir, "output_tokens"), SOON, "the change")
    (change,) = changes(weir, "output_tokens")
    assert 70 < change["before"]["p50"] < 90 and 110 < change["after"]["p50"] < 130
    (line,) = weir.wait_logged("model_changed", kind="output_tokens")
    assert line["what"] == change["sentence"]
    until(lambda: weir.metrics.sum("weir_model_changes_total", model="chat", upstream="up",
                                   what="output_tokens") == 1)
    learned(weir, ticks=12)
    assert changes(weir, "output_tokens") == [change]


def test_another_upstream_of_the_same_model_is_no_change_of_its_lengths(stage):
    first, second = Provider(tokens=(80,) * 5), Provider(tokens=(900,) * 5)
    whole = settings(stage.upstream(first), None)
    both = config.gateway(stage.upstream(first), stage.upstream(second))
    weir = stage.weir(config.merged(whole, {name: both[name] for name in ("upstreams", "models")}))
    stage.keep(Traffic(weir))
    learned(weir, ticks=26)
    first.change(down=True)
    until(lambda: long_answers(weir) > 0, SOON, "the second upstream to answer")
    learned(weir, ticks=16)
    assert changes(weir, "output_tokens") == []


def long_answers(weir):
    return weir.metrics.sum("weir_predictions_total", prediction="output_tokens",
                            value="le_1024", source="fresh")
