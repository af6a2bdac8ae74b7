# SPDX-License-Identifier: MIT
"""Ranges and conditions, cold and warm: the right bytes, and only the blocks they need."""

import pytest

from tests.harness.content import Content

MIB, GIB = 1 << 20, 1 << 30


@pytest.fixture
def file(cdn):
    content = Content(5 * MIB + 12345)
    cdn.origin.page("/f", content, cache="max-age=60", etag='"f"',
                    headers={"Content-Type": "application/x-test"})
    return content


def test_a_cold_range_costs_the_origin_its_blocks_only(cdn):
    content = Content(20 * GIB)
    cdn.origin.page("/huge", content, cache="max-age=60", etag='"h"')
    start = 10 * GIB + 4711
    r = cdn.get("/huge", Range=f"bytes={start}-{start + MIB - 1}")
    assert r.status == 206 and r.body == content.read(start, MIB)
    assert r.header("Content-Range") == f"bytes {start}-{start + MIB - 1}/{20 * GIB}"
    assert cdn.origin.body_bytes("/huge") <= MIB + 2 * MIB
    before = cdn.origin.count("/huge")
    r = cdn.get("/huge", Range=f"bytes={start}-{start + MIB - 1}")
    assert r.body == content.read(start, MIB)
    assert cdn.origin.count("/huge") == before


@pytest.mark.parametrize("field, first, last", [
    ("bytes=0-0", 0, 0),
    ("bytes=1048570-1048580", 1048570, 1048580),
    ("bytes=-500", -500, None),
    ("bytes=5000000-", 5000000, None),
    ("bytes=5000000-99999999999", 5000000, None),
    ("bytes=-99999999999", 0, None),
])
@pytest.mark.parametrize("is_warm", [False, True])
def test_one_range(cdn, file, field, first, last, is_warm):
    if is_warm:
        cdn.get("/f")
    first = file.size + first if first < 0 else first
    last = file.size - 1 if last is None else last
    r = cdn.get("/f", Range=field)
    assert r.status == 206 and r.body == file.read(first, last - first + 1)
    assert r.header("Content-Range") == f"bytes {first}-{last}/{file.size}"
    assert r.header("Content-Type") == "application/x-test"


def test_a_cold_range_and_then_the_whole_move_no_byte_twice(cdn, file):
    assert cdn.get("/f", Range="bytes=2097152-3145727").body == file.read(2 * MIB, MIB)
    assert cdn.get("/f").body == file.read(0, file.size)
    assert cdn.origin.body_bytes("/f") <= file.size
    assert cdn.get("/f").body == file.read(0, file.size)
    assert cdn.origin.body_bytes("/f") <= file.size


@pytest.mark.parametrize("is_warm", [False, True])
def test_several_ranges_come_as_parts(cdn, file, is_warm):
    if is_warm:
        cdn.get("/f")
    r = cdn.get("/f", Range="bytes=0-9,2000000-2000009,-5")
    assert r.status == 206
    kind, _, boundary = r.header("Content-Type").partition("; boundary=")
    assert kind == "multipart/byteranges"
    parts = r.body.split(b"--" + boundary.strip('"').encode())
    bodies = [p.partition(b"\r\n\r\n")[2][:-2] for p in parts[1:-1]]
    assert bodies == [file.read(0, 10), file.read(2000000, 10), file.read(file.size - 5, 5)]
    assert b"Content-Range: bytes 2000000-2000009/%d" % file.size in parts[2]


def test_a_range_beyond_the_end_is_416(cdn, file):
    cdn.get("/f")
    r = cdn.get("/f", Range="bytes=99999999-")
    assert (r.status, r.header("Content-Range")) == (416, f"bytes */{file.size}")


def test_if_range_that_fails_gives_the_whole(cdn, file):
    assert cdn.get("/f", Range="bytes=0-9", If_Range='"f"').status == 206
    r = cdn.get("/f", Range="bytes=0-9", If_Range='"old"')
    assert r.status == 200 and r.body == file.read(0, file.size)


def test_conditions_are_answered_from_the_cache(cdn, file):
    cdn.get("/f")
    r = cdn.get("/f", If_None_Match='"x", "f"')
    assert (r.status, r.body) == (304, b"") and r.header("ETag") == '"f"'
    assert cdn.get("/f", If_None_Match='"x"').status == 200
    assert cdn.get("/f", If_Match='"x"').status == 412
    assert cdn.origin.count("/f") == 1


def test_head_from_cache_and_cold(cdn, file):
    cold = cdn.get("/f", method="HEAD")
    assert (cold.status, cold.header("Content-Length"), cold.body) == (200, str(file.size), b"")
    cdn.get("/f")
    warm = cdn.get("/f", method="HEAD")
    assert warm.header("Content-Length") == str(file.size)
    assert "; hit" in warm.header("Cache-Status")
    assert [r.method for r in cdn.origin.requests("/f")] == ["HEAD", "GET"]


def test_an_origin_that_ignores_ranges_is_asked_once(cdn):
    content = Content(6 * MIB)
    cdn.origin.page("/f", content, cache="max-age=60", etag='"f"', has_ranges=False)
    assert cdn.get("/f", Range="bytes=5000000-5000099").body == content.read(5000000, 100)
    assert cdn.get("/f").body == content.read(0, content.size)
    assert cdn.origin.count("/f") == 1


def test_a_body_of_unknown_length(cdn):
    content = Content(3 * MIB + 7)
    cdn.origin.page("/f", content, cache="max-age=60", etag='"f"', is_chunked=True)
    assert cdn.get("/f").body == content.read(0, content.size)
    r = cdn.get("/f", Range="bytes=3000000-3000009")
    assert r.status == 206 and r.body == content.read(3000000, 10)
    assert cdn.get("/f").header("Content-Length") == str(content.size)
    assert cdn.origin.count("/f") == 1


def test_an_empty_body(cdn):
    cdn.origin.page("/e", b"", cache="max-age=60", etag='"e"')
    for _ in range(2):
        r = cdn.get("/e")
        assert (r.status, r.body, r.header("Content-Length")) == (200, b"", "0")
    assert cdn.get("/e", Range="bytes=0-").status == 416
    assert cdn.origin.count("/e") == 1
