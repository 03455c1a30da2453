# SPDX-License-Identifier: Apache-2.0
"""More histograms than are watched, and more series than are told: whole models keep their place.

What others have counted is planted in Redis; the first round of a gateway comes at its start."""

import time

import pytest

from weirtest import chat, config
from weirtest.patience import until

pytestmark = pytest.mark.limit(120)
SOON = 60  # seconds: a round of ten thousand, on a machine that has much else to do

TICK_S = 60
WATCHED, NAMED = 10_000, 999
AT_ONCE = 2_000


def plant(redis, names):
    tick = int(time.time()) // TICK_S
    for first in range(0, len(names), AT_ONCE):
        part = names[first:first + AT_ONCE]
        redis("ZADD", "weir:v1:histograms", *(word for name in part for word in (tick, name)))


def gateway(stage, redis):
    upstream = stage.upstream(chat.says("yes"))
    overlay = config.merged(config.redis(redis, timeout="2s"), {"drift": {"tick": f"{TICK_S}s"}})
    return stage.weir(config.gateway(upstream, **overlay))


def watched(weir):
    """The names of all histograms, once a round has been."""
    def full():
        page = weir.ask_admin("/admin/drift").json()
        return page if page["histograms"] == WATCHED else None

    page = until(full, SOON, "ten thousand histograms")
    return [(row["model"], row["prediction"], row["segment"]) for row in page["histograms_list"]]


def test_two_gateways_watch_the_same_and_every_model_though_its_segments_are_too_many(stage):
    redis = stage.redis()
    plant(redis, [f"a:v:p@plan=s{i:05}" for i in range(12_000)])
    plant(redis, [f"zz:v:p{i}" for i in range(20)])
    one, two = gateway(stage, redis), gateway(stage, redis)
    names = watched(one)
    assert {name for name in names if name[0] == "zz"} == {
        ("zz", f"p{i}", "") for i in range(20)}
    assert watched(two) == names
    one.metrics.wait("weir_drift_histograms_left_out", 2_020, SOON)
    assert len(one.logged("drift_left_out", watched=WATCHED, left_out=2_020)) == 1


def test_of_too_many_series_whole_models_are_named_and_the_rest_is_one(stage):
    redis = stage.redis()
    plant(redis, [f"a:v:p{i:05}@plan=pro" for i in range(12_000)])
    plant(redis, [f"zz:v:p{i}" for i in range(20)])
    weir = gateway(stage, redis)
    watched(weir)
    told = until(lambda: weir.metrics.samples("weir_drift_alarm"), SOON, "the series")
    assert len(told) == NAMED + 1
    assert len(weir.metrics.samples("weir_drift_alarm", model="zz", segment="")) == 20
    assert weir.metrics.sum("weir_drift_alarm", model="other", prediction="other") == 0
