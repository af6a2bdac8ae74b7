# SPDX-License-Identifier: MIT
"""Asking upstream whether what is stored still holds (RFC 9111 s.4.3, s.3.2)."""

from tests.conformance.case import FRESH, OLD, A, Case, asked, kept

TAG = 'ETag: "a"'
MODIFIED = "Last-Modified: {-864000}"
CONDITIONS = ("If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range",
              "Range")


def sends(title, *lines, sent=(), unsent=(), section="9111 4.3.1"):
    """Stored with these lines and stale, it is validated with that."""
    return Case(section, title, asked(A(*OLD, *lines)), asked(A(FRESH), sent=sent, unsent=unsent),
                kept(gives=1, status=200))


def updated(title, first, then, has=(), lacks=(), section="9111 3.2"):
    """A 304 with `then` refreshes what was stored with `first`; both the asker and the next see."""
    return Case(section, title, asked(A(*OLD, TAG, *first, body=b"0123456789")),
                asked(A(FRESH, *then, status=304, framing="none"), gives=0, status=200, has=has,
                      lacks=lacks),
                kept(gives=0, status=200, has=has, lacks=lacks))


SENT = [
    sends("an entity tag", TAG, sent=('If-None-Match: "a"',), unsent=("If-Modified-Since",)),
    sends("a weak entity tag", 'ETag: W/"a"', sent=('If-None-Match: W/"a"',)),
    sends("an empty entity tag", 'ETag: ""', sent=('If-None-Match: ""',)),
    sends("an entity tag with a comma", 'ETag: "a,b"', sent=('If-None-Match: "a,b"',)),
    sends("an entity tag beyond ASCII", 'ETag: "\xe9"', sent=('If-None-Match: "\xe9"',)),
    sends("a date", MODIFIED, sent=("If-Modified-Since: {-864000}",), unsent=("If-None-Match",)),
    sends("both", TAG, MODIFIED, sent=('If-None-Match: "a"', "If-Modified-Since: {-864000}")),
    sends("no validator, no condition", "X-A: 1", unsent=CONDITIONS),
    sends("what is no entity tag", "ETag: a", unsent=CONDITIONS),
    sends("an entity tag of single quotes", "ETag: 'a'", unsent=CONDITIONS),
    sends("a weak mark in lower case", 'ETag: w/"a"', unsent=CONDITIONS),
    sends("what is no date", "Last-Modified: yesterday", unsent=CONDITIONS),
    sends("two entity tags", TAG, 'ETag: "b"', unsent=CONDITIONS),
    Case("9111 4.3.1", "a client's conditions are not the cache's, on a miss",
         asked(A(FRESH, TAG), 'If-None-Match: "zz"', "If-Modified-Since: {-99999}",
               unsent=CONDITIONS), kept(gives=0)),
    Case("9111 4.3.1", "a client's conditions are not the cache's, when stale",
         asked(A(*OLD, TAG)), asked(A(FRESH, status=304), 'If-None-Match: "zz"',
                                    sent=('If-None-Match: ~"a"',), status=200, gives=0)),
    Case("9111 4.3.2", "a client's condition on a miss is answered from what came",
         asked(A(FRESH, TAG), 'If-None-Match: "a"', status=304), kept(status=200, gives=0)),
    Case("9111 4.3.2", "a client's date on a miss is answered from what came",
         asked(A(FRESH, MODIFIED), "If-Modified-Since: {-864000}", status=304),
         kept(status=200, gives=0)),
    Case("9111 4.3.1", "a client that has it gets 304 from a 304",
         asked(A(*OLD, TAG)), asked(A(FRESH, status=304), 'If-None-Match: "a"', status=304),
         kept(status=200, gives=0)),
    Case("9111 4.3.1", "a client that has the new one gets 304 from a 200",
         asked(A(*OLD, TAG)), asked(A(FRESH, 'ETag: "b"'), 'If-None-Match: "b"', status=304),
         kept(status=200, gives=1)),
    Case("9111 4.3.1", "a client that has the old one gets the new one",
         asked(A(*OLD, TAG)), asked(A(FRESH, 'ETag: "b"'), 'If-None-Match: "a"'), kept()),
]

