# SPDX-License-Identifier: MIT
"""Certificates, keys and routing rules as parts of the configuration: given to edges, swapped while
they run, told apart and gone back to; and secrets that nobody else gets to see."""

import hashlib
import hmac
import json
import os
import ssl
import stat
import subprocess
import time

import pytest

from control_plane import Beats, HOST, Plane
from tests.harness.client import Client
from tests.harness.ports import free_port
from tests.harness.programs import Edge, wait_until

CANARY = {"rollout": {"hold": "1h", "least_requests": 10}}     # the tests say how it ends


def texts(pair):
    return {"chain": pair[0].read_text(), "key": pair[1].read_text()}


def put(plane, path, body):
    status, answer = plane.ask("PUT", path, body)
    assert status == 200, answer
    return answer


def edge_of(plane, origin, folder, name="seoul", **over):
    """An edge with a TLS listener and no certificate of its own."""
    folder.mkdir()
    port = free_port()
    edge = Edge(folder, [origin.url], name=name, over={
        ("listen", "https"): {"address": f"127.0.0.1:{port}", "tls": True},
        "control": {"url": plane.url, "token_file": str(plane.operator_file.parent / "node"),
                    "state_file": str(folder / "state")}, **over})
    edge.tls_port = port
    return edge


def serial_at(edge, authority, host=HOST):
    try:
        with Client(("127.0.0.1", edge.tls_port), host, tls=authority.client_context()) as c:
            return c.sock.getpeercert()["serialNumber"]
    except (ssl.SSLError, ConnectionError):
        return None


def runs(edge, version):
    return edge.admin("GET", "/v1/status")[1]["control"]["config_version"] == version


