# SPDX-License-Identifier: MIT
"""What may be kept at all (RFC 9111 s.3): methods, Authorization, cookies, whole and broken
contents, and what other clients' requests must not be able to change."""

from tests.conformance.case import FRESH, OLD, A, Case, asked, fresh, kept, stale

AUTH = ("Authorization: Basic dGVzdDp0ZXN0",)
COOKIE = "Set-Cookie: a=b"


def not_from(method, *lines, body=None, status=200):
    """An answer to this method never answers a GET."""
    return Case("9111 3", f"an answer to {method} is not kept",
                asked(A(FRESH, status=status), *lines, method=method, body=body),
                asked(A(FRESH)), kept())


METHODS = [
    *[not_from(m, body=b"x") for m in ("POST", "PUT", "PATCH", "DELETE", "PROPFIND", "FOO")],
    not_from("OPTIONS"),
    not_from("HEAD"),
    not_from("POST", body=b"", status=201),
    *[Case("9111 4", f"{m} is not answered from the cache", asked(A(FRESH)),
           asked(A(FRESH), method=m, body=b"x"))
      for m in ("POST", "PUT", "PATCH", "DELETE", "FOO")],
    Case("9111 4", "OPTIONS is not answered from the cache", asked(A(FRESH)),
         asked(A(), method="OPTIONS"), kept(gives=0, status=200)),
    Case("9110 9.1", "methods are told apart by case: get may be unsafe", asked(A(FRESH)),
         asked(A(FRESH), method="get"), asked(A(FRESH))),
    Case("9111 4", "HEAD is answered from what GET brought",
         asked(A(FRESH, "X-A: 1", body=b"0123456789")),
         kept(method="HEAD", has=("X-A: 1", "Content-Length: 10"), says=("hit",))),
    Case("9111 4", "HEAD of a stale answer asks upstream", asked(A(*OLD, body=b"0123456789")),
         asked(A(*OLD, body=b"abcdef"), method="HEAD", has=("Content-Length: 6",))),
    Case("9111 5.2.2.5", "HEAD and no-store", asked(A("Cache-Control: no-store"), method="HEAD"),
         asked(A("Cache-Control: no-store"))),
]

AUTHORIZATION = [
    stale("9111 3.5", "Authorization and max-age", FRESH, ask=AUTH),
    stale("9111 3.5", "Authorization and Expires", "Expires: {+60}", ask=AUTH),
    stale("9111 3.5", "Authorization and a guess", "Last-Modified: {-864000}", ask=AUTH),
    stale("9111 3.5", "Authorization and immutable", "Cache-Control: max-age=60, immutable",
          ask=AUTH),
    stale("9111 3.5", "Authorization, private", "Cache-Control: private, max-age=60", ask=AUTH),
    fresh("9111 3.5", "Authorization and public", "Cache-Control: public, max-age=60", ask=AUTH),
    fresh("9111 3.5", "Authorization and s-maxage", "Cache-Control: s-maxage=60", ask=AUTH),
    fresh("9111 3.5", "Authorization and must-revalidate",
          "Cache-Control: must-revalidate, max-age=60", ask=AUTH),
    Case("9111 3.5", "Authorization and public of CDN-Cache-Control",
         asked(A("CDN-Cache-Control: public, max-age=60"), *AUTH), kept(*AUTH)),
    Case("9111 3.5", "what one authorized client got is not for the next",
         asked(A(FRESH), *AUTH), asked(A(FRESH)), kept()),
    Case("9111 3.5", "an authorized client does not keep others from the cache",
         asked(A(FRESH), *AUTH), asked(A(FRESH)), kept(gives=1, status=200)),
    Case("9110 11.6.2", "Authorization reaches the origin",
         asked(A(FRESH), *AUTH, sent=AUTH)),
]

