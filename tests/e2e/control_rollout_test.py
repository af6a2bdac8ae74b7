# SPDX-License-Identifier: MIT
"""Versions of the configuration: history, differences, going back, and canaries that are taken back
by themselves."""

from control_plane import Beats, Plane
from tests.harness.programs import Edge, wait_until

CANARY = {"rollout": {"hold": "1s", "least_requests": 10}}


def site(block="1MiB", **more):
    return {"hosts": ["media.example.com"], "origins": ["http://127.0.0.1:1"],
            "options": {"block": block}, **more}


def put(plane, body, name="media"):
    status, answer = plane.ask("PUT", f"/v1/sites/{name}", body)
    assert status == 200, answer
    return plane.ask("GET", "/v1/config")[1]


def config(plane):
    return plane.ask("GET", "/v1/config")[1]


def all_run(edges, version):
    return all(e.beat.get("config_version") == version for e in edges)


def test_history_tells_and_rollback_restores(run, tmp_path):
    plane = run(Plane(tmp_path))
    put(plane, site())
    put(plane, site("2MiB"))
    put(plane, {"hosts": ["other.example"], "origins": ["http://127.0.0.1:2"]}, "other")
    assert plane.ask("DELETE", "/v1/sites/other")[0] == 204
    told = config(plane)
    assert [v["what"] for v in told["versions"]] == [
        "PUT /v1/sites/media", "PUT /v1/sites/media", "PUT /v1/sites/other",
        "DELETE /v1/sites/other"]
    assert (told["version"], told["stable"], told["stage"]) == (4, 4, "done")
    assert plane.tool("config", "diff", "1", "3").stdout == (
        '- media options.block "1MiB"\n+ media options.block "2MiB"\n'
        '+ other hosts ["other.example"]\n+ other name "other"\n'
        '+ other origins ["http://127.0.0.1:2"]\n')
    edge = Beats(plane, "seoul")
    wait_until(lambda: edge.beat.get("config_version") == 4, "the newest")
    assert plane.tool("config", "rollback", "1").returncode == 0
    wait_until(lambda: edge.beat.get("config_version") == 5, "the old content")
    assert edge.config["sites"] == [{"name": "media", **site()}]
    edge.stop()
    plane.kill()
    plane.start()
    assert plane.ask("GET", "/v1/sites/media")[1]["options"]["block"] == "1MiB"
    assert config(plane)["versions"][4]["what"] == "rollback to version 1"
    assert plane.ask("POST", "/v1/config/rollback", {"version": 77})[0] == 404
    assert plane.ask("POST", "/v1/config/rollback", {})[0] == 400
    assert plane.ask("GET", "/v1/config/99")[0] == plane.ask("GET", "/v1/config/x")[0] == 404
    assert "rollback to version 1" in plane.tool("config").stdout
    audit = plane.ask("GET", "/v1/audit")[1]["entries"]
    assert [e["what"] for e in audit][-2:] == ["DELETE /v1/sites/other", "rollback to version 1"]


def test_a_site_of_the_file_is_not_taken_out_and_stands_in_the_way_of_a_rollback(run, tmp_path):
    plane = run(Plane(tmp_path))
    assert plane.ask("DELETE", "/v1/sites/games")[0] == 409
    assert plane.ask("DELETE", "/v1/sites/none")[0] == 404
    put(plane, site())
    assert plane.ask("DELETE", "/v1/sites/media")[0] == 204
    plane.configure({**plane.values, ("site", "file"): {"hosts": ["media.example.com"]}})
    plane.reload()
    wait_until(lambda: plane.ask("GET", "/v1/sites/file")[0] == 200, "the file's site")
    assert plane.ask("POST", "/v1/config/rollback", {"version": 1})[0] == 409
    assert config(plane)["version"] == 2


def test_a_canary_goes_first_and_then_the_others(run, tmp_path):
    plane = run(Plane(tmp_path, over={"rollout": {"hold": "1h", "least_requests": 10}}))
    edges = [Beats(plane, node) for node in ("seoul", "frankfurt", "virginia")]
    put(plane, site())
    wait_until(lambda: all_run(edges, 1), "the first is for all")
    put(plane, site("2MiB"))
    assert config(plane)["stage"] == "canary"
    wait_until(lambda: any(2 in e.taken for e in edges), "the canary has it")
    plane.configure({**plane.values, **CANARY})
    plane.reload()
    wait_until(lambda: config(plane)["stable"] == 2 and all_run(edges, 2), "the second everywhere")
    _, second, third = sorted(e.taken[2] for e in edges)
    assert third - second >= 0.99     # the last of the share held it for a second
    for e in edges:
        e.stop()


