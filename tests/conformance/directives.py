# SPDX-License-Identifier: MIT
"""Cache-Control of answers in all its ugliness (RFC 9111 s.5.2), and the field that is aimed at
CDNs (RFC 9213)."""

from tests.conformance.case import FRESH, A, Case, asked, fresh, kept, many, stale

CC = "Cache-Control: {0}"

READABLE = many(fresh, "9111 5.2", (
    "MAX-AGE=60", "Max-Age=60", "S-MaxAge=60", "max-age=60,", ", max-age=60", ",,max-age=60, ,",
    "max-age=60,foo", "foo, max-age=60", "foo=bar, max-age=60", "max-age=60,\tfoo",
    "public,max-age=60", "public, max-age=60, must-revalidate", "max-age=60, no-transform",
    'foo="bar, max-age=0", max-age=60', 'foo="max-age=0", max-age=60',
    'foo="no-store, private", max-age=60', r'foo="a\", no-store", max-age=60',
    'max-age="60"', 's-maxage="60"', "max-age=0060", "max-age=60, max-age=60",
    "max-age=60, stale-while-revalidate=x", "max-age=60, stale-if-error",
    "xmax-age=0, max-age=60", "max-agex=0, max-age=60", "max_age=0, max-age=60",
    "no-storex, max-age=60", "xno-store, max-age=60", "no_store, max-age=60",
    "nostore, max-age=60", "privately, max-age=60", "max-age=60, =foo", "max-age=60, foo=",
    "community=UCI, max-age=60", "max-age=60, pre-check=0, post-check=0",
    "max-age=60, only-if-cached", "max-age=60, max-stale=0, min-fresh=1000",
), CC)

OVERFLOW = many(fresh, "9111 1.2.2", (
    "max-age=2147483647", "max-age=2147483648", "max-age=4294967295", "max-age=4294967296",
    "max-age=9223372036854775808", "max-age=18446744073709551616",
    "max-age=99999999999999999999999999999999", "s-maxage=99999999999999999999",
), CC)

UNREADABLE = many(stale, "9111 4.2.1", (
    "max-age", "max-age=", "max-age=abc", "max-age=-1", "max-age=60.5", "max-age=60.0",
    "max-age=+60", "max-age=0x3c", "max-age=60s", "max-age=6e1", "max-age='60'", "max-age=60;foo",
    "max-age=60 foo", 'max-age="60', 'max-age=60"', 'max-age=""', 'max-age="60 "', "max-age =60",
    "max-age= 60", "max-age=60=60", "max-age:60", "s-maxage=abc, max-age=60",
    "s-maxage=-1, max-age=60",
), CC)

DUPLICATES = [
    stale("9111 4.2.1", "max-age twice, the lesser last", "Cache-Control: max-age=60, max-age=0"),
    stale("9111 4.2.1", "max-age twice, the lesser first", "Cache-Control: max-age=0, max-age=60"),
    stale("9111 4.2.1", "s-maxage twice", "Cache-Control: s-maxage=0, s-maxage=60"),
    stale("9111 4.2.1", "max-age on two lines", "Cache-Control: max-age=0",
          "Cache-Control: max-age=60"),
    fresh("9111 5.2", "directives on two lines are one list", "Cache-Control: foo",
          "Cache-Control: max-age=60"),
    stale("9111 5.2", "no-store on another line", "Cache-Control: max-age=60",
          "Cache-Control: no-store"),
    stale("9111 5.2", "private on another line", "Cache-Control: private",
          "Cache-Control: max-age=60"),
    fresh("9111 5.2", "an empty Cache-Control says nothing", "Cache-Control:",
          "Cache-Control: max-age=60"),
    fresh("9111 5.2", "other spelling of the field's name", "CACHE-control: max-age=60"),
]

