# SPDX-License-Identifier: MIT
"""Clients' conditions answered from the cache (RFC 9110 s.13, RFC 9111 s.4.3.2)."""

from tests.conformance.case import FRESH, A, Case, asked, kept

TAG = 'ETag: "a"'
MODIFIED = "Last-Modified: {-864000}"


def row(section, title, stored, asks, status, **options):
    """The same on what is stored and fresh, as GET and as HEAD."""
    return Case(section, title, asked(A(FRESH, *stored)), kept(*asks, status=status, **options),
                kept(*asks, method="HEAD", status=status, **options))


def rows(section, name, status, stored, values):
    return [row(section, f"{name}: {v} to {stored[0]}", stored, (f"{name}: {v}",), status)
            for v in values]


CASES = [
    *rows("9110 13.1.2", "If-None-Match", 304, (TAG,), (
        '"a"', 'W/"a"', '"b", "a"', '"a", "b"', '"b","a"', '*', '"b", W/"a", "c"', ', "a"',
        '"x,y", "a"')),
    *rows("9110 13.1.2", "If-None-Match", 200, (TAG,), (
        '"b"', '"A"', 'W/"b"', '"b", "c"', "a", "'a'", '"a', '"aa"', '"b,"', "", '""')),
    *rows("9110 13.1.2", "If-None-Match", 304, ('ETag: W/"a"',), ('"a"', 'W/"a"', "*")),
    *rows("9110 13.1.2", "If-None-Match", 304, ('ETag: "a,b"',), ('"a,b"', '"a", "a,b"')),
    *rows("9110 13.1.2", "If-None-Match", 200, ('ETag: "a,b"',), ('"a", "b"',)),
    *rows("9110 13.1.2", "If-None-Match", 304, ('ETag: ""',), ('""',)),
    *rows("9110 13.1.2", "If-None-Match", 200, ("X-No: tag",), ('"a"',)),
    row("9110 13.1.2", "If-None-Match on two lines", (TAG,),
        ('If-None-Match: "b"', 'If-None-Match: "a"'), 304),
    row("9110 13.2.2", "a tag that matches before a date that does not", (TAG, MODIFIED),
        ('If-None-Match: "a"', "If-Modified-Since: {-999999}"), 304),
    row("9110 13.2.2", "a tag that does not match before a date that does", (TAG, MODIFIED),
        ('If-None-Match: "b"', "If-Modified-Since: {-864000}"), 200),

    *rows("9110 13.1.3", "If-Modified-Since", 304, (MODIFIED,), (
        "{-864000}", "{-863999}", "{+0}", "{850-864000}", "{asc-864000}", "{+864000}")),
    *rows("9110 13.1.3", "If-Modified-Since", 200, (MODIFIED,), (
        "{-864001}", "yesterday", "0", "", "Thu, 01 Jan 1970 00:00:00 GMT",
        "2099-01-01T00:00:00Z", "{-864000}, {-864000}")),
    row("9111 4.3.2", "If-Modified-Since against Date where there is nothing better",
        ("Date: {-10}",), ("If-Modified-Since: {-5}",), 304),
    row("9111 4.3.2", "If-Modified-Since before Date", ("Date: {-10}",),
        ("If-Modified-Since: {-100}",), 200),
    row("9110 13.1.3", "If-Modified-Since on two lines is passed over", (MODIFIED,),
        ("If-Modified-Since: {-864000}", "If-Modified-Since: {-864000}"), 200),

    *rows("9110 13.1.1", "If-Match", 200, (TAG,), ('"a"', "*", '"b", "a"')),
    *rows("9110 13.1.1", "If-Match", 412, (TAG,), ('"b"', 'W/"a"', '"b", "c"')),
    *rows("9110 13.1.1", "If-Match", 412, ('ETag: W/"a"',), ('W/"a"', '"a"')),
    *rows("9110 13.1.4", "If-Unmodified-Since", 200, (MODIFIED,), (
        "{-864000}", "{+0}", "yesterday")),
    *rows("9110 13.1.4", "If-Unmodified-Since", 412, (MODIFIED,), ("{-864001}", "{-999999}")),
    row("9110 13.2.2", "If-Match before If-Unmodified-Since", (TAG, MODIFIED),
        ('If-Match: "a"', "If-Unmodified-Since: {-999999}"), 200),
    row("9110 13.2.2", "If-Match fails before If-None-Match", (TAG,),
        ('If-Match: "b"', 'If-None-Match: "a"'), 412),
    row("9110 13.2.2", "If-Match holds, then If-None-Match", (TAG,),
        ('If-Match: "a"', 'If-None-Match: "a"'), 304),

    Case("9110 15.4.5", "a 304 bears what a 200 would", asked(A(
        FRESH, TAG, "Vary: Foo", "Expires: {+60}", "Content-Location: /x", "Date: {-5}")),
         kept('If-None-Match: "a"', status=304, age=5,
              has=(FRESH, TAG, "Vary: Foo", "Expires: {+60}", "Content-Location: /x",
                   "Date: {-5}"))),
    Case("9110 15.4.5", "a 304 describes no content", asked(A(
        FRESH, TAG, "Content-Type: text/x", "Content-Encoding: gzip")),
         kept('If-None-Match: "a"', status=304, lacks=("Content-Range", "Transfer-Encoding"))),
    Case("9110 13.2.1", "conditions on a stored 404 are passed over",
         asked(A(FRESH, TAG, status=404)), kept('If-None-Match: "a"'), kept('If-Match: "b"')),
    Case("9110 13.2.1", "conditions on a stored 301 are passed over",
         asked(A(FRESH, TAG, "Location: /x", status=301)), kept('If-None-Match: "a"')),
    Case("9110 13.2.1", "conditions on a stored 204", asked(A(FRESH, TAG, status=204)),
         kept('If-None-Match: "a"', status=304), kept('If-None-Match: "b"', status=204)),
    Case("9110 13.2.2", "a tag before a range", asked(A(FRESH, TAG, body=b"0123456789")),
         kept('If-None-Match: "a"', "Range: bytes=0-1", status=304),
         kept('If-None-Match: "b"', "Range: bytes=0-1", status=206, gives=b"01"),
         kept('If-Match: "b"', "Range: bytes=0-1", status=412)),
    Case("9110 13.2.1", "a condition on what turns out not to be stored",
         asked(A("Cache-Control: no-store", TAG), 'If-None-Match: "a"', status=304)),
    Case("9110 13.2.1", "a condition that fails on what turns out not to be stored",
         asked(A("Cache-Control: no-store", TAG), 'If-Match: "b"', status=412)),
    Case("9110 13.2.1", "what is not stored answers the client's condition itself",
         asked(A("Cache-Control: no-store", TAG)),
         asked(A("Cache-Control: no-store", TAG, status=304), 'If-None-Match: "a"', status=304)),
    Case("9110 13.1.1", "If-Match of an unsafe method reaches the origin",
         asked(A(status=412), 'If-Match: "a"', method="PUT", body=b"x", sent=('If-Match: "a"',))),
    Case("9110 13.1.2", "If-None-Match of an unsafe method reaches the origin",
         asked(A(), "If-None-Match: *", method="PUT", body=b"x", sent=("If-None-Match: *",))),
]
