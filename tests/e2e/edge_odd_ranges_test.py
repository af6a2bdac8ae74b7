# SPDX-License-Identifier: MIT
"""Origins that are odd about ranges, as a table: each row answers a range in its own way, and is
met where ranges are asked for: by the first request for an object, for blocks that an earlier range
left out, and for the rest of a body that broke. Whatever comes to the client is of one version and
where its head says; an answer is the right one whole, visibly broken, or a stated error."""

import re
import time
from dataclasses import dataclass

import pytest

from tests.harness.content import Content
from tests.harness.http1 import Closed
from tests.harness.programs import Edge

KIB = 1024
BLOCK = 64 * KIB
SIZE = 5 * BLOCK + 123
OLD, NEW = (Content(SIZE, seed=n).read(0, SIZE) for n in (1, 2))
TAG, OTHER = 'ETag: "o"', 'ETag: "n"'
FINE, REFUSED, ANY = "fine", "refused", "any"


def head(status, *fields, version="HTTP/1.1"):
    return "\r\n".join([f"{version} {status} Odd", *fields, "", ""]).encode("latin-1")


def whole(body=OLD, tag=TAG, extra=(), status=200):
    return head(status, "Cache-Control: max-age=60", tag, f"Content-Length: {len(body)}",
                *extra) + body


def part(first, last, *, shown=None, size=SIZE, tag=TAG, count=None, body=None, extra=()):
    """206 with bytes first..last; what it says of them may be otherwise."""
    body = OLD[first:last + 1] if body is None else body
    shown = f"bytes {first}-{last}/{size}" if shown is None else shown
    fields = ["Cache-Control: max-age=60"] + ([tag] if tag else [])
    fields += [f"Content-Range: {shown}"] if shown else []
    fields += [f"Content-Length: {len(body) if count is None else count}"] if count != 0 else []
    return head(206, *fields, *extra) + body


def chunked(body):
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@dataclass
class Odd:
    """sends(first, last): the answer to that range, after which the connection closes. gets: FINE,
    all right bytes come; REFUSED: nothing of such an answer may be used; ANY: either."""
    sends: object
    gets: str = REFUSED
    is_lasting: bool = True      # or only the first of its kind; then it behaves
    first: str = None            # gets, where the first request for the object meets it


def multipart(a, b):
    body = (b"--x\r\nContent-Range: bytes %d-%d/%d\r\n\r\n" % (a, b, SIZE) + OLD[a:b + 1]
            + b"\r\n--x--\r\n")
    kind = "Content-Type: multipart/byteranges; boundary=x"
    return part(a, b, shown="", body=body, extra=(kind,))


