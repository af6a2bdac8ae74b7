# SPDX-License-Identifier: MIT
"""TLS of a running edge: certificates followed on disk, sessions resumed, staples, both kinds of
key, and what a flood of handshakes or of slow clients does to the others."""

import os
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from tests.harness.client import Client
from tests.harness.conf import merged
from tests.harness.programs import Control, Edge, OriginGateway, wait_until

HOST = "test.example"
SWAP_S = 20  # five, and what a busy machine adds


def put(pair, files):
    """Each file replaced at once, one after the other."""
    for source, target in zip(pair, files):
        shutil.copy(source, f"{target}.new")
        os.replace(f"{target}.new", target)


def serial_at(port, authority):
    with Client(("127.0.0.1", port), HOST, tls=authority.client_context()) as c:
        return c.sock.getpeercert()["serialNumber"]


def said(program, event):
    """Once; the log is written with a delay."""
    wait_until(lambda: event in program.stderr(), event)
    assert program.stderr().count(event) == 1


@pytest.fixture
def site(run, origin, authority, tmp_path):
    """An edge whose certificate files are the test's to change: .put(certificate) does."""
    origin.page("/a", b"x" * 1000, cache="max-age=600")
    files = tmp_path / "live.crt", tmp_path / "live.key"

    class Site:
        def put(self, pair):
            put(pair, files)

        def begin(self, pair, certificate=None, **over):
            self.put(pair)
            over["certificate", "test"] = {"chain": files[0], "key": files[1],
                                           **(certificate or {})}
            self.edge = run(Edge(tmp_path, [origin.url], tls=files, over=over))
            return self.edge

        def serial(self):
            return serial_at(self.edge.tls_port, authority)

        def client(self, context=None):
            return Client(("127.0.0.1", self.edge.tls_port), HOST,
                          tls=context or authority.client_context())

    return Site()


def s_client(port, *arguments):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername",
                           HOST, *map(str, arguments)], input=b"Q\n", capture_output=True,
                          timeout=20)
    return done.stdout.decode(errors="replace")


def test_a_certificate_that_changes_on_disk_is_swapped_while_connections_go_on(site, authority):
    first, second = authority.certificate("w1", [HOST]), authority.certificate("w2", [HOST])
    edge = site.begin(first)
    before, old = site.serial(), site.client()
    assert old.get("/a").status == 200
    site.put(second)
    wait_until(lambda: site.serial() != before, "swapped", SWAP_S)
    assert old.get("/a").status == 200
    old.close()
    assert edge.metric("byeori_tls_swap_time_seconds") > time.time() - 10
    days = (edge.metric("byeori_tls_certificate_expiry_seconds") - time.time()) / 86400
    assert 29 < days <= 30
    said(edge, "certificate-swapped")


def test_a_bad_pair_keeps_the_old_one_and_is_told_once(site, authority):
    first, second = authority.certificate("b1", [HOST]), authority.certificate("b2", [HOST])
    edge = site.begin(first)
    before = site.serial()
    site.put((second[0], first[1]))
    edge.wait_metric("byeori_tls_refused_total", 1, SWAP_S)
    time.sleep(2.5)
    assert site.serial() == before
    assert edge.metric("byeori_tls_refused_total") == 1
    said(edge, "certificate-refused")
    assert "does not belong to the certificate" in edge.stderr()
    site.put(second)
    wait_until(lambda: site.serial() != before, "swapped", SWAP_S)


def test_a_chain_written_long_before_its_key_is_swapped_when_both_fit(site, authority, tmp_path):
    first, second = authority.certificate("l1", [HOST]), authority.certificate("l2", [HOST])
    site.begin(first)
    before = site.serial()
    site.put((second[0], first[1]))
    time.sleep(3)
    assert site.serial() == before
    site.put(second)
    wait_until(lambda: site.serial() != before, "swapped", SWAP_S)


def test_a_refused_reload_swaps_no_certificate(site, authority):
    first, second = authority.certificate("u1", [HOST]), authority.certificate("u2", [HOST])
    edge = site.begin(first)
    before = site.serial()
    edge.configure(merged(edge.values, {
        ("certificate", "test"): {"chain": second[0], "key": second[1]},
        ("site", "test"): {"origins": ["https://127.0.0.1:1"], "ca_file": "gone"}}))
    edge.reload()
    said(edge, "kept=running")
    assert site.serial() == before


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_sessions_are_resumed_between_workers_and_across_a_swap(site, authority, version):
    first, second = authority.certificate("s1", [HOST]), authority.certificate("s2", [HOST])
    site.begin(first, workers=2)
    before, context = site.serial(), authority.client_context()
    context.maximum_version = context.minimum_version = ssl.TLSVersion[version]

    def visit(session):
        sock = socket.create_connection(("127.0.0.1", site.edge.tls_port))
        with context.wrap_socket(sock, server_hostname=HOST, session=session) as s:
            s.sendall(b"GET /a HTTP/1.1\r\nHost: test.example\r\n\r\n")
            assert s.recv(1 << 16).startswith(b"HTTP/1.1 200")
            return s.session, s.session_reused

    session, is_reused = visit(None)
    assert not is_reused
    for _ in range(20):  # connections spread over both workers
        session, is_reused = visit(session)
        assert is_reused
    site.put(second)
    wait_until(lambda: site.serial() != before, "swapped", SWAP_S)
    assert visit(session)[1]


