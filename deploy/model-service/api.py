# SPDX-License-Identifier: Apache-2.0
"""
The model's front door: plain JSON on /predict, the OpenAI protocol under /v1, /health.

A fault in a request is told in the words of the door that was used: an OpenAI error with
status 400 under /v1, FastAPI's `detail` with status 422 elsewhere. Answers take under two
milliseconds and are computed on the loop; `Pace` slows them for those who want to see how a
gateway behaves in front of a slow model.
"""

import asyncio
import base64
from typing import Dict, List, NamedTuple, Optional

from fastapi import APIRouter, FastAPI, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

import moderation
import wire
from model import DIMENSIONS, Model

EMBED = "support-desk-embed"
MODERATE = "support-desk-moderation"
MADE = 1700000000  # models are listed with a date; the data's is as good as any


class Pace(NamedTuple):
    delay: float = 0.0  # seconds before an answer
    gap: float = 0.0  # seconds before each event of a stream after the first


class Fault(Exception):
    """A well-formed request under /v1 that this service cannot answer."""

    def __init__(self, status: int, message: str, param: str, code: Optional[str] = None):
        super().__init__(message)
        self.status = status
        self.body = wire.error(message, param, code)


class Desk:
    """What the endpoints share: the trained model, its names and its pace."""

    def __init__(self, model: Model, pace: Pace):
        self.model = model
        self.pace = pace
        self.name = f"support-desk-v{model.version}"
        self.chat_names = ["support-desk", self.name]

    def names(self) -> List[str]:
        return self.chat_names + [EMBED, MODERATE]

    def expect(self, asked: str, served: List[str]) -> None:
        if asked not in served:
            raise Fault(
                404, f"The model {asked!r} is not served here. Ask for {' or '.join(served)}.",
                "model", "model_not_found",
            )


router = APIRouter()


def desk_of(request: Request) -> Desk:
    return request.app.state.desk


# ---- plain JSON ------------------------------------------------------------------------------

@router.get("/health")
async def health(request: Request) -> Dict:
    model = desk_of(request).model
    return {"status": "ok", "version": model.version, "rows": len(model.rows)}


@router.post("/predict")
async def predict(asked: wire.PredictRequest, request: Request) -> Dict:
    desk = desk_of(request)
    await asyncio.sleep(desk.pace.delay)
    return {**desk.model.intent(asked.text)._asdict(), "version": desk.model.version}


# ---- the OpenAI protocol -----------------------------------------------------------------------

async def answer(form, desk: Desk, asked, prompt_tokens: int, replies: List[wire.Reply]):
    """Sends the replies as one body or as a stream, whichever was asked for."""
    usage = wire.usage_of(prompt_tokens, replies)
    kind = form.chunk if asked.stream else form.plain
    top = wire.head(form, kind, desk.name, desk.model.version, asked)

    await asyncio.sleep(desk.pace.delay)
    if asked.stream:
        events = wire.events(form, top, replies, usage if asked.wants_usage() else None)
        return StreamingResponse(paced(events, desk.pace.gap), media_type="text/event-stream")
    choices = [form.choice(index, reply) for index, reply in enumerate(replies)]
    return JSONResponse({**top, "choices": choices, "usage": usage})


async def paced(events, gap: float):
    first = True
    for event in events:
        if gap and not first:
            await asyncio.sleep(gap)
        first = False
        yield event


@router.post("/v1/chat/completions")
async def chat(asked: wire.ChatRequest, request: Request):
    desk = desk_of(request)
    desk.expect(asked.model, desk.chat_names)
    questions = [message for message in asked.messages if message.role == "user"]
    if not questions or not questions[-1].text():
        raise Fault(400, "There is no message of the role 'user' with a text.", "messages")
    texts = desk.model.replies(questions[-1].text(), asked.n or 1)
    replies = [wire.shape(text, asked) for text in texts]
    return await answer(wire.CHAT, desk, asked, wire.chat_tokens(asked.messages), replies)


