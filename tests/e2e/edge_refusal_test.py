# SPDX-License-Identifier: MIT
"""Bad input and bad origins: one clear line, the right status, nothing else disturbed."""

import os
import signal
import time

import pytest

from tests.harness.origin import Origin
from tests.harness.programs import Edge, wait_until


def test_an_unknown_host_is_421(cdn):
    r = cdn.get("/", Host="unknown.example")
    assert r.status == 421 and r.body.endswith(b"\n") and len(r.body.splitlines()) == 1


def test_trace_and_connect_are_refused(cdn):
    assert cdn.get("/", method="TRACE").status == 405


def test_a_loop_is_stopped(cdn):
    assert cdn.get("/", CDN_Loop="other, edge-1").status == 508
    assert cdn.origin.count("/") == 0


def test_malformed_and_oversized_heads(cdn):
    with cdn.client() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: test.example\r\nBad Field: x\r\n\r\n")
        assert c.response().status == 400 and c.is_closed()
    with cdn.client() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: test.example\r\nX: " + b"y" * 70000)
        assert c.response().status == 431


def test_an_origin_that_is_down_is_502(cdn):
    cdn.origin.stop()
    r = cdn.get("/a")
    assert r.status == 502
    assert r.header("Proxy-Status").startswith("edge-1; error=connection_refused")


def test_an_origin_that_says_nothing_is_504(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={"first_byte_timeout": "300ms"}))
    with origin.holding("/a") as held:
        r = edge.get("/a")
        held.answer_with(lambda request, wire: wire.close())
    assert r.status == 504 and "error=" in r.header("Proxy-Status")


def test_an_answer_that_is_no_http_is_502(cdn):
    cdn.origin.raw("/a", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy")
    r = cdn.get("/a")
    assert r.status == 502 and "error=http_protocol_error" in r.header("Proxy-Status")


def test_the_next_origin_answers_where_the_first_is_down(run, origin, tmp_path):
    dead = Origin()
    dead.stop()
    edge = run(Edge(tmp_path, [dead.url, origin.url]))
    origin.page("/a", b"x", cache="max-age=60")
    assert edge.get("/a").body == b"x"
    assert edge.get("/b").status == 404


def test_a_head_answered_past_the_body(cdn):
    cdn.origin.page("/a", b"x" * 100, cache="no-store")
    r = cdn.get("/a", method="HEAD")
    assert (r.status, r.header("Content-Length")) == (200, "100")


def test_a_client_that_goes_away_in_the_middle_is_forgotten(cdn):
    cdn.origin.page("/a", b"x" * (8 << 20), cache="no-store")
    for _ in range(10):
        c = cdn.client(receive_buffer=4096)
        c.send_request("GET", "/a")
        c.head()
        c.reset()
    assert cdn.get("/a", method="HEAD").status == 200


@pytest.mark.parametrize("over, said", [
    ({"nonsense": 1}, "nonsense"),
    ({("site", "test"): {"origins": ["ftp://x"]}}, "ftp"),
    ({("site", "test"): {"block": "3MiB"}}, "block"),
    ({("site", "other"): {"hosts": ["test.example"], "origins": ["http://127.0.0.1:1"]}},
     "test.example"),
])
def test_a_bad_configuration_is_refused_with_its_line(tmp_path, over, said):
    edge = Edge(tmp_path, ["http://127.0.0.1:1"], over=over).launch()
    assert edge.wait() == 1
    assert f"{edge.file}:" in edge.stderr() and said in edge.stderr()


def test_a_port_that_is_taken_is_said(run, origin, tmp_path):
    first = run(Edge(tmp_path / "1", [origin.url]))
    second = Edge(tmp_path / "2", [origin.url],
                  over={("listen", "http"): {"address": f"127.0.0.1:{first.port}"}}).launch()
    assert second.wait() == 1 and str(first.port) in second.stderr()


def test_reload_brings_new_sites_and_refuses_bad_ones(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url]))
    origin.page("/a", b"x", cache="max-age=60")
    assert edge.get("/a", Host="new.example").status == 421
    values = dict(edge.values)
    values["site", "new"] = {"hosts": ["new.example"], "origins": [origin.url]}
    edge.configure(values)
    edge.reload()
    wait_until(lambda: edge.get("/a", Host="new.example").status == 200, "the new site is served")
    edge.configure({**values, "memory": "1GiB"})
    edge.reload()
    wait_until(lambda: "reload-refused" in edge.stderr(), "the reload is refused")
    assert "memory" in edge.stderr()
    assert edge.get("/a").status == 200


