# SPDX-License-Identifier: Apache-2.0
"""A real redis-server that can be stopped, frozen, killed and brought back; one with a replica
and sentinels; and a liar."""

import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from .patience import LONG, until


FIRST_PORT, LAST_PORT = 12000, 30000  # below those that systems give to who names none
_claims = []


def free_port():
    """A port that stays free until it is used, and between two uses: nobody is given it by
    chance, and whoever else runs these tests sees that it is claimed."""
    while True:
        port, claim = random.randint(FIRST_PORT, LAST_PORT), socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0weir-test-port-{port}")  # until this process ends
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            claim.close()
        else:
            _claims.append(claim)
            return port


class RedisError(Exception):
    """An error reply."""


class Link:
    """A tiny RESP2 client: one command, one reply."""

    def __init__(self, port, timeout=LONG):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.file = self.socket.makefile("rb")

    def __call__(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        parts = [b"*%d\r\n" % len(words)]
        parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self.socket.sendall(b"".join(parts))
        reply = self._reply()
        if isinstance(reply, RedisError):
            raise reply
        return reply

    def _reply(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("redis closed the link")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            return RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self.file.read(length + 2)[:-2]
        if kind == b"*":
            return None if int(rest) < 0 else [self._reply() for _ in range(int(rest))]
        return rest

    def close(self):
        self.file.close()
        self.socket.close()


class Redis:
    """redis-server without persistence on a port that stays the same over restarts."""

    def __init__(self, *options):
        self.port, self.options, self.process = free_port(), options, None
        self.over = False
        self.folder = tempfile.mkdtemp(prefix="weir-redis-")
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self):
        assert not self.over, "started after its test has ended"
        words = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        words += ["--appendonly", "no", "--dir", self.folder, *self.options]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        until(self._answers, what="redis-server")
        return self

    def _answers(self):
        try:
            return self("PING") == b"PONG"
        except (OSError, RedisError):
            return False

    def __call__(self, *words):
        """Runs one command on a link of its own."""
        link = Link(self.port)
        try:
            return link(*words)
        finally:
            link.close()

    def keys(self, pattern="*"):
        return sorted(key.decode() for key in self("KEYS", pattern))

    def hash(self, key):
        flat = self("HGETALL", key)
        return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}

    def role(self):
        """master or slave; nothing while it changes, since it cuts its connections then."""
        try:
            return self("ROLE")[0]
        except OSError:
            return b""

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        self.over = True
        if self.process.poll() is None:
            self.thaw()
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sentinel:
    """One redis-server in its sentinel's role."""

    def __init__(self, master_port, name, quorum):
        self.port, self.folder = free_port(), tempfile.mkdtemp(prefix="weir-sentinel-")
        path = pathlib.Path(self.folder) / "sentinel.conf"
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self.folder}",
            f"sentinel monitor {name} 127.0.0.1 {master_port} {quorum}",
            f"sentinel down-after-milliseconds {name} 500",
            f"sentinel failover-timeout {name} 2000",
        ]
        path.write_text("\n".join(lines) + "\n")
        words = ["redis-server", str(path), "--sentinel"]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)

    def knows(self, name):
        """What it says about the master, or nothing while it does not say."""
        try:
            link = Link(self.port)
        except OSError:
            return {}
        try:
            flat = [word.decode() for word in link("SENTINEL", "MASTER", name)]
        except (OSError, RedisError):
            return {}
        finally:
            link.close()
        return dict(zip(flat[::2], flat[1::2]))

    def stop(self):
        self.process.kill()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


class Trio:
    """A master, its replica, and three sentinels who watch them under the name `weir`."""

    name = "weir"

    def __init__(self):
        self._things = []
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self):
        self.master = self._keep(Redis("--repl-diskless-sync-delay", "0"))
        self.replica = self._keep(Redis("--replicaof", "127.0.0.1", str(self.master.port)))
        self.url = self.master.url
        until(lambda: b"master_link_status:up" in self.replica("INFO", "replication"), 60)
        self.sentinels = [
            self._keep(Sentinel(self.master.port, self.name, 2)) for _ in range(3)
        ]
        until(lambda: all(self._is_settled(s) for s in self.sentinels), 60, "three sentinels")

    def _keep(self, thing):
        self._things.append(thing)
        return thing

    def _is_settled(self, sentinel):
        known = sentinel.knows(self.name)
        others, replicas = known.get("num-other-sentinels"), known.get("num-slaves")
        return (others, replicas) == ("2", "1")

    @property
    def settings(self):
        """The members of `cache.redis` that lead a gateway to the sentinels."""
        places = [f"127.0.0.1:{s.port}" for s in self.sentinels]
        return {"sentinels": places, "master": self.name}

    def promoted(self):
        """Has the replica become the master?"""
        return self.replica.role() == b"master"

    def wait_promoted(self, timeout=60):
        until(self.promoted, timeout, "the replica to be promoted")

    def stop(self):
        for thing in reversed(self._things):
            thing.stop()


class Liar:
    """Accepts like a Redis and answers every read with the same bytes, whatever was asked.
    One that greets says PONG to a PING, so that it is believed to be well."""

    def __init__(self, reply, greets=False):
        self.reply, self.greets, self.heard, self.links = reply, greets, b"", 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self.links += 1
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted):
        try:
            while True:
                data = accepted.recv(65536)
                if not data:
                    return
                self.heard += data
                pinged = self.greets and data.endswith(b"PING\r\n")
                accepted.sendall(b"+PONG\r\n" if pinged else self.reply)
        except OSError:
            pass
        finally:
            accepted.close()

    def stop(self):
        self._listener.close()