@router.post("/v1/completions")
async def complete(asked: wire.CompletionRequest, request: Request):
    desk = desk_of(request)
    desk.expect(asked.model, desk.chat_names)
    prompts = texts_of(asked.prompt, "prompt")
    replies = [
        wire.shape(text, asked)
        for prompt in prompts
        for text in desk.model.replies(prompt, asked.n or 1)
    ]
    prompt_tokens = sum(len(wire.pieces_of(prompt)) for prompt in prompts)
    return await answer(wire.COMPLETION, desk, asked, prompt_tokens, replies)


@router.post("/v1/embeddings")
async def embed(asked: wire.EmbeddingRequest, request: Request) -> Dict:
    desk = desk_of(request)
    desk.expect(asked.model, [EMBED])
    texts = texts_of(asked.input, "input")
    if asked.dimensions is not None and asked.dimensions > DIMENSIONS:
        raise Fault(400, f"'dimensions' may be at most {DIMENSIONS}.", "dimensions")
    await asyncio.sleep(desk.pace.delay)
    vectors = desk.model.embed(texts, asked.dimensions or DIMENSIONS)
    if asked.encoding_format == "base64":
        coded = [base64.b64encode(vector.tobytes()).decode() for vector in vectors]
    else:
        coded = [[round(float(x), 7) for x in vector] for vector in vectors]
    tokens = sum(len(wire.pieces_of(text)) for text in texts)
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(coded)
        ],
        "model": EMBED,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


@router.post("/v1/moderations")
async def moderate(asked: wire.ModerationRequest, request: Request) -> Dict:
    desk = desk_of(request)
    desk.expect(asked.model or MODERATE, [MODERATE])
    texts = texts_of(asked.input, "input")
    await asyncio.sleep(desk.pace.delay)
    return {
        "id": wire.answer_id("modr-", desk.model.version, asked),
        "model": MODERATE,
        "results": [moderation.judge(text) for text in texts],
    }


@router.get("/v1/models")
async def models(request: Request) -> Dict:
    return {"object": "list", "data": [card(name) for name in desk_of(request).names()]}


@router.get("/v1/models/{name}")
async def one_model(name: str, request: Request) -> Dict:
    desk = desk_of(request)
    desk.expect(name, desk.names())
    return card(name)


def card(name: str) -> Dict:
    return {"id": name, "object": "model", "created": MADE, "owned_by": "support-desk"}


def texts_of(value, param: str) -> List[str]:
    texts = wire.as_list(value)
    if not texts or not all(texts):
        raise Fault(400, f"'{param}' must be a text or a list of texts, none of them empty.", param)
    return texts


# ---- faults ------------------------------------------------------------------------------------

def path_of(loc) -> Optional[str]:
    """("body", "messages", 0, "role") is `messages[0].role` to a person."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc[1:])
    return path.lstrip(".") or None


async def on_invalid(request: Request, exc: RequestValidationError):
    if not request.url.path.startswith("/v1/"):
        return await request_validation_exception_handler(request, exc)
    first = exc.errors()[0]
    if first["type"] == "value_error.jsondecode":
        return JSONResponse(wire.error("The body is not JSON.", None, "invalid_json"), 400)
    param = path_of(first["loc"])
    where = f"'{param}'" if param else "the body"
    return JSONResponse(wire.error(f"Invalid value for {where}: {first['msg']}.", param), 400)


async def on_refused(request: Request, exc: HTTPException):
    if not request.url.path.startswith("/v1/"):
        return await http_exception_handler(request, exc)
    said = wire.error(f"{request.method} {request.url.path}: {exc.detail}.")
    return JSONResponse(said, exc.status_code, headers=getattr(exc, "headers", None))


async def on_fault(request: Request, fault: Fault):
    return JSONResponse(fault.body, fault.status)


def make(model: Model, pace: Pace = Pace()) -> FastAPI:
    app = FastAPI(title="Support desk", version=str(model.version))
    app.state.desk = Desk(model, pace)
    app.include_router(router)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_refused)
    app.add_exception_handler(Fault, on_fault)
    return app