OTHERS = [
    Case("9111 5.2.1.5", "a request's no-store is not kept",
         asked(A(FRESH), "Cache-Control: no-store"), asked(A(FRESH)), kept()),
    Case("9111 5.2.1.5", "no-store of one client changes nothing for the others",
         asked(A(FRESH), "Cache-Control: no-store"), asked(A(FRESH)), kept(gives=1, status=200)),
    Case("9111 5.2.1.5", "no-store of a client leaves what is stored",
         asked(A(FRESH)), asked(A(FRESH), "Cache-Control: no-store, no-cache"),
         kept(gives=0, status=200)),
    Case("9111 2", "a body on GET is not kept under the key",
         asked(A(FRESH), body=b"poison"), asked(A(FRESH)), kept(gives=1, status=200)),
    Case("9111 2", "a body on GET does not change what is stored",
         asked(A(FRESH)), asked(A(FRESH), body=b"poison"), kept(gives=0, status=200)),
    Case("9110 9.3.1", "a body on GET reaches the origin",
         asked(A(), body=b"query", received=b"query")),
    *[Case("9111 2", f"{name} of a client neither reaches the origin nor the key",
           asked(A(FRESH), f"{name}: evil.example", unsent=(name,)),
           kept(f"{name}: other.example", gives=0, status=200), kept(gives=0, status=200))
      for name in ("X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override",
                   "X-HTTP-Method", "X-Method-Override", "Forwarded", "X-Host",
                   "X-Forwarded-Scheme")],
    Case("9111 2", "X-HTTP-Method-Override: POST makes no POST of a GET",
         asked(A(FRESH), "X-HTTP-Method-Override: POST"), kept(gives=0, status=200)),
    Case("9111 2", "the query is part of the key", asked(A(FRESH), to="?a=1"),
         asked(A(FRESH), to="?a=2"), kept(to="?a=1", gives=0, status=200),
         kept(to="?a=2", gives=1, status=200)),
    Case("9111 2", "the order of a query is part of the key", asked(A(FRESH), to="?a=1&b=2"),
         asked(A(FRESH), to="?b=2&a=1")),
    Case("9111 2", "an empty query is not none", asked(A(FRESH), to="?"), asked(A(FRESH))),
    Case("9111 2", "the path's case is part of the key", asked(A(FRESH), to="/a"),
         asked(A(FRESH), to="/A")),
    Case("3986 6.2.2.2", "an escaped unreserved letter is that letter",
         asked(A(FRESH), to="/%61b"), kept(to="/ab")),
    Case("3986 6.2.2.1", "digits of escapes in any case", asked(A(FRESH), to="/%2fx"),
         kept(to="/%2Fx")),
    Case("3986 2.2", "an escaped slash is no slash", asked(A(FRESH), to="/%2Fx"),
         asked(A(FRESH), to="//x")),
    Case("3986 6.2.2.3", "dot segments are removed", asked(A(FRESH), to="/a/../b"), kept(to="/b")),
    Case("9110 4.2.3", "the host's case does not matter", asked(A(FRESH)),
         kept(host="TEST.example")),
    Case("9110 4.2.3", "another site is another resource", asked(A(FRESH)),
         asked(A(FRESH), host="cookies.example")),
]

COOKIES = [
    stale("9111 7.3", "an answer with Set-Cookie is somebody's", FRESH, COOKIE),
    stale("9111 7.3", "Set-Cookie and public", "Cache-Control: public, max-age=60", COOKIE),
    stale("9111 7.3", "Set-Cookie and a guess", "Last-Modified: {-864000}", COOKIE),
    Case("9111 7.3", "where the site says so it is kept without the cookie",
         asked(A(FRESH, COOKIE), has=(COOKIE,)), kept(lacks=("Set-Cookie",)),
         host="cookies.example"),
    Case("9111 5.2.2.4", "no-cache=set-cookie keeps the rest",
         asked(A('Cache-Control: max-age=60, no-cache="Set-Cookie"', COOKIE)),
         kept(lacks=("Set-Cookie",))),
    Case("9111 5.2.2.7", "private=set-cookie keeps the rest",
         asked(A('Cache-Control: max-age=60, private="set-cookie"', COOKIE)),
         kept(lacks=("Set-Cookie",))),
    Case("6265 3", "several cookies reach their client apart",
         asked(A(FRESH, "Set-Cookie: a=1", "Set-Cookie: b=2"), has=("Set-Cookie: a=1, b=2",))),
    Case("9111 3", "a request's Cookie alone is no reason not to keep",
         asked(A(FRESH), "Cookie: a=b"), kept()),
]