FORBIDDING = [
    *many(stale, "9111 5.2.2.5", (
        "no-store", "NO-STORE, max-age=60", "max-age=60, No-Store", "no-store, public, max-age=60",
        "no-store=foo, max-age=60", 'no-store="x", max-age=60', "no-store, s-maxage=60",
        "max-age=60,no-store", "foo,no-store,max-age=60", "no-store,",
    ), CC),
    *many(stale, "9111 5.2.2.7", (
        "private, max-age=60", "PRIVATE, max-age=60", "private, s-maxage=60",
        "private, public, max-age=60", 'private="", max-age=60',
    ), CC),
    *many(stale, "9111 5.2.2.4", (
        "no-cache, max-age=60", "No-Cache, max-age=60", "no-cache, s-maxage=60",
        'no-cache="", max-age=60', 'no-cache="x-a", no-cache, max-age=60',
    ), CC),
    stale("9111 5.2.2.5", "no-store before Expires", "Cache-Control: no-store", "Expires: {+3600}"),
    stale("9111 5.2.2.4", "no-cache before Expires", "Cache-Control: no-cache", "Expires: {+3600}"),
    Case("9111 5.2.2.4", "no-cache is stored and validated",
         asked(A("Cache-Control: max-age=60, no-cache", 'ETag: "a"')),
         asked(A(status=304), sent=('If-None-Match: "a"',), gives=0)),
    Case("9111 5.2.2.5", "no-store leaves nothing to validate",
         asked(A("Cache-Control: no-store", 'ETag: "a"')),
         asked(A(), unsent=("If-None-Match",))),
    Case("9111 5.4", "Pragma of an answer means nothing",
         asked(A(FRESH, "Pragma: no-cache")), kept(has=("Pragma: no-cache",))),
]

QUALIFIED = [
    Case("9111 5.2.2.4", "no-cache with a field's name keeps the rest",
         asked(A('Cache-Control: max-age=60, no-cache="x-a"', "X-A: 1", "X-B: 2")),
         kept(lacks=("X-A",), has=("X-B: 2",))),
    Case("9111 5.2.2.4", "no-cache with two names in any case",
         asked(A('Cache-Control: max-age=60, no-cache="X-A, x-b"', "x-a: 1", "X-B: 2", "X-C: 3")),
         kept(lacks=("X-A", "X-B"), has=("X-C: 3",))),
    Case("9111 5.2.2.4", "no-cache with a bare name",
         asked(A("Cache-Control: max-age=60, no-cache=x-a", "X-A: 1", "X-B: 2")),
         kept(lacks=("X-A",), has=("X-B: 2",))),
    Case("9111 5.2.2.7", "private with a field's name keeps the rest",
         asked(A('Cache-Control: max-age=60, private="x-a"', "X-A: 1", "X-B: 2")),
         kept(lacks=("X-A",), has=("X-B: 2",))),
    Case("9111 5.2.2.7", "private with two names",
         asked(A('Cache-Control: private="x-a,x-b", max-age=60', "X-A: 1", "X-B: 2")),
         kept(lacks=("X-A", "X-B"))),
    Case("9111 5.2.2.7", "private and no-cache with names, both hold",
         asked(A('Cache-Control: private="x-a", no-cache="x-b", max-age=60', "X-A: 1", "X-B: 2")),
         kept(lacks=("X-A", "X-B"))),
    Case("9111 5.2.2.7", "whoever asked first gets the fields that are not kept",
         asked(A('Cache-Control: private="x-a", max-age=60', "X-A: 1"), has=("X-A: 1",))),
]

UNDERSTAND = [
    fresh("9111 5.2.2.3", "must-understand with a status that is understood",
          "Cache-Control: must-understand, max-age=60"),
    fresh("9111 5.2.2.3", "no-store gives way to must-understand",
          "Cache-Control: must-understand, no-store, max-age=60"),
    stale("9111 5.2.2.3", "must-understand with a status that is not understood",
          "Cache-Control: must-understand, max-age=60", status=299),
    stale("9111 5.2.2.3", "no-store stands where the status is not understood",
          "Cache-Control: must-understand, no-store, max-age=60", status=599),
    fresh("9111 5.2.2.3", "404 is understood", "Cache-Control: must-understand, max-age=60",
          status=404),
    stale("9111 5.2.2.3", "must-understand does not override private",
          "Cache-Control: must-understand, private, max-age=60"),
]

