# SPDX-License-Identifier: Apache-2.0
"""A scripted upstream: hears exact bytes, says exact bytes, and knows when its peer left.

A script is a function of one `Call`. It runs in the connection's own thread once the whole
request has been read (or, as `on_head`, before the body is read) and says what to answer.
When it returns without closing, the connection waits for the next request.
"""

import select
import socket
import ssl
import struct
import threading
import time

from .patience import LONG, until


class PeerGone(Exception):
    """The gateway closed or reset the connection."""


class Request:
    """One request as it came: `head` and `body` are the bytes of the wire, unframed."""

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.head, self.body = head, body
        self.method, self.target, self.version = lines[0].split(" ", 2)
        self.fields = [tuple(line.split(":", 1)) for line in lines[1:] if line]
        self.fields = [(name, value.strip()) for name, value in self.fields]

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def header(self, name):
        return next(iter(self.all(name)), None)


class Call:
    """One request being answered, and everything the script can do to its connection."""

    def __init__(self, connection, request):
        self.connection, self.request = connection, request
        self.arrived_at = time.monotonic()
        self.gone, self.gone_at = threading.Event(), None
        self.ended = threading.Event()
        self.sent = 0

    # -- saying ------------------------------------------------------------------------

    def raw(self, data, split=None):
        """Sends bytes as they are, `split` bytes to a segment where given."""
        step = split or max(1, len(data))
        for start in range(0, len(data), step):
            self._send(data[start : start + step])

    def head(self, status=200, headers=None, framing="chunked", length=None):
        """`framing`: chunked, length (with `length`), or close (the body ends with it)."""
        fields = dict(headers or {})
        if framing == "chunked":
            fields["Transfer-Encoding"] = "chunked"
        elif framing == "length":
            fields["Content-Length"] = str(length)
        elif framing == "close":
            fields["Connection"] = "close"
        text = f"HTTP/1.1 {status} Said\r\n"
        text += "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.raw(text.encode("latin-1") + b"\r\n")

    def chunk(self, data, split=None):
        self.raw(b"%x\r\n" % len(data) + data + b"\r\n", split)

    def end(self):
        self.raw(b"0\r\n\r\n")

    def answer(self, status, body, headers=None):
        fields = {"Content-Type": "application/json", **(headers or {})}
        self.head(status, fields, framing="length", length=len(body))
        self.raw(body)

    # -- waiting and leaving -----------------------------------------------------------

    def wait(self, event, timeout=LONG):
        """Waits for the event; raises PeerGone as soon as the gateway leaves."""
        self._watch(event.is_set, timeout)

    def pause(self, seconds):
        """Lets time pass; raises PeerGone as soon as the gateway leaves."""
        end = time.monotonic() + seconds
        self._watch(lambda: time.monotonic() >= end, seconds + LONG)

    def hang(self, timeout=90):
        """Says nothing more until the gateway leaves."""
        try:
            self._watch(lambda: False, timeout)
        except PeerGone:
            pass

    def close(self):
        self.connection.close()

    def reset(self):
        self.connection.reset()

    def _watch(self, done, timeout):
        deadline = time.monotonic() + timeout
        while not done() and not self.connection.stopping():
            if time.monotonic() > deadline:
                raise AssertionError("a script waited too long")
            if self.connection.closed or not self.connection.listen_a_while(0.01):
                self._mark_gone()
                raise PeerGone

    def _send(self, data):
        try:
            self.connection.socket.sendall(data)
            self.sent += len(data)
        except OSError as fault:
            self._mark_gone()
            raise PeerGone from fault

    def _mark_gone(self):
        if not self.gone.is_set():
            self.gone_at = time.monotonic()
            self.gone.set()