def test_a_canary_that_makes_errors_is_taken_back(run, tmp_path):
    plane = run(Plane(tmp_path, over=CANARY))
    edges = [Beats(plane, node) for node in ("seoul", "frankfurt", "virginia")]
    put(plane, site())
    wait_until(lambda: all_run(edges, 1), "the first")
    reached = set()

    def answer_and_fail():
        for e in edges:
            is_bad = e.beat.get("config_version") == 2
            reached.update([e.node] if is_bad else [])
            load = e.beat.get("load", {"requests": 0, "errors": 0})
            e.beat["load"] = {"requests": load["requests"] + 20,
                              "errors": load["errors"] + (10 if is_bad else 0)}
        return config(plane)["stable"] == 3
    put(plane, site("2MiB"))
    wait_until(answer_and_fail, "the return")
    wait_until(lambda: all_run(edges, 3), "all are back")
    assert len(reached) == 1
    last = config(plane)["versions"][-1]
    assert last["who"] == "rollout" and "errors" in last["what"]
    assert plane.ask("GET", "/v1/sites/media")[1]["options"]["block"] == "1MiB"
    assert "rollout" in plane.tool("audit").stdout
    for e in edges:
        e.stop()


def test_a_canary_goes_on_after_a_kill(run, tmp_path):
    plane = run(Plane(tmp_path, over=CANARY))
    edges = [Beats(plane, node) for node in ("seoul", "frankfurt", "virginia")]
    put(plane, site())
    wait_until(lambda: all_run(edges, 1), "the first")
    put(plane, site("2MiB"))
    plane.kill()
    plane.start()
    assert (config(plane)["version"], config(plane)["stable"]) == (2, 1)
    wait_until(lambda: config(plane)["stable"] == 2 and all_run(edges, 2), "everywhere")
    for e in edges:
        e.stop()


def test_an_edge_that_refuses_is_heard_and_left_alone(run, origin, tmp_path):
    (tmp_path / "edge").mkdir()
    plane = run(Plane(tmp_path, over=CANARY))
    put(plane, {**site(), "origins": [origin.url]})
    edge = run(Edge(tmp_path / "edge", [origin.url], name="seoul", over={"control": {
        "url": plane.url, "token_file": str(tmp_path / "node")}}))
    wait_until(lambda: edge.admin("GET", "/v1/status")[1]["control"]["config_version"] == 1, "one")
    origin.page("/a", b"a", cache="max-age=60")
    put(plane, {**site(), "origins": ["https://127.0.0.1:1"],
                "options": {"ca_file": "/not/on/this/edge"}})
    wait_until(lambda: config(plane)["version"] == 3, "the return")
    assert "seoul refuses it" in config(plane)["versions"][-1]["what"]
    wait_until(lambda: edge.admin("GET", "/v1/status")[1]["control"]["config_version"] == 3, "back")
    assert edge.get("/a").body == b"a"
    wait_until(lambda: "document-refused" in edge.stderr(), "the log")
    assert edge.stderr().count("document-refused") == 1


def test_a_second_instance_routes_from_the_snapshot_of_the_first(run, tmp_path):
    snapshot = tmp_path / "second" / "state.db"
    snapshot.parent.mkdir()
    plane = run(Plane(tmp_path, over={"snapshot": str(snapshot)}))
    edges = [Beats(plane, node) for node in ("seoul", "frankfurt", "virginia")]
    plane.wait_health(seoul="up", frankfurt="up", virginia="up")
    put(plane, site())
    snapshot.unlink(missing_ok=True)
    wait_until(snapshot.exists, "a snapshot")
    plane.kill()
    second = run(Plane(snapshot.parent, over={"routes_only": True, "state": str(snapshot)}))
    assert second.edges("127.1.0.1")[0] == "seoul"
    assert second.user("/a", source="127.2.0.1").status == 302
    assert second.ask("GET", "/v1/sites/media")[0] == 200
    assert second.ask("PUT", "/v1/sites/x", site())[0] == 503
    assert second.ask("POST", "/v1/purge", {"host": "x.test"})[0] == 503
    for e in edges:
        e.stop()