NOT_MODIFIED = [
    Case("9111 4.3.4", "a 304 makes it fresh", asked(A(*OLD, TAG)),
         asked(A(FRESH, status=304), gives=0, status=200), kept(gives=0, status=200)),
    Case("9111 4.3.4", "a 304 by date makes it fresh", asked(A(*OLD, MODIFIED)),
         asked(A(FRESH, status=304), gives=0, status=200), kept(gives=0, status=200)),
    Case("9111 4.3.4", "a 304 with the same entity tag", asked(A(*OLD, TAG)),
         asked(A(FRESH, TAG, status=304), gives=0, status=200), kept(gives=0, status=200)),
    Case("9111 4.3.4", "a 304 with a weak form of the tag", asked(A(*OLD, 'ETag: W/"a"')),
         asked(A(FRESH, 'ETag: W/"a"', status=304), gives=0, status=200),
         kept(gives=0, status=200)),
    Case("9111 4.3.4", "a 304 about another answer is not taken", asked(A(*OLD, TAG)),
         asked([A(FRESH, 'ETag: "b"', status=304), A(FRESH, 'ETag: "b"')], status=200, gives=1),
         kept(gives=1, status=200)),
    Case("9111 4.3.4", "a 304 with a tag is not about what has none", asked(A(*OLD, MODIFIED)),
         asked([A(FRESH, 'ETag: "b"', status=304), A(FRESH, 'ETag: "b"')], status=200, gives=1),
         kept(gives=1, status=200)),
    Case("9111 4.3.4", "a 304 with another date is not about what has no tag",
         asked(A(*OLD, MODIFIED)),
         asked([A(FRESH, "Last-Modified: {-900000}", status=304), A(FRESH)], status=200, gives=1)),
    Case("9111 4.3.4", "a 304 with a tag and the same strong date", asked(A(*OLD, MODIFIED)),
         asked(A(FRESH, 'ETag: "b"', MODIFIED, "Date: {+0}", status=304), status=200, gives=0),
         kept(gives=0, status=200, has=('ETag: "b"',))),
    Case("9111 4.3.4", "a 304 with Age 0 takes the stored age away", asked(A(*OLD, TAG)),
         asked(A(FRESH, status=304), gives=0, status=200, age=0), kept(gives=0, status=200, age=0)),
    Case("9111 4.3.4", "a 304 that is old itself", asked(A(*OLD, TAG)),
         asked(A("Cache-Control: max-age=1000", "Age: 500", status=304), gives=0, status=200),
         kept(gives=0, status=200, age=500, ttl=500)),
    Case("9111 4.3.4", "a 304 twice", asked(A(*OLD, TAG)),
         asked(A("Age: 100", status=304), gives=0, status=200),
         asked(A(FRESH, status=304), gives=0, status=200), kept(gives=0, status=200)),
    Case("9111 4.3.4", "a 304 that gives another lifetime", asked(A(*OLD, TAG)),
         asked(A("Cache-Control: max-age=500", status=304), gives=0, status=200, ttl=500),
         kept(gives=0, status=200, ttl=500)),
    Case("9111 4.3.4", "a 304 that says no-store", asked(A(*OLD, TAG)),
         asked(A("Cache-Control: no-store", status=304), gives=0, status=200), asked(A())),
    Case("9111 4.3.4", "a 304 that says Expires", asked(A("Expires: {-10}", TAG)),
         asked(A("Expires: {+500}", status=304), gives=0, status=200, ttl=500),
         kept(gives=0, status=200)),
    Case("9111 4.3.4", "HEAD validates and refreshes", asked(A(*OLD, TAG)),
         asked(A(FRESH, status=304), method="HEAD", status=200), kept(gives=0, status=200)),
    Case("9111 4.3.4", "a stored 404 is validated too", asked(A(*OLD, TAG, status=404)),
         asked(A(FRESH, status=304), gives=0, status=404), kept(gives=0, status=404)),
    Case("9111 4.3.3", "a 200 takes its place", asked(A(*OLD, TAG)), asked(A(FRESH, 'ETag: "b"')),
         kept(gives=1)),
    Case("9111 4.3.3", "a 200 that is not to be stored leaves nothing", asked(A(*OLD, TAG)),
         asked(A("Cache-Control: no-store")), asked(A(FRESH), unsent=CONDITIONS)),
    Case("9111 4.3.3", "a 404 takes its place", asked(A(*OLD, TAG)), asked(A(FRESH, status=404)),
         kept(gives=1)),
    Case("9111 4.3.3", "a 410 takes its place", asked(A(*OLD, TAG)), asked(A(FRESH, status=410)),
         kept(gives=1)),
    Case("9111 4.3.3", "an error reaches the client where nothing stale may", asked(A(*OLD, TAG)),
         asked(A(status=500))),
    Case("9111 4.3.3", "after an error the stored one is validated still", asked(A(*OLD, TAG)),
         asked(A(status=503)), asked(A(FRESH, status=304), sent=('If-None-Match: "a"',), gives=0,
                                     status=200)),
    Case("9110 15.4.5", "a 304 that nobody asked for is an error", asked(A(status=304), status=502),
         asked(A(FRESH)), kept()),
]