class Connection:
    """One accepted connection, served in its own thread until either side leaves."""

    def __init__(self, upstream, accepted):
        self.upstream, self.socket, self.buffer = upstream, accepted, b""
        self.closed = False

    def stopping(self):
        return self.upstream.stopped.is_set()

    def serve(self):
        try:
            if self.upstream.tls:
                self.socket = self.upstream.tls.wrap_socket(self.socket, server_side=True)
            if self.upstream.on_connect:
                self.upstream.on_connect(Call(self, Request(b"- - -", b"")))
            while not self.closed and self._serve_one():
                pass
        except (OSError, PeerGone, ValueError):
            pass
        finally:
            self.close()
            self.upstream.forget(self)

    def _serve_one(self):
        head = self._read_to(b"\r\n\r\n")
        if head is None:
            return False
        call = Call(self, Request(head, b""))
        try:
            if self.upstream.on_head:
                self.upstream.note_head(call)
                if self.upstream.on_head(call):
                    return True
            call.request.body = self.read_body(call.request)
            script = self.upstream.note(call)
            script(call)
        finally:
            call.ended.set()
        return True

    def read_body(self, request):
        if (request.header("transfer-encoding") or "").lower() == "chunked":
            return self._read_chunks()
        length = int(request.header("content-length") or 0)
        while len(self.buffer) < length:
            self._more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return body

    def _read_chunks(self):
        body = b""
        while True:
            size = int(self._read_to(b"\r\n"), 16)
            while len(self.buffer) < size + 2:
                self._more()
            body += self.buffer[:size]
            self.buffer = self.buffer[size + 2 :]
            if size == 0:
                return body

    def _read_to(self, mark):
        while mark not in self.buffer:
            if not self.listen_a_while(0.05) or self.stopping():
                return None
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def _more(self):
        if not self.listen_a_while(0.05) or self.stopping():
            raise PeerGone

    def listen_a_while(self, seconds):
        """Keeps what comes; False when the peer has left."""
        pending = getattr(self.socket, "pending", lambda: 0)()
        try:
            if not pending and not select.select([self.socket], [], [], seconds)[0]:
                return True
            data = self.socket.recv(262144)
        except (OSError, ValueError):
            return False
        self.buffer += data
        return bool(data)

    def close(self):
        self.closed = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def reset(self):
        self.closed = True
        linger = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()


class Upstream:
    """Serves many connections at once; `calls` holds every whole request in order."""

    def __init__(self, script, tls=None, on_head=None, on_connect=None, listener=None):
        self.script, self.tls, self.on_head, self.on_connect = script, tls, on_head, on_connect
        self.calls, self.heads, self.accepted = [], [], 0
        self.stopped = threading.Event()
        self._queue, self._open, self._lock = [], set(), threading.Lock()
        self._listener = listener or socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        self.origin = f"{scheme}://{host}:{self.port}"
        self.url = self.origin + "/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def next(self, *scripts):
        """These scripts answer the coming requests, one each, before `script` does again."""
        with self._lock:
            self._queue.extend(scripts)

    def note(self, call):
        with self._lock:
            self.calls.append(call)
            return self._queue.pop(0) if self._queue else self.script

    def note_head(self, call):
        with self._lock:
            self.heads.append(call)

    def forget(self, connection):
        with self._lock:
            self._open.discard(connection)

    @property
    def requests(self):
        return [call.request for call in self.calls]

    @property
    def open_connections(self):
        with self._lock:
            return len(self._open)

    def call(self, number=0, timeout=LONG):
        """The call of that number, once it has been read whole."""
        until(lambda: len(self.calls) > number, timeout, f"upstream call {number}")
        return self.calls[number]

    def drop_connections(self):
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            connection.close()

    def stop(self):
        self.stopped.set()
        self._listener.close()
        self.drop_connections()

    def _accept(self):
        while not self.stopped.is_set():
            try:
                if not select.select([self._listener], [], [], 0.1)[0]:
                    continue
                accepted, _ = self._listener.accept()
            except (OSError, ValueError):
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, accepted)
            with self._lock:
                self.accepted += 1
                self._open.add(connection)
            threading.Thread(target=connection.serve, daemon=True).start()


class Refusing:
    """An address that refuses: bound, so that nobody else gets it, and not listening."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.calls = []

    def wake(self, script):
        """From now on somebody is there."""
        self._socket.listen(64)
        return Upstream(script, listener=self._socket)

    def stop(self):
        self._socket.close()


class BlackHole:
    """An address where connecting hangs: its accept queue is full and nobody accepts."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.calls, self._fillers = [], []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)

    def stop(self):
        for filler in self._fillers:
            filler.close()
        self._listener.close()


def tls_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
