# SPDX-License-Identifier: MIT
"""Names lead to the best edges: asked by dig, kdig, a resolver with a cache, and byte by byte."""

import contextlib
import socket
import struct
import time

import pytest

from control_plane import HOST, NODES, Beats, Plane
from tests.harness.dns import Unbound, ask, dig, question, subnet
from tests.harness.ports import free_port
from tests.harness.programs import wait_until

ZONE = "cdn.example"
SITE = f"{HOST}.{ZONE}"
ADDRESSES = {"seoul": ["192.0.2.1", "2001:db8::1"], "frankfurt": ["192.0.2.2", "2001:db8::2"],
             "virginia": ["192.0.2.3"]}


class DnsPlane(Plane):
    def __init__(self, folder, **zone):
        self.dns_port = free_port()
        self.zone = {"address": f"0.0.0.0:{self.dns_port}", "zone": ZONE, "rate": 0,
                     "servers": ["ns1 192.0.2.53 2001:db8::53"], **zone}
        nodes = {n: {**v, "addresses": ADDRESSES[n], "https_url": f"https://{n}.test"}
                 for n, v in NODES.items()}
        super().__init__(folder, nodes=nodes, over={("dns", "public"): self.zone})

    def dig(self, name=SITE, kind="A", *options, **more):
        return dig(self.dns_port, name, kind, *options, **more)

    def wait_mapped(self):
        """Until answers are for the widest networks again."""
        wait_until(lambda: self.dig(SITE, "A", "+subnet=127.1.2.0/24").scope == 16, "an atlas")


@pytest.fixture
def plane(run, tmp_path):
    return run(DnsPlane(tmp_path))


@pytest.fixture
def beating(plane):
    edges = {n: Beats(plane, n) for n in NODES}
    plane.wait_health(**dict.fromkeys(NODES, "up"))
    plane.wait_mapped()
    yield edges
    for e in edges.values():
        e.stop()


@pytest.mark.parametrize("tool", ["dig", "kdig"])
@pytest.mark.parametrize("option", ["+notcp", "+tcp"])
def test_a_sites_name_leads_to_the_nearest_edge(plane, beating, tool, option):
    for place, node in (("127.1.2.0/24", "seoul"), ("127.2.2.0/24", "frankfurt"),
                        ("127.3.2.0/24", "virginia")):
        got = plane.dig(SITE, "A", f"+subnet={place}", option, tool=tool)
        assert (got.status, got.data) == ("NOERROR", ADDRESSES[node][:1])
        assert got.records[0][1] == 30 and "aa" in got.flags
    assert plane.dig(SITE, "AAAA", "+subnet=127.1.0.0/16", option, tool=tool).data == [
        "2001:db8::1"]


def test_without_a_subnet_the_resolvers_own_address_counts(plane, beating):
    assert plane.dig(SITE, "A", "-b", "127.1.0.1", server="127.1.9.9").data == ["192.0.2.1"]
    got = plane.dig(SITE, "A", "-b", "127.3.0.1", "+subnet=0.0.0.0/0")
    assert got.data == ["192.0.2.3"] and got.scope == 0


def test_the_scope_is_the_widest_with_the_same_answer(plane, beating):
    assert plane.dig(SITE, "A", "+subnet=127.1.2.3/32").subnet == "127.1.2.3/32/16"
    assert plane.dig(SITE, "A", "+subnet=127.0.0.0/8").subnet == "127.0.0.0/8/16"
    assert plane.dig(SITE, "A", "+subnet=8.8.8.0/24").scope <= 4
    assert plane.dig("seoul." + ZONE, "A", "+subnet=127.1.2.0/24").scope == 0


