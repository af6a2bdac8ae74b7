# SPDX-License-Identifier: MIT
"""A second opinion on what a GET or HEAD must get: RFC 9110 s.13 and s.14 in a page of Python, made
from the RFC and not from the C. It plays the origin, and says what the edge has to answer, whatever
the edge has stored of it."""

import re
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime


@dataclass
class Representation:
    body: bytes
    etag: str = None             # with its quotes, W/ where weak
    modified: int = None         # seconds
    date: int = 0
    fields: list = field(default_factory=list)

    def is_modified_strong(self):
        return self.modified is not None and self.date >= self.modified + 1

    def is_joinable(self):
        """Whether a cache may put parts of it together (RFC 9110 s.15.3.7.3)."""
        return not self.etag.startswith("W/") if self.etag else self.is_modified_strong()

    def head(self):
        out = [("Date", formatdate(self.date, usegmt=True)), *self.fields]
        if self.etag:
            out.append(("ETag", self.etag))
        if self.modified is not None:
            out.append(("Last-Modified", formatdate(self.modified, usegmt=True)))
        return out


@dataclass
class Answer:
    status: int
    body: bytes = b""            # or, where there are several:
    parts: list = None           # [(first, last, bytes)]
    content_range: str = None
    length: int = None           # Content-Length where there is no body to count


def date_of(text):
    try:
        return int(parsedate_to_datetime(text).timestamp()) if text.endswith(" GMT") else None
    except ValueError:
        return None


def weak(tag):
    return tag.removeprefix("W/")


def none_matches(representation, value):
    """Whether If-None-Match names what there is: then it is not sent again (s.13.1.2)."""
    if value.strip() == "*":
        return True
    tags = re.findall(r'(?:W/)?"[^"]*"', value)
    return representation.etag is not None and weak(representation.etag) in map(weak, tags)


def if_range_holds(representation, value):
    """s.13.1.5: equal by the strong comparison, or exactly the date where that is strong."""
    if value is None:
        return True
    if re.fullmatch(r'(?:W/)?"[^"]*"', value):
        return value == representation.etag and not value.startswith("W/")
    date = date_of(value)
    return date is not None and representation.is_modified_strong() \
        and date == representation.modified


def specs_of(value):
    """[(first or None, last or None)]; None where the field must be ignored."""
    unit, equals, rest = value.partition("=")
    if unit.lower() != "bytes" or not equals:
        return None
    specs = []
    for spec in filter(None, (s.strip(" \t") for s in rest.split(","))):
        m = re.fullmatch(r"(\d*)-(\d*)", spec)
        if not m or spec == "-":
            return None
        first, last = (int(g) if g else None for g in m.groups())
        if first is not None and last is not None and last < first:
            return None
        specs.append((first, last))
    return specs or None


def resolved(specs, size):
    """[[first, last]] of those that are satisfiable: what overlaps or touches is one, where the
    first of them stood."""
    out = []
    for first, last in specs:
        if first is None:
            span = [max(0, size - last), size - 1] if last and size else None
        else:
            span = [first, min(size - 1, size - 1 if last is None else last)] \
                if first < size else None
        if span is None:
            continue
        place = len(out)
        for i in reversed(range(len(out))):
            if out[i][0] <= span[1] + 1 and span[0] <= out[i][1] + 1:
                span = [min(span[0], out[i][0]), max(span[1], out[i][1])]
                place = i
                del out[i]
        out.insert(min(place, len(out)), span)
    return out


def answer(r, method, ask):
    """ask: {lower-case name: value}"""
    size = len(r.body)
    if "if-none-match" in ask:
        if none_matches(r, ask["if-none-match"]):
            return Answer(304)
    elif "if-modified-since" in ask and r.modified is not None:
        since = date_of(ask["if-modified-since"])
        if since is not None and r.modified <= since:
            return Answer(304)
    if method == "HEAD":
        return Answer(200, length=size)
    specs = specs_of(ask["range"]) if "range" in ask else None
    if specs is None or not if_range_holds(r, ask.get("if-range")):
        return Answer(200, r.body)
    ranges = resolved(specs, size)
    if not ranges:
        return Answer(416, content_range=f"bytes */{size}")
    if len(ranges) == 1:
        first, last = ranges[0]
        return Answer(206, r.body[first:last + 1], content_range=f"bytes {first}-{last}/{size}")
    return Answer(206, parts=[(f, la, r.body[f:la + 1]) for f, la in ranges])


BOUNDARY = "model-of-the-origin"


def wire(r, method, ask):
    """The same as bytes: what the origin sends."""
    a = answer(r, method, ask)
    fields, body = r.head(), a.body
    if a.parts:
        fields.append(("Content-Type", f"multipart/byteranges; boundary={BOUNDARY}"))
        body = b"".join(
            f"--{BOUNDARY}\r\nContent-Range: bytes {f}-{la}/{len(r.body)}\r\n\r\n".encode() + b
            + b"\r\n" for f, la, b in a.parts) + f"--{BOUNDARY}--\r\n".encode()
    if a.content_range:
        fields.append(("Content-Range", a.content_range))
    if a.status != 304:
        fields.append(("Content-Length", len(body) if a.length is None else a.length))
    lines = [f"HTTP/1.1 {a.status} Modelled", *(f"{n}: {v}" for n, v in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def parts_of(content_type, body):
    """[(first, last, bytes)] of a multipart/byteranges body."""
    boundary = re.search(r'boundary="?([^";]+)', content_type)[1].encode()
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    assert pieces[0] == b"" and pieces[-1].rstrip() == b"--", "not a multipart body"
    out = []
    for piece in pieces[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        m = re.search(rb"Content-Range: bytes (\d+)-(\d+)/\d+", head, re.IGNORECASE)
        out.append((int(m[1]), int(m[2]), content))
    return out
