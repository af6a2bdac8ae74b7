# SPDX-License-Identifier: MIT
"""How long an answer is fresh and how old it is: RFC 9111 s.4.2, s.5.1, s.5.3, RFC 8246."""

from tests.conformance.case import FRESH, A, Case, asked, fresh, kept, many, stale

HEURISTIC = (200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501)
NOT_HEURISTIC = (201, 202, 302, 303, 307, 400, 401, 402, 403, 409, 415, 418, 422, 429, 500, 502,
                 503, 504, 299, 499, 599)
EXPLICIT = (200, 203, 204, 299, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 451,
            499, 500, 501, 502, 503, 504, 599)
TEN_DAYS = "Last-Modified: {-864000}"


def lifetime(section, title, ttl, *lines, **options):
    """The arithmetic, to the second: what is left when it comes."""
    return Case(section, title, asked(A(*lines, **options), ttl=ttl), kept(ttl=ttl))


LIFETIMES = [
    fresh("9111 4.2.1", "max-age", "Cache-Control: max-age=60"),
    stale("9111 4.2.1", "max-age=0", "Cache-Control: max-age=0"),
    fresh("9111 4.2.1", "s-maxage", "Cache-Control: s-maxage=60"),
    stale("9111 4.2.1", "s-maxage=0 before max-age", "Cache-Control: max-age=60, s-maxage=0"),
    fresh("9111 4.2.1", "s-maxage before max-age=0", "Cache-Control: s-maxage=60, max-age=0"),
    fresh("9111 4.2.1", "max-age before a past Expires", "Cache-Control: max-age=60",
          "Expires: {-100}"),
    fresh("9111 4.2.1", "s-maxage before a past Expires", "Cache-Control: s-maxage=60",
          "Expires: {-100}"),
    stale("9111 4.2.1", "max-age=0 before a future Expires", "Cache-Control: max-age=0",
          "Expires: {+3600}"),
    stale("9111 4.2.1", "unreadable max-age before a future Expires", "Cache-Control: max-age=x",
          "Expires: {+3600}"),
    fresh("9111 4.2.1", "Expires where Cache-Control has no lifetime", "Cache-Control: foo",
          "Expires: {+3600}"),
    stale("9111 4.2.1", "nothing said", "X-Anything: 1"),
    lifetime("9111 4.2.1", "max-age counts from its arrival", 3600, "Cache-Control: max-age=3600"),
    lifetime("9111 4.2.1", "s-maxage overrides max-age", 500,
             "Cache-Control: max-age=100, s-maxage=500"),
    lifetime("9111 4.2.1", "Expires minus Date", 3600, "Date: {+0}", "Expires: {+3600}"),
    lifetime("9111 4.2.1", "Expires minus Date, less the age", 1800, "Date: {-1800}",
             "Expires: {+1800}"),
    lifetime("9111 4.2.1", "Expires without Date counts from its arrival", 3600,
             "Expires: {+3600}"),
    lifetime("9111 4.2.1", "Expires minus a Date of the future", 1000, "Date: {+1000}",
             "Expires: {+2000}"),
    lifetime("9111 4.2.3", "max-age less Age", 3000, "Cache-Control: max-age=3600", "Age: 600"),
    lifetime("9111 4.2.3", "max-age less the age that Date tells", 3000,
             "Cache-Control: max-age=3600", "Date: {-600}"),
    lifetime("9111 4.2.3", "the greater of both ages, Age", 3000, "Cache-Control: max-age=3600",
             "Age: 600", "Date: {-300}"),
    lifetime("9111 4.2.3", "the greater of both ages, Date", 2600, "Cache-Control: max-age=3600",
             "Age: 600", "Date: {-1000}"),
    lifetime("9111 4.2.2", "a tenth of the time since Last-Modified", 1000,
             "Last-Modified: {-10000}"),
    lifetime("9111 4.2.2", "a tenth, counted from Date", 900, "Date: {-1000}",
             "Last-Modified: {-20000}"),
    lifetime("9111 4.2.2", "the guess is capped at a day", 86400, "Last-Modified: {-315360000}"),
]

