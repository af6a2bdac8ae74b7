# SPDX-License-Identifier: MIT
"""Interim answers (103 Early Hints) on their way through a collapsed fetch: to all who wait for
it, before its answer."""

import select
import subprocess

import pytest

from tests.harness.programs import Edge, wait_until

pytestmark = pytest.mark.threads
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n" \
       b"Connection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 7\r\n%s\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nhi"


class Hinting:
    """An origin's script: the hint at once, the answer when the test says so."""

    def __init__(self, held, more=b""):
        self.held, self.more = held, more

    def __call__(self, request, wire):
        wire.send(HINT % self.more)
        self.held(request, wire)


@pytest.fixture
def edge(run, origin, tmp_path):
    return run(Edge(tmp_path, [origin.url], over={"workers": 4}))


def ask(edge, **fields):
    c = edge.client()
    c.send_request("GET", "/a", **fields)
    return c


def heads(client):
    """Heads up to the final one, and its body."""
    found = [client.reader.head()]
    while " 1" in found[-1].first[:10]:
        found.append(client.reader.head())
    return found, client.reader.exactly(2)


def crowd_of(edge, origin, count, more=b"", **leader):
    """What each client of a crowd on one cold page was told before the page came."""
    with origin.holding("/a") as held:
        origin.on("/a", Hinting(held, more))
        first = ask(edge, **leader)
        held.wait_for(1)
        others = [ask(edge) for _ in range(count)]       # the hint came before they did
        wait_until(lambda: edge.metric("byeori_edge_misses_total") >= count + 1, "all wait")
        for_all = not more and not leader
        hints = [c.reader.head() for c in ([first, *others] if for_all else [first])]
        if not for_all:
            assert not select.select([c.sock for c in others], [], [], 0.3)[0]
        held.answer_with(lambda request, wire: wire.send(PAGE))
        rest = [heads(c) for c in [first, *others]]
        for c in [first, *others]:
            c.close()
    return hints, rest


def test_everybody_who_waits_gets_the_hint_before_the_answer(edge, origin):
    hints, rest = crowd_of(edge, origin, 20)
    assert origin.count("/a") == 1
    assert {h.first for h in hints} == {"HTTP/1.1 103 Early Hints"}
    assert {tuple(h.fields) for h in hints} == {(("Link", "</style.css>; rel=preload"),)}
    assert {len(found) for found, _ in rest} == {1} and {body for _, body in rest} == {b"hi"}


@pytest.mark.parametrize("more, leader", [
    (b"Set-Cookie: a=b\r\n", {}), (b"", {"Authorization": "Basic eDp5"})])
def test_a_hint_for_one_client_reaches_no_other(edge, origin, more, leader):
    hints, rest = crowd_of(edge, origin, 5, more, **leader)
    assert hints[0].header("Link") and len(rest[0][0]) == 1
    assert {body for _, body in rest} == {b"hi"}
    assert origin.count("/a") == (2 if leader else 1)      # they share a fetch of their own then


def test_who_gave_up_while_a_hint_came_disturbs_nobody(edge, origin):
    with origin.holding("/a") as held:
        origin.on("/a", Hinting(held))
        clients = [ask(edge) for _ in range(40)]
        held.wait_for(1)
        for c in clients[1::2]:
            c.reset()
        held.answer_with(lambda request, wire: wire.send(PAGE))
        assert {heads(c)[1] for c in clients[2::2]} == {b"hi"}


def test_a_hint_over_http2(edge, origin):
    origin.on("/a", Hinting(lambda request, wire: wire.send(PAGE)))
    done = subprocess.run(["nghttp", "-v", "-H:authority: test.example",
                           f"http://127.0.0.1:{edge.port}/a"], capture_output=True, timeout=60)
    said = done.stdout.decode()
    assert ":status: 103" in said and "link: </style.css>" in said
    assert said.index(":status: 103") < said.index(":status: 200")
    assert "x-hop" not in said
