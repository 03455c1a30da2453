# SPDX-License-Identifier: Apache-2.0
"""Chat completions as bytes: what a caller asks, and how an upstream answers it."""

import json

PATH = "/v1/chat/completions"
DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def question(text="hello", **members):
    body = {"model": "chat", "messages": [{"role": "user", "content": text}], **members}
    return json.dumps(body).encode()


def stable(text="hello", **members):
    """A question that may be cached: its temperature is 0."""
    return question(text, temperature=0, **members)


def completion(text="Hi there.", finish="stop", model="real-model", **members):
    message = {"role": "assistant", "content": text, **members.pop("message", {})}
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": USAGE,
        **members,
    }
    return json.dumps(answer).encode()


def event(delta, finish=None, model="real-model", **members):
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **members,
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def usage_event(usage=None):
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "real-model",
        "choices": [],
        "usage": usage or USAGE,
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def stream_of(*pieces, finish="stop"):
    """A whole stream as a list of events: role, pieces, finish, terminator."""
    return [
        event({"role": "assistant", "content": ""}),
        *[event({"content": piece}) for piece in pieces],
        event({}, finish),
        DONE,
    ]


def text_of(events):
    """The text that a reader puts together from a stream's payloads."""
    text = ""
    for payload in events:
        if payload.startswith(b"[DONE]"):
            continue
        for choice in json.loads(payload).get("choices", []):
            text += choice["delta"].get("content") or ""
    return text


def errors_in(events):
    chunks = [json.loads(e) for e in events if not e.startswith(b"[DONE]")]
    return [chunk["error"] for chunk in chunks if chunk.get("error")]


# -- scripts ---------------------------------------------------------------------------


def says(text="Hi there.", status=200, body=None, headers=None):
    """Answers plainly, or as a stream where the question asks for one."""

    def script(call):
        asked = json.loads(call.request.body or b"{}")
        if body is None and asked.get("stream"):
            stream(*stream_of(*text.split(" ")))(call)
        else:
            call.answer(status, completion(text) if body is None else body, headers)

    return script


def fails(status, headers=None, message="it broke", code=None):
    body = {"error": {"message": message, "type": "server_error", "param": None, "code": code}}
    return says(status=status, body=json.dumps(body).encode(), headers=headers)


def stream(*parts, split=None, then="end", headers=None):
    """Sends events one chunk each. A part may be an Event to wait for. `then`: how it
    ends: end, reset, close, hang."""

    def script(call):
        fields = {"Content-Type": "text/event-stream", **(headers or {})}
        call.head(200, fields)
        for part in parts:
            if isinstance(part, bytes):
                call.chunk(part, split)
            else:
                call.wait(part)
        getattr(call, then)()

    return script
