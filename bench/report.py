# SPDX-License-Identifier: Apache-2.0
"""From samples to a verdict: medians, ratios, and the targets that Weir has set itself."""

import statistics

SATURATED = 0.9  # a server that is busy less waits for the load generator

# numerator, denominator, least ratio of rates (None: only told)
RATIOS = [
    ("hit", "nginx_cached", 2.0),
    ("hit", "nginx_tuned", None),
    ("hit", "limit", 0.75),
    ("hit_watched", "hit", 0.98),
    ("hit_segments", "hit", None),
    ("hit_redis", "nginx_cached", 0.8),
    ("miss", "nginx_proxy", 0.7),
    ("miss", "haproxy_proxy", None),
    ("hit_large", "limit_large", 0.8),
]

# measured value, title, format, greatest value
CEILINGS = [
    ("stream_failures", "streams that failed", "{:.0f}", 0),
    ("stream_stalls", "stalls in streams", "{:.0f}", 0),
    ("stream_p99_ms", "streams, delay p99", "{:.2f} ms", 10),
    ("stream_rss_mib", "streams, RSS", "{:.1f} MiB", 120),
    ("idle_connections_mib", "idle connections held, RSS above idle", "{:.1f} MiB", 40),
    ("idle_rss_mib", "RSS idle", "{:.1f} MiB", 12),
    ("start_ms", "start to first accept", "{:.1f} ms", 100),
]

SCALING_TARGET = 0.8  # of what two cores can do, wrk's own need taken off


def median(case, what):
    return statistics.median(sample[what] for sample in case.samples)


def _ratio(over, under, what):
    """Of medians, not the median of ratios: a disturbed round then spoils only one side."""
    return median(over, what) / median(under, what) if median(under, what) else 0


def _verdict(ratio, by_cpu, target, over, under):
    if target is None:
        return ""
    if ratio >= target:
        return "met"
    if min(median(over, "busy"), median(under, "busy")) < SATURATED:
        return f"missed (load-bound; by CPU time {'met' if by_cpu >= target else 'missed'})"
    return "missed"


def ratios(cases):
    rows = []
    for over_name, under_name, target in RATIOS:
        over, under = cases.get(over_name), cases.get(under_name)
        if not (over and under and over.samples and under.samples):
            continue
        ratio, by_cpu = _ratio(over, under, "rate"), _ratio(under, over, "cpu_us")
        rows.append({"what": f"{over.title} / {under.title}", "ratio": ratio,
                     "by_cpu": by_cpu, "target": target,
                     "verdict": _verdict(ratio, by_cpu, target, over, under)})
    return rows


def _scaled(share, by_cpu, ours):
    if share >= SCALING_TARGET:
        return "met"
    if ours >= SATURATED:
        return "missed"
    told = "met" if by_cpu >= SCALING_TARGET else "missed"
    return f"missed (cores {ours:.0%} ours; by CPU time {told})"


def scaling(cases):
    """
    Two workers against what two cores could do at most: wrk runs on the same cores, so a
    request costs its time and ours, and one thread of wrk can send no faster than its own.
    The limit takes both cores to be ours. Where others ran on them, the rate says little,
    and what counts is whether a request costs two workers more time than one.
    """
    rows = []
    for one_name, two_name in (("hit", "hit_two"), ("hit_large", "hit_large_two")):
        one, two = cases.get(one_name), cases.get(two_name)
        if not (one and two and one.samples and two.samples):
            continue
        load, own = median(one, "load_cpu_us"), median(one, "cpu_us")
        most = min(1e6 / load, 2e6 / (load + own))
        share = median(two, "rate") / most
        over_one = _ratio(two, one, "rate")
        leaves_room = most > 1.3 * median(one, "rate")
        both = median(two, "load_cpu_us") + median(two, "cpu_us")
        by_cpu, ours = (load + own) / both, median(two, "rate") * both / 2e6
        verdict = _scaled(share, by_cpu, ours) if leaves_room else "no room to scale"
        rows.append({"what": f"{two.title} / what the cores leave", "ratio": share,
                     "by_cpu": by_cpu, "ours": ours, "over_one": over_one,
                     "target": SCALING_TARGET if leaves_room else None,
                     "verdict": f"{verdict} ({over_one:.2f} times one worker)"})
    return rows


def ceilings(values):
    return [{"what": title, "value": values[name], "shown": form.format(values[name]),
             "at_most": most, "shown_most": form.format(most),
             "verdict": "met" if values[name] <= most else "missed"}
            for name, title, form, most in CEILINGS if name in values]


def case_record(case):
    return {"title": case.title, "samples": case.samples,
            "median": {what: median(case, what) for what in case.samples[0]}}


# ---- for people ----------------------------------------------------------------------


def print_cases(cases):
    print(f"\n{'':34}{'requests/s':>11}{'CPU µs each':>13}{'busy':>7}"
          f"{'p50 µs':>9}{'p99 µs':>9}{'spread':>9}")
    for case in cases.values():
        if not case.samples:
            continue
        rates = [sample["rate"] for sample in case.samples]
        spread = (max(rates) - min(rates)) / median(case, "rate")
        print(f"{case.title:34}{median(case, 'rate'):11,.0f}{median(case, 'cpu_us'):13.1f}"
              f"{median(case, 'busy'):7.0%}{median(case, 'p50_us'):9,.0f}"
              f"{median(case, 'p99_us'):9,.0f}{spread:9.0%}")


def print_ratios(rows):
    if not rows:
        return
    print(f"\n{'':56}{'by rate':>9}{'by CPU':>9}{'target':>9}  verdict")
    for row in rows:
        target = f"≥ {row['target']:.2f}" if row["target"] is not None else "–"
        print(f"{row['what']:56}{row['ratio']:9.2f}{row['by_cpu']:9.2f}{target:>9}  "
              f"{row['verdict']}".rstrip())


def print_ceilings(rows):
    print(f"\n{'':56}{'measured':>13}{'at most':>13}  verdict")
    for row in rows:
        print(f"{row['what']:56}{row['shown']:>13}{row['shown_most']:>13}  {row['verdict']}")


def print_streams(results):
    print(f"\n{'streams':34}{'failed':>9}{'events':>11}{'stalls':>8}{'p50 ms':>9}"
          f"{'p99 ms':>9}{'max ms':>9}{'CPU µs':>9}{'RSS MiB':>9}")
    for name, r in results.items():
        delay = r["delay_ms"]
        print(f"{name:34}{r['failed']:9,}{r['events']:11,}{r['stalls']:8,}{delay['p50']:9.2f}"
              f"{delay['p99']:9.2f}{delay['max']:9.2f}"
              f"{r['cpu_us']:9.1f}{r['rss_mib']:9.1f}")


def print_calls(calls):
    print("\nsystem calls per request")
    for name, counts in calls.items():
        most = sorted(counts.items(), key=lambda item: -item[1])
        told = ", ".join(f"{call} {count:.2f}" for call, count in most if count >= 0.01)
        print(f"{name:34}{sum(counts.values()):6.2f}  {told}")
