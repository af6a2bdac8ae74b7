# SPDX-License-Identifier: MIT
"""Bodies that are larger than any buffer on their way by TLS, whatever their client does meanwhile.
Every byte is compared. BYEORI_LONG=1 makes them fifty times as large."""

import os
import random
import socket
import threading

import pytest

from tests.harness.content import Content
from tests.harness.client import Client
from tests.harness.h2_client import H2Client
from tests.harness.openssl import TLS1_2, TLS1_3, OpenSsl
from tests.harness.programs import Edge, accepts, wait_until

MIB = 1 << 20
SIZE = (300 if os.environ.get("BYEORI_LONG") else 6) * MIB
HOST = "test.example"
BODY = Content(SIZE + 4321, seed=5)
WAYS = {
    "aes-128": (TLS1_3, "TLS_AES_128_GCM_SHA256"),
    "aes-256": (TLS1_3, "TLS_AES_256_GCM_SHA384"),
    "chacha20": (TLS1_3, "TLS_CHACHA20_POLY1305_SHA256"),
    "tls-1.2": (TLS1_2, None),
}


@pytest.fixture
def edge(run, origin, authority, tmp_path):
    """What is asked for twice is on the disk, and most of it no longer in memory."""
    origin.page("/a", BODY, cache="max-age=600", etag='"1"')
    disk = {("disk", str(tmp_path / "disk")): {"size": 4 * SIZE + 64 * MIB}}
    edge = run(Edge(tmp_path, [origin.url], tls=authority.certificate("body", [HOST]),
                    over={"memory": "4MiB", **disk, "drain": "10m",
                          "clients": {"head": "10m", "idle": "10m", "stall": "10m"}}))
    for _ in range(2):
        assert edge.get("/a", Range="bytes=0-9").status == 206
    return edge


def serial(edge, authority):
    context = authority.client_context()
    with Client(("127.0.0.1", edge.tls_port), HOST, tls=context) as c:
        return c.sock.getpeercert()["serialNumber"]


def connect(edge, way="aes-128", **options):
    return Client(("127.0.0.1", edge.tls_port), HOST, tls=OpenSsl(*WAYS[way]), **options)


class Download:
    """Of all of it, or from `at` on; as much at a time as the caller likes."""

    def __init__(self, client, at=0, **fields):
        self.client, self.at = client, at
        if at:
            fields["Range"] = f"bytes={at}-"
        client.send_request("GET", "/a", **fields)
        assert client.head().status == (206 if at else 200)

    def take(self, limit):
        """False at the end."""
        if self.at == BODY.size:
            return False
        piece = self.client.reader.some(min(limit, BODY.size - self.at))
        assert piece and piece == BODY.read(self.at, len(piece)), f"wrong at {self.at}"
        self.at += len(piece)
        return True

    def until(self, at, limit=1 << 14):
        while self.at < at and self.take(limit):
            pass

    def rest(self):
        self.until(BODY.size, 1 << 16)


