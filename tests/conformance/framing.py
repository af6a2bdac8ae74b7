# SPDX-License-Identifier: MIT
"""One strict reading: what is ambiguous is refused on both sides, and poisons nothing
(RFC 9112 s.2 to s.7)."""

from tests.conformance.case import FRESH, A, Case, asked, kept

HEAD = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
LONG = b"x" * 200_000


def bad_answer(section, title, raw):
    """502, for a GET and for what is passed on; and the next good answer is a good answer."""
    return [Case(section, f"answer: {title}, {m}",
                 asked(A(raw=raw), asks=None, status=502, method=m, body=body,
                       has=("Proxy-Status: ~^edge-1; *error=",)),
                 asked(A(FRESH)), kept())
            for m, body in (("GET", None), ("POST", b"x"))]


def answers(section, *rows):
    return [case for title, raw in rows for case in bad_answer(section, title, raw)]


ANSWERS = [
    *answers(
        "9112 6.3",
        ("Content-Length and Transfer-Encoding",
         HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("two different Content-Length",
         HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"),
        ("a list of different Content-Length", HEAD + b"Content-Length: 5, 6\r\n\r\nabcdef"),
        ("a negative Content-Length", HEAD + b"Content-Length: -5\r\n\r\nabcde"),
        ("a signed Content-Length", HEAD + b"Content-Length: +5\r\n\r\nabcde"),
        ("a hexadecimal Content-Length", HEAD + b"Content-Length: 0x5\r\n\r\nabcde"),
        ("a Content-Length with a unit", HEAD + b"Content-Length: 5b\r\n\r\nabcde"),
        ("an empty Content-Length", HEAD + b"Content-Length:\r\n\r\n"),
        ("a Content-Length beyond numbers",
         HEAD + b"Content-Length: 99999999999999999999999\r\n\r\nabcde")),
    *answers(
        "9112 6.1",
        ("an unknown transfer coding", HEAD + b"Transfer-Encoding: foo\r\n\r\n0\r\n\r\n"),
        ("chunked not the last", HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        ("chunked twice", HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        ("chunked on two lines",
         HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("Transfer-Encoding: identity", HEAD + b"Transfer-Encoding: identity\r\n\r\nabc"),
        ("an empty Transfer-Encoding", HEAD + b"Transfer-Encoding:\r\n\r\nabc"),
        ("chunked of HTTP/1.0",
         b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
    *answers(
        "9112 4",
        ("nothing", b""),
        ("nonsense", b"hello\r\n\r\n"),
        ("no version", b"200 OK\r\n\r\n"),
        ("another protocol", b"ICY 200 OK\r\n\r\n"),
        ("HTTP/2 in text", b"HTTP/2.0 200 OK\r\n\r\n"),
        ("two digits of status", b"HTTP/1.1 20 OK\r\n\r\n"),
        ("four digits of status", b"HTTP/1.1 2000 OK\r\n\r\n"),
        ("letters for a status", b"HTTP/1.1 abc OK\r\n\r\n"),
        ("status 000", b"HTTP/1.1 000 OK\r\n\r\n"),
        ("a head that ends early", b"HTTP/1.1 200 OK\r\nCache-Con"),
        ("a version in lower case", b"http/1.1 200 OK\r\n\r\n")),
    *answers(
        "9112 5.1",
        ("white space before the colon", HEAD + b"X-A : 1\r\n\r\n"),
        ("no colon", HEAD + b"X-A\r\n\r\n"),
        ("no name", HEAD + b": 1\r\n\r\n"),
        ("a name that is no token", HEAD + b"X(A): 1\r\n\r\n"),
        ("a line that begins with a space", HEAD.replace(b"\r\nC", b"\r\n C") + b"\r\n"),
        ("a folded line", HEAD + b"X-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n")),
    *answers(
        "9110 5.5",
        ("a bare CR in a value", HEAD + b"X-A: a\rb\r\n\r\n"),
        ("a NUL in a value", HEAD + b"X-A: a\0b\r\n\r\n"),
        ("a control in a value", HEAD + b"X-A: a\x01b\r\n\r\n")),
    *answers("9110 5.4", ("a head of 200,000 bytes", HEAD + b"X-A: " + LONG + b"\r\n\r\n")),
]

START = b"GET {path} HTTP/1.1\r\nHost: test.example\r\n"
POST = b"POST {path} HTTP/1.1\r\nHost: test.example\r\n"


def bad_request(section, title, raw, status=400):
    return Case(section, f"request: {title}", kept(raw=raw, status=status, is_last=True))


def requests(section, *rows):
    return [bad_request(section, *row) for row in rows]


REQUESTS = [
    *requests(
        "9112 6.3",
        ("Content-Length and Transfer-Encoding",
         POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("two different Content-Length",
         POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"),
        ("a list of different Content-Length", POST + b"Content-Length: 5, 6\r\n\r\nabcdef"),
        ("a negative Content-Length", POST + b"Content-Length: -5\r\n\r\nabcde"),
        ("a signed Content-Length", POST + b"Content-Length: +5\r\n\r\nabcde"),
        ("a Content-Length with letters", POST + b"Content-Length: 5x\r\n\r\nabcde"),
        ("a Content-Length beyond numbers",
         POST + b"Content-Length: 99999999999999999999999\r\n\r\nabcde", (400, 413)),
        ("an empty Content-Length", POST + b"Content-Length:\r\n\r\n")),
    *requests(
        "9112 6.1",
        ("an unknown transfer coding", POST + b"Transfer-Encoding: foo\r\n\r\n0\r\n\r\n",
         (400, 501)),
        ("chunked not the last", POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
         (400, 501)),
        ("chunked twice", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
         (400, 501)),
        ("chunked in disguise", POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", (400, 501)),
        ("chunked of HTTP/1.0", b"POST {path} HTTP/1.0\r\nHost: test.example\r\n"
                                b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
    *requests(
        "9112 3.2",
        ("no Host", b"GET {path} HTTP/1.1\r\n\r\n"),
        ("two Hosts", START + b"Host: test.example\r\n\r\n"),
        ("two different Hosts", START + b"Host: cookies.example\r\n\r\n"),
        ("an empty Host", b"GET {path} HTTP/1.1\r\nHost:\r\n\r\n", (400, 421)),
        ("a Host with a path", b"GET {path} HTTP/1.1\r\nHost: test.example/x\r\n\r\n"),
        ("a Host with a space", b"GET {path} HTTP/1.1\r\nHost: test example\r\n\r\n"),
        ("a Host with a user", b"GET {path} HTTP/1.1\r\nHost: a@test.example\r\n\r\n"),
        ("a list of Hosts", b"GET {path} HTTP/1.1\r\nHost: test.example, x\r\n\r\n"),
        ("a target that is no path", b"GET path HTTP/1.1\r\nHost: test.example\r\n\r\n"),
        ("a space in the target", b"GET {path} x HTTP/1.1\r\nHost: test.example\r\n\r\n"),
        ("a fragment in the target", b"GET {path}#x HTTP/1.1\r\nHost: test.example\r\n\r\n"),
        ("a star for GET", b"GET * HTTP/1.1\r\nHost: test.example\r\n\r\n"),
        ("a control in the target", b"GET {path}\x01 HTTP/1.1\r\nHost: test.example\r\n\r\n")),
    *requests(
        "9112 3",
        ("nonsense", b"hello\r\n\r\n"),
        ("no version", b"GET {path}\r\n\r\n", (400, 505)),
        ("a tab between", b"GET\t{path} HTTP/1.1\r\nHost: test.example\r\n\r\n"),
        ("two spaces", b"GET  {path} HTTP/1.1\r\nHost: test.example\r\n\r\n"),
        ("a method that is no token", b"G(T {path} HTTP/1.1\r\nHost: test.example\r\n\r\n"),
        ("HTTP/2 in text", b"GET {path} HTTP/2.0\r\nHost: test.example\r\n\r\n", (400, 505)),
        ("HTTP/1.10", b"GET {path} HTTP/1.10\r\nHost: test.example\r\n\r\n", (400, 505)),
        ("a version in lower case", b"GET {path} http/1.1\r\nHost: test.example\r\n\r\n",
         (400, 505))),
    *requests(
        "9112 5",
        ("white space before the colon", START + b"X-A : 1\r\n\r\n"),
        ("a folded line", START + b"X-A: 1\r\n 2\r\n\r\n"),
        ("no colon", START + b"X-A\r\n\r\n"),
        ("no name", START + b": x\r\n\r\n"),
        ("a name that is no token", START + b"X[A]: 1\r\n\r\n"),
        ("a bare CR in a value", START + b"X-A: a\rb\r\n\r\n"),
        ("a NUL in a value", START + b"X-A: a\0b\r\n\r\n"),
        ("a space before the first field",
         b"GET {path} HTTP/1.1\r\n Host: test.example\r\n\r\n")),
    *requests(
        "9112 7.1",
        ("a chunk size that is no number",
         POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"),
        ("a chunk longer than it says",
         POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n")),
    *requests("9110 5.4", ("a head of 200,000 bytes", START + b"X-A: " + LONG + b"\r\n\r\n", 431)),
    *requests("9110 15.5.15", ("a target of 200,000 bytes",
                               b"GET /" + LONG + b" HTTP/1.1\r\nHost: test.example\r\n\r\n",
                               (414, 431))),
]

CASES = [*ANSWERS, *REQUESTS]
