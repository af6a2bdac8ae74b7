# SPDX-License-Identifier: MIT
"""Which of several stored answers is meant (RFC 9111 s.4.1)."""

from tests.conformance.case import FRESH, OLD, A, Case, asked, kept, stale


def V(names, *lines, **options):
    return A(FRESH, f"Vary: {names}", *lines, **options)


def match(title, names, first, second, section="9111 4.1"):
    return Case(section, title, asked(V(names), *first), kept(*second))


def differ(title, names, first, second, section="9111 4.1"):
    return Case(section, title, asked(V(names), *first),
                asked(V(names), *second, says=("fwd=vary-miss",)),
                kept(*first, gives=0), kept(*second, gives=1))


MATCHING = [
    match("the same value", "Foo", ("Foo: 1",), ("Foo: 1",)),
    match("absent from both", "Foo", (), ()),
    match("other fields do not matter", "Foo", ("Foo: 1", "Bar: 1"), ("Foo: 1", "Bar: 2")),
    match("names in any case", "fOO", ("Foo: 1",), ("FOO: 1",)),
    match("two names", "Foo, Bar", ("Foo: 1", "Bar: 2"), ("Bar: 2", "Foo: 1")),
    match("empty elements in Vary", ",, Foo ,", ("Foo: 1",), ("Foo: 1",)),
    match("a name twice", "Foo, foo", ("Foo: 1",), ("Foo: 1",)),
    match("an empty Vary", "", ("Foo: 1",), ("Foo: 2",)),
    match("white space around a value", "Foo", ("Foo: 1",), ("Foo:   1  ",)),
    match("the same lines", "Foo", ("Foo: 1", "Foo: 2"), ("Foo: 1", "Foo: 2")),
    match("two lines and one with a comma", "Foo", ("Foo: 1", "Foo: 2"), ("Foo: 1, 2",)),
    match("a name that no request has", "Foo, Nobody", ("Foo: 1",), ("Foo: 1",)),
    match("languages in any case", "Accept-Language", ("Accept-Language: en-US, ko;q=0.5",),
          ("accept-language: EN-us,ko;q=0.5",)),
    *[match(f"codings: {one} is {other}", "Accept-Encoding", (f"Accept-Encoding: {one}",),
            (f"Accept-Encoding: {other}",))
      for one, other in (("gzip, br", "br,gzip"), ("gzip", "gzip;q=1.0"), ("gzip", "GZIP"),
                         ("gzip;q=0.5, br", "br;q=0.1, gzip"), ("gzip, foo", "gzip"),
                         ("gzip, identity", "gzip"), ("gzip, br;q=0", "gzip"),
                         ("gzip,deflate", "deflate, gzip;q=0.8"))],
]

DIFFERING = [
    differ("another value", "Foo", ("Foo: 1",), ("Foo: 2",)),
    differ("present and absent", "Foo", ("Foo: 1",), ()),
    differ("absent and present", "Foo", (), ("Foo: 1",)),
    differ("a value's case", "Foo", ("Foo: a",), ("Foo: A",)),
    differ("the second of two names", "Foo, Bar", ("Foo: 1", "Bar: 1"), ("Foo: 1", "Bar: 2")),
    differ("one of two names absent", "Foo, Bar", ("Foo: 1", "Bar: 1"), ("Foo: 1",)),
    differ("values that changed places", "Foo, Bar", ("Foo: 1", "Bar: 2"), ("Foo: 2", "Bar: 1")),
    differ("a name after empty elements", ",,Foo", ("Foo: 1",), ("Foo: 2",)),
    differ("a second line", "Foo", ("Foo: 1",), ("Foo: 1", "Foo: 2")),
    differ("the order of lines", "Foo", ("Foo: 1", "Foo: 2"), ("Foo: 2", "Foo: 1")),
    differ("User-Agent", "User-Agent", ("User-Agent: a",), ("User-Agent: b",)),
    differ("Cookie", "Cookie", ("Cookie: a=1",), ("Cookie: a=2",)),
    differ("Origin", "Origin", ("Origin: http://a.example",), ("Origin: http://b.example",)),
    differ("Accept", "Accept", ("Accept: a/b",), ("Accept: c/d",)),
    differ("languages", "Accept-Language", ("Accept-Language: en",), ("Accept-Language: ko",)),
    *[differ(f"codings: {one} is not {other}", "Accept-Encoding", (f"Accept-Encoding: {one}",),
             (f"Accept-Encoding: {other}",))
      for one, other in (("gzip", "br"), ("gzip", "gzip;q=0"), ("gzip", "gzip, br"),
                         ("gzip", "gzip, identity;q=0"), ("gzip", "identity"))],
]

