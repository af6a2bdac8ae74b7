# SPDX-License-Identifier: MIT
"""A scripted origin: a real HTTP/1.1 server that does what the test says, right or wrong.

    origin.page("/a", b"hello", cache="max-age=60", etag='"1"')      conditional, ranges, HEAD
    origin.page("/big", Content(10 << 30))                           made as it is sent
    origin.page("/cut", body, cut=1000)                              closes after 1000 body bytes
    origin.raw("/bad", b"HTTP/1.1 200 OK\\r\\nContent-Length: x\\r\\n\\r\\n")   exactly, and closes
    origin.on("/x", lambda request, wire: wire.send(b"..."))         anything
    with origin.holding("/a") as held:                               answers when told to
        held.wait_for(1); held.answer(b"body", cache="max-age=1")
    origin.count("/a")   origin.requests("/a")[0].header("Range")   origin.body_bytes("/a")

A path without a script is 404. Scripts may be replaced at any time; a request that has begun keeps
the one it began with."""

import re
import socket
import threading
import time
from collections import defaultdict
from dataclasses import dataclass

from tests.harness.content import Content, Fixed
from tests.harness.http1 import Closed, Head, Reader

BOUND_S = 60
STEP = 1 << 16


@dataclass
class Request(Head):
    method: str = ""
    target: str = ""
    body: bytes = b""
    at: float = 0.0


class Wire:
    """The server's end of one connection; counts the body bytes that went out."""

    def __init__(self, sock, count):
        self.sock, self._count, self.is_done = sock, count, False

    def send(self, data):
        self.sock.sendall(data)

    def send_body(self, data):
        """Counts first: whoever has received a byte finds it counted."""
        for at in range(0, len(data), STEP):
            piece = data[at:at + STEP]
            self._count(len(piece))
            self.sock.sendall(piece)

    def close(self):
        self.is_done = True


@dataclass
class Page:
    """One representation, answered as RFC 9110 wants it, but for what a test wants wrong."""
    content: Content
    status: int = 200
    fields: tuple = ()
    etag: str = None
    has_ranges: bool = True
    is_chunked: bool = False
    cut: int = None              # close after so many bytes of the body
    bytes_per_s: int = None

    def __call__(self, request, wire):
        if self.etag and self.etag in (request.header("If-None-Match") or ""):
            return wire.send(self._head(304, []))
        first, last = self._range(request)
        count = last - first + 1
        is_part = count != self.content.size
        extra = []
        if is_part:
            extra.append(("Content-Range", f"bytes {first}-{last}/{self.content.size}"))
        chunked = self.is_chunked and not is_part
        extra.append(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", count))
        wire.send(self._head(206 if is_part else self.status, extra))
        if request.method != "HEAD":
            self._body(wire, first, count, chunked)

    def _head(self, status, extra):
        fields = [*self.fields, *extra] + ([("ETag", self.etag)] if self.etag else [])
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{n}: {v}" for n, v in fields)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _range(self, request):
        size = self.content.size
        m = re.fullmatch(r"bytes=(\d*)-(\d*)", request.header("Range") or "")
        condition = request.header("If-Range")
        if not m or m.group() == "bytes=-" or not self.has_ranges or self.status != 200 \
                or condition not in (None, self.etag):
            return 0, size - 1
        if not m.group(1):
            return max(0, size - int(m.group(2))), size - 1
        first, last = int(m.group(1)), int(m.group(2) or size - 1)
        return (first, min(last, size - 1)) if first < size else (0, size - 1)

    def _body(self, wire, first, count, chunked):
        left = count if self.cut is None else min(count, self.cut)
        for piece in self.content.pieces(first, left):
            if chunked:
                wire.send(b"%x\r\n" % len(piece))
            wire.send_body(piece)
            if chunked:
                wire.send(b"\r\n")
            if self.bytes_per_s:
                time.sleep(len(piece) / self.bytes_per_s)
        if left < count:
            wire.close()
        elif chunked:
            wire.send(b"0\r\n\r\n")


class Held:
    """Requests that wait until the test answers."""

    def __init__(self):
        self._answer, self._changed, self.arrived = None, threading.Condition(), 0

    def __call__(self, request, wire):
        with self._changed:
            self.arrived += 1
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._answer is not None, BOUND_S):
                return wire.close()
        return self._answer(request, wire)

    def wait_for(self, count=1, bound_s=BOUND_S):
        with self._changed:
            if not self._changed.wait_for(lambda: self.arrived >= count, bound_s):
                raise TimeoutError(f"{self.arrived} of {count} requests came within {bound_s} s")

    def answer_with(self, script):
        with self._changed:
            self._answer = script
            self._changed.notify_all()

    def answer(self, body=b"", **options):
        """Waits for a request, then answers it and all others as page() would."""
        self.wait_for(1)
        self.answer_with(page_of(body, **options))