NO, YES = "Cache-Control: no-store", "Cache-Control: max-age=60"


def cdn(value, other):
    return f"CDN-Cache-Control: {value}\n{other}"


TARGETED = [
    *many(fresh, "9213 2.2", (
        "max-age=60", "max-age=60, foo", "max-age=60;foo=bar", "max-age=60,\tfoo",
        "foo, max-age=60", "max-age=60 , foo", "public, max-age=60", "s-maxage=60",
        "max-age=0, s-maxage=60",
        "max-age=0, max-age=60", "max-age=60, foo=(a b)", "max-age=60, foo=:AQ==:",
        'max-age=60, foo="no-store"', "no-store=?0, max-age=60", "max-age=999999999999999",
    ), cdn("{0}", NO)),
    *many(stale, "9213 2.2", (
        "no-store", "max-age=0", "private", "no-cache", "foo", "private, max-age=60",
        "no-cache, max-age=60", "max-age=60, s-maxage=0", "max-age=60, max-age=0",
        "no-store, max-age=60", "no-store;foo=bar", "max-age=-1",
    ), cdn("{0}", YES)),
    *many(stale, "9213 2.1", (
        "max-age=60, &&&", "max-age=60,", ", max-age=60", "MAX-AGE=60", "max-age = 60",
        "max-age=60 foo", 'max-age="60', "max-age=60, foo=", "max-age=9999999999999999",
        "max-age=60;;", "max-age=60, 1a=2",
    ), cdn("{0}", NO)),
    *many(fresh, "9213 2.1", (
        "no-store, &&&", "no-store,", "No-Store", "private foo", "no-store, foo='a'", ",no-store",
        "no-store, max-age=", "no-store;",
    ), cdn("{0}", YES)),
    fresh("9213 2.2", "an empty field is as if it were absent", "CDN-Cache-Control:", YES),
    stale("9213 2.2", "an empty field leaves Cache-Control in force", "CDN-Cache-Control:", NO),
    fresh("9213 2.2", "before a past Expires", "CDN-Cache-Control: max-age=60", "Expires: {-100}"),
    stale("9213 2.2", "before a future Expires", "CDN-Cache-Control: max-age=0",
          "Expires: {+3600}"),
    fresh("9213 2.1", "two lines are one dictionary", "CDN-Cache-Control: foo",
          "CDN-Cache-Control: max-age=60", NO),
    stale("9213 2.1", "one broken line breaks the whole", "CDN-Cache-Control: max-age=60",
          "CDN-Cache-Control: &&&", NO),
    stale("9213 2.2", "Age counts", "CDN-Cache-Control: max-age=60", "Age: 100"),
    Case("9213 2.2", "its lifetime is the one that counts",
         asked(A("CDN-Cache-Control: max-age=500", FRESH), ttl=500), kept(ttl=500)),
    Case("9213 3", "it is passed on downstream",
         asked(A("CDN-Cache-Control: max-age=60", NO),
               has=("CDN-Cache-Control: max-age=60", NO)),
         kept(has=("CDN-Cache-Control: max-age=60", NO))),
    fresh("9213 2.2", "other targets are not ours", "Surrogate-Control: no-store",
          "Example-Cache-Control: no-store", YES),
    Case("9213 2.2", "must-revalidate of Cache-Control does not count beside it",
         asked(A("CDN-Cache-Control: max-age=60", "Cache-Control: must-revalidate", "Age: 100")),
         kept("Cache-Control: max-stale=1000")),
]

CASES = [*READABLE, *OVERFLOW, *UNREADABLE, *DUPLICATES, *FORBIDDING, *QUALIFIED, *UNDERSTAND,
         *TARGETED]
