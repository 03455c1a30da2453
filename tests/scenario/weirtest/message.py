# SPDX-License-Identifier: Apache-2.0
"""Anthropic's messages as bytes: what a caller asks, and how an upstream answers it."""

import json

from .chat import stream

PATH = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
HEADERS = {"anthropic-version": "2023-06-01"}
USAGE = {"input_tokens": 11, "cache_read_input_tokens": 100, "output_tokens": 7}


def question(text="hello", **members):
    body = {
        "model": "claude",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
        **members,
    }
    return json.dumps(body).encode()


def stable(text="hello", **members):
    """A question that may be cached: its temperature is 0."""
    return question(text, temperature=0, **members)


def answer(text="Hi there.", stop="end_turn", content=None, **members):
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "real-model",
        "content": content or [{"type": "text", "text": text}],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": USAGE,
        **members,
    }
    return json.dumps(body).encode()


def event(kind, **members):
    data = json.dumps({"type": kind, **members}).encode()
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), data)


def start():
    message = json.loads(answer(content=[{}], stop=None))
    message["content"] = []
    message["usage"] = {**USAGE, "output_tokens": 1}
    return event("message_start", message=message)


PING = event("ping")


def begun(index=0, **block):
    return event("content_block_start", index=index, content_block=block)


def text(words, index=0):
    return event("content_block_delta", index=index, delta={"type": "text_delta", "text": words})


def ended(index=0):
    return event("content_block_stop", index=index)


def finish(stop="end_turn"):
    delta = {"stop_reason": stop, "stop_sequence": None}
    return event("message_delta", delta=delta, usage={"output_tokens": 7})


STOP = event("message_stop")
OPENING = [start(), begun(type="text", text=""), PING]


def stream_of(*pieces, stop="end_turn"):
    """A whole stream as a list of events."""
    return [*OPENING, *[text(piece) for piece in pieces], ended(), finish(stop), STOP]


def as_asked(event_bytes):
    """As the client gets it: with the name that it asked for."""
    return event_bytes.replace(b'"real-model"', b'"claude"')


def named_events(body):
    """(name, data) of each event."""
    out = []
    for part in body.split(b"\n\n")[:-1]:
        lines = part.split(b"\n")
        assert len(lines) == 2 and lines[0].startswith(b"event: "), part
        data = json.loads(lines[1].removeprefix(b"data: "))
        assert data["type"] == lines[0].removeprefix(b"event: ").decode()
        out.append((data["type"], data))
    return out


def text_of(body):
    deltas = [data["delta"] for name, data in named_events(body) if name == "content_block_delta"]
    return "".join(delta.get("text", "") for delta in deltas)


# -- scripts ---------------------------------------------------------------------------


def says(words="Hi there.", body=None, status=200, headers=None):
    """Answers plainly, or as a stream where the question asks for one."""

    def script(call):
        asked = json.loads(call.request.body or b"{}")
        if body is None and asked.get("stream"):
            stream(*stream_of(*words.split(" ")))(call)
        else:
            call.answer(status, answer(words) if body is None else body, headers)

    return script


def error(kind, words="it broke"):
    return json.dumps({"type": "error", "error": {"type": kind, "message": words}}).encode()
