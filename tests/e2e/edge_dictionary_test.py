# SPDX-License-Identifier: MIT
"""Compression Dictionary Transport (RFC 9842) through the edge: deltas that an origin made, to
exactly the clients whose dictionary they need, decoded by the zstd of the command line."""

import base64
import hashlib
import subprocess

import pytest

from tests.harness.origin import page_of
from tests.harness.programs import Edge

MAGIC = bytes.fromhex("5e2a4d1820000000")        # of dcz, before the dictionary's SHA-256
OLD = b"".join(b"line %d of release 1.3\n" % n for n in range(20_000))
NEW = OLD.replace(b"1.3", b"1.4", 500)
FRESH = "public, max-age=600"
VARY = {"Vary": "Accept-Encoding, Available-Dictionary"}


def available(data):
    """What a client says that has these bytes as a dictionary."""
    return f":{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def zstd(*arguments):
    done = subprocess.run(["zstd", "-q", "-f", *map(str, arguments)], capture_output=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def delta(tmp_path):
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(NEW)
    zstd("--patch-from", tmp_path / "old", tmp_path / "new", "-o", tmp_path / "delta")
    return MAGIC + hashlib.sha256(OLD).digest() + (tmp_path / "delta").read_bytes()


@pytest.fixture
def decode(tmp_path):
    def run(body, dictionary):
        assert body[:8] == MAGIC and body[8:40] == hashlib.sha256(dictionary).digest()
        (tmp_path / "body").write_bytes(body[40:])
        (tmp_path / "dictionary").write_bytes(dictionary)
        zstd("-d", "--patch-from", tmp_path / "dictionary", tmp_path / "body", "-o",
             tmp_path / "out")
        return (tmp_path / "out").read_bytes()
    return run


@pytest.fixture
def edge(run, origin, tmp_path, delta):
    """The origin has a delta of /new against /old, and sends /new as it is to all others."""
    origin.page("/old", OLD, cache=FRESH, etag='"1.3"',
                headers={"Use-As-Dictionary": 'match="/new"', "Content-Type": "text/plain"})

    def new(request, wire):
        accepted = request.header("Accept-Encoding") or ""
        takes = "dcz" in accepted and "dcz;q=0" not in accepted
        if takes and request.header("Available-Dictionary") == available(OLD):
            page_of(delta, FRESH, {**VARY, "Content-Encoding": "dcz"}, etag='"1.4-dcz"')(
                request, wire)
        else:
            page_of(NEW, FRESH, {**VARY, "Content-Type": "text/plain"}, etag='"1.4"')(request, wire)

    origin.on("/new", new)
    edge = run(Edge(tmp_path, [origin.url], site={"encode": "zstd"}))
    edge.origin = origin
    return edge


def test_who_has_the_old_release_gets_a_delta_from_the_cache(edge, decode, delta):
    assert edge.get("/old").header("Use-As-Dictionary") == 'match="/new"'
    fields = {"Accept_Encoding": "gzip, br, zstd, dcz", "Available_Dictionary": available(OLD)}
    for cached in (False, True):
        r = edge.get("/new", **fields)
        assert r.header("Content-Encoding") == "dcz" and decode(r.body, OLD) == NEW
        assert ("; hit" in r.header("Cache-Status")) == cached
        assert len(r.body) == len(delta) < len(NEW) / 50
    assert edge.origin.count("/new") == 1


@pytest.mark.parametrize("fields, coding", [
    ({}, None), ({"Accept_Encoding": "gzip"}, None),
    ({"Available_Dictionary": available(OLD)}, None),
    ({"Accept_Encoding": "dcz"}, None), ({"Accept_Encoding": "zstd, dcz"}, "zstd"),
    ({"Accept_Encoding": "dcz", "Available_Dictionary": available(b"another")}, None),
    ({"Accept_Encoding": "dcz;q=0", "Available_Dictionary": available(OLD)}, None)])
def test_all_others_get_what_they_can_read(edge, fields, coding):
    edge.get("/new", Accept_Encoding="dcz", Available_Dictionary=available(OLD))
    for _ in range(2):
        r = edge.get("/new", **fields)
        assert r.header("Content-Encoding") == coding
        body = r.body
        if coding == "zstd":
            body = subprocess.run(["zstd", "-dc"], input=body, capture_output=True).stdout
        assert body == NEW


def test_conditions_and_ranges_are_of_the_delta(edge, delta):
    fields = {"Accept_Encoding": "dcz", "Available_Dictionary": available(OLD)}
    edge.get("/new", **fields)
    assert edge.get("/new", If_None_Match='"1.4-dcz"', **fields).status == 304
    assert edge.get("/new", If_None_Match='"1.4"', **fields).status == 200
    r = edge.get("/new", Range="bytes=0-39", **fields)
    assert (r.status, r.body) == (206, delta[:40])