def test_each_kind_of_name_has_its_answer(plane):
    assert plane.dig(f"Seoul.{ZONE}").records == [(f"Seoul.{ZONE}.", 30, "A", "192.0.2.1")]
    assert plane.dig(f"seoul.{ZONE}", "HTTPS").data == ['1 . alpn="h2,http/1.1"']
    assert plane.dig(ZONE, "NS").data == [f"ns1.{ZONE}."]
    assert plane.dig(ZONE, "NS", "+tcp").additional[0][3] == "192.0.2.53"
    soa = plane.dig(ZONE, "SOA")
    assert soa.data[0].startswith(f"ns1.{ZONE}. {ZONE}. ") and soa.data[0].endswith(" 30")
    for name, status in ((f"nothing.{ZONE}", "NXDOMAIN"), (f"example.com.{ZONE}", "NOERROR"),
                         (f"virginia.{ZONE}", "NOERROR")):
        got = plane.dig(name, "AAAA")
        assert (got.status, got.data) == (status, [])
        assert got.authority[0][2] == "SOA" and got.authority[0][1] == 30
    assert plane.dig(f"x.y.games.example.{ZONE}").data        # a wildcard host, at any depth
    assert plane.dig("other.example").status == "REFUSED"
    assert plane.dig(ZONE, "AXFR", "+tcp").records == []
    assert plane.dig(SITE, "A", "+edns=1", "+noednsnegotiation").status == "BADVERS"
    assert plane.dig(SITE, "A", "+opcode=notify").status == "NOTIMP"


def test_the_case_of_a_name_comes_back_as_it_was(plane):
    message = question("dL.ExAmPlE.cOm.CdN.eXaMpLe")
    assert ask(plane.dns_port, message)[12:40] == message[12:40]


@pytest.mark.parametrize("message", [
    b"", b"\0", b"\0" * 11, question(SITE, flags=0x8000), b"\xff" * 600, b"a" * 1600],
    ids=["empty", "byte", "short", "answer", "ones", "long"])
def test_what_is_no_question_is_not_answered(plane, message):
    assert ask(plane.dns_port, message, 0.3) is None
    assert plane.dig(f"seoul.{ZONE}").data == ["192.0.2.1"]


@pytest.mark.parametrize("message", [
    question(SITE)[:-1], question(SITE) + b"x",
    question(SITE)[:12] + b"\xc0\x0c" + question(SITE)[40:],
    question(SITE, count=2), question(SITE, edns=subnet("127.1.2.0", 24)[:-1]),
    question(SITE)[:11] + b"\2" + question(SITE)[12:] + question(SITE)[-11:]],
    ids=["cut", "longer", "pointer", "two", "subnet", "opt twice"])
def test_a_question_that_cannot_be_read_is_a_format_error(plane, message):
    got = ask(plane.dns_port, message)
    assert got[:2] == message[:2] and got[2] & 0x80 and got[3] & 15 == 1 and got[6:10] == b"\0" * 4
    with socket.create_connection(("127.0.0.1", plane.dns_port), 60) as s:
        for each in (message, question(f"seoul.{ZONE}")):          # it may go on
            s.sendall(struct.pack(">H", len(each)) + each)
        read = s.makefile("rb")
        rcodes = [read.read(struct.unpack(">H", read.read(2))[0])[3] & 15 for _ in range(2)]
    assert rcodes == [1, 0]


@pytest.mark.parametrize("tool", ["dig", "kdig"])
def test_a_server_with_a_name_tells_it_to_who_asks(run, tmp_path, tool):
    plane = run(DnsPlane(tmp_path, identity="seoul-ns1"))
    for asked, way in (("id.server", "+notcp"), ("HostName.Bind", "+tcp")):
        assert plane.dig(asked, "TXT", "-c", "CH", way, tool=tool).data == ['"seoul-ns1"']
    assert plane.dig("version.bind", "TXT", "-c", "CH", tool=tool).status == "REFUSED"
    assert '"seoul-ns1"' in plane.dig(f"seoul.{ZONE}", "A", "+nsid", tool=tool).text.replace(
        "(", " ").replace(")", " ")
    assert "seoul-ns1" not in plane.dig(f"seoul.{ZONE}", "A", tool=tool).text
    got = ask(plane.dns_port, question(ZONE, 2, struct.pack(">2H", 3, 0)))
    assert got[7] == 1 and b"seoul-ns1" not in got         # no room for both: the records


