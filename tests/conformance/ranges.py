# SPDX-License-Identifier: MIT
"""Ranges (RFC 9110 s.14, s.15.3.7, s.15.5.17) and what is stored in parts (RFC 9111 s.3.3, s.3.4).
"""

import re

from tests.conformance.case import FRESH, A, Case, asked, kept
from tests.harness.content import Content, Fixed
from tests.harness.origin import Page

BODY = b"abcdefghijklmnopqrstuvwxyz"
SIZE = len(BODY)
TAG = 'ETag: "a"'
MODIFIED = "Last-Modified: {-864000}"
WHOLE = dict(status=200, gives=BODY, lacks=("Content-Range",))
BLOCK = 65536
BIG, OTHER = Content(5 * BLOCK + 1000), Content(5 * BLOCK + 1000, seed=2)


def part(first, last, body=BODY):
    return dict(status=206, gives=body[first:last + 1],
                has=(f"Content-Range: bytes {first}-{last}/{len(body)}",
                     f"Content-Length: {last - first + 1}", TAG))


NONE = dict(status=416, has=(f"Content-Range: bytes */{SIZE}",))


def parts(*pairs):
    """multipart/byteranges, exactly: boundary lines, type and range of each part, its bytes."""
    body = "".join(
        rf"\r\n--BOUNDARY\r\n(?:[^\r]+\r\n)*Content-Range: bytes {f}-{la}/{SIZE}\r\n"
        rf"(?:[^\r]+\r\n)*\r\n{BODY[f:la + 1].decode()}" for f, la in pairs)
    return body + r"\r\n--BOUNDARY--(?:\r\n)?$"


def both(title, value, outcome, *, section="9110 14.2", more=(), stored=(TAG, MODIFIED),
         body=BODY):
    """Asked of what is stored, and asked of a cold cache: the same."""
    answer = A(FRESH, *stored, body=body)
    line = f"Range: {value}"
    return [Case(section, f"{title}, stored", asked(answer), kept(line, *more, **outcome)),
            Case(section, f"{title}, cold", asked(answer, line, *more, **outcome),
                 kept(line, *more, **outcome))]


def rows(title, outcome, *values, **options):
    return [case for v in values for case in both(f"{title}: {v}", v, outcome, **options)]


SINGLE = [
    *both("the first byte", "bytes=0-0", part(0, 0)),
    *both("a part", "bytes=3-7", part(3, 7)),
    *both("to the end", "bytes=20-", part(20, 25)),
    *both("all of it", "bytes=0-", part(0, 25)),
    *both("all of it by its last byte", "bytes=0-25", part(0, 25)),
    *both("beyond the end", "bytes=20-99", part(20, 25)),
    *both("far beyond the end", "bytes=20-99999999999999999999999", part(20, 25)),
    *both("the last byte", "bytes=25-25", part(25, 25)),
    *both("the last five", "bytes=-5", part(21, 25)),
    *both("the last of more than there are", "bytes=-999", part(0, 25)),
    *both("the last of far more than there are", "bytes=-99999999999999999999999", part(0, 25)),
    *both("the unit in capitals", "BYTES=3-7", part(3, 7), section="9110 14.1"),
    *both("leading zeros", "bytes=003-007", part(3, 7)),
    *both("empty elements", "bytes=,3-7,", part(3, 7)),
]

NO_RANGE = rows("not a range that counts", WHOLE,
                "bytes=7-3", "bytes=a-b", "bytes=", "bytes=-", "bytes=--5", "bytes=3", "bytes",
                "3-7", "bytes 3-7", "bytes=3-7x", "bytes=3-7-9", "bytes=0x1-0x5", "bytes=3.0-7",
                "bytes=+3-7", "items=3-7", "bytes=3-7;8-9", "bytes=3-7, x", "=3-7",
                "bytes=7-3, 0-1", "none")

UNSATISFIABLE = rows("beyond the end", NONE, "bytes=26-", "bytes=26-30", "bytes=99-100", "bytes=-0",
                     "bytes=26-, 30-40", "bytes=99999999999999999999-", section="9110 15.5.17")

