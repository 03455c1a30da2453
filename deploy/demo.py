#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Asks a running Weir a handful of real questions, and tells a person what came of each.

Every step is also a check: a status, a hit where one is due, a stream that ends as it should,
an answer that redis-cli can see, metrics that can be read. What is not as it should be is
told where it happens and counted; the exit status is 0 only if nothing was.
"""

import argparse
import http.client
import json
import subprocess
import sys
import textwrap
import time
from typing import Dict, List, NamedTuple

PATIENCE_SECONDS = 10  # for one answer
STORE_SECONDS = 2  # an answer is stored after it was sent
SHOWN_KEYS = 3
PARCEL = "Where is my parcel?"
BROKEN = "The mug I ordered arrived broken. What now?"
MONEY = "I want my money back"
OTHERS = [  # who ask besides, so that the histograms have a form
    "Can I get a refund for this?", "Please refund order 1042", "My package never came",
    "When will it be delivered?", "Cancel my order please", "I was charged twice",
    "I cannot log in", "Does this fit a small kitchen?", "Let me talk to a human",
]


class Answer(NamedTuple):
    status: int
    headers: Dict[str, str]
    body: bytes
    first_ms: float
    total_ms: float

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str:
        return self.headers.get(name, "?")


def call(method: str, at: str, path: str, value=None, headers=None) -> Answer:
    """One request on a connection of its own; `first_ms` is when the first bytes came."""
    connection = http.client.HTTPConnection(at, timeout=PATIENCE_SECONDS)
    body = None if value is None else json.dumps(value)
    sent = {"Content-Type": "application/json"} if body else {}
    start = time.monotonic()
    try:
        connection.request(method, path, body, {**sent, **(headers or {})})
        response = connection.getresponse()
        first = response.read1(65536)
        first_ms = (time.monotonic() - start) * 1000
        rest = response.read()
    finally:
        connection.close()
    names = {name.lower(): text for name, text in response.getheaders()}
    total_ms = (time.monotonic() - start) * 1000
    return Answer(response.status, names, first + rest, first_ms, total_ms)


class Demo:
    def __init__(self, weir: str, admin: str, redis_port: int):
        self.weir = weir
        self.admin = admin
        self.redis_port = redis_port
        self.faults: List[str] = []

    def check(self, holds: bool, fault: str) -> bool:
        if not holds:
            self.faults.append(fault)
            print(f"     !! {fault}")
        return holds

    def show(self, question: str, said: str, answer: Answer, more: str = "") -> None:
        upstream, model = answer.header("x-weir-upstream"), answer.header("x-weir-model")
        word = answer.header("x-weir-cache")
        print(f"  Q  {question}")
        print(f"  A  {textwrap.shorten(said, 86, placeholder=' ...')}")
        print(f"     {word} · {answer.total_ms:.1f} ms{more} · {upstream} / {model}\n")

    def good(self, answer: Answer, what: str) -> bool:
        return self.check(
            answer.status == 200, f"{what}: status {answer.status}: {answer.text()[:200]}"
        )

    # ---- the questions, in the order in which they are asked ---------------------------------

    def chat(self, question: str, cache: str) -> str:
        answer = call("POST", self.weir, "/v1/chat/completions", chat_body(question))
        if not self.good(answer, "chat"):
            return ""
        said = json.loads(answer.body)["choices"][0]["message"]["content"]
        self.show(question, said, answer)
        self.check(bool(said), "chat: the answer is empty")
        self.check_cache(answer, cache)
        return said

    def stream(self, question: str) -> None:
        answer = call("POST", self.weir, "/v1/chat/completions",
                      {**chat_body(question), "stream": True})
        if not self.good(answer, "stream"):
            return
        kind = answer.header("content-type")
        self.check(kind.startswith("text/event-stream"), f"stream: it came as {kind}")
        events = [line[6:] for line in answer.text().splitlines() if line.startswith("data: ")]
        self.check(events[-1:] == ["[DONE]"], "stream: it did not end in [DONE]")
        deltas = [text for text in map(delta_of, events) if text]
        self.show(question, "".join(deltas), answer,
                  f", the first after {answer.first_ms:.1f} ms, in {len(deltas)} pieces")
        self.check(len(deltas) > 1, "stream: it came in one piece")

    def predict(self, text: str, cache: str) -> None:
        answer = call("POST", self.weir, "/v1/predict/support-intent", {"text": text})
        if not self.good(answer, "prediction"):
            return
        said = json.loads(answer.body)
        label, score = said.get("label"), said.get("score")
        self.show(text, f"intent {label}, score {score}", answer)
        self.check(label == "refund", f"prediction: {label} instead of refund")
        self.check_cache(answer, cache)

    def predict_quietly(self, texts: List[str]) -> None:
        start = time.monotonic()
        for text in texts:
            answer = call("POST", self.weir, "/v1/predict/support-intent", {"text": text})
            self.good(answer, f"prediction for {text!r}")
        took_ms = (time.monotonic() - start) * 1000
        print(f"     ... and {len(texts)} more texts, in {took_ms:.0f} ms\n")

    def check_cache(self, answer: Answer, due: str) -> None:
        word = answer.header("x-weir-cache")
        self.check(word == due, f"the cache says {word} where {due} is due")

    # ---- what can be seen from outside -------------------------------------------------------

    def redis(self) -> None:
        command = ["redis-cli", "-p", str(self.redis_port), "--scan", "--pattern",
                   "weir:v1:answer:*"]
        until = time.monotonic() + STORE_SECONDS
        while True:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            keys = sorted(done.stdout.split())
            if keys or time.monotonic() > until:
                break
            time.sleep(0.05)
        print("In Redis")
        for key in keys[:SHOWN_KEYS]:
            print(f"  {key}")
        if len(keys) > SHOWN_KEYS:
            print(f"  ... and {len(keys) - SHOWN_KEYS} more")
        print()
        self.check(bool(keys), "Redis holds no key weir:v1:answer:*")

    def histogram(self) -> None:
        answer = call("GET", self.admin, "/admin/predictions", headers={"Accept": "text/plain"})
        if not self.good(answer, "/admin/predictions"):
            return
        blocks = answer.text().strip().split("\n\n")
        telling = [block for block in blocks if len(block.splitlines()) > 3]
        print("Predictions so far")
        print(textwrap.indent("\n\n".join(telling), "  "))
        print(f"  ... and {len(blocks) - len(telling)} more that have one value each\n")
        self.check("refund" in answer.text(), "the histogram does not know refund")

    def metrics(self) -> None:
        answer = call("GET", self.admin, "/metrics")
        if self.good(answer, "/metrics"):
            self.check("weir_requests_total" in answer.text(),
                       "/metrics lacks weir_requests_total")

    def run(self) -> None:
        print("Asked\n")
        fresh = self.chat(PARCEL, "miss")
        kept = self.chat(PARCEL, "hit")
        self.check(fresh == kept, "chat: the hit is not the answer that was stored")
        self.stream(BROKEN)
        self.predict(MONEY, "miss")
        self.predict(MONEY, "hit")
        self.predict_quietly(OTHERS)
        self.redis()
        self.histogram()
        self.metrics()


def chat_body(question: str) -> Dict:
    return {
        "model": "support-chat",
        "temperature": 0,
        "messages": [{"role": "user", "content": question}],
    }


def delta_of(event: str) -> str:
    if event == "[DONE]":
        return ""
    choices = json.loads(event).get("choices") or [{}]
    return choices[0].get("delta", {}).get("content") or ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask a running Weir and check what it says.")
    parser.add_argument("--weir", default="127.0.0.1:8080", help="HOST:PORT of the data plane")
    parser.add_argument("--admin", default="127.0.0.1:8081", help="HOST:PORT of the admin side")
    parser.add_argument("--redis-port", type=int, default=6379)
    asked = parser.parse_args()
    demo = Demo(asked.weir, asked.admin, asked.redis_port)
    try:
        demo.run()
    except (OSError, http.client.HTTPException, ValueError, LookupError) as why:
        demo.check(False, f"{type(why).__name__}: {why}")
    if demo.faults:
        print(f"{len(demo.faults)} of these things were not as they should be.")
        return 1
    print("All as it should be.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
