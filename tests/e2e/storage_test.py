# SPDX-License-Identifier: MIT
"""byeori-origin before storages across a network: OpenStack Swift by its own interface and by S3's,
and servers that do what the test says."""

import hashlib
import re
import signal
import threading
import time

import pytest

from tests.harness.client import Pending
from tests.harness.content import Content
from tests.harness.http1 import Closed
from tests.harness.origin import page_of
from tests.harness.programs import OriginGateway, run_tool, wait_until
from tests.harness.swift import PASSWORD, TEMP_URL_KEY, USER, Swift

BIG = Content(9_000_001, seed=11)


@pytest.fixture(scope="module")
def swift(swift):
    s = swift
    s.put("games", "big.bin", BIG.read(0, BIG.size))
    s.put("games", "a%20b/%C3%A4+~.txt", b"odd name", **{"Content-Type": "text/x-odd"})
    s.put("games", "empty", b"")
    s.put("games", "digest.bin", b"abc", **{
        "X-Object-Meta-Sha256": hashlib.sha256(b"abc").hexdigest()})
    s.put("parts", "p1", BIG.read(0, 5_000_000))
    s.put("parts", "p2", BIG.read(5_000_000, BIG.size - 5_000_000))
    s.put("games", "slo.bin?multipart-manifest=put",
          b'[{"path": "/parts/p1"}, {"path": "/parts/p2"}]')
    s.put("games", "dlo.bin", b"", **{"X-Object-Manifest": "parts/p"})
    return s


def secrets(tmp_path, **values):
    file = tmp_path / "secrets"
    file.write_text("".join(f"{k} = {v}\n" for k, v in values.items()))
    return str(file)


def s3_of(swift, tmp_path):
    return "s3", {"url": swift.url, "bucket": "games",
                  "credentials_file": secrets(tmp_path, aws_access_key_id=USER,
                                              aws_secret_access_key=PASSWORD)}


def s3_virtual_of(swift, tmp_path):
    kind, values = s3_of(swift, tmp_path)
    return kind, {**values, "style": "virtual", "address": "127.0.0.1",
                  "url": f"http://s3.test:{swift.ports['proxy']}"}


def swift_of(swift, tmp_path):
    return "swift", {"auth_url": swift.url + "/auth/v1.0", "user": USER, "bucket": "games",
                     "credentials_file": secrets(tmp_path, password=PASSWORD)}


def temp_url_of(swift, tmp_path):
    return "swift", {"auth": "tempurl", "url": swift.storage_url, "bucket": "games",
                     "credentials_file": secrets(tmp_path, temp_url_key=TEMP_URL_KEY)}


def gateway_before(run, tmp_path, storage, **over):
    kind, values = storage
    g = OriginGateway(tmp_path, lambda port: {
        "workers": 2, ("listen", "http"): {"address": f"127.0.0.1:{port}"},
        ("storage", kind): {**values, **over}})
    return run(g)


@pytest.fixture(params=[s3_of, s3_virtual_of, swift_of, temp_url_of])
def gateway(request, run, tmp_path, swift):
    return gateway_before(run, tmp_path, request.param(swift, tmp_path))


def test_an_object_comes_whole_and_by_range(gateway):
    r = gateway.get("/big.bin")
    assert r.status == 200 and r.body == BIG.read(0, BIG.size)
    assert re.fullmatch(r'"[0-9a-f]{32}"', r.header("ETag")) and r.header("Last-Modified")
    for first, last in (0, 9), (4_999_990, 5_000_010), (BIG.size - 5, BIG.size - 1):
        part = gateway.get("/big.bin", Range=f"bytes={first}-{last}")
        assert part.status == 206 and part.body == BIG.read(first, last - first + 1)
        assert part.header("ETag") == r.header("ETag")
        assert part.header("Content-Range") == f"bytes {first}-{last}/{BIG.size}"
    assert gateway.get("/big.bin", Range="bytes=-7").body == BIG.read(BIG.size - 7, 7)
    assert gateway.get("/big.bin", Range=f"bytes={BIG.size}-").status == 416
    several = gateway.get("/big.bin", Range="bytes=0-9,4999990-5000009")
    assert several.status == 206 and several.body.count(BIG.read(4_999_990, 20)) == 1
    head = gateway.get("/big.bin", method="HEAD")
    assert head.status == 200 and head.header("Content-Length") == str(BIG.size)


def test_what_has_not_changed_is_not_sent_again(gateway):
    tag = gateway.get("/big.bin", method="HEAD").header("ETag")
    assert gateway.get("/big.bin", **{"If-None-Match": tag}).status == 304
    assert gateway.get("/big.bin", **{"If-Match": '"else"'}).status == 412
    assert gateway.get("/big.bin", **{"If-Range": '"else"', "Range": "bytes=0-0"}).status == 200


def test_odd_names_empty_and_missing_objects(gateway):
    odd = gateway.get("/a%20b/%C3%A4+~.txt")
    assert (odd.status, odd.body, odd.header("Content-Type")) == (200, b"odd name", "text/x-odd")
    assert gateway.get("/empty").body == b"" and gateway.get("/empty").status == 200
    assert gateway.get("/none").status == 404


