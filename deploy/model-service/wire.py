# SPDX-License-Identifier: Apache-2.0
"""
The forms of the OpenAI protocol: what a request must look like, what an answer looks like.

A reply is cut into pieces, each a word or a mark with the white space before it. They are the
tokens that usage counts and the deltas that a stream sends, so that both always agree, and
joined they are the reply again.

Ids are made from the request and the version of the model: the same question has the same
id, which lets a test tell a stored answer from a new one by `created` alone.
"""

import hashlib
import json
import re
import time
from typing import Dict, Iterator, List, NamedTuple, Optional, Union

from pydantic import BaseModel, Field, StrictBool, StrictStr

PIECE = re.compile(r"\s*(?:\w+|[^\w\s])")
ROLES = r"^(system|developer|user|assistant|tool|function)$"
MESSAGE_OVERHEAD = 3  # tokens that mark the start, the role and the end of a message


class Part(BaseModel):
    type: StrictStr
    text: Optional[StrictStr]


class Message(BaseModel):
    role: StrictStr = Field(regex=ROLES)
    content: Optional[Union[StrictStr, List[Part]]]

    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.text)
        return self.content or ""


class StreamOptions(BaseModel):
    include_usage: StrictBool = False


class Generation(BaseModel):
    """What chat and completion requests share; members that change nothing here are let by."""

    model: StrictStr
    stream: Optional[StrictBool]
    stream_options: Optional[StreamOptions]
    temperature: Optional[float] = Field(ge=0, le=2)
    n: Optional[int] = Field(ge=1, le=16)
    max_tokens: Optional[int] = Field(ge=1)
    stop: Optional[Union[StrictStr, List[StrictStr]]]

    def most(self) -> Optional[int]:
        return self.max_tokens

    def wants_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


class ChatRequest(Generation):
    messages: List[Message] = Field(min_items=1)
    max_completion_tokens: Optional[int] = Field(ge=1)

    def most(self) -> Optional[int]:
        return self.max_completion_tokens or self.max_tokens


class CompletionRequest(Generation):
    prompt: Union[StrictStr, List[StrictStr]]


class EmbeddingRequest(BaseModel):
    model: StrictStr
    input: Union[StrictStr, List[StrictStr]]
    encoding_format: StrictStr = Field("float", regex=r"^(float|base64)$")
    dimensions: Optional[int] = Field(ge=1)


class ModerationRequest(BaseModel):
    model: Optional[StrictStr]
    input: Union[StrictStr, List[StrictStr]]


class PredictRequest(BaseModel):
    text: StrictStr = Field(min_length=1)


class Reply(NamedTuple):
    pieces: List[str]
    finish: str

    def text(self) -> str:
        return "".join(self.pieces)


def pieces_of(text: str) -> List[str]:
    return PIECE.findall(text)


def as_list(value) -> List[str]:
    return value if isinstance(value, list) else [value]


def shape(text: str, request: Generation) -> Reply:
    """Cuts a reply where the request wants its end."""
    for stop in filter(None, as_list(request.stop)):
        text = text.split(stop, 1)[0]
    pieces = pieces_of(text)
    most = request.most()
    if most is not None and len(pieces) > most:
        return Reply(pieces[:most], "length")
    return Reply(pieces, "stop")


def answer_id(prefix: str, version: int, request: BaseModel) -> str:
    text = f"{version}\n{request.json(exclude={'stream', 'stream_options'})}"
    return prefix + hashlib.sha256(text.encode()).hexdigest()[:24]


def usage_of(prompt_tokens: int, replies: List[Reply]) -> Dict:
    completion_tokens = sum(len(reply.pieces) for reply in replies)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def chat_tokens(messages: List[Message]) -> int:
    return sum(MESSAGE_OVERHEAD + len(pieces_of(message.text())) for message in messages)


class Form(NamedTuple):
    """How one endpoint names things; the life of its answers is the same."""

    prefix: str
    plain: str
    chunk: str
    chat: bool

    def choice(self, index: int, reply: Reply) -> Dict:
        made = {"index": index}
        if self.chat:
            made["message"] = {"role": "assistant", "content": reply.text(), "refusal": None}
        else:
            made["text"] = reply.text()
        return {**made, "logprobs": None, "finish_reason": reply.finish}

    def delta(self, index: int, text: Optional[str], finish: Optional[str] = None) -> Dict:
        made = {"index": index}
        if self.chat:
            made["delta"] = {} if text is None else {"content": text}
        else:
            made["text"] = text or ""
        return {**made, "logprobs": None, "finish_reason": finish}


CHAT = Form("chatcmpl-", "chat.completion", "chat.completion.chunk", True)
COMPLETION = Form("cmpl-", "text_completion", "text_completion", False)


def head(form: Form, kind: str, model: str, version: int, request: Generation) -> Dict:
    return {
        "id": answer_id(form.prefix, version, request),
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": f"support-v{version}",
    }


def event(value: Dict) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"


def events(form: Form, top: Dict, replies: List[Reply], usage: Optional[Dict]) -> Iterator[str]:
    """The stream of an answer; `usage` is given when the caller asked for its chunk."""
    if usage:
        top = {**top, "usage": None}
    if form.chat:
        for index in range(len(replies)):
            first = {"role": "assistant", "content": "", "refusal": None}
            yield event({**top, "choices": [{**form.delta(index, None), "delta": first}]})
    for index, reply in enumerate(replies):
        for piece in reply.pieces:
            yield event({**top, "choices": [form.delta(index, piece)]})
        yield event({**top, "choices": [form.delta(index, None, reply.finish)]})
    if usage:
        yield event({**top, "choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


def error(message: str, param: Optional[str] = None, code: Optional[str] = None) -> Dict:
    kind = "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
