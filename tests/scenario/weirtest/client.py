# SPDX-License-Identifier: Apache-2.0
"""A raw HTTP/1.1 client: it can send any bytes in any pieces, and reads answers strictly."""

import json
import socket
import struct

from .patience import LONG


class Response:
    """An answer's head, and its body as far as it has been read.

    `complete` is true once the body ended as its framing promised: a connection that
    closes early leaves it false.
    """

    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.head = head
        version, status, *_ = lines[0].split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0"), f"odd status line: {lines[0]!r}"
        self.status = int(status)
        self.fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name == name.strip(), f"odd header line: {line!r}"
            self.fields.append((name, value.strip()))
        self.body, self.complete = b"", False

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def header(self, name):
        return next(iter(self.all(name)), None)

    def json(self):
        return json.loads(self.body)

    @property
    def events(self):
        """The data of each server-sent event in the body read so far."""
        return sse_data(self.body)

    @property
    def error(self):
        return self.json()["error"]


def sse_data(body):
    """Payloads of the events that a blank line has closed, as a strict reader sees them."""
    payloads, lines = [], []
    text = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for line in text.split(b"\n")[:-1]:
        if line.startswith(b"data:"):
            lines.append(line[5:].removeprefix(b" "))
        elif not line and lines:
            payloads.append(b"\n".join(lines))
            lines = []
    return payloads


class Client:
    """One connection. Use as a context manager, or close it."""

    def __init__(self, address, timeout=LONG, receive_buffer=None):
        self.address, self.buffer, self.eof = address, b"", False
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- sending -----------------------------------------------------------------------

    def send(self, data, split=None):
        step = split or max(1, len(data))
        for start in range(0, len(data), step):
            self.socket.sendall(data[start : start + step])

    def ask(self, method, target, body=None, headers=None):
        """Sends one request and does not read."""
        self.send(request_bytes(method, target, body, headers))

    def post(self, target, body, headers=None):
        self.ask("POST", target, body, headers)
        return self.response()

    def get(self, target, headers=None):
        self.ask("GET", target, None, headers)
        return self.response()

    # -- reading -----------------------------------------------------------------------

    def head(self):
        """Reads one head, passing over 100 Continue."""
        while True:
            head = self._read_to(b"\r\n\r\n")
            response = Response(head)
            if response.status != 100:
                return response

    def response(self, method="GET"):
        response = self.head()
        if method != "HEAD":
            self.rest(response)
        return response

    def rest(self, response):
        """Reads the body to its end."""
        while not response.complete and self.some(response):
            pass
        return response

    def some(self, response):
        """Reads a little more of the body; False when there is no more."""
        coding = response.header("transfer-encoding")
        if coding is not None:
            assert coding == "chunked", f"odd coding {coding!r}"
            assert response.header("content-length") is None, "both lengths in one answer"
            return self._some_chunk(response)
        length = response.header("content-length")
        if response.status in (204, 304):
            length = "0"
        wanted = None if length is None else int(length) - len(response.body)
        if wanted == 0:
            response.complete = True
            return False
        if not self.buffer and not self._more():
            response.complete = wanted is None
            return False
        taken = self.buffer if wanted is None else self.buffer[:wanted]
        self.buffer = self.buffer[len(taken) :]
        response.body += taken
        response.complete = wanted == len(taken)
        return True

    def until_event(self, response, count):
        """Reads the body until `count` events are there, and returns them."""
        while len(response.events) < count:
            assert self.some(response), f"the stream ended at {response.body[-300:]!r}"
        return response.events

    def raw_head(self):
        """The bytes of the next head, a 100 Continue too."""
        return self._read_to(b"\r\n\r\n")

    def read_all(self):
        """Every byte until the peer closes."""
        try:
            while self._more():
                pass
        except ConnectionResetError:
            self.eof = True
        return self.buffer

    def at_eof(self):
        """Reads until the peer closes; true when nothing but the close came."""
        return not self.read_all()

    def _some_chunk(self, response):
        line = self._try_to(b"\r\n")
        if line is None:
            return False
        size = int(line, 16)
        while len(self.buffer) < size + 2:
            if not self._more():
                response.body += self.buffer
                return False
        assert self.buffer[size : size + 2] == b"\r\n", "a chunk without its line end"
        response.body += self.buffer[:size]
        self.buffer = self.buffer[size + 2 :]
        response.complete = size == 0
        return size > 0

    def _try_to(self, mark):
        while mark not in self.buffer:
            if not self._more():
                return None
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def _read_to(self, mark):
        found = self._try_to(mark)
        assert found is not None, f"closed before an answer; had {self.buffer[:200]!r}"
        return found

    def _more(self):
        data = self.socket.recv(1 << 20)
        self.buffer += data
        self.eof = not data
        return bool(data)

    # -- leaving -----------------------------------------------------------------------

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()


def request_bytes(method, target, body=None, headers=None):
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    fields = {"Host": "weir.test"}
    if body is not None:
        fields["Content-Type"] = "application/json"
        fields["Content-Length"] = str(len(body))
    fields.update(headers or {})
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    head = "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""])
    return head.encode("latin-1") + (body or b"")


def ask(address, method, target, body=None, headers=None, timeout=LONG):
    """One request on a connection of its own."""
    with Client(address, timeout) as client:
        client.ask(method, target, body, headers)
        return client.response(method)


def post(address, target, body, headers=None, timeout=LONG):
    return ask(address, "POST", target, body, headers, timeout)


def get(address, target, headers=None, timeout=LONG):
    return ask(address, "GET", target, None, headers, timeout)