def in_parallel(*acts):
    faults = []

    def guarded(act):
        try:
            act()
        except BaseException as fault:  # noqa: told by the test's own thread
            faults.append(fault)

    threads = [threading.Thread(target=guarded, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def greedily(edge, way):
    with connect(edge, way) as c:
        for _ in range(2):
            Download(c).rest()


def bit_by_bit(edge, way):
    """Into a small socket, in pieces of any size, with pauses until nothing moves any more."""
    dice = random.Random(1)
    with connect(edge, way, receive_buffer=8192) as c:
        d = Download(c)
        while d.at < min(BODY.size, MIB):
            d.take(dice.choice((1, 100, 5000, 1 << 14)))
        wait_until(lambda: is_still(c.sock), "the socket is full")
        d.rest()


def is_still(sock):
    def waiting():
        return len(sock.sock.recv(1 << 22, socket.MSG_PEEK))
    before = waiting()
    return not threading.Event().wait(0.05) and waiting() == before


def with_new_keys(edge, way):
    """Its own often, the edge's once a download: OpenSSL 3.0 breaks where a second message of that
    kind comes before it could answer the first, behind a record that waits."""
    with connect(edge, way) as c:
        for _ in range(2):
            d = Download(c)
            for part in range(1, 8):
                c.sock.change_keys(both=part == 7)
                d.until(part * BODY.size // 8)
            d.rest()


def half_closed(edge, way):
    with connect(edge, way) as c:
        d = Download(c)
        c.sock.end()
        d.rest()
        assert c.sock.recv(1) == b""


def pipelined(edge, way):
    with connect(edge, way) as c:
        starts = [(i * 7919 * 31) % (BODY.size - 200_000) for i in range(24)]
        for n, at in enumerate(starts):
            size = 200_000 if n % 4 == 0 else 700
            c.send_request("GET", "/a", Range=f"bytes={at}-{at + size - 1}")
        for at in starts:
            r = c.response()
            assert r.status == 206 and r.body == BODY.read(at, len(r.body))


def by_http2(edge, way):
    """Its windows wide open, so that nothing but the socket holds it back."""
    version, suite = WAYS[way]
    with H2Client(("127.0.0.1", edge.tls_port), HOST, OpenSsl(version, suite, alpn="h2")) as c:
        c.h2.update_settings({4: 1 << 24})
        c.h2.increment_flow_control_window(1 << 24)
        for n in range(2):
            at = BODY.size - 2 * MIB - n
            if n == 1 and version == TLS1_3:
                c.sock.change_keys()
            r, _, is_cut = c.request("GET", "/a", [("range", f"bytes={at}-")])
            assert not is_cut and r.status == 206 and r.body == BODY.read(at, BODY.size)


@pytest.mark.parametrize("way", WAYS)
def test_every_byte_comes_right_however_the_client_reads(edge, way):
    acts = [greedily, bit_by_bit, half_closed, pipelined, by_http2]
    if WAYS[way][0] == TLS1_3:
        acts.append(with_new_keys)
    in_parallel(*(lambda act=act: act(edge, way) for act in acts))


def leave(edge, way, seed):
    dice = random.Random(seed)
    c = connect(edge, way, receive_buffer=dice.choice((4096, None)))
    d = Download(c, at=dice.randrange(BODY.size - MIB))
    d.until(d.at + dice.choice((1, 20_000, 500_000)))
    how = dice.choice(("reset", "close", "goodbye", "half", "again"))
    if how == "reset":
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    elif how == "goodbye":
        c.sock.end()
    elif how == "half":
        c.sock.sock.shutdown(socket.SHUT_WR)
    elif how == "again" and way == "tls-1.2":
        with pytest.raises(OSError):
            c.sock.negotiate_again()
    c.close()


def test_who_leaves_in_the_middle_leaves_nothing_behind(edge):
    with connect(edge) as c:
        Download(c).rest()
    wait_until(lambda: connections(edge) == 0, "nobody is left")
    before = edge.descriptors()
    for way in ("aes-128", "tls-1.2"):
        in_parallel(*(lambda seed=seed: leave(edge, way, seed) for seed in range(24)))
    wait_until(lambda: connections(edge) == 0, "nobody is left")
    # of 48; some to the origin may rest in the pool
    wait_until(lambda: edge.descriptors() <= before + 24, "their files are closed")
    with connect(edge) as c:
        Download(c).rest()


def connections(edge):
    return (edge.metric("byeori_http_server_connections_total")
            - edge.metric("byeori_http_server_connections_closed_total"))


def test_the_goodbye_comes_however_late_the_client_reads(edge):
    """An end without it is what anybody on the way could have made."""
    for way in WAYS:
        with connect(edge, way, receive_buffer=4096) as c:
            d = Download(c, Connection="close")
            wait_until(lambda: is_still(c.sock), "the socket is full")
            d.rest()
            assert c.sock.recv(1) == b""


def test_downloads_go_on_over_a_new_certificate_and_over_the_end(edge, authority):
    clients = [connect(edge, way, receive_buffer=4096) for way in WAYS]
    downloads = [Download(c) for c in clients]
    for d in downloads:
        d.until(100_000)
    before = serial(edge, authority)
    chain, key = authority.certificate("next", [HOST])
    edge.configure({**edge.values, ("certificate", "test"): {"chain": chain, "key": key}})
    edge.reload()
    wait_until(lambda: serial(edge, authority) != before, "the new certificate")
    for d in downloads:
        d.until(BODY.size // 2)
    edge.signal(15)
    wait_until(lambda: not accepts(edge.tls_port), "it takes no more")
    in_parallel(*(d.rest for d in downloads))
    for c in clients:
        c.close()
    assert edge.wait() == 0