RANGES = {
    # as it should be, if unusual
    "as asked": Odd(part, FINE),
    "chunked": Odd(lambda a, b: part(a, b, body=chunked(OLD[a:b + 1]), count=0,
                                     extra=("Transfer-Encoding: chunked",)), FINE),
    "until it closes": Odd(lambda a, b: part(a, b, count=0, extra=("Connection: close",)), FINE),
    "HTTP/1.0": Odd(lambda a, b: part(a, b).replace(b"HTTP/1.1", b"HTTP/1.0", 1), FINE),
    "odd case": Odd(lambda a, b: part(a, b).replace(b"Content-Ra", b"content-rA"), FINE),
    "less than asked": Odd(lambda a, b: part(a, min(b, a + BLOCK + 99)), FINE),
    "a byte only": Odd(lambda a, b: part(a, a), FINE, is_lasting=False),
    "a byte only, always": Odd(lambda a, b: part(a, a), ANY),
    "the whole instead": Odd(lambda a, b: whole(), FINE),
    "the whole, chunked": Odd(lambda a, b: head(200, "Cache-Control: max-age=60", TAG,
                                                "Transfer-Encoding: chunked") + chunked(OLD), ANY),
    "an interim answer first": Odd(lambda a, b: head(103, "Link: </x>") + part(a, b), FINE),
    # another range than it was asked for, or than it says
    "an earlier beginning": Odd(lambda a, b: part(a - 1, b) if a else part(1, b)),
    "a later beginning": Odd(lambda a, b: part(min(a + 1, b), b)),
    "more than asked": Odd(lambda a, b: part(a, min(b + 1, SIZE - 1)), ANY),
    "no Content-Range": Odd(lambda a, b: part(a, b, shown="")),
    "two Content-Ranges": Odd(lambda a, b: part(a, b, extra=("Content-Range: bytes 0-0/1",))),
    "another unit": Odd(lambda a, b: part(a, b, shown=f"lines {a}-{b}/{SIZE}")),
    "no size": Odd(lambda a, b: part(a, b, shown=f"bytes {a}-{b}/*")),
    "turned round": Odd(lambda a, b: part(a, b, shown=f"bytes {b + 1}-{a}/{SIZE}")),
    "beyond its size": Odd(lambda a, b: part(a, b, shown=f"bytes {a}-{b}/{b}")),
    "a size beyond 64 bits": Odd(lambda a, b: part(a, b, shown=f"bytes {a}-{b}/" + "9" * 30)),
    "no numbers": Odd(lambda a, b: part(a, b, shown="bytes all")),
    "an unsatisfied one": Odd(lambda a, b: part(a, b, shown=f"bytes */{SIZE}")),
    "a length that is too large": Odd(lambda a, b: part(a, b, count=b - a + 2)),
    "a length that is too small": Odd(lambda a, b: part(a, b, count=max(1, b - a))),
    "parts": Odd(multipart),
    # what it is a range of
    "a weak tag": Odd(lambda a, b: part(a, b, tag='ETag: W/"o"')),
    "no tag": Odd(lambda a, b: part(a, b, tag=None)),
    "another version": Odd(lambda a, b: part(a, b, tag=OTHER, body=NEW[a:b + 1]), ANY),
    "another version, whole": Odd(lambda a, b: whole(NEW, OTHER), ANY),
    "a longer version": Odd(lambda a, b: part(a, b, size=SIZE + 1)),
    # other answers
    "416": Odd(lambda a, b: head(416, f"Content-Range: bytes */{SIZE}", "Content-Length: 0")),
    "404": Odd(lambda a, b: whole(b"none", 'X: "', status=404)),
    "403": Odd(lambda a, b: whole(b"none", 'X: "', status=403)),
    "500": Odd(lambda a, b: whole(b"none", 'X: "', status=500)),
    "503": Odd(lambda a, b: whole(b"none", 'X: "', ("Retry-After: 1",), status=503)),
    "503 once": Odd(lambda a, b: whole(b"none", 'X: "', status=503), FINE, False, ANY),
    "429": Odd(lambda a, b: whole(b"none", 'X: "', status=429)),
    "304": Odd(lambda a, b: head(304, TAG)),
    "204": Odd(lambda a, b: head(204, TAG)),
    "302": Odd(lambda a, b: head(302, "Location: /elsewhere", "Content-Length: 0")),
    # what breaks
    "nothing": Odd(lambda a, b: b""),
    "nothing once": Odd(lambda a, b: b"", FINE, False, ANY),
    "half of it": Odd(lambda a, b: part(a, b)[:-(b - a + 1) // 2], ANY),
    "half of it, once": Odd(lambda a, b: part(a, b)[:-(b - a + 1) // 2], FINE, is_lasting=False),
    "no head": Odd(lambda a, b: OLD[a:b + 1]),
}
ROWS = [pytest.param(odd, id=name) for name, odd in RANGES.items()]


class Script:
    """Answers a plain request as it should (cut after `cut` bytes, the first time), and a range as
    the row says once it is `armed`."""

    def __init__(self, odd, is_armed=True, cut=None):
        self.odd, self.is_armed, self.cut = odd, is_armed, cut
        self.is_mended, self.odd_answers = False, 0

    def __call__(self, request, wire):
        m = re.fullmatch(r"bytes=(\d+)-(\d*)", request.header("Range") or "")
        if self.is_mended:
            wire.send(whole(NEW, OTHER))
        elif m is None:
            wire.send(whole() if self.cut is None else whole()[:-(SIZE - self.cut)])
            self.cut = None
        else:
            first, last = int(m.group(1)), min(int(m.group(2) or SIZE), SIZE - 1)
            is_odd = self.is_armed and (self.odd.is_lasting or self.odd_answers == 0)
            self.odd_answers += is_odd
            wire.send((self.odd.sends if is_odd else part)(first, last))
        wire.close()


@pytest.fixture
def odd_cdn(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={
        "block": "64KiB", "first_byte_timeout": "60s", "stall_timeout": "60s",
        "resume_timeout": "400ms", "retry_after_max": "0ms"}))
    return origin, edge


def ask(edge, **fields):
    """(status, first byte's place, body, whether it came whole)"""
    with edge.client() as c:
        c.send_request("GET", "/odd", **fields)
        r = c.head()
        at = re.match(r"bytes (\d+)-", r.header("Content-Range") or "bytes 0-")
        try:
            return r.status, int(at.group(1)) if at else 0, c.body_of(r), True
        except (Closed, OSError) as error:
            return r.status, int(at.group(1)) if at else 0, getattr(error, "got", b""), False


def check_bytes(answer):
    """Of one version, and where it says it is."""
    status, at, body, _ = answer
    if status in (200, 206):
        assert body in (OLD[at:at + len(body)], NEW[at:at + len(body)]), (status, at, len(body))


def check(gets, answer, first, last):
    status, at, body, is_whole = answer
    check_bytes(answer)
    if gets == FINE:
        assert is_whole and status in (200, 206)
        assert body == (OLD[first:last + 1] if status == 206 else OLD)
    elif status == 206 and is_whole:
        assert (at, len(body)) == (first, last - first + 1)
    elif status == 200 and is_whole:
        assert len(body) == SIZE
    else:
        assert not is_whole or status >= 400 or status in (204, 302)


def check_mended(edge, script):
    """What was odd is forgotten: a new version comes whole."""
    script.is_mended = True
    edge.admin("POST", "/v1/purge", {"url": "http://test.example/odd"})
    until = time.monotonic() + 60
    while ask(edge)[1:] != (0, NEW, True):
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.parametrize("odd", ROWS)
def test_the_first_range_of_an_object(odd_cdn, odd):
    origin, edge = odd_cdn
    script = Script(odd)
    origin.on("/odd", script)
    first, last = BLOCK + 10, 2 * BLOCK + 9
    check(odd.first or odd.gets, ask(edge, Range=f"bytes={first}-{last}"), first, last)
    for a in (0, 3 * BLOCK, SIZE - 10):
        check_bytes(ask(edge, Range=f"bytes={a}-{a + 9}"))
    check_bytes(ask(edge))
    check_mended(edge, script)


@pytest.mark.parametrize("odd", ROWS)
def test_blocks_that_an_earlier_range_left_out(odd_cdn, odd):
    origin, edge = odd_cdn
    script = Script(odd, is_armed=False)
    origin.on("/odd", script)
    assert ask(edge, Range="bytes=0-9")[2] == OLD[:10]
    script.is_armed = True
    first, last = 2 * BLOCK + 10, 3 * BLOCK + 9
    check(odd.gets, ask(edge, Range=f"bytes={first}-{last}"), first, last)
    check_bytes(ask(edge))
    check_mended(edge, script)


@pytest.mark.parametrize("odd", ROWS)
@pytest.mark.parametrize("cut", [2 * BLOCK + 77, 3 * BLOCK])
def test_the_rest_of_a_body_that_broke(odd_cdn, odd, cut):
    origin, edge = odd_cdn
    script = Script(odd, cut=cut)
    origin.on("/odd", script)
    answer = ask(edge)
    check(odd.gets, answer, 0, SIZE - 1)
    if odd.gets == REFUSED:
        assert not answer[3] and len(answer[2]) <= cut      # and not a byte more
    check_mended(edge, script)