UPDATES = [
    updated("a new field", (), ("X-New: 1",), has=("X-New: 1",)),
    updated("a changed field", ("X-A: 1",), ("X-A: 2",), has=("X-A: 2",)),
    updated("a field that the 304 leaves out", ("X-A: 1", "X-B: 2"), ("X-B: 3",),
            has=("X-A: 1", "X-B: 3")),
    updated("all lines of a field at once", ("X-A: 1", "X-A: 2"), ("X-A: 3",), has=("X-A: 3",)),
    updated("one line becomes two", ("X-A: 1",), ("X-A: 2", "X-A: 3"), has=("X-A: 2, 3",)),
    updated("a name's case", ("x-a: 1",), ("X-A: 2",), has=("X-A: 2",)),
    updated("Date", ("Date: {-100}",), ("Date: {-10}",), has=("Date: {-10}",)),
    updated("Expires", ("Expires: {-100}",), ("Expires: {+900}",), has=("Expires: {+900}",)),
    updated("Last-Modified", (MODIFIED,), ("Last-Modified: {-5000}",),
            has=("Last-Modified: {-5000}",)),
    updated("Content-Language", ("Content-Language: en",), ("Content-Language: ko",),
            has=("Content-Language: ko",)),
    updated("Content-Security-Policy", ("Content-Security-Policy: a",),
            ("Content-Security-Policy: b",), has=("Content-Security-Policy: b",)),
    updated("Server-Timing of the 304", (), ("Server-Timing: a",), has=("Server-Timing: a",)),
    updated("a Content-Length is not the body's", (), ("Content-Length: 5",),
            has=("Content-Length: 10",)),
    updated("Content-Length 0 is not the body's", (), ("Content-Length: 0",),
            has=("Content-Length: 10",)),
    updated("Content-Type", ("Content-Type: text/a",), ("Content-Type: text/b",),
            has=("Content-Type: text/b",)),
    *[updated(name, (f"{name}: a",), (f"{name}: b",), has=(f"{name}: b",))
      for name in ("Content-Location", "Content-MD5", "Content-Disposition", "Clear-Site-Data",
                   "X-Frame-Options", "Access-Control-Allow-Origin", "Link", "Cache-Tag")],
    updated("Proxy-Authentication-Info is the next hop's", (), ("Proxy-Authentication-Info: a",),
            lacks=("Proxy-Authentication-Info",)),
    updated("Content-Encoding stays with the body", ("Content-Encoding: gzip",),
            ("Content-Encoding: br",), has=("Content-Encoding: gzip",)),
    updated("Content-Range is no part of a whole", (), ("Content-Range: bytes 0-4/5",),
            lacks=("Content-Range",)),
    updated("Connection and what it names", ("X-A: 1",), ("Connection: X-B", "X-B: 2"),
            has=("X-A: 1",), lacks=("X-B",)),
    updated("fields that no-cache names are not kept", ("X-A: 1",),
            ('Cache-Control: no-cache="x-c"',), has=("X-A: 1",), lacks=("X-C",)),
]