def test_edges_are_given_certificates_and_swap_them_while_they_run(run, origin, authority,
                                                                   tmp_path):
    first, second = authority.certificate("g1", [HOST]), authority.certificate("g2", [HOST])
    plane = run(Plane(tmp_path))
    edge = run(edge_of(plane, origin, tmp_path / "edge"))
    assert serial_at(edge, authority) is None
    told = put(plane, "/v1/certificates/dl", texts(first))
    assert told["names"] == [HOST] and set(told["key"]) == {"sha256"}
    wait_until(lambda: serial_at(edge, authority), "a certificate")
    before, old = serial_at(edge, authority), Client(
        ("127.0.0.1", edge.tls_port), HOST, tls=authority.client_context())
    put(plane, "/v1/certificates/dl", texts(second))
    wait_until(lambda: serial_at(edge, authority) not in (None, before), "the new one")
    old.send(b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n")
    assert old.response().status in (404, 421)            # connections go on
    assert edge.metrics()["byeori_tls_certificate_expiry_seconds{certificate=\"dl\"}"] > 1e9
    assert plane.tool("config", "rollback", "1").returncode == 0
    wait_until(lambda: serial_at(edge, authority) == before, "the old one")
    plane.stop()
    edge.kill()
    edge.start()                                           # by what it keeps on disk
    wait_until(lambda: serial_at(edge, authority) == before, "without a control plane")
    assert stat.S_IMODE(os.stat(tmp_path / "edge" / "state").st_mode) == 0o600
    plane.start()
    assert plane.ask("DELETE", "/v1/certificates/dl")[0] == 204
    wait_until(lambda: serial_at(edge, authority) is None, "none")


def test_what_edges_could_not_use_is_refused(run, authority, tmp_path):
    one, other = (texts(authority.certificate(f"r{i}", [HOST])) for i in (1, 2))
    ended = texts(authority.certificate("r3", [HOST], days=0))
    plane = run(Plane(tmp_path))
    key = {"use": "tickets", "secrets": ["00" * 80]}
    rules = {"overrides": [{"network": "10.0.0.0/8", "edges": ["seoul"]}]}
    for path, body, reason in (
            ("/v1/certificates/dl", {**one, "key": other["key"]}, "does not belong"),
            ("/v1/certificates/dl", {**one, "chain": "x"}, "no certificate in PEM"),
            ("/v1/certificates/dl", {**one, "key": "secret-x"}, "no private key in PEM"),
            ("/v1/certificates/dl", {"chain": one["chain"]}, "key"),
            ("/v1/certificates/dl", {**one, "name": "x"}, "name"),
            ("/v1/certificates/dl", ended, "expired"),
            ("/v1/keys/k", {**key, "secrets": ["secret-x"]}, "hex digits"),
            ("/v1/keys/k", {**key, "secrets": ["00" * 81]}, "80 bytes"),
            ("/v1/keys/k", {**key, "use": "x"}, "use"),
            ("/v1/keys/k", {**key, "secrets": [{"sha256": "ab" * 32}]}, "not known"),
            ("/v1/routing", {"overrides": [{"network": "10.0.0.1/8", "edges": ["a"]}]}, "network"),
            ("/v1/routing", {"overrides": rules["overrides"] * 2}, "twice"),
            ("/v1/routing", {"asns": [{"asn": 0, "edges": ["a"]}]}, "asn"),
            ("/v1/routing", {"asns": [{"asn": 64500, "edges": ["a"]}]}, "geoip_asn"),
            ("/v1/routing", {"regions": [{"name": "eu", "continent": "XX"}]}, "continent"),
            ("/v1/routing", {"override": []}, "no rule")):
        status, answer = plane.ask("PUT", path, body)
        assert status == 400 and reason in answer["detail"], (path, answer)
        assert "secret-x" not in answer["detail"]
    put(plane, "/v1/keys/k", key)
    status, answer = plane.ask("PUT", "/v1/keys/second", {"use": "tickets"})
    assert status == 400 and "another one" in answer["detail"]
    assert plane.status()["config_version"] == 1


def test_edges_share_the_ticket_keys_that_they_are_given(run, origin, authority, tmp_path):
    pair = authority.certificate("t1", [HOST])
    plane = run(Plane(tmp_path))
    edges = [run(edge_of(plane, origin, tmp_path / name, name)) for name in ("seoul", "frankfurt")]
    put(plane, "/v1/certificates/dl", texts(pair))
    assert plane.tool("key", "make", "edges", "tickets").returncode == 0
    wait_until(lambda: all(runs(e, 2) for e in edges), "both")
    ticket = tmp_path / "ticket"

    def is_resumed(edge, option):
        shown = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.tls_port}", "-servername", HOST,
             "-tls1_2", option, ticket], input=b"Q\n", capture_output=True, timeout=60).stdout
        return b"Reused, TLSv1.2" in shown

    assert not is_resumed(edges[0], "-sess_out")
    assert is_resumed(edges[1], "-sess_in")
    for version in (3, 4, 5):
        assert plane.tool("key", "rotate", "edges").returncode == 0
        wait_until(lambda: all(runs(e, version) for e in edges), "a new secret")
        assert is_resumed(edges[1], "-sess_in") == (version < 5)   # three secrets are about
    assert len(plane.ask("GET", "/v1/keys/edges")[1]["secrets"]) == 3


def test_secrets_are_told_to_edges_alone(run, authority, tmp_path):
    pair = texts(authority.certificate("s1", [HOST]))
    secret = os.urandom(80).hex()
    snapshot = tmp_path / "snapshot.db"
    plane = run(Plane(tmp_path, over={"snapshot": str(snapshot), "log_level": "debug"}))
    edge = Beats(plane, "seoul")
    put(plane, "/v1/certificates/dl", pair)
    put(plane, "/v1/keys/edges", {"use": "tickets", "secrets": [secret]})
    wait_until(lambda: edge.beat.get("config_version") == 2, "the edge")
    assert edge.config["certificates"][0]["key"] == pair["key"]
    assert edge.config["keys"][0]["secrets"] == [secret]
    put(plane, "/v1/keys/edges", {"use": "tickets"})       # the old one stays for going back
    diff = plane.tool("config", "diff", "1", "3").stdout
    assert "+ key edges use \"tickets\"" in diff and "sha256" in diff
    assert "certificate" not in diff
    wait_until(snapshot.exists, "a snapshot", 60)
    told = [plane.stderr(), diff, plane.tool("config", "diff", "0", "1").stderr]
    told += [plane.tool(*words).stdout for words in (
        ["certificate"], ["key"], ["certificate", "get", "dl"], ["key", "get", "edges"],
        ["config", "show", "2"], ["audit"])]
    told += [json.dumps(plane.ask("GET", path)[1]) for path in (
        "/v1/certificates", "/v1/keys", "/v1/config", "/v1/config/2", "/v1/audit", "/v1/status")]
    told += [plane.api("GET", "/metrics")[1], snapshot.read_bytes().decode("latin-1")]
    line = pair["key"].splitlines()[1]
    for text in told:
        assert secret not in str(text) and line not in str(text)
    assert "sha256" in told[-7] and "key sha256" in plane.tool("audit").stdout
    assert stat.S_IMODE(os.stat(tmp_path / "state.db").st_mode) == 0o600
    plane.kill()
    plane.start()                                          # all of it is durable
    assert plane.tool("config", "rollback", "2").returncode == 0
    wait_until(lambda: edge.beat.get("config_version") == 4, "the old secret")
    assert edge.config["keys"][0]["secrets"] == [secret]
    edge.stop()


