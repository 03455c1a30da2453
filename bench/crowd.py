# SPDX-License-Identifier: Apache-2.0
"""
A crowd of callers at a steady rate, whatever the answers take, and streams that go on all the
while; each answer is looked at as it ends.

Every second four questions come on connections of their own, the others on kept ones. One
of four is new, which costs a call to the model; the others are one of fifty, and in the cache.
"""

import asyncio
import contextlib
import json
import time

PATH = "/v1/chat/completions"
TICK = 0.005
KNOWN = 50
PATIENCE = 30.0  # seconds for an answer; none takes one
TRIES = 3  # at once: a gateway that is being killed may still be dying at the second


class Broken(Exception):
    """An answer that is not whole, or not good."""


class Link:
    """A connection, with just as much HTTP as the shipped balancers speak."""

    @classmethod
    async def open(cls, port):
        link = cls()
        link.reader, link.writer = await asyncio.open_connection("127.0.0.1", port)
        return link

    def ask(self, body, close):
        closing = "Connection: close\r\n" if close else ""
        head = f"POST {PATH} HTTP/1.1\r\nHost: weir\r\nContent-Type: application/json\r\n"
        head += f"{closing}Content-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)

    async def head(self):
        """The status is good, or it is Broken; the fields, by name."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {}
        for line in lines[1:-2]:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip().lower()
        if lines[0].split(" ")[1] != "200":
            raise Broken("status " + lines[0].split(" ")[1])
        return fields

    async def pieces(self, fields):
        if fields.get("transfer-encoding") != "chunked":
            yield await self.reader.readexactly(int(fields["content-length"]))
            return
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)

    def is_open(self):
        return not self.reader.at_eof() and not self.writer.is_closing()

    def close(self):
        self.writer.close()


class Count:
    """What became of them."""

    def __init__(self):
        self.good, self.failed, self.retried = 0, 0, 0  # failed: the first time
        self.faults = []  # of every try: when it was asked, and why
        self.took = []


class Crowd:
    def __init__(self, port, rate, streams, tokens):
        self.port, self.rate, self.tokens = port, rate, tokens
        self.asked, self.heard = Count(), Count()
        self.kept, self.jobs, self.number = [], set(), 0
        self.over = False
        self.begun = time.monotonic()
        self.pace = asyncio.ensure_future(self.keep_pace())
        self.streams = [asyncio.ensure_future(self.follow(place)) for place in range(streams)]

    # -- questions ---------------------------------------------------------------------

    async def keep_pace(self):
        """By the clock: what is late is made up for."""
        while not self.over:
            due = int((time.monotonic() - self.begun) * self.rate)
            while self.number < due:
                self.number += 1
                job = asyncio.ensure_future(self.ask(self.number))
                self.jobs.add(job)
                job.add_done_callback(self.jobs.discard)
            await asyncio.sleep(TICK)

    async def ask(self, number):
        which = f"new {number}" if number % 4 == 0 else f"known {number % KNOWN}"
        for tried in range(TRIES):
            if await self.answered(question(which), fresh=tried > 0 or number // 4 % 2 == 0):
                self.asked.good += 1
                self.asked.retried += tried > 0
                return
            self.asked.failed += tried == 0

    async def answered(self, body, fresh):
        begun, link = time.monotonic(), None
        try:
            link = self.take() if not fresh else None
            link = link or await Link.open(self.port)
            await asyncio.wait_for(self.answer(link, body, fresh), PATIENCE)
        except (OSError, EOFError, ValueError, Broken, asyncio.TimeoutError) as fault:
            self.asked.faults.append((begun, repr(fault)))
            if link:
                link.close()
            return False
        self.asked.took.append(time.monotonic() - begun)
        return True

    async def answer(self, link, body, fresh):
        link.ask(body, close=fresh)
        fields = await link.head()
        whole = b"".join([piece async for piece in link.pieces(fields)])
        if not json.loads(whole)["choices"]:
            raise Broken("no choices")
        if fresh or fields.get("connection") == "close":
            link.close()
        else:
            self.kept.append(link)

    def take(self):
        while self.kept:
            link = self.kept.pop()
            if link.is_open():
                return link
            link.close()
        return None

    # -- streams -----------------------------------------------------------------------

    async def follow(self, place):
        """One stream after the other, each of a question of its own."""
        told = 0
        while not self.over:
            told += 1
            begun, link = time.monotonic(), None
            try:
                link = await Link.open(self.port)
                await self.hear(link, f"stream {place} {told}")
                self.heard.good += 1
            except (OSError, EOFError, ValueError, Broken, asyncio.TimeoutError) as fault:
                self.heard.failed += 1
                self.heard.faults.append((begun, repr(fault)))
            finally:
                if link:
                    link.close()

    async def hear(self, link, text):
        """All tokens, in order, and the end. Each has the time at which it was made."""
        link.ask(question(text, stream=True), close=True)
        body = b""
        async for piece in link.pieces(await link.head()):
            body += piece
        events = [event.removeprefix(b"data: ") for event in body.split(b"\n\n")[:-1]]
        stamps = [int(event.split(b"@")[1]) for event in events if b"@" in event]
        if events[-1] != b"[DONE]":
            raise Broken(f"cut after {len(stamps)} tokens")
        if len(stamps) != self.tokens or stamps != sorted(stamps):
            raise Broken(f"{len(stamps)} tokens of {self.tokens}, or not in order")

    # -- the end -----------------------------------------------------------------------

    async def end(self):
        """Whatever was begun ends by itself."""
        self.over = True
        self.seconds = time.monotonic() - self.begun
        await self.pace
        await asyncio.gather(*self.jobs, *self.streams)
        for link in self.kept:
            link.close()
            with contextlib.suppress(OSError):
                await link.writer.wait_closed()


def question(text, **members):
    messages = [{"role": "user", "content": text}]
    body = {"model": "bench", "temperature": 0, "messages": messages, **members}
    return json.dumps(body, separators=(",", ":")).encode()