def told(title, stored, says, outcome, **options):
    """HEAD on something stale without validators goes upstream as HEAD; what it tells is taken."""
    return Case("9111 4.3.5", title, asked(A(*OLD, *stored, body=b"0123456789")),
                asked(A(*says, framing="none", **options), method="HEAD",
                      status=options.get("status", 200)), *outcome)


LENGTH = "Content-Length: 10"
REFRESHED = (kept(gives=0, status=200),)
STALE = (asked(A(FRESH, body=b"new")),)

HEADS = [
    Case("9111 4.3.5", "HEAD of what has no validator goes on as HEAD", asked(A(*OLD)),
         asked(A(), method="HEAD", says=("fwd=stale", "fwd-status=200"))),
    told("the same length refreshes", (), (FRESH, LENGTH), REFRESHED),
    told("a refresh is told", (), (FRESH, LENGTH), (kept(gives=0, status=200, ttl=60),)),
    told("another length makes it stale", (), (FRESH, "Content-Length: 11"), STALE),
    told("nothing to compare leaves it stale", (), (FRESH,), STALE),
    told("a validator that came since makes it stale", (), (FRESH, TAG, LENGTH), STALE),
    told("fields are updated", ("X-A: 1", "X-B: 1"), (FRESH, LENGTH, "X-A: 2", "X-C: 3"),
         (kept(gives=0, status=200, has=("X-A: 2", "X-B: 1", "X-C: 3", LENGTH)),)),
    told("Content-Encoding stays with the body", ("Content-Encoding: x-a",),
         (FRESH, LENGTH, "Content-Encoding: x-b"),
         (kept(gives=0, status=200, has=("Content-Encoding: x-a",)),)),
    told("no-store takes it away", (), ("Cache-Control: no-store", LENGTH), STALE),
    told("an answer that is stale itself", (), (OLD[0], OLD[1], LENGTH), STALE),
    told("404 does not refresh", (), (FRESH, LENGTH), STALE, status=404),
    told("500 changes nothing", (), (FRESH, LENGTH), STALE, status=500),
    told("206 changes nothing", (), (FRESH, LENGTH), STALE, status=206),
    Case("9111 4.3.5", "HEAD of one user does not refresh for all",
         asked(A(*OLD, body=b"0123456789")),
         asked(A(FRESH, LENGTH, framing="none"), "Authorization: Basic eDp5", method="HEAD",
               status=200), asked(A(FRESH))),
    Case("9111 4.3.5", "HEAD makes what is fresh stale where it differs",
         asked(A(FRESH, "Vary: X", body=b"0123456789"), "X: 1"),
         asked(A(FRESH, "Vary: X", "Content-Length: 11", framing="none"), "X: 1",
               "Cache-Control: no-cache", method="HEAD", status=200),
         asked(A(FRESH, "Vary: X"), "X: 1")),
    Case("9111 4.3.5", "HEAD of one variant says nothing about another",
         asked(A(*OLD, "Vary: X", body=b"0123456789"), "X: 1"),
         asked(A(FRESH, "Vary: X", LENGTH, framing="none"), "X: 2", method="HEAD", status=200),
         asked(A(FRESH, "Vary: X"), "X: 1")),
    Case("5861 4", "an error to HEAD is covered by what is stale", asked(A(*OLD)),
         asked(A(status=503), method="HEAD", status=200, says=("fwd=stale", "fwd-status=503"),
               asks=None), host="covered.example"),
]

CASES = [*SENT, *NOT_MODIFIED, *UPDATES, *HEADS]
