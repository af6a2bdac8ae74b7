# SPDX-License-Identifier: MIT
"""Prefill through the control plane: to the edges that are named, followed, audited, cancelled."""

import json
import os
import pty
import subprocess
import threading

import pytest

from tests.e2e.control_plane import HOST, NODES, OPERATOR, Plane
from tests.harness.content import Content
from tests.harness.programs import Edge, build_folder, call, wait_until

MIB = 1 << 20
URLS = [f"http://{HOST}/{i}" for i in range(5)]


@pytest.fixture
def cdn(run, origin, tmp_path):
    """A control plane with two edges."""
    nodes = ("seoul", "frankfurt")
    plane = run(Plane(tmp_path, nodes={n: NODES[n] for n in nodes}))
    edges = {}
    for name in nodes:
        edge = Edge(tmp_path, [origin.url], name=name, host=HOST, over={
            "control": {"url": plane.url, "token_file": str(tmp_path / "node")}})
        edge.values["site", "games"] = edge.values.pop(("site", "test"))
        edge.configure(edge.values)
        edges[name] = run(edge)
    plane.wait_health(seoul="up", frankfurt="up")
    for i in range(5):
        origin.page(f"/{i}", Content(MIB, seed=i), cache="max-age=600", etag='"1"')
    return plane, edges, origin


def tool(plane, *arguments, urls=URLS, stderr=subprocess.PIPE):
    command = [str(build_folder() / "control/byeorictl"), "--control", plane.url, "--token-file",
               str(plane.operator_file), "prefill", *arguments]
    return subprocess.run(command, input="\n".join(urls), stdout=subprocess.PIPE, stderr=stderr,
                          text=True, timeout=60)


def received(edge):
    return edge.metric("byeori_edge_upstream_received_bytes_total")


def test_the_edges_that_are_named_have_it_and_a_second_run_moves_nothing(cdn):
    plane, edges, origin = cdn
    done = tool(plane, "--edges", "seoul", "--pin", "1h", "--rate", "1GiB", "--id", "release-1")
    assert done.returncode == 0, done.stderr
    assert "100 %  5 of 5, 0 failed" in done.stdout and "prefill release-1: done" in done.stdout
    assert received(edges["frankfurt"]) == 0 and received(edges["seoul"]) > 5 * MIB
    assert "hit" in edges["seoul"].get("/3").header("Cache-Status")
    tasks = edges["seoul"].admin("GET", "/v1/prefill/release-1")[1]["tasks"]
    assert all(t["state"] == "done" and t["pinned"] for t in tasks) and len(tasks) == 5
    before = received(edges["seoul"])
    again = json.loads(tool(plane, "--json").stdout)             # to all
    assert {n["id"]: (n["state"], n["brought_bytes"], n["kept_bytes"]) for n in again["nodes"]} == \
        {"seoul": ("done", 0, 5 * MIB), "frankfurt": ("done", 5 * MIB, 5 * MIB)}
    assert (again["state"], again["done"], again["urls"]) == ("done", 10, 10)
    assert received(edges["seoul"]) == before
    wait_until(lambda: plane.ask("GET", "/v1/cost")[1]["prefill_bytes"] >= 10 * MIB, "on the bill")
    assert [p["id"] for p in plane.ask("GET", "/v1/prefills")[1]["prefills"]] == \
        [again["id"], "release-1"]
    entries = plane.ask("GET", "/v1/audit")[1]["entries"]
    assert [e["about"] for e in entries if e["what"] == "POST /v1/prefill"] == \
        ["release-1: 5 URLs to 1 nodes", f"{again['id']}: 5 URLs to 2 nodes"]
    plane.stop()
    plane.start()                                                # orders are durable
    assert plane.ask("GET", "/v1/prefills/release-1")[0] == 200


def test_what_fails_is_told_and_makes_the_tool_fail(cdn):
    plane, _, _ = cdn
    done = tool(plane, "--edges", "seoul", urls=[URLS[0], f"http://{HOST}/absent"])
    assert done.returncode == 1
    assert f"http://{HOST}/absent: The origin's answer is not 200." in done.stdout
    assert tool(plane, urls=[]).returncode == 2
    assert tool(plane, "--edges", "nobody").returncode == 1


def test_a_person_sees_a_bar(cdn):
    plane, _, _ = cdn
    reader, writer = pty.openpty()
    seen = []
    watching = threading.Thread(target=watch, args=(reader, seen))
    watching.start()
    done = tool(plane, stderr=writer)
    os.close(writer)
    watching.join()
    shown = b"".join(seen).decode()
    assert done.returncode == 0 and "[##############################] 100 %" in shown
    assert " 10 of 10 " in shown and "100 %" not in done.stdout


def watch(reader, seen):
    """What comes on a terminal until its last writer has gone."""
    try:
        while piece := os.read(reader, 1 << 16):
            seen.append(piece)
    except OSError:
        pass                        # Linux says so
    os.close(reader)


def test_a_cancelled_one_ends_on_every_edge(cdn):
    plane, edges, origin = cdn
    with origin.holding("/0") as held:
        done = tool(plane, "--edges", "seoul", "--no-wait", "--id", "held", urls=URLS[:1])
        assert done.returncode == 0, done.stderr
        held.wait_for(1)
        assert plane.tool("prefill", "--cancel", "held").returncode == 1
        wait_until(lambda: edges["seoul"].admin("GET", "/v1/prefill/held")[1]["state"] ==
                   "cancelled", "the edge has heard")
    assert "held" in plane.tool("prefill", "--list").stdout


def test_it_needs_a_token_of_its_own_right(cdn):
    plane, _, _ = cdn
    made = {right: plane.ask("POST", "/v1/tokens", {"name": right, "rights": [right]})[1]["token"]
            for right in ("prefill", "purge", "read")}
    order = {"urls": URLS[:1], "nodes": ["seoul"]}
    assert plane.ask("POST", "/v1/prefill", order, token=made["purge"])[0] == 403
    assert plane.ask("POST", "/v1/prefill", order, token=made["read"])[0] == 403
    status, job = plane.ask("POST", "/v1/prefill", order, token=made["prefill"])
    assert status == 202
    assert plane.ask("GET", f"/v1/prefills/{job['id']}", token=made["prefill"])[0] == 200
    assert plane.ask("DELETE", f"/v1/prefills/{job['id']}", token=made["read"])[0] == 403