def page_of(body, cache=None, headers=None, **options):
    content = Fixed(body) if isinstance(body, bytes) else body
    fields = list((headers or {}).items())
    if cache is not None:
        fields.append(("Cache-Control", cache))
    return Page(content, fields=tuple(fields), **options)


class Holding:
    def __init__(self, origin, path):
        self._origin, self._path, self.held = origin, path, Held()

    def __enter__(self):
        self._origin.on(self._path, self.held)
        return self.held

    def __exit__(self, kind, *_):
        if kind is not None:     # the test failed: let nobody wait for it
            self.held.answer_with(lambda request, wire: wire.close())


class Origin:
    def __init__(self, address="127.0.0.1", port=0, tls=None):
        self._scripts, self._lock = {}, threading.Lock()
        self._requests, self._bytes = [], defaultdict(int)
        self._tls, self._live = tls, set()
        self.accepted = 0
        self._listener = socket.create_server((address, port), backlog=512)
        self.address = self._listener.getsockname()[:2]
        self.url = f"http{'s' if tls else ''}://{self.address[0]}:{self.address[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def page(self, path, body=b"", **options):
        self.on(path, page_of(body, **options))

    def raw(self, path, data):
        def script(_, wire):
            wire.send(data)
            wire.close()
        self.on(path, script)

    def on(self, path, script):
        with self._lock:
            self._scripts[path] = script

    def holding(self, path):
        return Holding(self, path)

    def requests(self, path=None):
        with self._lock:
            return [r for r in self._requests if path in (None, r.target, r.target.split("?")[0])]

    def count(self, path=None):
        return len(self.requests(path))

    def body_bytes(self, path=None):
        with self._lock:
            return sum(n for p, n in self._bytes.items() if path in (None, p))

    def forget(self):
        """Counts start from nothing."""
        with self._lock:
            self._requests.clear()
            self._bytes.clear()

    def stop(self):
        """Gone: the port refuses, and what was open is cut."""
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)     # close alone leaves accept() waiting
            self._listener.close()
        with self._lock:
            live = list(self._live)
        for sock in live:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            sock.settimeout(BOUND_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            with self._lock:
                self._live.add(sock)
            reader = Reader(sock)
            while self._one(reader, sock):
                pass
        except (Closed, OSError):
            pass                 # the peer went away: its right
        finally:
            with self._lock:
                self._live.discard(sock)
            sock.close()

    def _one(self, reader, sock):
        """One request and its answer; whether another may follow."""
        head = reader.head()
        method, target = head.first.split(" ")[:2]
        r = Request(head.first, head.fields, method, target, at=time.monotonic())
        if "chunked" in (r.header("Transfer-Encoding") or ""):
            r.body, _ = reader.chunked()
        else:
            r.body = reader.exactly(int(r.header("Content-Length") or 0))
        path = target.split("?")[0]
        with self._lock:
            self._requests.append(r)
            script = self._scripts.get(target) or self._scripts.get(path) \
                or page_of(b"no such page\n", status=404)
        wire = Wire(sock, lambda n: self._count(path, n))
        script(r, wire)
        return not wire.is_done and (r.header("Connection") or "").lower() != "close"

    def _count(self, path, n):
        with self._lock:
            self._bytes[path] += n