def broken(title, answer, *, section="9111 3.3"):
    """Goes to its client as far as it came, and is never taken for the whole."""
    return Case(section, title, asked(answer, asks=None, is_cut=True),
                asked(A(FRESH)), kept())


CONTENTS = [
    broken("a body shorter than Content-Length", A(FRESH, body=b"0123456789", cut=5)),
    broken("chunks without the last one", A(FRESH, body=b"0123456789", framing="chunked", cut=5)),
    broken("no byte of a body", A(FRESH, body=b"0123456789", cut=0)),
    broken("broken with heuristic freshness",
           A("Last-Modified: {-864000}", body=b"0123456789", cut=5)),
    Case("9111 3.3", "broken and not to be stored",
         asked(A("Cache-Control: no-store", body=b"0123456789", cut=5), is_cut=True), asked(A())),
    broken("a broken 404", A(FRESH, status=404, body=b"0123456789", cut=5)),
    broken("a chunk size that is no number", section="9112 7.1", answer=A(
        raw=b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\n01234\r\nzz\r\n56789\r\n0\r\n\r\n")),
    broken("a chunk longer than it says", section="9112 7.1", answer=A(
        raw=b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\n0123456789\r\n0\r\n\r\n")),
    broken("a chunk size beyond all sizes", section="9112 7.1", answer=A(
        raw=b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"fffffffffffffffff\r\n0123456789\r\n0\r\n\r\n")),
    broken("a negative chunk size", section="9112 7.1", answer=A(
        raw=b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"-5\r\n01234\r\n0\r\n\r\n")),
    fresh("9112 6.3", "chunked", FRESH, framing="chunked"),
    fresh("9112 6.3", "ended by closing", FRESH, framing="close"),
    fresh("9112 6.3", "an empty body", FRESH, body=b""),
    fresh("9112 7.1", "no chunk but the last", FRESH, body=b"", framing="chunked"),
    fresh("9112 6.3", "a body of 200,000 bytes", FRESH, body=b"x" * 200_000),
    fresh("9112 6.3", "200,000 bytes in a chunk", FRESH, body=b"x" * 200_000, framing="chunked"),
    Case("9112 7.1.1", "chunk extensions and odd sizes are read",
         asked(A(raw=b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n"
                     b"0003;a=b\r\nabc\r\n2 ;c=\"d\"\r\nde\r\n000;x\r\n\r\n"),
               status=200, gives=b"abcde"),
         kept(status=200, gives=b"abcde")),
    Case("9112 6.3", "HTTP/1.0, ended by closing",
         asked(A(raw=b"HTTP/1.0 200 OK\r\nCache-Control: max-age=60\r\n\r\nold but good"),
               status=200, gives=b"old but good"),
         kept(status=200, gives=b"old but good")),
    Case("9112 6.3", "bytes beyond Content-Length belong to nobody",
         asked(A(raw=b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 3\r\n\r\n"
                     b"abcHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
               status=200, gives=b"abc"),
         kept(status=200, gives=b"abc")),
    Case("9111 3", "204 is kept", asked(A(FRESH, "X-A: 1", status=204)),
         kept(has=("X-A: 1",))),
    Case("9111 3", "all fields are kept, known or not, in order and apart",
         asked(A(FRESH, "X-A: 1", "Server: y", "X-B: 2", "X-A: 3", "Link: <a>; rel=b",
                 "Content-Language: ko", "Content-Type: text/x; charset=utf-8",
                 "Content-Disposition: inline", "Retry-After: 5", "X-Empty:")),
         kept(has=("X-A: 1, 3", "Link: <a>; rel=b", "X-B: 2", "Content-Language: ko", "X-Empty",
                   "Content-Type: text/x; charset=utf-8", "Content-Disposition: inline",
                   "Retry-After: 5"))),
    Case("9110 5.5", "bytes beyond ASCII in a field stay as they are",
         asked(A(FRESH, "X-A: \xc3\xa9\xff")), kept(has=("X-A: \xc3\xa9\xff",))),
]

CASES = [*METHODS, *AUTHORIZATION, *OTHERS, *COOKIES, *CONTENTS]