EXPIRES = [
    *many(fresh, "9111 5.3",
          ("{+3600}", "{850+3600}", "{asc+3600}", "Fri, 31 Dec 9999 23:59:59 GMT",
           "Tue, 19 Jan 2038 03:14:08 GMT", "Sun, 07 Feb 2106 06:28:16 GMT"),
          "Expires: {0}"),
    *many(stale, "9111 5.3",
          ("{-3600}", "{+0}", "0", "-1", "1", "now", "never", "garbage here",
           "2099-01-01T00:00:00Z", "4102444800", "Thu, 01 Jan 1970 00:00:00 GMT",
           "Mon, 01 Jan 0001 00:00:00 GMT", "{850-3600}", "{asc-3600}",
           "Wed, 31 Feb 2099 00:00:00 GMT", "Thu, 01 Jan 2099 25:00:00 GMT",
           "Thu, 01 Jan 2099 00:60:00 GMT", "Thu, 01 Foo 2099 00:00:00 GMT",
           "Thu, 01 Jan 2099", "Thu, 01 Jan 2099 00:00:00", "01 Jan 2099 00:00:00 GMT junk",
           '"{+3600}"', "{+3600}, {+3600}", "{+3600}; x=y"),
          "Expires: {0}"),
    stale("9111 5.3", "an empty Expires", "Expires:"),
    stale("9111 5.3", "equal to a Date that is now", "Date: {+0}", "Expires: {+0}"),
    stale("9111 5.3", "before a Date of the future", "Date: {+3600}", "Expires: {+1800}"),
    stale("9111 5.3", "after its Date and yet past", "Date: {-3600}", "Expires: {-1800}"),
    stale("9111 4.2.1", "two Expires, the second past", "Expires: {+3600}", "Expires: {-3600}"),
    stale("9111 4.2.1", "two Expires, the first past", "Expires: {-3600}", "Expires: {+3600}"),
    fresh("9111 4.2", "dates match whatever the case", "Expires: fri, 31 dec 9999 23:59:59 gmt"),
    fresh("9111 4.2", "dates match in capitals", "Expires: FRI, 31 DEC 9999 23:59:59 GMT"),
    *many(stale, "9111 4.2", ("UTC", "PST", "+0000", "CET", "Z"),
          "Expires: Fri, 31 Dec 9999 23:59:59 {0}"),
    stale("9110 5.6.7", "two digits of a year more than 50 years ahead are past",
          "Expires: {850+1893456000}"),
]

AGES = [
    *many(stale, "9111 4.2.3",
          ("60", "61", "100", "0100", "2147483647", "2147483648", "4294967296",
           "99999999999999999999999", "100, 0", "100,"),
          "Cache-Control: max-age=60\nAge: {0}"),
    *many(fresh, "9111 4.2.3", ("0", "30", "0, 100", "00"),
          "Cache-Control: max-age=60\nAge: {0}"),
    *many(fresh, "9111 5.1", ("-100", "abc", "100.5", "100s", "1e9", '"100"', "+100", "100;a=b"),
          "Cache-Control: max-age=60\nAge: {0}"),
    fresh("9111 5.1", "an empty Age is passed over", "Cache-Control: max-age=60", "Age:"),
    stale("9111 5.1", "of two lines the first counts: 100, 0", "Cache-Control: max-age=60",
          "Age: 100", "Age: 0"),
    fresh("9111 5.1", "of two lines the first counts: 0, 100", "Cache-Control: max-age=60",
          "Age: 0", "Age: 100"),
    stale("9111 4.2.3", "Date tells that it is older than max-age", "Cache-Control: max-age=60",
          "Date: {-100}"),
    stale("9111 4.2.3", "Date tells that it is older than s-maxage",
          "Cache-Control: s-maxage=60, max-age=1000", "Date: {-100}"),
    stale("9111 4.2.3", "Age counts against Expires too", "Expires: {+60}", "Age: 100"),
    stale("9111 4.2.3", "Age counts against the guess too", "Last-Modified: {-500}", "Age: 100"),
    fresh("9111 4.2.3", "old, and still fresh by Date", "Cache-Control: max-age=200",
          "Date: {-100}"),
    fresh("9111 4.2.3", "a Date of the future makes no age", "Cache-Control: max-age=60",
          "Date: {+1000}"),
    fresh("9110 6.6.1", "an unreadable Date counts as now", "Cache-Control: max-age=60",
          "Date: yesterday"),
    fresh("9110 6.6.1", "an empty Date counts as now", "Cache-Control: max-age=60", "Date:"),
    stale("9111 4.2.3", "Date of 1970", "Cache-Control: max-age=60",
          "Date: Thu, 01 Jan 1970 00:00:00 GMT"),
    stale("9111 4.2.3", "Date as RFC 850 wrote it", "Cache-Control: max-age=60", "Date: {850-100}"),
    stale("9111 4.2.3", "Date as asctime writes it", "Cache-Control: max-age=60",
          "Date: {asc-100}"),
]

