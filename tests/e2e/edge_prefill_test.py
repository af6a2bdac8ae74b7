# SPDX-License-Identifier: MIT
"""Prefill: what is ordered is here before anybody asks, behind whoever does ask, and stays as long
as it is pinned."""

import time

import pytest

from tests.harness.content import Content
from tests.harness.programs import Edge, wait_until

MIB = 1 << 20
HOST = "http://test.example"


def order(edge, paths, **more):
    status, job = edge.admin("POST", "/v1/prefill", {"urls": [HOST + p for p in paths], **more})
    assert status == 202, job
    return job["id"]


def told(edge, job):
    status, body = edge.admin("GET", f"/v1/prefill/{job}")
    assert status == 200, body
    return body


def finished(edge, job):
    return wait_until(lambda: (b := told(edge, job))["state"] not in ("waiting", "running") and b,
                      f"prefill {job} is over", 60)


@pytest.mark.threads
def test_what_was_ordered_is_here_and_a_second_run_moves_nothing(cdn):
    sizes = {f"/{n}": n for n in (10, 3 * MIB + 7, 70_000, 0)}
    for path, size in sizes.items():
        cdn.origin.page(path, Content(size), cache="max-age=600", etag=f'"{path}"')
    first = finished(cdn.edge, order(cdn.edge, sizes))
    assert (first["state"], first["done"], first["failed"]) == ("done", 4, 0)
    assert {first[k] for k in ("size_bytes", "kept_bytes", "brought_bytes")} == \
        {sum(sizes.values())}
    assert {t["url"]: (t["state"], t["status"], t["size_bytes"], t["pinned"])
            for t in first["tasks"]} == \
        {HOST + p: ("done", 200, n, False) for p, n in sizes.items()}
    moved = cdn.edge.metric("byeori_edge_upstream_received_bytes_total")
    assert cdn.edge.metric("byeori_edge_site_prefill_bytes_total") == \
        cdn.edge.metric("byeori_edge_site_upstream_bytes_total") == moved
    second = finished(cdn.edge, order(cdn.edge, sizes))
    assert (second["state"], second["brought_bytes"]) == ("done", 0)
    assert second["kept_bytes"] == sum(sizes.values())
    assert cdn.edge.metric("byeori_edge_upstream_received_bytes_total") == moved
    assert cdn.edge.metric("byeori_edge_site_out_bytes_total") == 0
    assert cdn.edge.metric("byeori_edge_requests_total") == 0
    for path, size in sizes.items():
        answer = cdn.get(path)
        assert "hit" in answer.header("Cache-Status") and len(answer.body) == size
    assert sum(cdn.origin.count(p) for p in sizes) == len(sizes)


def test_only_what_is_absent_is_brought(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={"block": "64KiB", "read_ahead": "128KiB"}))
    body = Content(4 * MIB)
    origin.page("/a", body, cache="max-age=600", etag='"1"')
    assert edge.get("/a", Range="bytes=2097152-2162687").status == 206
    before = edge.metric("byeori_edge_site_upstream_bytes_total")
    job = finished(edge, order(edge, ["/a"]))
    assert job["state"] == "done" and job["brought_bytes"] < body.size
    after = edge.metric("byeori_edge_site_upstream_bytes_total")
    assert body.size <= after < body.size + 10_000 and before > 65536
    assert edge.get("/a").body == body.read(0, body.size) and origin.body_bytes("/a") == body.size


def test_what_cannot_be_had_is_told_with_its_reason(cdn):
    cdn.origin.page("/here", b"x", cache="max-age=600", etag='"1"')
    cdn.origin.page("/private", b"x", cache="private")
    job = cdn.edge.admin("POST", "/v1/prefill", {"urls": [
        HOST + "/here", HOST + "/absent", HOST + "/private", "http://nobody.example/"]})[1]["id"]
    over = finished(cdn.edge, job)
    assert (over["state"], over["done"], over["failed"]) == ("failed", 1, 3)
    faults = {t["url"].rsplit("/", 1)[1]: (t["state"], t["status"], t["tries"], t.get("fault"))
              for t in over["tasks"]}
    assert faults["here"] == ("done", 200, 1, None)
    assert faults["absent"] == ("failed", 404, 1, "The origin's answer is not 200.")
    assert faults["private"] == ("failed", 200, 1, "The answer may not be stored.")
    assert faults[""] == ("failed", 421, 1, "This edge serves no such site.")


def test_what_failed_for_want_of_an_answer_is_tried_again(cdn):
    with cdn.origin.holding("/a") as held:
        job = order(cdn.edge, ["/a"])
        held.answer(b"away", status=503)
        wait_until(lambda: told(cdn.edge, job)["tasks"][0]["tries"] >= 1 and
                   told(cdn.edge, job)["tasks"][0]["state"] == "waiting", "the first try failed")
    cdn.origin.page("/a", b"back", cache="max-age=600", etag='"1"')
    over = finished(cdn.edge, job)
    assert over["state"] == "done" and over["tasks"][0]["tries"] >= 2


def test_a_job_keeps_to_its_rate(cdn):
    paths = [f"/{i}" for i in range(8)]
    for path in paths:
        cdn.origin.page(path, b"x" * 131072, cache="max-age=600", etag='"1"')
    began = time.monotonic()
    over = finished(cdn.edge, order(cdn.edge, paths, rate=MIB, parallel=2))
    assert over["brought_bytes"] == MIB and time.monotonic() - began >= 0.7   # a quarter at once