def test_nothing_by_udp_is_more_than_twice_its_question(run, tmp_path):
    plane = run(DnsPlane(tmp_path, answers=3,
                         servers=[f"ns{i}.some-long-name-{i}.example" for i in range(4)]))
    names = [ZONE, SITE, f"a.{ZONE}", f"seoul.{ZONE}", "other.example", "."]
    for name in names:
        for kind in (1, 2, 6, 28, 65, 255, 252):
            for edns in (None, b"", subnet("127.1.2.0", 24), subnet("::", 0)):
                message = question(name, kind, edns)
                got = ask(plane.dns_port, message)
                assert got is not None and len(got) <= 2 * len(message), (name, kind, edns)
    cut = plane.dig(ZONE, "NS")
    assert "tc" in cut.flags and cut.data == []
    assert len(plane.dig(ZONE, "NS", "+tcp").data) == 4
    assert len(plane.dig(SITE, "A", "+tcp").data) == 3


def test_tcp_takes_many_questions_in_any_pieces(plane):
    many = [question(f"{n}.{ZONE}", ident=i) for i, n in enumerate(list(NODES) * 20)]
    stream = b"".join(struct.pack(">H", len(m)) + m for m in many)
    with socket.create_connection(("127.0.0.1", plane.dns_port), 60) as s:
        s.sendall(stream[:1])
        time.sleep(0.05)
        s.sendall(stream[1:])
        read = s.makefile("rb")
        for i, message in enumerate(many):
            got = read.read(struct.unpack(">H", read.read(2))[0])
            assert got[:2] == struct.pack(">H", i) and got[3] & 15 == 0
        s.sendall(b"\xff\xff")
        assert read.read(1) == b""                    # a length no question has


def test_a_network_over_its_rate_is_dropped_or_told_to_come_by_tcp(run, tmp_path):
    plane = run(DnsPlane(tmp_path, rate=5, slip=2))
    got = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setblocking(False)
        for _ in range(80):
            s.sendto(question(f"seoul.{ZONE}"), ("127.0.0.1", plane.dns_port))

        def is_settled():
            with contextlib.suppress(BlockingIOError):
                while True:
                    got.append(s.recv(4096))
            return len(got) + plane.metric("byeori_control_dns_limited_total") == 80

        wait_until(is_settled, "an answer to each question, or none")
    whole = sum(not g[2] & 2 for g in got)
    cut = len(got) - whole
    assert 5 <= whole < 75 and cut >= 1 and len(got) < 80
    assert plane.dig(f"seoul.{ZONE}", "A", "+tcp").data == ["192.0.2.1"]
    assert plane.dig(f"seoul.{ZONE}", "A", "-b", "127.9.9.9").data == ["192.0.2.1"]


def test_a_cookie_lifts_the_rate_and_the_bound_of_who_was_given_it(run, tmp_path):
    plane = run(DnsPlane(tmp_path, rate=1, slip=1,
                         servers=[f"ns{i}.some-long-name-{i}.example" for i in range(4)]))
    badcookie, mine = 23, b"a client"

    def message(server=b""):
        return question(ZONE, 2, struct.pack(">2H", 10, 8 + len(server)) + mine + server)

    def read(answer):
        opt = answer[-(11 + 4 + 24):]                 # nothing follows it, and it has one option
        assert opt[11:23] == struct.pack(">2H", 10, 24) + mine
        return answer[3] & 15 | opt[5] << 4, opt[23:]

    def refused():
        rcode, server = read(ask(plane.dns_port, message()))
        return server if rcode == badcookie else None

    server = wait_until(refused, "a question beyond the rate")
    for _ in range(20):
        got = ask(plane.dns_port, message(server))
        rcode, server = read(got)
        assert rcode == 0 and got[7] == 4 and not got[2] & 2 and len(got) > 2 * len(message())
    assert plane.metric("byeori_control_dns_proven_total") == 20

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.9.9.9", 0))
        other.settimeout(30)
        other.sendto(message(server), ("127.0.0.1", plane.dns_port))
        got = other.recv(4096)
        assert got[2] & 2 or read(got)[0] == badcookie
    assert plane.metric("byeori_control_dns_proven_total") == 20

    alone = struct.pack(">6H", 7, 0, 0, 0, 0, 1) + message(server)[-(11 + 4 + 24):]
    assert read(ask(plane.dns_port, alone))[0] == 0       # RFC 7873 s.5.4
    assert "(good)" in plane.dig(f"seoul.{ZONE}", "A", "+cookie").text