SHOWN = [
    Case("9111 5.1", "a stored answer bears its age",
         asked(A("Cache-Control: max-age=1000", "Age: 100"), age=100), kept(age=100)),
    Case("9111 5.1", "the age that Date tells is shown",
         asked(A("Cache-Control: max-age=1000", "Date: {-100}")), kept(age=100)),
    Case("9111 5.1", "a young answer has Age 0", asked(A(FRESH)),
         kept(age=0)),
    Case("9111 5.1", "a Date of the future shows Age 0", asked(A(FRESH, "Date: {+1000}")),
         kept(age=0)),
    Case("9111 5.1", "an unreadable Age is not passed on from the store", asked(A(FRESH, "Age: x")),
         kept(age=0)),
    Case("9111 5.1", "what is not stored keeps its Age",
         asked(A("Cache-Control: no-store", "Age: 17"), has=("Age: 17",))),
    Case("9110 6.6.1", "Date is passed on as it is", asked(A(FRESH, "Date: {-30}"),
                                                           has=("Date: {-30}",)),
         kept(has=("Date: {-30}",))),
    Case("9110 6.6.1", "where Date is missing it is supplied", asked(A(FRESH)),
         kept(has=("Date: ~^{+0}|{+1}|{+2}|{+3}$",))),
    Case("9110 6.6.1", "Date is supplied to what is not stored",
         asked(A("Cache-Control: no-store"), has=("Date: ~GMT$",))),
    Case("9111 5.3", "Expires is passed on as it is", asked(A("Expires: {+3600}")),
         kept(has=("Expires: {+3600}",))),
]

HEURISTICS = [
    *[fresh("9111 4.2.2", f"{status} may be guessed fresh", TEN_DAYS, status=status)
      for status in HEURISTIC],
    *[stale("9111 4.2.2", f"{status} may not be guessed fresh", TEN_DAYS, status=status)
      for status in NOT_HEURISTIC],
    fresh("9111 4.2.2", "public lets 302 be guessed", TEN_DAYS, "Cache-Control: public",
          status=302),
    fresh("9111 4.2.2", "public lets 599 be guessed", TEN_DAYS, "Cache-Control: public",
          status=599),
    stale("9111 4.2.2", "not guessed beyond a day", "Last-Modified: {-315360000}",
          "Date: {-90000}"),
    stale("9111 4.2.2", "no Last-Modified, no guess", 'ETag: "a"'),
    stale("9111 4.2.2", "Last-Modified in the future", "Last-Modified: {+864000}"),
    stale("9111 4.2.2", "Last-Modified now", "Date: {+0}", "Last-Modified: {+0}"),
    stale("9111 4.2.2", "Last-Modified unreadable", "Last-Modified: last week"),
    stale("9111 4.2.2", "older than a tenth", "Date: {-50}", "Last-Modified: {-500}"),
    fresh("9111 4.2.2", "younger than a tenth", "Date: {-10}", "Last-Modified: {-1000}"),
    stale("9111 4.2.2", "an explicit lifetime leaves nothing to guess", TEN_DAYS,
          "Cache-Control: max-age=0"),
    stale("9111 4.2.2", "an unreadable Expires leaves nothing to guess", TEN_DAYS, "Expires: 0"),
    stale("9111 4.2.2", "no-cache leaves nothing to guess", TEN_DAYS, "Cache-Control: no-cache"),
    fresh("9111 4.2.2", "an unknown directive is no reason not to guess", TEN_DAYS,
          "Cache-Control: foo=1"),
    fresh("9111 4.2.2", "a query is no reason not to guess", TEN_DAYS),
]

STATUS = [
    *[fresh("9111 3", f"{status} with max-age is kept", "Cache-Control: max-age=60", status=status)
      for status in EXPLICIT],
    *[fresh("9111 3", f"{status} with Expires is kept", "Expires: {+60}", status=status)
      for status in (200, 299, 302, 404, 503, 599)],
    *[stale("9111 4.2", f"{status} with max-age=0 is not fresh", "Cache-Control: max-age=0",
            status=status) for status in EXPLICIT],
]

IMMUTABLE = [
    fresh("8246 2", "immutable and fresh", "Cache-Control: max-age=60, immutable"),
    stale("8246 2", "immutable gives no lifetime", "Cache-Control: immutable"),
    stale("8246 2", "immutable ends with its lifetime", "Cache-Control: max-age=60, immutable",
          "Age: 100"),
    fresh("8246 2", "an argument of immutable is passed over",
          'Cache-Control: max-age=60, immutable="foo"'),
]

SITE = [
    Case("9111 4.2.2", "the site's default where the origin says nothing",
         asked(A(), ttl=600), kept(ttl=600), host="default.example"),
    Case("9111 4.2.2", "the origin before the site's default",
         asked(A("Cache-Control: max-age=60"), ttl=60), kept(), host="default.example"),
    stale("9111 4.2.2", "no-store before the site's default", "Cache-Control: no-store",
          host="default.example"),
    Case("9111 4.2.1", "the site's bound on lifetimes",
         asked(A("Cache-Control: max-age=100000"), ttl=300), kept(ttl=300), host="capped.example"),
]

CASES = [*LIFETIMES, *EXPIRES, *AGES, *SHOWN, *HEURISTICS, *STATUS, *IMMUTABLE, *SITE]