def test_secrets_are_sealed_at_rest_by_a_key_that_can_be_changed(run, authority, tmp_path):
    """A copy of the state tells no secret, not even one that lay there in clear before; without the
    key the control plane says what it lacks and does not start."""
    pair = texts(authority.certificate("r1", [HOST]))
    secret = os.urandom(80).hex()
    line = pair["key"].splitlines()[1]
    old, new = os.urandom(32).hex(), os.urandom(32).hex()
    keys = tmp_path / "keys"
    plane = run(Plane(tmp_path))
    edge = Beats(plane, "seoul")

    def at_rest():
        return b"".join(f.read_bytes() for f in tmp_path.glob("state.db*")).decode("latin-1")

    def write_keys(*lines):
        plane.kill()
        keys.write_text("".join(f"{k}\n" for k in lines))
        return plane

    put(plane, "/v1/certificates/dl", pair)
    put(plane, "/v1/keys/edges", {"use": "tickets", "secrets": [secret]})
    assert secret in at_rest() and line in at_rest()
    plane.configure({**plane.values, "secret_key_file": str(keys)})
    write_keys(old).start()
    assert secret not in at_rest() and line not in at_rest()
    put(plane, "/v1/keys/edges", {"use": "tickets"})
    write_keys(new, old).start()
    write_keys(new).start()
    assert plane.tool("config", "rollback", "2").returncode == 0
    wait_until(lambda: edge.beat.get("config_version") == 4, "the old secret")
    assert edge.config["keys"][0]["secrets"] == [secret]
    assert edge.config["certificates"][0]["key"] == pair["key"]
    assert secret not in at_rest() and line not in at_rest()
    for key, told in ((old, "which is not in the file"), ("", "there is no key in it")):
        assert write_keys(key).launch().wait() != 0
        assert told in plane.stderr()
    write_keys(new).start()
    edge.stop()


def test_routing_rules_are_a_document_and_stand_before_the_file(run, tmp_path):
    over = {("override", "127.1.0.0/16"): {"edges": ["frankfurt"]},
            ("override", "127.2.0.0/16"): {"edges": ["seoul"]}}
    plane = run(Plane(tmp_path, over={**CANARY, **over}))
    edges = [Beats(plane, node) for node in ("seoul", "frankfurt", "virginia")]
    plane.wait_health(seoul="up", frankfurt="up", virginia="up")
    assert plane.edges("127.1.0.1")[0] == "frankfurt"
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"overrides": [{"network": "127.1.0.0/16", "edges": ["virginia"]}],
                                 "near_km": 10}))
    assert plane.tool("routing", "put", str(rules)).returncode == 0
    wait_until(lambda: plane.edges("127.1.0.1")[0] == "virginia", "the first is for all")
    assert plane.edges("127.2.0.1")[0] == "seoul"          # the file's other rule stays
    rules.write_text(json.dumps({"near_km": 20}))
    assert plane.tool("routing", "put", str(rules)).returncode == 0
    assert plane.ask("GET", "/v1/config")[1]["stage"] == "canary"
    assert plane.edges("127.1.0.1")[0] == "virginia"       # not before its version is stable
    plane.configure({**plane.values, "rollout": {"hold": "0s"}})
    plane.reload()
    wait_until(lambda: plane.edges("127.1.0.1")[0] == "frankfurt", "stable", 60)
    assert plane.tool("config", "diff", "1", "2").stdout.splitlines() == [
        "- routing near_km 10", "+ routing near_km 20",
        "- routing overrides [{\"network\":\"127.1.0.0/16\",\"edges\":[\"virginia\"]}]"]
    assert plane.tool("config", "rollback", "1").returncode == 0
    wait_until(lambda: plane.edges("127.1.0.1")[0] == "virginia", "back")
    plane.kill()
    plane.start()
    wait_until(lambda: plane.edges("127.1.0.1")[0] == "virginia", "as it was", 60)
    plane.reload()
    assert plane.tool("routing", "delete").returncode == 0
    wait_until(lambda: plane.edges("127.1.0.1")[0] == "frankfurt", "gone", 60)
    for e in edges:
        e.stop()


