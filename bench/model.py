# SPDX-License-Identifier: Apache-2.0
"""
Model servers whose slowness is known, and who asks them, all in one event loop. Their work is
waiting, so a machine that is busy otherwise hardly shows.
"""

import asyncio
import heapq
import json
import math

PATH = "/v1/chat/completions"
ANSWER = json.dumps({
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "model",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": "Here is what you asked for."}}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
}).encode()  # fmt: skip
GONE = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)


async def read_message(reader):
    """Its first line and its body."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:-2])
    return lines[0], await reader.readexactly(int(fields.get("content-length", 0)))


class Model:
    """Answers every call, each after its `work`. Closed when the `with` is left."""

    late_s = []  # by how much all of them worked too long, which is the machine's doing

    def __init__(self):
        self.calls = self.done = 0

    async def work_for(self, seconds):
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        await asyncio.sleep(seconds)
        Model.late_s.append(loop.time() - ends)

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.url = "http://127.0.0.1:%d/v1" % self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        try:
            while True:
                await read_message(reader)
                self.calls += 1
                await self.work()
                self.done += 1
                writer.write((head % len(ANSWER)).encode() + ANSWER)
                await writer.drain()
        except GONE:
            writer.close()


class Uneven(Model):
    """Times as they come about `usual_s`, and a share of calls that take `slower` times as long."""

    def __init__(self, random, usual_s, spread, slow_share, slower):
        super().__init__()
        self.random, self.usual_s, self.spread = random, usual_s, spread
        self.slow_share, self.slower = slow_share, slower

    async def work(self):
        took_s = self.random.lognormvariate(math.log(self.usual_s), self.spread)
        if self.random.random() < self.slow_share:
            took_s *= self.slower
        await self.work_for(took_s)


class Kneed(Model):
    """Works on `knee` calls at once, each for `work_s`; the others wait in line."""

    def __init__(self, knee, work_s):
        super().__init__()
        self.work_s, self.free_at = work_s, [0.0] * knee

    def turn_to(self, knee):
        now = asyncio.get_running_loop().time()
        self.free_at = heapq.nlargest(knee, [*self.free_at, *[now] * knee])
        heapq.heapify(self.free_at)

    async def work(self):
        now = asyncio.get_running_loop().time()
        ends = max(now, self.free_at[0]) + self.work_s
        heapq.heapreplace(self.free_at, ends)
        await self.work_for(ends - now)


class Caller:
    """Asks one address; connections are kept for who asks next."""

    def __init__(self, port):
        self.port, self.free = port, []

    async def ask(self, method, path, body=b"", headers=""):
        """The answer's body; anything but a 200 ends the measurement."""
        link = self.free.pop() if self.free else None
        link = link or await asyncio.open_connection("127.0.0.1", self.port)
        head = f"{method} {path} HTTP/1.1\r\nHost: weir\r\nContent-Type: application/json\r\n"
        link[1].write(f"{head}{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        line, answer = await read_message(link[0])
        if line.split(" ")[1] != "200":
            raise RuntimeError(f"{line}: {answer[:300]!r}")
        self.free.append(link)
        return answer

    async def question(self, priority="normal"):
        """Seconds until its answer was there."""
        loop = asyncio.get_running_loop()
        body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "?"}]})
        begun = loop.time()
        await self.ask("POST", PATH, body.encode(), f"x-weir-priority: {priority}\r\n")
        return loop.time() - begun

    def close(self):
        for _, writer in self.free:
            writer.close()