def test_who_has_a_client_goes_first(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [f"{origin.url} connections=2"]))
    paths = [f"/{i}" for i in range(4)]
    with origin.holding(paths[0]) as held:
        for path in paths:
            origin.on(path, held)
        job = order(edge, paths, parallel=4)
        held.wait_for(1)
        for i in range(20):
            origin.page(f"/user-{i}", b"for you", cache="max-age=600", etag='"1"')
            assert edge.get(f"/user-{i}").body == b"for you"
        assert held.arrived == 1      # a place is left to users
        held.answer(b"for later", cache="max-age=600", etag='"1"')
        assert finished(edge, job)["state"] == "done"


@pytest.mark.threads
def test_a_cancelled_job_stops_and_keeps_what_it_has(cdn):
    cdn.origin.page("/first", b"x" * 1000, cache="max-age=600", etag='"1"')
    with cdn.origin.holding("/second") as held:
        job = order(cdn.edge, ["/first", "/second", "/third"], parallel=1)
        held.wait_for(1)
        assert cdn.edge.admin("DELETE", f"/v1/prefill/{job}")[0] == 200
        over = finished(cdn.edge, job)
    assert over["state"] == "cancelled"
    assert [t["state"] for t in over["tasks"]] == ["done", "cancelled", "cancelled"]
    assert "hit" in cdn.get("/first").header("Cache-Status")
    assert cdn.edge.admin("DELETE", "/v1/prefill/nobody")[0] == 404


def test_a_job_goes_on_after_a_restart(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], over={
        "prefill_folder": str(tmp_path / "prefills"),
        ("disk", str(tmp_path / "disk")): {"size": "64MiB"}, "disk_admission": "all",
        "disk_slow": "10m"}))
    body = Content(2 * MIB)
    origin.page("/first", body, cache="max-age=600", etag='"1"')
    with origin.holding("/second") as held:
        job = order(edge, ["/first", "/second"], parallel=1, id="release-7")
        held.wait_for(1)
        edge.stop()
        held.answer(b"late", cache="max-age=600", etag='"2"')
    origin.page("/second", b"back", cache="max-age=600", etag='"2"')
    edge.start()
    over = finished(edge, job)
    assert (over["id"], over["state"], over["done"]) == ("release-7", "done", 2)
    assert over["brought_bytes"] == len(b"back") and origin.count("/first") == 1
    edge.stop()
    edge.start()
    assert edge.admin("GET", f"/v1/prefill/{job}")[0] == 404     # it was over, and held no pins


def fill_up(edge, origin, mib):
    for i in range(mib // 4):
        origin.page(f"/other-{i}", Content(4 * MIB, seed=i), cache="max-age=600", etag='"1"')
        assert edge.get(f"/other-{i}").status == 200


def test_what_is_pinned_outlives_what_goes_by_until_its_deadline(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], over={"memory": "32MiB"}))
    for path in ("/pinned", "/plain"):
        origin.page(path, Content(3 * MIB), cache="max-age=600", etag='"1"')
    over = finished(edge, order(edge, ["/pinned"], pin_s=3600))
    assert over["tasks"][0]["pinned"] and over["pinned_bytes"] == 3 * MIB
    finished(edge, order(edge, ["/plain"]))
    fill_up(edge, origin, 80)
    assert edge.get("/pinned").status == 200 and origin.count("/pinned") == 1
    assert edge.get("/plain").status == 200 and origin.count("/plain") == 2
    origin.page("/large", Content(6 * MIB), cache="max-age=600", etag='"1"')
    over = finished(edge, order(edge, ["/large"], pin_s=3600))
    assert over["state"] == "done" and not over["tasks"][0]["pinned"]    # a quarter at most is
    assert edge.metric("byeori_edge_prefill_pin_left_bytes") == 5 * MIB
    assert edge.admin("POST", "/v1/purge", {"url": HOST + "/pinned"})[0] == 200
    assert edge.get("/pinned").status == 200 and origin.count("/pinned") == 2


def test_orders_that_make_no_sense_are_refused(cdn):
    bad = [{}, {"urls": []}, {"urls": ["/relative"]}, {"urls": "no list"},
           {"urls": [HOST], "rate": -1},
           {"urls": [HOST], "parallel": 17}, {"urls": [HOST], "pin_s": 400 * 86400},
           {"urls": [HOST], "id": "../x"}, {"urls": [HOST + f"/{i}" for i in range(10_001)]}]
    for body in bad:
        status, problem = cdn.edge.admin("POST", "/v1/prefill", body)
        assert status == 400 and problem["title"], body
    assert cdn.edge.admin("POST", "/v1/prefill", "no json")[0] == 400
    large = {"urls": [HOST + "/" + "x" * 4000] * 250}
    assert cdn.edge.admin("POST", "/v1/prefill", large)[0] == 413
    assert cdn.edge.admin("POST", "/v1/prefill", {"urls": [HOST + "/"], "id": "a"})[0] == 202
    assert cdn.edge.admin("POST", "/v1/prefill", {"urls": [HOST + "/"], "id": "a"})[0] == 409
    assert cdn.edge.admin("GET", "/v1/prefill/a?after=2")[0] == 400
    assert [p["id"] for p in cdn.edge.admin("GET", "/v1/prefill")[1]["prefills"]] == ["a"]