SHAPES = [
    stale("9111 4.1", "*", FRESH, "Vary: *"),
    stale("9111 4.1", "* among names", FRESH, "Vary: Foo, *"),
    stale("9111 4.1", "* after an empty element", FRESH, "Vary: , *"),
    stale("9111 4.1", "* before a name", FRESH, "Vary: *, Foo"),
    stale("9111 4.1", "* before another line", FRESH, "Vary: *", "Vary: Foo"),
    stale("9111 4.1", "* on a line of its own", FRESH, "Vary: Foo", "Vary: *"),
    stale("9111 4.1", "* and a long lifetime", "Cache-Control: max-age=100000", "Vary: *",
          'ETag: "a"'),
    stale("9110 12.5.5", "what is no list of names matches nothing", FRESH, "Vary: foo bar"),
    Case("9110 5.3", "two lines of Vary are one list",
         asked(A(FRESH, "Vary: Foo", "Vary: Bar"), "Foo: 1", "Bar: 1"),
         asked(A(FRESH, "Vary: Foo", "Vary: Bar"), "Foo: 1", "Bar: 2"),
         kept("Foo: 1", "Bar: 1", gives=0)),
    Case("9111 4.1", "three variants", asked(V("Foo"), "Foo: 1"), asked(V("Foo"), "Foo: 2"),
         asked(V("Foo"), "Foo: 3"), kept("Foo: 2", gives=1), kept("Foo: 1", gives=0),
         kept("Foo: 3", gives=2)),
    Case("9111 4.1", "Vary itself is passed on", asked(V("Foo, Bar"), "Foo: 1"),
         kept("Foo: 1", has=("Vary: Foo, Bar",))),
    Case("9111 4.1", "of several that match the most recent",
         asked(V("Foo"), "Foo: 1"), asked(A(FRESH), "Foo: 2"), kept("Foo: 2", gives=1),
         kept("Foo: 1", gives=1)),
    Case("9111 4.1", "the most recent is so by Date, not by its arrival",
         asked(A(FRESH, "Vary: Foo", "Date: {-5}"), "Foo: 1"),
         asked(A(FRESH, "Date: {-30}"), "Foo: 2"), kept("Foo: 2", gives=1),
         kept("Foo: 1", gives=0)),
    Case("9111 4.1", "the most recent after a reload",
         asked(V("Foo"), "Foo: 1"), asked(V("Foo"), "Foo: 1", "Cache-Control: no-cache"),
         kept("Foo: 1", gives=1)),
    Case("9111 4.1", "a variant that is validated stays itself",
         asked(A(*OLD, "Vary: Foo", 'ETag: "1"'), "Foo: 1"),
         asked(A(*OLD, "Vary: Foo", 'ETag: "2"'), "Foo: 2"),
         asked(A(FRESH, status=304), "Foo: 1", sent=('If-None-Match: ~"1"',), gives=0, status=200),
         kept("Foo: 1", gives=0, status=200)),
    Case("9111 4.1", "a stale variant does not answer for a fresh one",
         asked(A(*OLD, "Vary: Foo"), "Foo: 1"), asked(V("Foo"), "Foo: 2"),
         asked(V("Foo"), "Foo: 1"), kept("Foo: 2", gives=1), kept("Foo: 1", gives=2)),
    Case("9111 4.1", "HEAD selects a variant too", asked(V("Foo", body=b"12"), "Foo: 1"),
         asked(V("Foo", body=b"123"), "Foo: 2"),
         kept("Foo: 1", method="HEAD", has=("Content-Length: 2",)),
         kept("Foo: 2", method="HEAD", has=("Content-Length: 3",))),
    Case("9111 4.1", "a range selects a variant too", asked(V("Foo", body=b"12"), "Foo: 1"),
         asked(V("Foo", body=b"345"), "Foo: 2"),
         kept("Foo: 1", "Range: bytes=0-0", status=206, gives=b"1"),
         kept("Foo: 2", "Range: bytes=0-0", status=206, gives=b"3")),
]

DICTIONARY, OTHER = (f"Available-Dictionary: :{'QUJD' * 10}{x}AA=:" for x in "AB")
TAKES = "Accept-Encoding: gzip, dcz"
CODED = ("Content-Encoding: dcz", "Vary: Accept-Encoding, Available-Dictionary")
PLAIN = ("Vary: Accept-Encoding, Available-Dictionary",)


def only_for(title, answer, first, others):
    """What is coded with a dictionary goes to nobody who does not have it."""
    return Case("9842 6.2", title, asked(A(FRESH, *answer), *first, has=("Content-Encoding: dcz",)),
                *[turn for lines in others
                  for turn in (asked(A(FRESH, *PLAIN), *lines, lacks=("Content-Encoding",)),
                               kept(*lines, lacks=("Content-Encoding",)))],
                kept(*first, gives=0, status=200, has=("Content-Encoding: dcz",)))


DICTIONARIES = [
    Case("9842 2.1", "Use-As-Dictionary is passed on and kept",
         asked(A(FRESH, 'Use-As-Dictionary: match="/a/*", match-dest=("script")'),
               has=('Use-As-Dictionary: match="/a/*", match-dest=("script")',)),
         kept(has=('Use-As-Dictionary: match="/a/*", match-dest=("script")',))),
    Case("9842 2.2", "Available-Dictionary and Dictionary-ID reach the origin",
         asked(A(FRESH), TAKES, DICTIONARY, 'Dictionary-ID: "a"',
               sent=(TAKES, DICTIONARY, 'Dictionary-ID: "a"'))),
    only_for("another dictionary", CODED, (TAKES, DICTIONARY), [(TAKES, OTHER)]),
    only_for("no dictionary", CODED, (TAKES, DICTIONARY), [(TAKES,)]),
    only_for("the dictionary, and not the coding", CODED, (TAKES, DICTIONARY),
             [("Accept-Encoding: gzip", DICTIONARY)]),
    only_for("an origin that does not tell what it varies by", ("Content-Encoding: dcz",),
             (TAKES, DICTIONARY), [(TAKES, OTHER), (TAKES,), ()]),
    only_for("an origin that tells half of it", ("Content-Encoding: dcz", "Vary: Accept-Encoding"),
             (TAKES, DICTIONARY), [(TAKES, OTHER)]),
    Case("9842 6.2", "a dictionary of who takes no such coding makes no variant",
         asked(A(FRESH, *PLAIN), "Accept-Encoding: gzip"),
         kept("Accept-Encoding: gzip", DICTIONARY), kept("Accept-Encoding: gzip", OTHER)),
]

CASES = [*MATCHING, *DIFFERING, *SHAPES, *DICTIONARIES]
