# SPDX-License-Identifier: MIT
"""The words in which the tables of cases are written.

A case is a title, the section it proves, and turns. In each turn a client asks once; the turn says
what the origin answers, should it be asked, and what must be true then:

    Case("9111 4.3.4", "a 304 makes the stored answer fresh again",
         asked(A('ETag: "a"', "Cache-Control: max-age=60", "Age: 100")),
         asked(A("Cache-Control: max-age=60", status=304), sent=('If-None-Match: "a"',), gives=0),
         kept(gives=0))

Lines are "Name: value". In them, and in raw bytes, {+60} is the moment a minute after the case
began as an IMF-fixdate, {850-60} and {asc-60} are the obsolete forms of a minute before, {path} is
the case's own path, {scheme}, {host} and {version} (of HTTP, as in Via) what the client uses. Time
never passes in a case: Age and Date make an answer old."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What the origin says. body None: bytes of the turn's own, so that answers differ."""
    lines: tuple = ()
    status: int = 200
    body: bytes = None
    framing: str = "length"      # or chunked, close, none (the lines have it all)
    trailers: tuple = ()
    interim: tuple = ()          # (status, lines) of what is sent before
    cut: int = None              # close after so many bytes of the body
    raw: bytes = None            # exactly this instead, and close
    page: object = None          # a script (harness.origin.Page): ranges and conditions as it knows


def A(*lines, **options):
    return Answer(lines, **options)


@dataclass(frozen=True)
class Turn:
    lines: tuple = ()            # of the request
    answers: tuple = ()          # of the origin, in order; the last one again and again
    asks: object = 0             # how often upstream is asked; None: does not matter
    method: str = "GET"
    to: str = ""                 # behind the case's path
    body: bytes = None
    host: str = None
    raw: bytes = None            # the request, exactly
    # what must hold
    status: object = None        # a number or several; None: what was answered last
    gives: object = None         # bytes, or the turn whose answer's body it is, or None: as status
    matches: str = None          # a pattern for the body; BOUNDARY is that of Content-Type
    matches_any: tuple = ()      # Contents, one of which it is
    has: tuple = ()              # "Name: value", "Name: ~pattern", "Name"
    lacks: tuple = ()
    sent: tuple = ()             # the same, of the last request upstream
    unsent: tuple = ()
    received: bytes = None       # body upstream
    age: int = None              # Age, give or take what a slow machine needs
    ttl: int = None              # of Cache-Status
    says: tuple = ()             # parameters of our member of Cache-Status: "hit", "fwd=stale"
    unsaid: tuple = ()           # parameters that it lacks
    interim: tuple = None        # statuses before the answer
    is_cut: bool = False         # the answer breaks off; None: may do so
    is_last: bool = False        # the connection is closed after it
    behind: int = 0              # upstream is asked so often soon after the answer
    eventually: bool = False     # may be asked again, until it holds


def asked(answer=Answer(), *lines, **options):
    """A turn that goes upstream. answer: one, or a list of them."""
    answers = tuple(answer) if isinstance(answer, list) else (answer,)
    return Turn(**{"lines": lines, "answers": answers, "asks": len(answers), **options})


def kept(*lines, **options):
    """A turn that the cache answers by itself."""
    return Turn(lines=lines, **options)


@dataclass(frozen=True)
class Case:
    section: str
    title: str
    turns: tuple
    host: str = "test.example"

    def __init__(self, section, title, *turns, host="test.example"):
        for name, value in (("section", section), ("title", title), ("turns", turns),
                            ("host", host)):
            object.__setattr__(self, name, value)

    def __str__(self):
        return f"{self.section}: {self.title}"


def fresh(section, title, *lines, ask=(), host="test.example", **options):
    """Answered with these lines, it answers the same request again."""
    return Case(section, title, asked(A(*lines, **options), *ask), kept(*ask, says=("hit",)),
                host=host)


def stale(section, title, *lines, ask=(), host="test.example", **options):
    """Answered with these lines, it must be asked for again."""
    return Case(section, title, asked(A(*lines, **options), *ask), asked(A(), *ask), host=host)


def many(make, section, rows, form="{0}", **options):
    """One case for each row, which is put into a line (`form`) and is its own title."""
    return [make(section, form.format(row), *form.format(row).split("\n"), **options)
            for row in rows]


FRESH = "Cache-Control: max-age=60"
# Stored, and stale from the start.
OLD = ("Cache-Control: max-age=60", "Age: 100")