def test_a_digest_that_was_left_beside_an_object_is_told(run, tmp_path, swift):
    g = gateway_before(run, tmp_path, swift_of(swift, tmp_path))
    assert g.get("/digest.bin").header("Repr-Digest") == \
        "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:"


@pytest.mark.parametrize("name", ["/slo.bin", "/dlo.bin"])
@pytest.mark.parametrize("kind", [s3_of, swift_of, temp_url_of])
def test_large_objects_are_read_as_one(run, tmp_path, swift, kind, name):
    if kind is s3_of and name == "/dlo.bin":
        pytest.skip("Swift's S3 interface shows a dynamic large object as its empty manifest")
    g = gateway_before(run, tmp_path, kind(swift, tmp_path))
    r = g.get(name)
    assert r.status == 200 and r.body == BIG.read(0, BIG.size) and r.header("ETag")
    part = g.get(name, Range="bytes=4999990-5000009")
    assert part.status == 206 and part.body == BIG.read(4_999_990, 20)


def test_a_storage_that_restarts_is_met_again(run, tmp_path, swift):
    g = gateway_before(run, tmp_path, swift_of(swift, tmp_path))
    assert g.get("/empty").status == 200
    swift.kill("proxy")
    assert g.get("/empty").status == 502
    swift.start_one("proxy")
    wait_until(lambda: swift.listens("proxy"), "Swift's proxy listens again", 60)
    assert g.get("/empty").status == 200


def test_tokens_are_fetched_again_when_they_end(run, tmp_path):
    s = Swift(tmp_path, token_life_s=3).start()
    try:
        s.put("games", "a", b"a" * 10)
        g = gateway_before(run, tmp_path, swift_of(s, tmp_path))
        end = time.monotonic() + 5
        while time.monotonic() < end:
            assert g.get("/a").status == 200
    finally:
        s.stop()


def test_a_wrong_secret_is_no_missing_object(run, tmp_path, swift):
    kind, values = s3_of(swift, tmp_path)
    file = secrets(tmp_path, aws_access_key_id=USER, aws_secret_access_key="wrong")
    g = gateway_before(run, tmp_path, (kind, {**values, "credentials_file": file}))
    assert g.get("/empty").status == 502
    (tmp_path / "new").write_text(f"aws_access_key_id = {USER}\n"
                                  f"aws_secret_access_key = {PASSWORD}\n")
    (tmp_path / "new").rename(file)
    wait_until(lambda: g.get("/empty").status == 200, "the new secret is read")


def plain(origin, **over):
    return "http", {"url": origin.url + "/base", **over}


def test_a_read_that_breaks_goes_on_from_the_byte(run, tmp_path, origin):
    cuts = iter([1_000_000, 3_333_333])
    origin.on("/base/big", lambda request, wire: page_of(
        BIG, etag='"v1"', cut=next(cuts, None))(request, wire))
    g = gateway_before(run, tmp_path, plain(origin))
    r = g.get("/big")
    assert r.status == 200 and r.body == BIG.read(0, BIG.size)
    asked = [q.header("Range") for q in origin.requests("/base/big")]
    assert asked == [None, f"bytes=1000000-{BIG.size - 1}", f"bytes=4333333-{BIG.size - 1}"]
    assert origin.requests("/base/big")[1].header("If-Match") == '"v1"'


def test_bytes_of_two_versions_never_meet(run, tmp_path, origin):
    pages = iter([page_of(BIG, etag='"v1"', cut=1_000_000)])
    new = page_of(Content(BIG.size, seed=12), etag='"v2"')
    origin.on("/base/big", lambda request, wire: next(pages, new)(request, wire))
    g = gateway_before(run, tmp_path, plain(origin))
    with g.client() as c:
        c.send(f"GET /big HTTP/1.1\r\nHost: {c.host}\r\n\r\n".encode())
        with pytest.raises((Closed, ConnectionResetError)):
            c.response()
    g.wait_metric("byeori_origin_changed_total", 1)    # a client may know before
    assert g.get("/big").header("ETag") == '"v2"'


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_storage_in_trouble_is_asked_again(run, tmp_path, origin, status):
    bad = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n".encode()
    answers = iter([lambda _, wire: wire.send(bad)] * 2)
    good = page_of(b"well again", etag='"1"')
    origin.on("/base/a", lambda request, wire: next(answers, good)(request, wire))
    g = gateway_before(run, tmp_path, plain(origin))
    assert g.get("/a").body == b"well again" and origin.count("/base/a") == 3


@pytest.mark.parametrize("status,told", [(500, 502), (503, 503), (429, 503), (403, 502),
                                         (401, 502), (404, 404), (410, 404)])
