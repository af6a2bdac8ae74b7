# SPDX-License-Identifier: MIT
"""What an edge holds, listed and summed up, and dropped by what the listing shows."""

import threading

from tests.harness.programs import Edge, run_tool, wait_until

SIZES = {"/games/a/1": 3000, "/games/a/2": 5000, "/games/b/1": 7000, "/films/x": 100}


def stored(origin, edge):
    for at, (name, size) in enumerate(SIZES.items()):
        origin.page(name, b"x" * size, cache="max-age=600", etag='"1"')
        for _ in range(at + 1):
            assert edge.get(name).status == 200


def names(said):
    return [o["url"].removeprefix("http://test.example") for o in said["objects"]]


def test_objects_are_listed_in_the_order_asked_for(cdn):
    stored(cdn.origin, cdn.edge)
    status, said = cdn.edge.admin("GET", "/v1/objects?site=test&sort=bytes")
    assert status == 200
    assert names(said) == sorted(SIZES, key=SIZES.get, reverse=True)
    assert [o["bytes"] for o in said["objects"]] == sorted(SIZES.values(), reverse=True)
    assert said["total"] | {"hits": 0} == {"objects": 4, "bytes": 15100, "disk_bytes": 0, "hits": 0}
    by_hits = cdn.edge.admin("GET", "/v1/objects?sort=hits")[1]
    assert names(by_hits) == list(SIZES)[::-1]
    assert [o["hits"] for o in by_hits["objects"]] == [3, 2, 1, 0]
    assert names(cdn.edge.admin("GET", "/v1/objects?prefix=/games/a/")[1]) == ["/games/a/2",
                                                                               "/games/a/1"]
    prefix = "http://test.example/games/b"
    assert names(cdn.edge.admin("GET", f"/v1/objects?prefix={prefix}")[1]) == ["/games/b/1"]


def test_pages_go_on_where_the_last_one_ended(cdn):
    stored(cdn.origin, cdn.edge)
    found, more = [], ""
    while more is not None:
        said = cdn.edge.admin("GET", f"/v1/objects?limit=1&sort=age{more}")[1]
        found += names(said)
        more = f"&after={said['next']}" if "next" in said else None
    assert sorted(found) == sorted(SIZES) and len(found) == 4


def test_sums_tell_what_a_folder_uses(cdn):
    stored(cdn.origin, cdn.edge)
    said = cdn.edge.admin("GET", "/v1/objects?sums=1&site=test&prefix=/games/")[1]
    assert [(s["path"], s["bytes"], s["objects"]) for s in said["sums"]] == [
        ("/games/a/", 8000, 2), ("/games/b/", 7000, 1)]
    assert cdn.edge.admin("GET", "/v1/objects?sums=1")[1]["sums"][0]["site"] == "test"


def test_what_was_dropped_is_listed_no_more(cdn):
    stored(cdn.origin, cdn.edge)
    prefix = "http://test.example/games/a/"
    assert cdn.edge.admin("POST", "/v1/purge", {"prefix": prefix})[0] == 200
    said = cdn.edge.admin("GET", "/v1/objects")[1]
    assert sorted(names(said)) == ["/films/x", "/games/b/1"] and said["total"]["objects"] == 2


def test_a_refresh_keeps_the_count_of_hits(cdn):
    cdn.origin.page("/a", b"same", cache="max-age=600", etag='"1"')
    for _ in range(3):
        cdn.get("/a")
    assert "fwd-status=304" in cdn.get("/a", Cache_Control="no-cache").header("Cache-Status")
    assert cdn.edge.admin("GET", "/v1/objects")[1]["objects"][0]["hits"] >= 3


def test_what_makes_no_sense_is_refused(cdn):
    for query in ("sort=size", "limit=0", "limit=1001", "after=x", "prefix=games",
                  "prefix=http://unknown.example/", "site=%zz"):
        status, problem = cdn.edge.admin("GET", f"/v1/objects?{query}")
        assert status == 400 and problem["title"]


def test_byeorictl_shows_objects_and_sums(cdn):
    stored(cdn.origin, cdn.edge)
    edge = f"127.0.0.1:{cdn.edge.admin_port}"
    rows = run_tool("control/byeorictl", "objects", "--site", "test", "--edge", edge)
    assert rows.returncode == 0 and "4 objects, 15.10 KB" in rows.stdout
    assert "http://test.example/games/b/1" in rows.stdout.splitlines()[2]
    sums = run_tool("control/byeorictl", "objects", "--prefix", "/games/", "--site", "test",
                    "--sums", "--edge", edge)
    assert "test.example/games/a/" in sums.stdout and "8.00 KB" in sums.stdout
    assert run_tool("control/byeorictl", "objects", "x", "--edge", edge).returncode == 2


def test_listings_of_many_objects_do_not_hold_up_hits(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], over={"memory": "256MiB"}))
    origin.page("/a", b"x" * 10, cache="max-age=600", etag='"1"')
    with edge.client() as c:
        for i in range(5000):
            assert c.request("GET", f"/a?{i}").status == 200
    seen = []
    walks = [threading.Thread(target=lambda: seen.append(
        edge.admin("GET", "/v1/objects?limit=1000")[0])) for _ in range(8)]
    for w in walks:
        w.start()
    wait_until(lambda: edge.get("/a?1").status == 200 and len(seen) == 8, "they are answered")
    for w in walks:
        w.join()
    assert 200 in seen and set(seen) <= {200, 503}
    assert edge.admin("GET", "/v1/objects?limit=1")[1]["total"]["objects"] == 5000
