# SPDX-License-Identifier: MIT
"""The `clients` section of a running edge: the dead are cut, the slow are spared, also after a
reload, and HTTP/2 streams one by one."""

import os
import subprocess
import time

import pytest

from tests.harness.programs import Edge, wait_until

SMALL, LARGE_BYTES = b"x" * 1000, 8_000_000


@pytest.fixture
def edge_with(run, origin, tmp_path):
    """An edge with the limits that the test is about."""
    origin.page("/small", SMALL, cache="max-age=600")
    origin.page("/large", os.urandom(LARGE_BYTES), cache="max-age=600")
    return lambda **limits: run(Edge(tmp_path, [origin.url], over={"clients": limits}))


def test_the_edge_tells_at_start_how_many_connections_it_can_hold(run, origin, tmp_path):
    class Limited(Edge):
        def command(self):
            return ["prlimit", "--nofile=1500:1500", *super().command()]

    edge = run(Limited(tmp_path, [origin.url], over={"workers": 1,
                                                     "clients": {"connections": 1_000_000}}))
    wait_until(lambda: "connections_max=1500 limited_by=descriptors" in edge.stderr(), "it tells")


def test_a_head_that_does_not_come_ends_its_connection(edge_with):
    edge = edge_with(head="300ms", idle="10m")
    with edge.client() as unfinished:
        unfinished.send(b"GET /small HTTP/1.1\r\nHost:")
        assert unfinished.is_closed()
    edge.wait_metric("byeori_http_server_timeouts_head_total", 1)


def test_an_idle_connection_ends(edge_with):
    edge = edge_with(head="10m", idle="300ms")
    with edge.client() as idle:
        assert idle.get("/small").body == SMALL
        assert idle.is_closed()
    edge.wait_metric("byeori_http_server_timeouts_idle_total", 1)


def test_the_last_request_of_a_connection_is_told(edge_with):
    edge = edge_with(requests=3)
    with edge.client() as c:
        assert [c.get("/small").header("Connection") for _ in range(3)] == [None, None, "close"]
        assert c.is_closed()


def take_slowly(client, seconds):
    """Takes a little at a time for so long, or until it is cut; the longest pause that it made."""
    began = last = time.monotonic()
    pause = 0
    try:
        while last < began + seconds and client.sock.recv(4096):
            time.sleep(0.05)
            pause, last = max(pause, time.monotonic() - last), time.monotonic()
    except OSError:
        pass
    return max(pause, time.monotonic() - last)


def test_who_takes_nothing_is_cut_and_who_is_slow_is_spared(edge_with):
    edge = edge_with(stall="1s", min_progress="4KiB")
    with edge.client(receive_buffer=4096) as dead:
        dead.send_request("GET", "/large")
        edge.wait_metric("byeori_http_server_timeouts_stall_total", 1)
    for _ in range(20):      # again where the machine made a pause that nobody may make
        before = edge.metric("byeori_http_server_timeouts_stall_total")
        with edge.client(receive_buffer=4096) as slow:
            slow.send_request("GET", "/large")
            pause = take_slowly(slow, 3)      # three times `stall`
            if edge.metric("byeori_http_server_timeouts_stall_total") == before:
                break
        assert pause > 0.5


def test_a_slow_client_of_http2_gets_all(edge_with, tmp_path):
    edge = edge_with(requests=3)
    out = tmp_path / "got"
    subprocess.run(["curl", "-sf", "--http2-prior-knowledge", "--limit-rate", "4M", "-o", out,
                    "-H", f"Host: {edge.host}", f"http://127.0.0.1:{edge.port}/large"],
                   check=True, timeout=60)
    assert out.stat().st_size == LARGE_BYTES


def test_limits_change_by_a_reload(edge_with):
    edge = edge_with(requests=3)

    def answers_of_one_connection():
        with edge.client() as c:
            return [c.get("/small").header("Connection") for _ in range(3)]

    assert answers_of_one_connection() == [None, None, "close"]
    edge.configure({**edge.values, "clients": {"requests": 0}})
    edge.reload()
    wait_until(lambda: answers_of_one_connection() == [None] * 3, "the new limits hold")
