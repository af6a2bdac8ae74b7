# SPDX-License-Identifier: MIT
"""A raw HTTP/1.1 client: exact bytes out, exact bytes in, one connection an object.

    with Client(address, host="dl.example") as c:
        r = c.get("/a", Range="bytes=0-9")
        assert r.status == 206 and r.header("Age") is None
        c.send(b"GET /a HTTP/1.1\\r\\n"); ...; c.response()

`start` runs a request on a thread of its own and gives a Pending, whose fields wait for it."""

import socket
import threading
from dataclasses import dataclass, field

from tests.harness.http1 import Closed, Head, Reader

BOUND_S = 60


@dataclass
class Response(Head):
    status: int = 0
    body: bytes = b""
    trailers: list = field(default_factory=list)


class Client:
    def __init__(self, address, host="test.example", tls=None, source=None, bound_s=BOUND_S,
                 receive_buffer=None):
        """address: (ip, port); tls: an ssl context (host is the name it asks for)."""
        self.host = host
        self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.sock.settimeout(bound_s)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=host)
        self.reader = Reader(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes so that the peer gets a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def send_request(self, method, target, body=None, **fields):
        """Field names are written with _ for -; Host is added unless given; None leaves one out."""
        fields = {n.replace("_", "-"): v for n, v in fields.items()}
        fields.setdefault("Host", self.host)
        if body is not None:
            fields.setdefault("Content-Length", len(body))
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{n}: {v}" for n, v in fields.items() if v is not None]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))

    def head(self):
        """The next head that is not a 1xx; its status and fields, no body yet."""
        while True:
            h = self.reader.head()
            status = int(h.first.split(" ")[1])
            if status >= 200 or status == 101:
                return Response(h.first, h.fields, status)

    def body_of(self, r, method="GET"):
        if method == "HEAD" or r.status in (204, 304):
            return b""
        if "chunked" in (r.header("Transfer-Encoding") or "").lower():
            body, r.trailers = self.reader.chunked()
            return body
        length = r.header("Content-Length")
        return self.reader.to_end() if length is None else self.reader.exactly(int(length))

    def response(self, method="GET"):
        r = self.head()
        r.body = self.body_of(r, method)
        return r

    def request(self, method, target, body=None, **fields):
        self.send_request(method, target, body, **fields)
        return self.response(method)

    def get(self, target, **fields):
        return self.request("GET", target, **fields)

    def is_closed(self):
        """Whether the peer closes (or resets) without sending any more; waits for it."""
        try:
            return self.reader.some() == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False


class Pending:
    """A request that runs on its own thread: .wait(), then .status .body .header() as usual, or
    .error where the connection broke (with .error.got, the bytes of the body that had come)."""

    def __init__(self, address, method, target, client=None, **fields):
        self.error = self._response = None
        self._client_options, self._address = client or {}, address
        self._thread = threading.Thread(target=self._run, daemon=True,
                                        args=(method, target, fields))
        self._thread.start()

    def _run(self, method, target, fields):
        try:
            with Client(self._address, **self._client_options) as c:
                self._response = c.request(method, target, **fields)
        except (Closed, OSError) as error:
            self.error = error

    def wait(self, bound_s=BOUND_S * 2):
        self._thread.join(bound_s)
        if self._thread.is_alive():
            raise TimeoutError(f"no whole answer within {bound_s} s")
        return self

    def __getattr__(self, name):
        self.wait()
        if self.error is not None:
            raise self.error
        return getattr(self._response, name)