def test_a_certificate_goes_to_one_edge_first(run, authority, tmp_path):
    first, second = (texts(authority.certificate(f"c{i}", [HOST])) for i in (1, 2))
    plane = run(Plane(tmp_path, over=CANARY))
    edges = [Beats(plane, node) for node in ("seoul", "frankfurt", "virginia")]
    put(plane, "/v1/certificates/dl", first)
    wait_until(lambda: all(e.beat.get("config_version") == 1 for e in edges), "the first, all")
    put(plane, "/v1/certificates/dl", second)
    wait_until(lambda: any(e.beat["config_version"] == 2 for e in edges), "the canary")
    canary = next(e for e in edges if e.beat["config_version"] == 2)
    canary.beat |= {"config_version": 1, "config_refused": 2, "config_fault": "no room"}
    wait_until(lambda: all(e.beat["config_version"] == 3 for e in edges), "the return", 60)
    assert all(e.config["certificates"][0]["chain"] == first["chain"] for e in edges)
    assert "no room" in plane.ask("GET", "/v1/config")[1]["versions"][-1]["what"]
    for e in edges:
        e.stop()


def signed(path, secret, valid_s=3600):
    text = f"{path}{'&' if '?' in path else '?'}expires={int(time.time()) + valid_s}"
    mac = hmac.new(bytes.fromhex(secret), f"media.test\n{text}".encode(), hashlib.sha256)
    return f"{text}&signature={mac.hexdigest()}"


def test_a_site_may_want_its_urls_signed(run, origin, tmp_path):
    first, second = "0f" * 32, "1e" * 32
    plane = run(Plane(tmp_path))
    edges = [run(edge_of(plane, origin, tmp_path / name, name)) for name in ("seoul", "frankfurt")]
    site = {"hosts": ["media.test"], "origins": [origin.url],
            "options": {"signed_by": "links", "shield": [f"http://127.0.0.1:{edges[1].port}"]}}
    status, answer = plane.ask("PUT", "/v1/sites/media", site)
    assert status == 400 and "there is no key links" in answer["detail"]
    put(plane, "/v1/keys/links", {"use": "urls", "secrets": [first]})
    put(plane, "/v1/sites/media", site)
    wait_until(lambda: all(runs(e, 2) for e in edges), "the site")
    origin.page("/a", b"a" * 1000, cache="max-age=600")

    def get(target):
        return edges[0].get(target, client={"host": "media.test"})

    assert get("/a").status == get(f"/a?expires=9999999999&signature={'0' * 64}").status == 403
    assert get(signed("/a", first, -1)).status == 403
    assert get(signed("/a", second)).status == 403
    assert get(signed("/a", first)).body == b"a" * 1000    # by way of the other edge
    assert len(origin.requests("/a")) == 1
    assert get(signed("/a", first, 60)).status == 200      # another URL, the same object
    assert edges[0].metrics()["byeori_edge_hits_total"] == 1
    put(plane, "/v1/keys/links", {"use": "urls", "secrets": [second, first]})
    wait_until(lambda: get(signed("/a", second)).status == 200, "the new secret")
    assert get(signed("/a", first)).status == 200
    assert edges[0].metrics()["byeori_edge_unsigned_urls_total"] >= 4
    status, answer = plane.ask("DELETE", "/v1/keys/links")
    assert status == 400 and "media" in answer["detail"]


@pytest.mark.parametrize("verb, words", [("certificate", ["put", "x"]), ("key", ["make", "x"]),
                                         ("routing", ["put"])])
def test_what_is_not_understood_is_told_with_the_usage(run, tmp_path, verb, words):
    plane = Plane(tmp_path)
    told = plane.tool(verb, *words)
    assert told.returncode == 2 and f"usage: byeorictl {verb}" in told.stderr
