# SPDX-License-Identifier: MIT
"""The `clients` section of a running edge: the dead are cut, the slow are spared, also after a
reload, and HTTP/2 streams one by one."""

import os
import subprocess
import time

import pytest

from tests.harness.programs import Edge, wait_until

SMALL, LARGE_BYTES = b"x" * 1000, 8_000_000
SHORT_S = 15  # far below the defaults, far above what is configured here


@pytest.fixture
def edge(run, origin, tmp_path):
    origin.page("/small", SMALL, cache="max-age=600")
    origin.page("/large", os.urandom(LARGE_BYTES), cache="max-age=600")
    edge = Edge(tmp_path, [origin.url], over={"clients": {
        "head": "300ms", "idle": "300ms", "stall": "1s", "min_progress": "4KiB",
        "requests": 3}})
    return run(edge)


def seconds_until_closed(client):
    begun = time.monotonic()
    assert client.is_closed()
    return time.monotonic() - begun


def test_the_edge_tells_at_start_how_many_connections_it_can_hold(run, origin, tmp_path):
    class Limited(Edge):
        def command(self):
            return ["prlimit", "--nofile=1500:1500", *super().command()]

    edge = run(Limited(tmp_path, [origin.url], over={"workers": 1,
                                                     "clients": {"connections": 1_000_000}}))
    wait_until(lambda: "connections_max=1500 limited_by=descriptors" in edge.stderr(), "it tells")


def test_heads_that_do_not_come_and_idle_connections_end(edge):
    with edge.client() as unfinished, edge.client() as idle:
        unfinished.send(b"GET /small HTTP/1.1\r\nHost:")
        assert idle.get("/small").body == SMALL
        assert seconds_until_closed(unfinished) < SHORT_S
        assert seconds_until_closed(idle) < SHORT_S
    assert edge.metric("byeori_http_server_timeouts_head_total") == 1
    assert edge.metric("byeori_http_server_timeouts_idle_total") >= 1


def test_the_last_request_of_a_connection_is_told(edge):
    with edge.client() as c:
        assert [c.get("/small").header("Connection") for _ in range(3)] == [None, None, "close"]
        assert c.is_closed()


def test_who_takes_nothing_is_cut_and_who_is_slow_is_spared(edge):
    with edge.client(receive_buffer=4096) as dead, edge.client(receive_buffer=4096) as slow:
        dead.send_request("GET", "/large")
        slow.send_request("GET", "/large")
        assert slow.head().status == 200
        end = time.monotonic() + 3  # three times `stall`
        while time.monotonic() < end:
            slow.sock.recv(4096)
            time.sleep(0.05)
        edge.wait_metric("byeori_http_server_timeouts_stall_total", 1, SHORT_S)
        assert slow.sock.recv(1)
    assert edge.metric("byeori_http_server_timeouts_stall_total") == 1


def test_a_slow_client_of_http2_gets_all(edge, tmp_path):
    out = tmp_path / "got"
    subprocess.run(["curl", "-sf", "--http2-prior-knowledge", "--limit-rate", "4M", "-o", out,
                    "-H", f"Host: {edge.host}", f"http://127.0.0.1:{edge.port}/large"],
                   check=True, timeout=30)
    assert out.stat().st_size == LARGE_BYTES


def test_limits_change_by_a_reload(edge):
    def answers_of_one_connection():
        with edge.client() as c:
            return [c.get("/small").header("Connection") for _ in range(3)]

    assert answers_of_one_connection() == [None, None, "close"]
    edge.configure({**edge.values, "clients": {"requests": 0}})
    edge.reload()
    wait_until(lambda: answers_of_one_connection() == [None] * 3, "the new limits hold")
