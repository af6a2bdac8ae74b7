# SPDX-License-Identifier: MIT
"""What two requests share: the parts of a target that count, and the fields that must not."""

import pytest

from tests.harness.client import Client
from tests.harness.programs import Edge

PAGE = {"cache": "max-age=600"}


@pytest.fixture
def ruled(run, origin, tmp_path):
    """An edge whose site has these options; every path of the origin answers with its target."""
    def start(**site):
        return run(Edge(tmp_path, [origin.url], site=site))

    return start


def serve(origin, *targets):
    for target in targets:
        origin.page(target, target.encode(), **PAGE)


def test_by_default_every_byte_of_the_query_counts(ruled, origin):
    edge = ruled()
    serve(origin, "/a?x=1&y=2", "/a?y=2&x=1", "/a", "/a?")
    for target in ("/a?x=1&y=2", "/a?y=2&x=1", "/a", "/a?"):
        assert edge.get(target).body == target.encode()
    assert origin.count() == 4


def test_dropped_parameters_neither_count_nor_reach_the_origin(ruled, origin):
    edge = ruled(query_drop=["utm_*", "fbclid"])
    serve(origin, "/a?v=1", "/a")
    for target in ("/a?utm_source=evil&v=1", "/a?v=1&fbclid=2", "/a?v=1"):
        assert edge.get(target).body == b"/a?v=1"
    assert edge.get("/a?utm_x=%3Cscript%3E").body == b"/a"
    assert [r.target for r in origin.requests()] == ["/a?v=1", "/a"]


def test_kept_parameters_are_all_that_count(ruled, origin):
    edge = ruled(query_keep=["v", "w*"])
    serve(origin, "/a?v=1&wide=2")
    assert edge.get("/a?z=0&v=1&wide=2&y").body == b"/a?v=1&wide=2"
    assert edge.get("/a?v=1&wide=2").header("Cache-Status").startswith("edge-1; hit")


def test_sorted_parameters_are_one_object(ruled, origin):
    edge = ruled(query_sort=True)
    serve(origin, "/a?a=1&b=2")
    for target in ("/a?b=2&a=1", "/a?a=1&b=2"):
        assert edge.get(target).body == b"/a?a=1&b=2"
    assert origin.count() == 1


def test_a_purge_names_the_same_object_as_a_request(ruled, origin):
    edge = ruled(query_drop=["s"], query_sort=True)
    serve(origin, "/a?a=1&b=2")
    edge.get("/a?b=2&s=9&a=1")
    said = edge.admin("POST", "/v1/purge", {"url": "http://test.example/a?s=7&b=2&a=1"})[1]
    assert said["objects"] == 1


def test_hosts_of_a_site_may_share_their_objects(ruled, origin):
    edge = ruled(hosts=["test.example", "two.example", "*.three.example"], share_hosts=True)
    serve(origin, "/a")
    for host in ("two.example", "x.three.example", "test.example"):
        assert edge.get("/a", Host=host).body == b"/a"
    assert [r.header("Host") for r in origin.requests()] == ["test.example"]
    assert edge.admin("POST", "/v1/purge", {"host": "two.example"})[0] == 200
    assert "; hit" not in edge.get("/a").header("Cache-Status")


def test_a_host_to_share_must_be_one(run, origin, tmp_path):
    edge = Edge(tmp_path, [origin.url], site={"hosts": ["*.test.example"], "share_hosts": True})
    edge.launch()
    assert edge.wait() != 0 and "share_hosts" in edge.stderr()


@pytest.mark.parametrize("splits", [False, True])
def test_the_scheme_counts_where_the_site_says_so(run, origin, authority, tmp_path, splits):
    edge = run(Edge(tmp_path, [origin.url], tls=authority.certificate("e", ["test.example"]),
                    site={"scheme_in_key": splits}))
    serve(origin, "/a")
    edge.get("/a")
    with Client(("127.0.0.1", edge.tls_port), tls=authority.client_context()) as c:
        hit = "; hit" in c.request("GET", "/a").header("Cache-Status")
    assert hit is not splits
    said = [r.header("X-Forwarded-Proto") for r in origin.requests()]
    assert said == (["http", "https"] if splits else [None])
    assert edge.admin("POST", "/v1/purge", {"url": "http://test.example/a"})[1]["objects"] == (
        2 if splits else 1)


POISON = {
    "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher", "X-Forwarded-Port": "1",
    "X-Forwarded-Scheme": "nothttps", "X-Forwarded-For": "6.6.6.6",
    "Forwarded": "host=evil.example",
    "X-Original-URL": "/admin", "X-Rewrite-URL": "/admin", "X-Original-Host": "evil.example",
    "X-Host": "evil.example", "X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE",
    "X-Method-Override": "PUT", "X-Forwarded-Server": "evil.example", "X-Forwarded-Prefix": "/evil",
    "X-Real-IP": "6.6.6.6", "Forwarded-For": "6.6.6.6", "Client-IP": "6.6.6.6",
    "True-Client-IP": "6.6.6.6", "X-Forwarded": "for=6.6.6.6",
}


@pytest.mark.parametrize("name", POISON)
def test_no_routing_field_of_a_client_reaches_the_origin_of_a_cached_answer(cdn, name):
    """The origin is one that would obey the field: what it says must not depend on it."""
    def obedient(request, wire):
        body = (request.header(name) or "plain").encode()
        wire.send(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: %d\r\n\r\n%s"
                  % (len(body), body))
    cdn.origin.on("/a", obedient)
    first = cdn.get("/a", **{name.replace("-", "_"): POISON[name]})
    assert POISON[name].encode() not in first.body
    assert cdn.get("/a").body == first.body


def test_a_body_on_get_goes_to_nobody_else(cdn):
    def echo(request, wire):
        body = b"said: " + request.body
        wire.send(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: %d\r\n\r\n%s"
                  % (len(body), body))
    cdn.origin.on("/a", echo)
    fat = cdn.get("/a", body=b"evil")
    assert fat.body in (b"said: ", b"said: evil") and "fwd=bypass" in fat.header("Cache-Status")
    assert cdn.get("/a").body == b"said: "