def test_a_download_survives_a_reload(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url]))
    body = b"0123456789" * 300_000
    origin.page("/a", body, cache="max-age=60", etag='"1"', bytes_per_s=6 << 20)
    pending = edge.begin("/a")
    time.sleep(0.1)
    for _ in range(3):
        edge.reload()
        time.sleep(0.05)
    assert pending.wait().body == body


def test_lost_lines_of_the_access_log_are_told(run, origin, tmp_path):
    (tmp_path / "logs").mkdir()
    full = tmp_path / "logs" / "access.log"
    full.symlink_to("/dev/full")
    edge = run(Edge(tmp_path, [origin.url], over={"access_log": str(full)}))
    origin.page("/a", b"hello", cache="max-age=60")
    edge.get("/a")
    edge.wait_metric("byeori_edge_access_log_lost_lines_total", 1)
    wait_until(lambda: "access-log-lost" in edge.stderr(), "it is said")
    assert "No space left on device" in edge.stderr()
    edge.get("/a")
    edge.wait_metric("byeori_edge_access_log_lost_lines_total", 2)
    os.rename(tmp_path / "logs", tmp_path / "away")
    edge.signal(signal.SIGUSR1)
    wait_until(lambda: "access-log-not-reopened" in edge.stderr(), "it is said")


def test_the_access_log_is_reopened(run, origin, tmp_path):
    import json
    log = tmp_path / "access.log"
    edge = run(Edge(tmp_path, [origin.url], over={"access_log": str(log)}))
    origin.page("/a", b"hello", cache="max-age=60")
    edge.get("/a", User_Agent='te"st')
    wait_until(lambda: log.exists() and log.read_text().count("\n") == 1, "a line")
    line = json.loads(log.read_text())
    assert (line["status"], line["body_bytes"], line["site"]) == (200, 5, "test")
    assert line["user_agent"] == 'te"st' and line["from"] == {"origin": 5}
    log.rename(tmp_path / "access.log.1")
    edge.signal(signal.SIGUSR1)
    wait_until(log.exists, "a new file")
    edge.get("/a")
    wait_until(lambda: log.read_text().count("\n") == 1, "a line in the new file")
    assert json.loads(log.read_text())["from"] == {"memory": 5}


def test_tls_to_clients_and_to_the_origin(run, authority, tmp_path):
    origin = Origin(tls=authority.server_context("o", ["127.0.0.1"]))
    edge = run(Edge(tmp_path, [origin.url], tls=authority.certificate("e", ["test.example"]),
                    site={"ca_file": str(authority.file)}))
    origin.page("/a", b"safe" * 500_000, cache="max-age=60", etag='"1"')
    from tests.harness.client import Client
    for _ in range(2):
        with Client(("127.0.0.1", edge.tls_port), tls=authority.client_context()) as c:
            assert c.get("/a").body == b"safe" * 500_000
    assert origin.count("/a") == 1
    origin.stop()


def test_an_origin_whose_certificate_is_not_trusted_is_502(run, authority, tmp_path):
    origin = Origin(tls=authority.server_context("o", ["127.0.0.1"]))
    edge = run(Edge(tmp_path, [origin.url]))
    r = edge.get("/a")
    assert r.status == 502 and "tls_certificate_error" in r.header("Proxy-Status")
    origin.stop()
