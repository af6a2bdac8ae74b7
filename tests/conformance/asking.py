# SPDX-License-Identifier: MIT
"""What a client's Cache-Control and Pragma ask for (RFC 9111 s.5.2.1, s.5.4)."""

from tests.conformance.case import FRESH, OLD, A, Case, asked, kept

MIDDLE = ("Cache-Control: max-age=1000", "Age: 100")      # 100 old, 900 left


def reloads(title, *lines, section="9111 5.2.1.4"):
    return Case(section, title, asked(A(FRESH)), asked(A(FRESH), *lines, says=("fwd=request",)),
                kept(gives=1))


def serves(title, *lines, section="9111 5.2.1.1", first=MIDDLE, host="test.example"):
    return Case(section, title, asked(A(*first)), kept(*lines, says=("hit",)), host=host)


def fetches(title, *lines, section="9111 5.2.1.1", first=MIDDLE, host="test.example"):
    return Case(section, title, asked(A(*first)), asked(A(), *lines), host=host)


def missing(title, *lines):
    return Case("9111 5.2.1.7", title, kept(*lines, status=504))


CASES = [
    *[reloads(line, line) for line in (
        "Cache-Control: no-cache", "Cache-Control: NO-CACHE", "Cache-Control: foo, no-cache",
        "Cache-Control: no-cache, foo=bar", "Cache-Control: no-cache=foo")],
    *[reloads(line, line, section="9111 5.2.1.1") for line in (
        "Cache-Control: max-age=0", "Cache-Control: Max-Age=0", 'Cache-Control: max-age="0"',
        "Cache-Control: max-age=0, foo", "Cache-Control: max-age=1000, max-age=0")],
    reloads("no-cache on the second line", "Cache-Control: foo", "Cache-Control: no-cache"),
    *[reloads(line, line, section="9111 5.4") for line in (
        "Pragma: no-cache", "Pragma: No-Cache", "Pragma: foo, no-cache")],
    serves("Pragma is passed over beside Cache-Control", "Pragma: no-cache", "Cache-Control: foo",
           section="9111 5.4"),
    serves("Pragma of another kind", "Pragma: foo", section="9111 5.4"),
    Case("9111 5.2.1.4", "no-cache validates what is stored", asked(A(FRESH, 'ETag: "a"')),
         asked(A(status=304), "Cache-Control: no-cache", sent=('If-None-Match: "a"',), gives=0,
               status=200), kept(gives=0, status=200)),
    Case("9111 5.2.1.4", "no-cache and an answer that must not be stored", asked(A(FRESH)),
         asked(A("Cache-Control: no-store"), "Cache-Control: no-cache")),

    serves("older than nothing asked"),
    serves("younger than max-age", "Cache-Control: max-age=200"),
    serves("younger than a very great max-age", "Cache-Control: max-age=99999999999999999999"),
    fetches("older than max-age", "Cache-Control: max-age=50"),
    fetches("the lesser of two max-age", "Cache-Control: max-age=5000",
            "Cache-Control: max-age=50"),
    serves("max-age of the client does not lengthen", "Cache-Control: max-age=200"),
    fetches("stale in spite of a great max-age", "Cache-Control: max-age=5000", first=OLD),
    serves("s-maxage means nothing in a request", "Cache-Control: s-maxage=0"),
    serves("private means nothing in a request", "Cache-Control: private"),
    serves("must-revalidate means nothing in a request", "Cache-Control: must-revalidate"),
    serves("unknown directives", "Cache-Control: foo, bar=baz, x=\"no-cache\""),
    serves("an empty Cache-Control", "Cache-Control:"),
    serves("no-transform", "Cache-Control: no-transform"),

    serves("fresh for long enough", "Cache-Control: min-fresh=800", section="9111 5.2.1.3"),
    fetches("not fresh for long enough", "Cache-Control: min-fresh=1000", section="9111 5.2.1.3"),
    fetches("min-fresh in quotes", 'Cache-Control: min-fresh="1000"', section="9111 5.2.1.3"),
    fetches("min-fresh beyond numbers", "Cache-Control: min-fresh=99999999999999999999",
            section="9111 5.2.1.3"),
    serves("min-fresh=0", "Cache-Control: min-fresh=0", section="9111 5.2.1.3"),
    serves("min-fresh unreadable", "Cache-Control: min-fresh=x", section="9111 5.2.1.3"),
    fetches("both max-age and min-fresh, one holds", "Cache-Control: max-age=500, min-fresh=950",
            section="9111 5.2.1.3"),
    serves("both max-age and min-fresh, both hold", "Cache-Control: max-age=500, min-fresh=500",
           section="9111 5.2.1.3"),

    *[serves(line, line, section="9111 5.2.1.2", first=OLD) for line in (
        "Cache-Control: max-stale", "Cache-Control: max-stale=100", "Cache-Control: MAX-STALE=100",
        'Cache-Control: max-stale="100"', "Cache-Control: max-stale=99999999999999999999")],
    *[fetches(line, line, section="9111 5.2.1.2", first=OLD) for line in (
        "Cache-Control: max-stale=10", "Cache-Control: max-stale=0", "Cache-Control: max-stale=x",
        "Cache-Control: max-stale=-1", "Cache-Control: max-stale, no-cache",
        "Cache-Control: max-stale=1000, max-age=0", "Cache-Control: max-stale=1000, max-age=50")],
    serves("max-stale and a max-age that holds", "Cache-Control: max-stale=100, max-age=500",
           section="9111 5.2.1.2", first=OLD),
    *[fetches(f"max-stale against {said}", "Cache-Control: max-stale", section=section,
              first=(f"Cache-Control: {said}", "Age: 100"))
      for section, said in (("9111 5.2.2.2", "max-age=60, must-revalidate"),
                            ("9111 5.2.2.8", "max-age=60, proxy-revalidate"),
                            ("9111 5.2.2.10", "s-maxage=60"),
                            ("9111 5.2.2.4", "max-age=60, no-cache"))],
    serves("must-revalidate and fresh", "Cache-Control: max-stale", section="9111 5.2.2.2",
           first=("Cache-Control: max-age=60, must-revalidate",)),

    missing("only-if-cached, nothing there", "Cache-Control: only-if-cached"),
    missing("only-if-cached in capitals", "Cache-Control: ONLY-IF-CACHED"),
    missing("only-if-cached among others", "Cache-Control: foo, only-if-cached, max-age=100"),
    serves("only-if-cached, fresh", "Cache-Control: only-if-cached", section="9111 5.2.1.7"),
    serves("only-if-cached, stale and max-stale", "Cache-Control: only-if-cached, max-stale",
           section="9111 5.2.1.7", first=OLD),
    Case("9111 5.2.1.7", "only-if-cached, stale", asked(A(*OLD)),
         kept("Cache-Control: only-if-cached", status=504)),
    Case("9111 5.2.1.7", "only-if-cached, too old for max-age", asked(A(*MIDDLE)),
         kept("Cache-Control: only-if-cached, max-age=10", status=504)),
    Case("9111 5.2.1.7", "only-if-cached, another variant", asked(A(FRESH, "Vary: Foo"), "Foo: 1"),
         kept("Cache-Control: only-if-cached", "Foo: 2", status=504),
         kept("Cache-Control: only-if-cached", "Foo: 1", status=200, gives=0)),
    Case("9111 5.2.1.7", "only-if-cached, and HEAD",
         kept("Cache-Control: only-if-cached", method="HEAD", status=504)),
    Case("9111 5.2.1.7", "only-if-cached, and parts of it are not there",
         asked(A(FRESH, 'ETag: "a"', "Content-Range: bytes 65536-131071/500000", status=206,
                 body=b"x" * 65536), "Range: bytes=65536-65537", status=206, gives=b"xx"),
         kept("Range: bytes=0-1", "Cache-Control: only-if-cached", status=504),
         kept("Cache-Control: only-if-cached", status=504),
         kept("Range: bytes=70000-70001", "Cache-Control: only-if-cached", status=206,
              gives=b"xx"), host="blocks.example"),
    Case("9111 5.2.1.7", "504 is not kept", kept("Cache-Control: only-if-cached", status=504),
         asked(A(FRESH)), kept("Cache-Control: only-if-cached", status=200, gives=1)),

    *[serves(f"a site that passes over reloads: {line}", line, host="reload.example",
             section="9111 5.2.1")
      for line in ("Cache-Control: no-cache", "Cache-Control: max-age=0", "Pragma: no-cache",
                   "Cache-Control: min-fresh=10000")],
    fetches("... asks for what is stale all the same", "Cache-Control: foo", first=OLD,
            host="reload.example", section="9111 5.2.1"),
]
