# SPDX-License-Identifier: Apache-2.0
"""Everything an upstream can do wrong, as scripts, and what a client gets for it.

One table: the fault matrix asserts it, and docs/resilience.md is printed from it. `plain` and
`stream` say what a client gets when nothing else can serve: a status, or CUT for a stream that
ends with one error event because content had been shown. `calls` is the most that one request
may cost the upstream (max_attempts is 2 in the matrix).
"""

import json

from . import chat

CUT = "cut"


class Fault:
    def __init__(self, name, words, script=None, plain=502, stream=None, calls=1, **special):
        self.name, self.words, self.script = name, words, script
        self.plain, self.stream = plain, stream if stream is not None else plain
        self.calls, self.special = calls, special

    def outcome(self, form, setting):
        """(status or CUT, x-weir-degraded) in one cell of the matrix."""
        alone = self.plain if form == "plain" else self.stream
        if alone in (200, CUT, 400) or setting == "one route":
            return alone, None
        return 200, {"two routes": None, "stale": "stale", "rules": "heuristic"}[setting]


def hang_up(call):
    """Reads nothing until the gateway leaves."""
    call.hang()
    call.close()


def streams(call):
    return json.loads(call.request.body or b"{}").get("stream")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 4096\r\n\r\n"


def head_only(call):
    call.raw(HEAD % (b"text/event-stream" if streams(call) else b"application/json"))


def closes_in_head(call):
    call.raw(b"HTTP/1.1 200 OK\r\nContent-Type: appl")
    call.close()


def in_body(then):
    """Half of a plain body, or a stream's first event without content."""

    def script(call):
        if streams(call):
            chat.stream(chat.stream_of("a")[0], then=then)(call)
        else:
            head_only(call)
            call.raw(b'{"id":')
            getattr(call, then)()

    return script


def after_content(then):
    def script(call):
        if streams(call):
            chat.stream(*chat.stream_of("a")[:2], then=then)(call)
        else:
            in_body(then)(call)

    return script


def head_then(then):
    def script(call):
        head_only(call)
        getattr(call, then)()

    return script


def drip(call):
    body = chat.completion("slowly")
    if streams(call):
        chat.stream(*chat.stream_of("slow", "ly"), split=7)(call)
        return
    call.head(200, {"Content-Type": "application/json"}, framing="length", length=len(body))
    for start in range(0, len(body), 16):
        call.raw(body[start : start + 16])
        call.pause(0.01)


def error_inside(call):
    error = {"error": {"message": "overloaded", "type": "server_error", "code": "overloaded"}}
    if streams(call):
        chat.stream(b"data: " + json.dumps(error).encode() + b"\n\n")(call)
    else:
        call.answer(200, json.dumps(error).encode())


def status(code, **headers):
    return chat.fails(code, headers=headers)


# fmt: off
FAULTS = [
    Fault("refused", "nobody listens there", calls=0, server="refusing"),
    Fault("black hole", "connecting hangs", calls=0, server="black hole"),
    Fault("name gone", "its name does not resolve", calls=0, server="no name"),
    Fault("bad certificate", "its certificate is another host's", calls=0, server="bad certificate"),
    Fault("reset at once", "the connection is reset when it is accepted", calls=0, on_connect=lambda call: call.reset()),
    Fault("reset after the question", "reset when the question has come", lambda call: call.reset()),
    Fault("closes inside the head", "it closes in the middle of the answer's head", closes_in_head),
    Fault("reset after the head", "reset behind the answer's head", head_then("reset")),
    Fault("reset in the body", "reset in a plain body, or before a stream's first content", in_body("reset")),
    Fault("reset after content", "reset in a stream that has shown content", after_content("reset"), stream=CUT),
    Fault("hang at once", "it accepts and reads nothing", calls=0, plain=504, on_connect=hang_up),
    Fault("hang after the question", "it never answers", lambda call: call.hang(), plain=504),
    Fault("hang after the head", "nothing comes behind the head", head_then("hang"), plain=504),
    Fault("hang in the body", "it stops in a plain body, or before a stream's first content", in_body("hang"), plain=504),
    Fault("hang after content", "it stops in a stream that has shown content", after_content("hang"), plain=504, stream=CUT),
    Fault("slow drip", "a few bytes at a time", drip, plain=200),
    Fault("429", "too many requests", status(429), plain=429, calls=2),
    Fault("429 with Retry-After", "and when to come again", status(429, **{"Retry-After": "7"}), plain=429),
    Fault("500", "an error of its own", status(500), plain=500, calls=2),
    Fault("500 with Retry-After", "and when to come again", status(500, **{"Retry-After": "7"}), plain=500),
    Fault("503", "it is overloaded", status(503), plain=503, calls=2),
    Fault("503 with Retry-After", "and when to come again", status(503, **{"Retry-After": "7"}), plain=503),
    Fault("529", "overloaded, as Anthropic says it", status(529), plain=529, calls=2),
    Fault("529 with Retry-After", "and when to come again", status(529, **{"Retry-After": "7"}), plain=529),
    Fault("400", "it refuses this very question", status(400), plain=400),
    Fault("error inside a 200", "it says that it is overloaded, inside a 200", error_inside, plain=529, calls=2),
    Fault("malformed", "a 200 that is no JSON, or no events", lambda call: call.answer(200, b"<html>"), calls=2),
    Fault("empty", "a 200 with nothing in it", lambda call: call.answer(200, b""), calls=2),
    Fault("truncated", "it closes before the end", after_content("close"), stream=CUT),
]
# fmt: on
SETTINGS = ["one route", "two routes", "stale", "rules"]
FORMS = ["plain", "stream"]