def test_two_nodes_with_the_same_ticket_keys_resume_each_others_sessions(run, origin, authority,
                                                                          tmp_path):
    keys = tmp_path / "keys"
    keys.write_bytes(os.urandom(80))
    pair = authority.certificate("n", [HOST])
    nodes = [run(Edge(tmp_path, [origin.url], tls=pair, name=n,
                      over={"tls": {"ticket_keys": keys}})) for n in ("one", "two")]
    ticket = tmp_path / "session"

    def is_resumed(node, *arguments):
        return "Reused, " in s_client(node.tls_port, "-tls1_2", *arguments)

    assert not is_resumed(nodes[0], "-sess_out", ticket)
    assert is_resumed(nodes[1], "-sess_in", ticket)
    keys.write_bytes(os.urandom(80))
    wait_until(lambda: all("ticket-keys-swapped" in n.stderr() for n in nodes), "new keys", SWAP_S)
    assert not is_resumed(nodes[1], "-sess_in", ticket)
    keys.write_bytes(b"short")
    nodes[0].wait_metric("byeori_tls_refused_total", 1, SWAP_S)


def test_the_client_chooses_between_ecdsa_and_rsa(site, authority):
    edge = site.begin(authority.certificate("k1", [HOST]))
    rsa = authority.certificate("k2", [HOST], key="rsa:2048")
    edge.values["certificate", "rsa"] = {"chain": rsa[0], "key": rsa[1]}
    edge.configure(edge.values)
    edge.reload()
    wait_until(lambda: "reloaded" in edge.stderr(), "reloaded")
    for version in ("-tls1_2", "-tls1_3"):
        assert "Peer signature type: ECDSA" in s_client(edge.tls_port, version)
        assert "Peer signature type: RSA" in s_client(edge.tls_port, version, "-sigalgs",
                                                      "RSA-PSS+SHA256:RSA+SHA256")


def test_a_staple_is_sent_and_may_come_later(site, authority, tmp_path):
    pair = authority.certificate("o1", [HOST])
    response = tmp_path / "staple"
    edge = site.begin(pair, {"ocsp": response})
    assert "OCSP response: no response sent" in s_client(edge.tls_port, "-status")
    authority.staple(pair, response)
    wait_until(lambda: "OCSP Response Status: successful" in s_client(edge.tls_port, "-status"),
               "stapled", SWAP_S)


def test_every_program_follows_its_certificate(run, authority, tmp_path):
    first, second = authority.certificate("p1", [HOST]), authority.certificate("p2", [HOST])
    live = tmp_path / "live.crt", tmp_path / "live.key"
    put(first, live)
    (tmp_path / "files").mkdir()
    for token in ("op", "node"):
        (tmp_path / token).write_text("0123456789abcdef0123\n")
    tls = {("certificate", "c"): {"chain": live[0], "key": live[1]}}
    programs = [
        run(OriginGateway(tmp_path, lambda port: {
            **tls, "folder": tmp_path / "files",
            ("listen", "a"): {"address": f"127.0.0.1:{port}", "tls": True}})),
        run(Control(tmp_path, lambda port: {
            **tls, "state": tmp_path / "state.db", "operator_token_file": tmp_path / "op",
            "node_token_file": tmp_path / "node",
            ("api", "a"): {"address": f"127.0.0.1:{port}", "tls": True}})),
    ]
    before = [serial_at(p.port, authority) for p in programs]
    put(second, live)
    for program, old in zip(programs, before):
        wait_until(lambda: serial_at(program.port, authority) != old, "swapped", SWAP_S)
        assert program.metric("byeori_tls_certificate_expiry_seconds") > time.time()


def hits_p99(edge, seconds):
    """Of one client on a plain connection of its own; milliseconds."""
    times = []
    with edge.client() as c:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begin = time.monotonic()
            assert c.get("/a").status == 200
            times.append(time.monotonic() - begin)
    return sorted(times)[int(len(times) * 0.99)] * 1000


def test_clients_that_never_finish_a_head_cost_little_and_are_cut(site, authority):
    edge = site.begin(authority.certificate("sl", [HOST]))
    edge.get("/a")
    before = edge.resident_bytes()
    slow = []
    for i in range(400):
        s = socket.create_connection(("127.0.0.1", edge.port if i % 2 else edge.tls_port))
        slow.append(s)
    for byte in b"GET / HT":
        for s in slow[1::2]:
            s.send(bytes([byte]))
        time.sleep(0.05)
    assert hits_p99(edge, 1) < 500
    assert edge.resident_bytes() - before < 400 * 40_000
    for s in slow:
        s.settimeout(60)
        try:
            while s.recv(4096):
                pass
        except ConnectionError:
            pass
        s.close()
    assert edge.metric("byeori_http_server_timeouts_head_total") >= 400
