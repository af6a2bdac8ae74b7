# SPDX-License-Identifier: MIT
"""What is stale and answers all the same, and what must not (RFC 5861, RFC 9111 s.4.2.4)."""

from tests.conformance.case import FRESH, OLD, A, Case, asked, kept

TAG = 'ETag: "a"'
CLOSED = A(raw=b"")
GARBAGE = A(raw=b"nonsense\r\n\r\n")
ERRORS = [(str(s), A(status=s), s) for s in (500, 502, 503, 504)] \
    + [("a closed connection", CLOSED, 502), ("garbage", GARBAGE, 502)]


def old(said, age=100):
    return (f"Cache-Control: max-age=60, {said}", f"Age: {age}")


def covers(title, error, stored, host="test.example", section="5861 4"):
    return Case(section, title, asked(A(*stored, TAG)),
                asked(error, asks=None, status=200, gives=0, says=("fwd=stale",)), host=host)


def shows(title, error, status, stored, host="test.example", section="5861 4"):
    return Case(section, title, asked(A(*stored, TAG)), asked(error, asks=None, status=status),
                host=host)


IF_ERROR = [
    *[covers(f"stale-if-error against {name}", error, old("stale-if-error=600"))
      for name, error, _ in ERRORS],
    *[covers(f"the site's default against {name}", error, OLD, host="covered.example")
      for name, error, _ in ERRORS],
    *[shows(f"without leave {name} is shown", error, status, OLD)
      for name, error, status in ERRORS],
    *[shows(f"must-revalidate against {name}", error, (status, 504),
            old("must-revalidate, stale-if-error=600"), section="9111 5.2.2.2")
      for name, error, status in ERRORS],
    *[shows(f"{said} before the site's default", A(status=503), 503,
            (f"Cache-Control: {said}", "Age: 100"), host="covered.example", section=section)
      for section, said in (("9111 5.2.2.2", "max-age=60, must-revalidate"),
                            ("9111 5.2.2.8", "max-age=60, proxy-revalidate"),
                            ("9111 5.2.2.10", "s-maxage=60"),
                            ("9111 5.2.2.4", "max-age=60, no-cache"),
                            ("5861 4", "max-age=60, stale-if-error=0"),
                            ("5861 4", "max-age=60, stale-if-error=10"))],
    *[covers(f"stale-if-error written {said}", A(status=503), old(said))
      for said in ("Stale-If-Error=600", 'stale-if-error="600"', "stale-if-error=99999999999999")],
    *[shows(f"stale-if-error written {said}", A(status=503), 503, old(said))
      for said in ("stale-if-error", "stale-if-error=x", "stale-if-error=-1", "stale-if-error=10",
                   "stale-if-error=600, stale-if-error=10")],
    *[shows(f"{status} is no error to be covered", A(FRESH, status=status), status,
            old("stale-if-error=600")) for status in (400, 403, 404, 410)],
    covers("by CDN-Cache-Control", A(status=503),
           ("CDN-Cache-Control: max-age=60, stale-if-error=600", "Age: 100")),
    shows("nothing stored, nothing to cover with", A(status=503), 503,
          ("Cache-Control: no-store, stale-if-error=600",)),
    covers("stale-if-error against a broken head", A(raw=b"HTTP/1.1 200 OK\r\nX"),
           old("stale-if-error=600")),
    covers("stale-if-error against conflicting lengths", A(
        raw=b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
           old("stale-if-error=600")),
    Case("5861 4", "covered, and right again when the origin is",
         asked(A(*old("stale-if-error=600"), TAG)),
         asked(A(status=503), status=200, gives=0, asks=None),
         asked(A(FRESH), asks=None, eventually=True, gives=None, status=200),
         kept(status=200, eventually=True)),
    Case("5861 4", "HEAD is covered too", asked(A(*old("stale-if-error=600"), TAG)),
         asked(A(status=503), method="HEAD", status=200, asks=None)),
    Case("5861 4", "a range is covered too",
         asked(A(*old("stale-if-error=600"), TAG, body=b"01234")),
         asked(A(status=503), "Range: bytes=1-2", status=206, gives=b"12", asks=None)),
    Case("5861 4", "another variant covers nothing",
         asked(A(*old("stale-if-error=600"), "Vary: Foo"), "Foo: 1"),
         asked(A(status=503), "Foo: 2", status=503)),
]


def waits(title, stored, *lines, host="test.example", section="5861 3"):
    return Case(section, title, asked(A(*stored, TAG)), asked(A(FRESH, 'ETag: "b"'), *lines),
                kept(gives=1), host=host)


def refreshed(title, stored, *lines, host="test.example"):
    """The stale answer at once; what the refresh brought soon after, without anybody waiting."""
    return Case("5861 3", title, asked(A(*stored, TAG)),
                asked(A(FRESH, 'ETag: "b"', body=b"new"), *lines, asks=None, behind=1,
                      status=200, gives=0, says=("hit",)),
                kept(status=200, gives=b"new", eventually=True),
                host=host)


WHILE_REVALIDATE = [
    refreshed("stale-while-revalidate", old("stale-while-revalidate=600")),
    refreshed("the site's default", OLD, host="behind.example"),
    refreshed("beside a max-age that holds", old("stale-while-revalidate=600"),
              "Cache-Control: max-age=1000, max-stale=500"),
    refreshed("in quotes and capitals", old('Stale-While-Revalidate="600"')),
    refreshed("by CDN-Cache-Control",
              ("CDN-Cache-Control: max-age=60, stale-while-revalidate=600", "Age: 100")),
    waits("beyond the window", old("stale-while-revalidate=10")),
    waits("a window of nothing", old("stale-while-revalidate=0")),
    waits("an unreadable window", old("stale-while-revalidate=x")),
    waits("the lesser of two windows",
          old("stale-while-revalidate=600, stale-while-revalidate=10")),
    waits("must-revalidate", old("stale-while-revalidate=600, must-revalidate"),
          section="9111 5.2.2.2"),
    waits("proxy-revalidate", old("stale-while-revalidate=600, proxy-revalidate"),
          section="9111 5.2.2.8"),
    waits("s-maxage", ("Cache-Control: s-maxage=60, stale-while-revalidate=600", "Age: 100"),
          section="9111 5.2.2.10"),
    waits("no-cache of the answer", old("stale-while-revalidate=600, no-cache"),
          section="9111 5.2.2.4"),
    waits("no-cache of the client", old("stale-while-revalidate=600"), "Cache-Control: no-cache"),
    waits("max-age=0 of the client", old("stale-while-revalidate=600"), "Cache-Control: max-age=0"),
    waits("must-revalidate before the site's default",
          ("Cache-Control: max-age=60, must-revalidate", "Age: 100"), host="behind.example",
          section="9111 5.2.2.2"),
    Case("5861 3", "a refresh that finds nothing new",
         asked(A(*old("stale-while-revalidate=600"), TAG)),
         asked(A("Cache-Control: max-age=500", status=304), asks=None, behind=1, status=200,
               gives=0, says=("hit",)),
         kept(status=200, gives=0, ttl=500, eventually=True)),
    Case("5861 3", "a refresh that fails leaves what is there",
         asked(A(*old("stale-while-revalidate=600"), TAG)),
         asked(A(status=503), asks=None, behind=1, status=200, gives=0, says=("hit",)),
         asked(A(status=503), asks=None, status=200, gives=0, says=("hit",))),
    Case("5861 3", "a refresh that finds no-store",
         asked(A(*old("stale-while-revalidate=600"), TAG)),
         asked(A("Cache-Control: no-store", body=b"mine"), asks=None, behind=1, status=200,
               gives=0),
         asked(A("Cache-Control: no-store", body=b"mine"), asks=None, status=200, gives=b"mine",
               eventually=True)),
    Case("9111 5.5", "Warning is not made", asked(A(*old("stale-while-revalidate=600"), TAG)),
         asked(A(FRESH), asks=None, behind=1, status=200, gives=0, lacks=("Warning",))),
]

PLAIN = [
    Case("9111 4.2.4", "stale without leave is validated", asked(A(*OLD, TAG)), asked(A(FRESH))),
    Case("9111 4.2.4", "stale without validator is fetched", asked(A(*OLD)), asked(A(FRESH)),
         kept(gives=1)),
]

CASES = [*IF_ERROR, *WHILE_REVALIDATE, *PLAIN]