def test_a_dead_edge_is_out_of_all_answers_within_five_seconds(plane, beating):
    began = time.monotonic()
    beating["seoul"].stop()
    wait_until(lambda: plane.dig(SITE, "A", "+subnet=127.1.2.0/24").data == ["192.0.2.2"],
               "another edge")
    assert time.monotonic() - began <= 60      # five, and what a busy machine adds
    assert plane.dig(f"seoul.{ZONE}").data == ["192.0.2.1"]   # its own name stays


def test_a_new_node_and_a_new_site_are_there_at_once(plane):
    put = {"http_url": "http://192.0.2.77:8080", "addresses": ["192.0.2.7", "2001:db8::7"]}
    assert plane.ask("PUT", "/v1/nodes/busan", put)[0] == 200
    assert plane.ask("GET", "/v1/nodes/busan")[1]["addresses"] == put["addresses"]
    assert plane.dig(f"busan.{ZONE}", "AAAA").data == ["2001:db8::7"]
    assert plane.ask("PUT", "/v1/nodes/daegu", {"http_url": "http://192.0.2.8"})[0] == 200
    assert plane.dig(f"daegu.{ZONE}").data == ["192.0.2.8"]   # from its URL
    site = {"hosts": ["new.example.com"], "origins": ["http://127.0.0.1:9"]}
    assert plane.ask("PUT", "/v1/sites/new", site)[0] == 200
    assert len(plane.dig(f"new.example.com.{ZONE}").data) == 1
    for bad in (["x"], ["192.0.2.1"] * 2, [f"192.0.2.{i}" for i in range(5)], "192.0.2.1"):
        assert plane.ask("PUT", "/v1/nodes/busan", {"addresses": bad})[0] == 400


def test_a_resolver_keeps_an_answer_for_as_wide_as_it_holds(run, plane, beating, tmp_path):
    resolver = run(Unbound(tmp_path, ZONE, plane.dns_port))

    def through(client):
        """Its answer; a question of its own that fell into a pause of the machine is SERVFAIL."""
        return wait_until(lambda: dig(resolver.port, SITE, "A", "+recurse",
                                      f"+subnet={client}").data, "an answer")

    def asked():
        return plane.metric("byeori_control_dns_subnets_total")

    assert through("127.1.2.0/24") == ["192.0.2.1"]
    before = asked()
    assert through("127.1.200.0/24") == ["192.0.2.1"]         # the same /16: from its cache
    assert asked() == before
    assert through("127.2.2.0/24") == ["192.0.2.2"]
    assert asked() > before


@pytest.mark.parametrize("zone, word", [
    ({"address": "127.0.0.1"}, "address"), ({"zone": "a..b"}, "zone"), ({"answers": 9}, "answers"),
    ({"servers": ["ns1 x"]}, "servers"), ({"contact": "a b..c"}, "contact"),
    ({"ttl": "2d"}, "ttl")])
def test_a_wrong_zone_is_refused_with_a_reason(tmp_path, zone, word):
    plane = DnsPlane(tmp_path, **zone).launch()
    assert plane.wait() == 1 and f"{word}:" in plane.stderr()