def test_what_a_storage_says_in_the_end_is_told(run, tmp_path, origin, status, told):
    origin.on("/base/a", lambda _, wire: wire.send(
        f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nRetry-After: 7\r\n\r\n".encode()))
    g = gateway_before(run, tmp_path, plain(origin), tries=1)
    r = g.get("/a")
    assert r.status == told and (told != 503 or r.header("Retry-After") == "7")


def test_a_storage_that_hangs_is_a_time_out(run, tmp_path, origin):
    g = gateway_before(run, tmp_path, plain(origin), tries=1, first_byte_timeout="200ms")
    with origin.holding("/base/a") as held:
        assert g.get("/a").status == 504
        held.answer(b"")


def test_a_server_without_ranges_gives_the_right_bytes(run, tmp_path, origin):
    origin.page("/base/a", BIG, etag='"1"', has_ranges=False)
    g = gateway_before(run, tmp_path, plain(origin))
    r = g.get("/a", Range="bytes=3000000-3000099")
    assert r.status == 206 and r.body == BIG.read(3_000_000, 100)


def test_a_weak_validator_stays_weak(run, tmp_path, origin):
    origin.page("/base/a", b"abc", etag='W/"1"')
    g = gateway_before(run, tmp_path, plain(origin))
    assert g.get("/a").header("ETag") == 'W/"1"'
    assert g.get("/a", **{"If-Range": 'W/"1"', "Range": "bytes=0-0"}).status == 200


@pytest.mark.threads
def test_a_crowd_for_one_object_comes_one_at_a_time(run, tmp_path, origin):
    now, most, lock = [0], [0], threading.Lock()

    def counted(request, wire):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        page_of(b"x" * 1000, etag='"1"')(request, wire)

    origin.on("/base/a", counted)
    g = gateway_before(run, tmp_path, plain(origin), key_wait="30s", queue_wait="60s")
    crowd = [Pending(("127.0.0.1", g.port), "GET", "/a") for _ in range(40)]
    assert [p.wait().status for p in crowd] == [200] * 40
    assert origin.count("/base/a") == 40 and most[0] == 1


def test_a_crowd_for_one_object_holds_no_other_up(run, tmp_path, origin):
    origin.page("/base/b", b"b", etag='"1"')
    g = gateway_before(run, tmp_path, plain(origin), key_wait="30s", queue_wait="60s")
    with origin.holding("/base/a") as held:
        crowd = [Pending(("127.0.0.1", g.port), "GET", "/a") for _ in range(20)]
        held.wait_for(1)
        assert g.get("/b").body == b"b"
        held.answer(b"a")
        assert [p.wait().status for p in crowd] == [200] * 20


@pytest.mark.threads
def test_a_slow_reader_keeps_no_other_out(run, tmp_path, origin):
    g = gateway_before(run, tmp_path, plain(origin), key_wait="100ms")
    with origin.holding("/base/a") as held:
        both = [Pending(("127.0.0.1", g.port), "GET", "/a") for _ in range(2)]
        held.wait_for(2)
        held.answer(b"a")
        assert [p.wait().body for p in both] == [b"a", b"a"]


@pytest.mark.threads
def test_past_the_queue_the_answer_is_honest(run, tmp_path, origin):
    g = gateway_before(run, tmp_path, plain(origin), reads=1, queue=1, key_wait="30s",
                       queue_wait="60s")
    with origin.holding("/base/a") as held:
        inside = Pending(("127.0.0.1", g.port), "GET", "/a")
        held.wait_for(1)
        others = [Pending(("127.0.0.1", g.port), "GET", path) for path in ("/b", "/c", "/d")]
        wait_until(lambda: g.metric("byeori_origin_busy_total") == 2, "one waits, two must not")
        held.answer(b"a")
        assert inside.wait().status == 200
        assert sorted(p.wait().status for p in others) == [404, 503, 503]
        refused = next(p for p in others if p.status == 503)
        assert int(refused.header("Retry-After")) >= 1


@pytest.mark.parametrize("over,complaint", [
    ({"url": "ftp://x"}, "url"), ({"bucket": ""}, "bucket"),
    ({"credentials_file": "/nowhere"}, "credentials_file"), ({"style": "other"}, "style")])
def test_a_bad_section_is_refused_with_its_line(tmp_path, swift, over, complaint):
    kind, values = s3_of(swift, tmp_path)
    g = OriginGateway(tmp_path, lambda port: {
        ("listen", "http"): {"address": f"127.0.0.1:{port}"},
        ("storage", kind): {**values, **over}})
    done = run_tool("origin/byeori-origin", "-c", g.file, "--check-config")
    assert done.returncode == 1 and complaint in done.stderr and f"{g.file}:" in done.stderr


@pytest.mark.threads
@pytest.mark.parametrize("signals", [1, 2])
def test_a_stop_with_a_crowd_before_the_gate_is_clean(run, tmp_path, origin, signals):
    g = gateway_before(run, tmp_path, plain(origin), reads=1, key_wait="30s", queue_wait="60s")
    with origin.holding("/base/a") as held:
        crowd = [Pending(("127.0.0.1", g.port), "GET", f"/{n}") for n in ("a", *range(30))]
        held.wait_for(1)
        for said in ("info stopping ", "stopping-at-once")[:signals]:
            g.signal(signal.SIGTERM)
            wait_until(lambda text=said: text in g.stderr(), said)
        if signals == 1:
            held.answer(b"a")
        assert g.wait() == 0
        held.answer(b"a")
    for p in crowd:
        p.wait()
