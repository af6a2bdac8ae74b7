# SPDX-License-Identifier: MIT
"""What passes through an intermediary, and how: RFC 9110 s.7.6, s.10, s.15.2, RFC 8297,
RFC 8586."""

from tests.conformance.case import FRESH, OLD, A, Case, asked, kept

NO_STORE = "Cache-Control: no-store"
# One row for the cached and one for the passed way.
WAYS = (("GET", None), ("POST", b"x"))


def up(section, title, lines, sent=(), unsent=(), **options):
    return [Case(section, f"{title}, {m}",
                 asked(A(), *lines, method=m, body=body, sent=sent, unsent=unsent, **options))
            for m, body in WAYS]


def down(section, title, lines, has=(), lacks=(), **options):
    return [
        Case(section, f"{title}, stored", asked(A(FRESH, *lines, **options), has=has, lacks=lacks),
             kept(has=has, lacks=lacks)),
        Case(section, f"{title}, not stored",
             asked(A(NO_STORE, *lines, **options), has=has, lacks=lacks)),
        Case(section, f"{title}, POST", asked(A(*lines, **options), method="POST", body=b"x",
                                              has=has, lacks=lacks)),
    ]


UPSTREAM = [
    *up("9110 7.6.1", "Connection and what it names", ("Connection: X-A, x-b", "X-A: 1", "X-B: 2",
                                                       "X-C: 3"),
        sent=("X-C: 3",), unsent=("X-A", "X-B")),
    *up("9110 7.6.1", "Connection on two lines", ("Connection: X-A", "Connection: X-B", "X-A: 1",
                                                  "X-B: 2"), unsent=("X-A", "X-B")),
    *up("9110 7.6.1", "Keep-Alive", ("Connection: keep-alive", "Keep-Alive: timeout=5"),
        unsent=("Keep-Alive",)),
    *up("9110 7.6.1", "Proxy-Connection", ("Proxy-Connection: keep-alive",),
        unsent=("Proxy-Connection",)),
    *up("9110 11.7.2", "Proxy-Authorization", ("Proxy-Authorization: Basic x",),
        unsent=("Proxy-Authorization",)),
    *up("9110 10.1.4", "TE", ("Connection: TE", "TE: trailers"), unsent=("TE",)),
    *up("9110 7.8", "Upgrade", ("Connection: Upgrade", "Upgrade: websocket"),
        unsent=("Upgrade",)),
    *up("9110 7.6.1", "Connection naming Cache-Control hides nothing",
        ("Connection: Authorization", "Authorization: a b"), sent=("Authorization: a b",)),
    *up("9110 7.6.3", "Via is added", (), sent=("Via: {version} edge-1",)),
    *up("9110 7.6.3", "Via is added to", ("Via: 1.0 fred, 1.1 p.example",),
        sent=("Via: 1.0 fred, 1.1 p.example, {version} edge-1",)),
    *up("8586 2", "CDN-Loop is added", (), sent=("CDN-Loop: edge-1",)),
    *up("8586 2", "CDN-Loop is added to", ("CDN-Loop: foo; a=b, bar",),
        sent=("CDN-Loop: foo; a=b, bar, edge-1",)),
    *up("9110 7.2", "Host is the site's", (), sent=("Host: test.example",)),
    *up("9110 5.1", "unknown fields pass", ("X-A: 1", "Foo: bar"), sent=("X-A: 1", "Foo: bar")),
    *up("9110 10.1.5", "User-Agent, Referer, Cookie, Accept pass",
        ("User-Agent: a", "Referer: b", "Cookie: c", "Accept: d/e"),
        sent=("User-Agent: a", "Referer: b", "Cookie: c", "Accept: d/e")),
    *up("7239 8.1", "the client's X-Forwarded-For is not believed",
        ("X-Forwarded-For: 6.6.6.6",), sent=("X-Forwarded-For: 127.0.0.1",)),
    Case("7239 8.1", "nor is its X-Forwarded-Proto",
         asked(A(), "X-Forwarded-Proto: gopher", method="POST", body=b"x",
               sent=("X-Forwarded-Proto: {scheme}",))),
    Case("9111 2", "the scheme is told to nobody who does not have it in the key",
         asked(A(FRESH), "X-Forwarded-Proto: gopher", unsent=("X-Forwarded-Proto",))),
    *up("7239 8.1", "nor is its Forwarded", ("Forwarded: for=6.6.6.6",), unsent=("Forwarded",)),
    *up("9211 2", "Cache-Status and Proxy-Status of a client go nowhere",
        ("Cache-Status: x; hit", "Proxy-Status: x"), unsent=("Cache-Status", "Proxy-Status")),
    Case("7239 8.1", "a site that tells nothing about clients",
         asked(A(), "X-Forwarded-For: 6.6.6.6", host="hidden.example",
               unsent=("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded"))),
    Case("7239 4", "a site that tells it by Forwarded",
         asked(A(), "X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6", host="standard.example",
               sent=("Forwarded: for=127.0.0.1",), unsent=("X-Forwarded-For",))),
    Case("7239 5.4", "... with the scheme where it is for this client alone",
         asked(A(), host="standard.example", method="POST", body=b"x",
               sent=("Forwarded: for=127.0.0.1;proto={scheme}",))),
    Case("7239 4", "a trusted proxy's chain is added to",
         asked(A(), "X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9;proto=https",
               "X-Forwarded-For: 198.51.100.1", "X-Forwarded-Proto: https", method="POST",
               body=b"x", host="behind-proxy.example",
               sent=("X-Forwarded-For: 203.0.113.9, 198.51.100.1, 127.0.0.1",
                     "Forwarded: for=203.0.113.9;proto=https, for=127.0.0.1;proto={scheme}",
                     "X-Forwarded-Proto: https"))),
    Case("7239 4", "... on the way to the cache too, but for the scheme",
         asked(A(), "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: gopher",
               host="behind-proxy.example",
               sent=("X-Forwarded-For: 203.0.113.9, 127.0.0.1", "Forwarded: for=127.0.0.1"),
               unsent=("X-Forwarded-Proto",))),
    Case("7239 4", "what is no scheme is not taken from a trusted proxy either",
         asked(A(), "X-Forwarded-Proto: gopher", method="POST", body=b"x",
               host="behind-proxy.example", sent=("X-Forwarded-Proto: {scheme}",))),
    Case("9110 8.6", "a body is passed on", asked(A(), method="POST", body=b"0123456789",
                                                  received=b"0123456789")),
    Case("9110 8.6", "an empty body is passed on", asked(A(), method="POST", body=b"",
                                                         received=b"")),
    Case("9110 8.6", "300,000 bytes are passed on",
         asked(A(), method="PUT", body=b"x" * 300_000, received=b"x" * 300_000)),
    Case("9112 7.1", "a chunked body is passed on", asked(
        A(), raw=b"POST {path} HTTP/1.1\r\nHost: test.example\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"5\r\nabcde\r\n3;x=y\r\nfgh\r\n0\r\n\r\n", received=b"abcdefgh")),
    Case("9110 6.5", "a trailer of a request does not become a field", asked(
        A(), raw=b"POST {path} HTTP/1.1\r\nHost: test.example\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"5\r\nabcde\r\n0\r\nX-A: 1\r\n\r\n", received=b"abcde", unsent=("X-A",))),
    Case("9110 10.1.1", "Expect: 100-continue", asked(
        A(), raw=b"POST {path} HTTP/1.1\r\nHost: test.example\r\nExpect: 100-continue\r\n"
                 b"Content-Length: 5\r\n\r\nabcde", received=b"abcde")),
    Case("9112 3.2.2", "the absolute form is the same", asked(A(FRESH)), kept(
        raw=b"GET http://test.example{path} HTTP/1.1\r\nHost: test.example\r\n\r\n",
        gives=0, status=200)),
    Case("9112 3.2.2", "the absolute form is before Host", asked(A(FRESH)), kept(
        raw=b"GET http://test.example{path} HTTP/1.1\r\nHost: cookies.example\r\n\r\n",
        gives=0, status=200)),
]

DOWNSTREAM = [
    *down("9110 7.6.1", "Connection and what it names",
          ("Connection: X-A, x-b", "X-A: 1", "X-B: 2", "X-C: 3"), has=("X-C: 3",),
          lacks=("X-A", "X-B")),
    *down("9110 7.6.1", "Keep-Alive", ("Connection: keep-alive", "Keep-Alive: timeout=5"),
          lacks=("Keep-Alive",)),
    *down("9110 7.6.1", "Proxy-Connection", ("Proxy-Connection: keep-alive",),
          lacks=("Proxy-Connection",)),
    *[down_row for name in ("Proxy-Authenticate", "Proxy-Authentication-Info")
      for down_row in down("9110 11.7", name, (f"{name}: Basic realm=x",), lacks=(name,))],
    *down("9110 7.8", "Upgrade", ("Connection: upgrade", "Upgrade: h2c"), lacks=("Upgrade",)),
    *down("9110 7.6.3", "Via is added to", ("Via: 1.1 origin",), has=("Via: 1.1 origin, 1.1 edge-1",
                                                                      )),
    *down("9211 2", "Cache-Status is added to", ("Cache-Status: shield; hit; ttl=30",),
          has=("Cache-Status: ~^shield; hit; ttl=30, edge-1",)),
    *down("9110 5.1", "unknown fields pass", ("X-A: 1", "foo: bar"), has=("X-A: 1", "Foo: bar")),
    *down("9110 5.3", "lines of a field keep their order", ("X-A: 1", "X-B: x", "X-A: 2", "X-A: 3"),
          has=("X-A: 1, 2, 3",)),
    *down("9110 6.6.1", "Date passes", ("Date: {-7}",), has=("Date: {-7}",)),
    *down("9110 10.2.4", "Server passes", ("Server: other/1",), has=("Server: other/1",)),
    *down("9110 11.6.1", "WWW-Authenticate passes", ("WWW-Authenticate: Basic realm=x",),
          has=("WWW-Authenticate: Basic realm=x",), status=401),
    *down("9110 10.2.2", "Location passes", ("Location: /x",), has=("Location: /x",), status=301),
    *down("9110 10.2.1", "Allow passes", ("Allow: GET",), has=("Allow: GET",), status=405),
    *down("9110 6.5.1", "trailers do not become fields", ("Trailer: X-A",),
          lacks=("X-A", "Trailer"), framing="chunked", trailers=("X-A: 1",)),
    *down("9110 6.5.1", "trailers that nobody announced", (), lacks=("X-A", "X-B"),
          framing="chunked", trailers=("X-A: 1", "X-B: 2", "X-A: 3")),
    *down("9110 8.4", "Content-Encoding passes", ("Content-Encoding: gzip",),
          has=("Content-Encoding: gzip",)),
    Case("9110 15.1", "an unknown status passes",
         asked(A(NO_STORE, status=799), status=(799, 502))),
]

HINTS = (103, ("Link: </a>; rel=preload",))


def early(title, expected, answer, *, section="8297 2", **options):
    """What interim answers arrive before this one; those of a stored one never come again."""
    has_more = options.pop("is_stored", False)
    return Case(section, title, asked(answer, interim=expected, **options),
                *([kept(interim=(), status=200, gives=0)] if has_more else []),
                host=options.get("host", "test.example"))


def trailed(title, *trailers, lines=(FRESH,), **options):
    """What a chunked answer says after its body changes nothing of it."""
    return Case("9110 6.5.1", f"a trailer {title}",
                asked(A(*lines, framing="chunked", trailers=trailers)),
                kept(says=("hit",), **options))


TRAILERS = [
    trailed("does not forbid storing", "Cache-Control: no-store"),
    trailed("does not end freshness", "Expires: 0", "Age: 100", "Date: {-1000}"),
    trailed("gives no validator", 'ETag: "a"', lacks=("ETag",)),
    trailed("names no variants", "Vary: *", lacks=("Vary",)),
    trailed("frames nothing", "Content-Length: 3", "Transfer-Encoding: chunked",
            "Content-Range: bytes 0-0/1", lacks=("Content-Range",)),
    trailed("describes no content", "Content-Encoding: gzip", "Content-Type: text/x",
            lacks=("Content-Encoding", "Content-Type")),
    trailed("sets no cookie", "Set-Cookie: a=b", lacks=("Set-Cookie",)),
    Case("9110 6.5.1", "a trailer cannot make an answer storable",
         asked(A(framing="chunked", trailers=(FRESH,))), asked(A())),
    *[Case("9112 7.1.2", f"a broken trailer section breaks the message: {title}",
           asked(A(raw=b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: "
                       b"chunked\r\n\r\n5\r\nabcde\r\n0\r\n" + wrong + b"\r\n\r\n"),
                 asks=None, is_cut=True, status=200), asked(A(FRESH)), kept())
      for title, wrong in (("no colon", b"X-A"), ("a space before it", b"X-A : 1"),
                           ("a NUL", b"X-A: \0"))],
]

INTERIM = [
    early("103 to who asks first, stored", (103,), A(FRESH, interim=(HINTS,)), is_stored=True),
    early("103 to who asks first, not stored", (103,), A(NO_STORE, interim=(HINTS,))),
    early("103 to HEAD", (103,), A(NO_STORE, interim=(HINTS,)), method="HEAD"),
    early("several, in order", (102, 103, 199, 103),
          A(FRESH, interim=((102, ()), HINTS, (199, ()), HINTS)), is_stored=True),
    early("100 of the origin is the edge's own", (), A(FRESH, interim=((100, ()),)),
          section="9110 15.2", is_stored=True),
    *[early(f"a site that drops them, {m}", (), A(NO_STORE, interim=(HINTS,)), method=m, body=body,
            section="9110 15.2", host="silent.example") for m, body in WAYS],
    Case("9110 15.2", "103 and a validation", asked(A(OLD[0], OLD[1], 'ETag: "a"')),
         asked(A(FRESH, status=304, interim=(HINTS,)), status=200, gives=0, interim=(103,)),
         kept(status=200, gives=0, interim=())),
    *[Case("9110 15.2", f"never to HTTP/1.0, {title}", asked(
        A(line, interim=(HINTS,)), interim=(), is_last=True,
        raw=b"GET {path} HTTP/1.0\r\nHost: test.example\r\n\r\n"))
      for title, line in (("stored", FRESH), ("not stored", NO_STORE))],
    Case("8297 2", "103 to a request that is passed on",
         asked(A(interim=((103, ("Link: </a>; rel=preload",)),)), method="POST", body=b"x",
               interim=(103,))),
    *[Case("9110 15.2", f"{status} does not end a {m}",
           asked(A(NO_STORE, interim=((status, ("X-A: 1",)),)), method=m, body=body,
                 lacks=("X-A",)))
      for status in (100, 102, 103, 199) for m, body in WAYS],
    Case("9110 15.2", "interim answers are not stored",
         asked(A(FRESH, interim=((103, ("Link: </a>",)), (102, ())))), kept(lacks=("Link",))),
    Case("9110 15.2", "ten interim answers", asked(A(FRESH, interim=((103, ()),) * 10)), kept()),
    Case("9110 15.2.2", "101 that nobody asked for is an error",
         asked(A(raw=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n"
                     b"\r\n"), asks=None, status=502)),
]

LOOPS = [
    *[Case("8586 2", f"a request that was here before: {value}",
           kept(f"CDN-Loop: {value}", status=508))
      for value in ("edge-1", "foo, edge-1", "edge-1; a=b", "foo,edge-1;x=y , bar", "EDGE-1")],
    Case("8586 2", "a request that was at others", asked(A(FRESH), "CDN-Loop: edge-10, xedge-1"),
         kept("CDN-Loop: foo")),
    Case("8586 2", "on the second line", kept("CDN-Loop: foo", "CDN-Loop: edge-1", status=508)),
]

HOPS = [
    Case("9110 9.3.8", "TRACE is refused", kept(method="TRACE", status=(405, 501))),
    Case("9110 9.3.6", "CONNECT is refused", kept(
        raw=b"CONNECT test.example:443 HTTP/1.1\r\nHost: test.example:443\r\n\r\n",
        status=(400, 405, 501))),
    Case("9110 7.6.2", "OPTIONS and Max-Forwards: 0 ends here",
         kept("Max-Forwards: 0", method="OPTIONS", status=(200, 204))),
    Case("9110 7.6.2", "OPTIONS and Max-Forwards: 5 goes on with 4",
         asked(A(), "Max-Forwards: 5", method="OPTIONS", sent=("Max-Forwards: 4",))),
    Case("9110 7.6.2", "OPTIONS and Max-Forwards: 1 goes on with 0",
         asked(A(), "Max-Forwards: 1", method="OPTIONS", sent=("Max-Forwards: 0",))),
    Case("9110 7.6.2", "OPTIONS without Max-Forwards", asked(A(), method="OPTIONS")),
    Case("9110 7.6.2", "Max-Forwards of others means nothing",
         asked(A(FRESH), "Max-Forwards: 0"), kept("Max-Forwards: 0")),
    Case("9110 15.5.20", "a host that is not ours", kept(
        raw=b"GET {path} HTTP/1.1\r\nHost: nobody.example\r\n\r\n", status=421)),
    Case("9110 15.5.20", "the absolute form with a host that is not ours", kept(
        raw=b"GET http://nobody.example{path} HTTP/1.1\r\nHost: test.example\r\n\r\n", status=421)),
    Case("9112 9.3", "HTTP/1.0 gets no chunks", asked(
        A(NO_STORE, framing="chunked", body=b"x" * 1000),
        raw=b"GET {path} HTTP/1.0\r\nHost: test.example\r\n\r\n",
        lacks=("Transfer-Encoding",), is_last=True)),
    Case("9112 9.3", "HTTP/1.0 from the cache", asked(A(FRESH)), kept(
        raw=b"GET {path} HTTP/1.0\r\nHost: test.example\r\n\r\n", lacks=("Transfer-Encoding",),
        is_last=True)),
    Case("9112 9.6", "Connection: close is kept to", asked(A(FRESH)),
         kept("Connection: close", has=("Connection: close",), is_last=True)),
]

CASES = [*UPSTREAM, *DOWNSTREAM, *TRAILERS, *INTERIM, *LOOPS, *HOPS]
