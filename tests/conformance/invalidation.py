# SPDX-License-Identifier: MIT
"""What an unsafe request makes invalid (RFC 9111 s.4.4)."""

from tests.conformance.case import FRESH, A, Case, asked, kept

GONE = (asked(A(FRESH)),)
STAYS = (kept(gives=0, status=200),)


def after(title, method, status, outcome, *lines):
    """GET, then an unsafe request to the same URI, then GET."""
    return Case("9111 4.4", title, asked(A(FRESH)),
                asked(A(*lines, status=status), method=method, body=b"x"), *outcome)


def names(title, line, is_gone, *, status=200, method="POST", to="/other", stored=""):
    """An unsafe request elsewhere whose answer names where the GET was."""
    turn = asked(A(FRESH), to=stored) if is_gone else kept(to=stored, gives=0, status=200)
    return Case("9111 4.4", title, asked(A(FRESH), to=stored),
                asked(A(line, status=status), method=method, to=to, body=b"x"), turn)


HERE = "{scheme}://{host}{path}"

CASES = [
    *[after(f"{m} and 200", m, 200, GONE) for m in ("POST", "PUT", "DELETE", "PATCH", "FOO",
                                                     "PROPPATCH")],
    *[after(f"POST and {s}", "POST", s, GONE) for s in (201, 202, 204, 299, 301, 302, 303, 307)],
    *[after(f"POST and {s}", "POST", s, STAYS) for s in (400, 403, 404, 409, 412, 500, 503)],
    *[after(f"DELETE and {s}", "DELETE", s, STAYS) for s in (403, 500)],
    after("OPTIONS is safe", "OPTIONS", 200, STAYS),
    after("PROPFIND's safety may be unknown", "PROPFIND", 207, GONE),
    Case("9111 4.4", "all variants at once", asked(A(FRESH, "Vary: Foo"), "Foo: 1"),
         asked(A(FRESH, "Vary: Foo"), "Foo: 2"), asked(A(), method="POST", body=b"x"),
         asked(A(FRESH, "Vary: Foo"), "Foo: 1"), asked(A(FRESH, "Vary: Foo"), "Foo: 2")),
    Case("9111 4.4", "another query stays", asked(A(FRESH), to="?a=1"),
         asked(A(), to="?a=2", method="POST", body=b"x"), kept(to="?a=1", gives=0, status=200)),
    Case("9111 4.4", "the same query goes", asked(A(FRESH), to="?a=1"),
         asked(A(), to="?a=1", method="POST", body=b"x"), asked(A(FRESH), to="?a=1")),
    Case("9111 4.4", "a path below stays", asked(A(FRESH), to="/below"),
         asked(A(), method="DELETE", body=b"x"), kept(to="/below", gives=0, status=200)),
    Case("9111 4.4", "the same path of another site stays", asked(A(FRESH)),
         asked(A(), method="POST", body=b"x", host="cookies.example"),
         kept(gives=0, status=200)),
    Case("9111 4.4", "what POST brought with a lifetime is not for GET", asked(A(FRESH)),
         asked(A(FRESH, "Content-Location: {path}"), method="POST", body=b"x"), asked(A(FRESH))),
    Case("9111 4.4", "an unsafe request that fails to reach the origin changes nothing",
         asked(A(FRESH)), asked(A(raw=b""), asks=None, method="DELETE", body=b"x", status=502),
         kept(gives=0, status=200)),
    Case("9111 4.4", "the body-less unsafe request", asked(A(FRESH)), asked(A(), method="DELETE"),
         asked(A(FRESH))),

    names("Location, absolute", "Location: " + HERE, True, status=201),
    names("Location, path only", "Location: {path}", True, status=201),
    names("Location, relative", "Location: ./x", True, to="/other", stored="/x"),
    names("Location, dot segments", "Location: {path}/a/../x", True, stored="/x"),
    names("Location, of a redirect", "Location: {path}", True, status=303),
    names("Location with a query", "Location: {path}?a=1", True, stored="?a=1"),
    names("Location with another query", "Location: {path}?a=2", False, stored="?a=1"),
    names("Location with a fragment", "Location: {path}#x", True, status=201),
    names("Location, host in capitals", "Location: {scheme}://TEST.example{path}", True),
    names("Location, network path", "Location: //{host}{path}", True),
    names("Content-Location, absolute", "Content-Location: " + HERE, True),
    names("Content-Location, path only", "Content-Location: {path}", True),
    names("Content-Location and PUT", "Content-Location: {path}", True, method="PUT"),
    names("Content-Location and DELETE", "Content-Location: {path}", True, method="DELETE"),
    names("Location of another host", "Location: {scheme}://cookies.example{path}", False,
          status=201),
    names("Content-Location of another host", "Content-Location: http://evil.example{path}", False),
    names("Location of another scheme", "Location: ftp://{host}{path}", False, status=201),
    names("Location of another port", "Location: {scheme}://{host}:81{path}", False, status=201),
    names("Location of an error", "Location: {path}", False, status=400),
    names("Content-Location of an error", "Content-Location: {path}", False, status=500),
    names("what is no URI", "Location: http://[", False, status=201),
    Case("9111 4.4", "another host's Location leaves that host's own", asked(A(FRESH),
                                                                            host="cookies.example"),
         asked(A("Location: {scheme}://cookies.example{path}", status=201), method="POST",
               body=b"x", to="/other"), kept(host="cookies.example", gives=0, status=200)),
    Case("9111 4.4", "Location in the answer to GET changes nothing", asked(A(FRESH), to="/x"),
         asked(A("Location: {path}/x", "Cache-Control: no-store", status=302), to="/y"),
         kept(to="/x", gives=0, status=200)),
]
