# SPDX-License-Identifier: MIT
"""The reading of HTTP/1.1 that the scripted origin and the raw client share. It is lenient on
purpose: what is wrong must reach the test as it was sent."""

from dataclasses import dataclass, field

STEP = 1 << 18


@dataclass
class Head:
    """first: the start line as text; fields: (name, value) in order, as sent."""
    first: str
    fields: list = field(default_factory=list)

    def header(self, name, default=None):
        for n, v in self.fields:
            if n.lower() == name.lower():
                return v
        return default

    def headers(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]


class Closed(Exception):
    """The peer closed before the message was whole; `got` is what had come."""

    def __init__(self, got=b""):
        super().__init__(f"closed after {len(got)} bytes of it")
        self.got = got


class Reader:
    """Bytes from a socket, with what was read too far kept for the next message."""

    def __init__(self, sock):
        self.sock, self.kept = sock, b""

    def some(self, limit=STEP):
        if self.kept:
            out, self.kept = self.kept[:limit], self.kept[limit:]
            return out
        return self.sock.recv(limit)

    def until(self, mark):
        got = bytearray(self.kept)
        self.kept = b""
        while mark not in got:
            piece = self.sock.recv(STEP)
            if not piece:
                raise Closed(bytes(got))
            got += piece
        end = got.index(mark) + len(mark)
        self.kept = bytes(got[end:])
        return bytes(got[:end])

    def exactly(self, count):
        parts, left = [], count
        while left > 0:
            piece = self.some(min(left, STEP))
            if not piece:
                raise Closed(b"".join(parts))
            parts.append(piece)
            left -= len(piece)
        return b"".join(parts)

    def to_end(self):
        parts = []
        while True:
            try:
                piece = self.some()
            except ConnectionResetError:
                piece = b""
            if not piece:
                return b"".join(parts)
            parts.append(piece)

    def head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines[1:] if line)]
        return Head(lines[0], fields)

    def chunked(self):
        """The body, and the trailer fields."""
        body = bytearray()
        while True:
            try:
                size = int(self.until(b"\r\n").split(b";")[0].strip(), 16)
                body += self.exactly(size)
            except Closed as closed:
                raise Closed(bytes(body) + closed.got) from None
            if size == 0:
                break
            self.until(b"\r\n")
        trailers = []
        while (line := self.until(b"\r\n")) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            trailers.append((name, value.strip()))
        return bytes(body), trailers