SEVERAL = [
    *both("overlapping ones are one", "bytes=0-5,3-7", part(0, 7), section="9110 15.3.7.2"),
    *both("touching ones are one", "bytes=0-2,3-7", part(0, 7), section="9110 15.3.7.2"),
    *both("the same twice is one", "bytes=3-7,3-7", part(3, 7), section="9110 15.3.7.2"),
    *both("one of two satisfiable", "bytes=3-7,99-", part(3, 7), section="9110 15.3.7.2"),
    *both("one within another", "bytes=0-9,3-4", part(0, 9), section="9110 15.3.7.2"),
    *both("so many that the whole is less", "bytes=" + ",".join("0-0" for _ in range(1000)), WHOLE,
          section="9110 14.2"),
    *both("so many apart that the whole is less",
          "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 200, 2)), WHOLE, section="9110 14.2"),
]


def multipart(title, value, *pairs):
    """The body is checked by a pattern, so the turn's own checks take the type only."""
    outcome = dict(status=206, lacks=("Content-Range",), matches=parts(*pairs),
                   has=("Content-Type: ~^multipart/byteranges; *boundary=", TAG))
    return both(title, value, outcome, section="9110 14.6",
                stored=(TAG, MODIFIED, "Content-Type: text/x"))


MULTIPART = [
    *multipart("two", "bytes=0-1,5-6", (0, 1), (5, 6)),
    *multipart("two out of order", "bytes=5-6,0-1", (5, 6), (0, 1)),
    *multipart("three with white space", "bytes=0-1, 5-6 ,\t10-", (0, 1), (5, 6), (10, 25)),
    *multipart("one from the end", "bytes=0-1,-2", (0, 1), (24, 25)),
    *multipart("two of three", "bytes=0-1,90-99,5-6", (0, 1), (5, 6)),
    *multipart("merged where they touch", "bytes=0-1,10-12,2-3", (0, 3), (10, 12)),
]

IF_RANGE = [
    *both("If-Range: the tag", "bytes=3-7", part(3, 7), section="9110 13.1.5",
          more=('If-Range: "a"',)),
    *both("If-Range: another tag", "bytes=3-7", WHOLE, section="9110 13.1.5",
          more=('If-Range: "b"',)),
    *both("If-Range: a weak tag", "bytes=3-7", WHOLE, section="9110 13.1.5",
          more=('If-Range: W/"a"',)),
    *both("If-Range: no list", "bytes=3-7", WHOLE, section="9110 13.1.5",
          more=('If-Range: "a", "b"',)),
    *both("If-Range: a star", "bytes=3-7", WHOLE, section="9110 13.1.5", more=("If-Range: *",)),
    *both("If-Range: the date", "bytes=3-7", part(3, 7), section="9110 13.1.5",
          more=("If-Range: {-864000}",)),
    *both("If-Range: a later date", "bytes=3-7", WHOLE, section="9110 13.1.5",
          more=("If-Range: {-863000}",)),
    *both("If-Range: an earlier date", "bytes=3-7", WHOLE, section="9110 13.1.5",
          more=("If-Range: {-865000}",)),
    *both("If-Range: no date", "bytes=3-7", WHOLE, section="9110 13.1.5",
          more=("If-Range: yesterday",)),
    *both("If-Range: a date too near to Date to be strong", "bytes=3-7", WHOLE,
          section="9110 8.8.2.2", more=("If-Range: {-10}",),
          stored=(TAG, "Date: {-10}", "Last-Modified: {-10}")),
    *both("If-Range: a weak tag and a weak tag", "bytes=3-7", WHOLE, section="9110 13.1.5",
          more=('If-Range: W/"a"',), stored=('ETag: W/"a"',)),
    *both("If-Range with an unsatisfiable range that counts", "bytes=99-", NONE,
          section="9110 13.1.5", more=('If-Range: "a"',)),
    *both("If-Range with an unsatisfiable range that does not", "bytes=99-", WHOLE,
          section="9110 13.1.5", more=('If-Range: "b"',)),
    Case("9110 13.1.5", "If-Range without Range is passed over",
         asked(A(FRESH, TAG, body=BODY)), kept('If-Range: "b"'), kept('If-Range: "a"')),
]

SHAPES = [
    Case("9110 14.2", "Range on HEAD is passed over", asked(A(FRESH, TAG, body=BODY)),
         kept("Range: bytes=3-7", method="HEAD", status=200, lacks=("Content-Range",),
              has=(f"Content-Length: {SIZE}",))),
    Case("9110 14.2", "Range on a stored 404 is passed over",
         asked(A(FRESH, TAG, status=404, body=BODY)), kept("Range: bytes=3-7", status=404)),
    Case("9110 14.2", "Range twice is passed over", asked(A(FRESH, TAG, body=BODY)),
         kept("Range: bytes=0-1", "Range: bytes=3-7", status=200)),
    Case("9110 14.3", "Accept-Ranges is told", asked(A(FRESH, TAG, body=BODY)),
         kept(has=("Accept-Ranges: bytes",))),
    Case("9110 15.3.7", "a 206 bears what a 200 would",
         asked(A(FRESH, TAG, "Vary: Foo", "Expires: {+60}", "Content-Location: /x", "Date: {-5}",
                 "X-A: 1", body=BODY)),
         kept("Range: bytes=3-7", status=206, gives=BODY[3:8], age=5,
              has=(FRESH, TAG, "Vary: Foo", "Expires: {+60}", "Content-Location: /x",
                   "Date: {-5}", "X-A: 1"))),
    *both("an empty body, from 0", "bytes=0-", dict(status=416, has=("Content-Range: bytes */0",)),
          section="9110 14.1.2", body=b""),
    *both("an empty body, its first byte", "bytes=0-0",
          dict(status=416, has=("Content-Range: bytes */0",)), section="9110 14.1.2", body=b""),
    Case("9110 14.2", "a range of a body whose length was not told",
         asked(A(FRESH, TAG, body=BODY, framing="chunked")),
         kept("Range: bytes=3-7", status=206, gives=BODY[3:8])),
    Case("9110 14.2", "a range without any validator", asked(A(FRESH, body=BODY)),
         kept("Range: bytes=3-7", status=206, gives=BODY[3:8])),
    Case("9110 14.2", "a range of what is not stored reaches the origin",
         asked(A("Cache-Control: no-store", TAG, body=BODY)),
         asked(A("Cache-Control: no-store", TAG, "Content-Range: bytes 3-7/26", status=206,
                 body=BODY[3:8]), "Range: bytes=3-7", sent=("Range: bytes=3-7",), status=206,
               gives=BODY[3:8], has=("Content-Range: bytes 3-7/26",))),
    Case("9110 14.2", "a range of another method reaches the origin",
         asked(A(), "Range: bytes=3-7", method="POST", body=b"x", sent=("Range: bytes=3-7",))),
]


class Strict(Page):
    """Answers 416 where a range lies beyond the end."""

    def __call__(self, request, wire):
        m = re.fullmatch(r"bytes=(\d+)-\d*", request.header("Range") or "")
        holds = request.header("If-Range") in (None, self.etag)
        if m and holds and int(m[1]) >= self.content.size:
            return wire.send(f"HTTP/1.1 416 x\r\nContent-Range: bytes */{self.content.size}\r\n"
                             "Content-Length: 0\r\n\r\n".encode())
        return super().__call__(request, wire)


def page(content=BIG, tag='"a"', fields=(), **options):
    """The origin that knows ranges."""
    return A(page=Page(content, etag=tag, fields=(("Cache-Control", "max-age=600"), *fields),
                       **options))


def big(first, last, content=BIG):
    return dict(status=206, gives=content.read(first, last - first + 1),
                has=(f"Content-Range: bytes {first}-{last}/{content.size}",))


def block(n):
    return f"Range: bytes={n * BLOCK}-{(n + 1) * BLOCK - 1}"


def wrong(title, content_range, body, status=206):
    """An answer to a range that nobody asked for; the client gets its bytes right all the same, or
    an error, and nothing wrong is kept."""
    bad = A(FRESH, TAG, content_range, status=status, body=body)
    good = page(Fixed(BODY * BLOCK))
    return Case("9110 15.3.7", title,
                asked([bad, good], "Range: bytes=70000-70009", asks=None,
                      status=(206, 502), gives=None),
                asked(good, "Range: bytes=70000-70009", asks=None,
                      **big(70000, 70009, Fixed(BODY * BLOCK))), host="blocks.example")


PARTS = [
    Case("9111 3.3", "a cold range asks for its blocks only",
         asked(page(), "Range: bytes=70000-70009", sent=(block(1),), **big(70000, 70009)),
         kept("Range: bytes=65536-131071", **big(65536, 131071)), host="blocks.example"),
    Case("9111 3.3", "a part is never taken for the whole",
         asked(page(), "Range: bytes=70000-70009", **big(70000, 70009)),
         asked(page(), asks=None, status=200, gives=BIG.read(0, BIG.size)),
         kept(status=200, gives=BIG.read(0, BIG.size)), host="blocks.example"),
    Case("9111 3.4", "parts with the same strong validator are joined",
         asked(page(), "Range: bytes=0-9", **big(0, 9)),
         asked(page(), "Range: bytes=70000-70009", sent=("Range", 'If-Range: "a"'),
               **big(70000, 70009)),
         kept("Range: bytes=65530-65545", **big(65530, 65545)), host="blocks.example"),
    Case("9111 3.4", "parts of another version are not joined",
         asked(page(), "Range: bytes=0-9", **big(0, 9)),
         asked(page(OTHER, tag='"b"'), "Range: bytes=70000-70009", asks=None, is_cut=None,
               status=(206, 502), matches_any=(Fixed(OTHER.read(70000, 10)),)),
         asked(page(OTHER, tag='"b"'), "Range: bytes=0-9", asks=None, eventually=True,
               **big(0, 9, OTHER)), host="blocks.example"),
    Case("9111 3.3", "the last block", asked(page(), "Range: bytes=-10",
                                             **big(BIG.size - 10, BIG.size - 1)),
         kept(f"Range: bytes={BIG.size - 10}-", **big(BIG.size - 10, BIG.size - 1)),
         host="blocks.example"),
    Case("9111 3.3", "a range over several blocks",
         asked(page(), "Range: bytes=65000-140000", asks=None, **big(65000, 140000)),
         kept("Range: bytes=66000-139000", **big(66000, 139000)), host="blocks.example"),
    Case("9110 14.2", "an origin that knows no ranges",
         asked(page(has_ranges=False), "Range: bytes=70000-70009", **big(70000, 70009)),
         host="blocks.example"),
    Case("9111 3.3", "parts without a validator are not kept as if they fitted",
         asked(page(tag=None), "Range: bytes=70000-70009", asks=None, **big(70000, 70009)),
         asked(page(OTHER, tag=None), asks=None, status=200,
               matches_any=(BIG, OTHER)), host="blocks.example"),
    Case("9110 15.5.17", "beyond the end of what the cache does not know",
         asked(A(FRESH, "Content-Range: bytes */1000", status=416), "Range: bytes=900000-",
               status=416, has=("Content-Range: bytes */1000",)), host="blocks.example"),
    Case("9110 15.5.17", "416 is not kept",
         asked(A("Content-Range: bytes */1000", status=416), "Range: bytes=900000-", status=416),
         asked(page(), "Range: bytes=0-9", **big(0, 9)), host="blocks.example"),
    Case("9110 14.2", "the first of two is beyond the end of what the cache does not know",
         asked(A(page=Strict(BIG, etag='"a"', fields=(("Cache-Control", "max-age=600"),))),
               "Range: bytes=900000-,0-4", asks=None, status=(200, 206)), host="blocks.example"),
    Case("9110 13.1.5", "beyond the end, under a condition that does not hold",
         asked(A(page=Strict(BIG, etag='"a"', fields=(("Cache-Control", "max-age=600"),))),
               "Range: bytes=900000-", 'If-Range: "b"', asks=None, status=200,
               gives=BIG.read(0, BIG.size)), host="blocks.example"),
    wrong("another part", "Content-Range: bytes 0-9/1703936", BODY[:10]),
    wrong("another unit", "Content-Range: items 65536-131071/1703936", b"x" * BLOCK),
    wrong("an end before its beginning", "Content-Range: bytes 131071-65536/1703936", b"x" * BLOCK),
    wrong("beyond the size it tells", "Content-Range: bytes 65536-131071/100", b"x" * BLOCK),
    wrong("fewer bytes than it tells", "Content-Range: bytes 65536-131071/1703936", b"x" * 10),
    wrong("more bytes than it tells", "Content-Range: bytes 65536-65545/1703936", b"x" * BLOCK),
    wrong("a 206 without Content-Range", "X-A: 1", b"x" * BLOCK),
    Case("9110 15.3.7", "a 206 that nobody asked for is an error",
         asked(A(FRESH, TAG, "Content-Range: bytes 0-4/26", status=206, body=BODY[:5]),
               status=502), asked(A(FRESH)), kept()),
    Case("9111 3.3", "a 206 to a client's own Range with Authorization is not kept",
         asked(A(FRESH, TAG, "Content-Range: bytes 0-4/26", status=206, body=BODY[:5]),
               "Range: bytes=0-4", "Authorization: a b", asks=None, status=206, gives=BODY[:5]),
         asked(A(FRESH))),
]

CASES = [*SINGLE, *NO_RANGE, *UNSATISFIABLE, *SEVERAL, *MULTIPART, *IF_RANGE, *SHAPES, *PARTS]
