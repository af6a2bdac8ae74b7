# SPDX-License-Identifier: MIT
"""What an operator asks of an edge, and what the control plane tells it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.harness.content import Content
from tests.harness.programs import Edge, run_tool, wait_until

URL = "http://test.example/a"


def test_purge_by_url_is_done_when_it_is_answered(cdn):
    cdn.origin.page("/a", b"old", cache="max-age=60")
    cdn.get("/a")
    cdn.origin.page("/a", b"new", cache="max-age=60")
    status, said = cdn.edge.admin("POST", "/v1/purge", {"url": URL})
    assert (status, said["objects"]) == (200, 1)
    assert cdn.get("/a").body == b"new"


def test_a_soft_purge_validates(cdn):
    cdn.origin.page("/a", b"same", cache="max-age=60", etag='"1"')
    cdn.get("/a")
    assert cdn.edge.admin("POST", "/v1/purge", {"url": URL, "soft": True})[0] == 200
    assert "fwd-status=304" in cdn.get("/a").header("Cache-Status")
    assert cdn.origin.body_bytes("/a") == 4


def test_a_purge_covers_the_fetch_that_is_under_way(cdn):
    with cdn.origin.holding("/a") as held:
        early = cdn.begin("/a")
        held.wait_for(1)
        assert cdn.edge.admin("POST", "/v1/purge", {"url": URL})[0] == 200
        held.answer(b"old", cache="max-age=60")
        assert early.wait().body == b"old"       # it asked before the purge
    cdn.origin.page("/a", b"new", cache="max-age=60")
    assert cdn.get("/a").body == b"new"


@pytest.mark.parametrize("body, status", [
    ("{", 400), ({}, 400), ({"url": "no url"}, 400), ({"url": "http://unknown.example/"}, 404),
    ({"url": "x" * 100_000}, 413),
])
def test_a_purge_that_is_wrong_is_told_so(cdn, body, status):
    said, problem = cdn.edge.admin("POST", "/v1/purge", body)
    assert said == status and problem["title"]


def test_explain_tells_why_and_never_asks_the_origin(cdn):
    ask = f"/v1/explain?url={URL}"
    assert cdn.edge.admin("GET", ask)[1]["decision"] == "miss"
    cdn.origin.page("/a", b"x" * 100, cache="max-age=60", etag='"1"',
                    headers={"Vary": "Accept-Language"})
    cdn.get("/a", Accept_Language="ko")
    assert cdn.edge.admin("GET", ask)[1]["decision"] == "vary-miss"
    said = cdn.edge.admin("GET", ask + "&header=Accept-Language:ko")[1]
    assert (said["decision"], said["site"]) == ("fresh", "test")
    assert said["object"]["freshness"]["decided_by"] == "Cache-Control: max-age"
    assert said["object"]["freshness"]["lifetime_s"] == 60
    assert said["object"]["generation"]["blocks_present"] == 1
    ask += "&header=Accept-Language:ko&header=Cache-Control:no-cache"
    said = cdn.edge.admin("GET", ask)[1]
    assert said["decision"] == "validate"
    assert cdn.origin.count() == 1
    assert cdn.edge.admin("GET", "/v1/explain?url=nonsense")[0] == 400


def test_status_and_metrics_keep_the_account(cdn):
    cdn.origin.page("/a", b"x" * 1000, cache="max-age=60")
    cdn.get("/a")
    cdn.get("/a")
    # The account is kept when an answer has left, which its client may see a moment earlier; an
    # answer's bytes are the last of it.
    out_bytes = "byeori_edge_site_out_bytes_total"
    cdn.edge.wait_metric(out_bytes, 2000)
    status, said = cdn.edge.admin("GET", "/v1/status")
    ledger = said["sites"][0]["ledger"]
    assert status == 200 and said["node"] == "edge-1"
    assert (ledger["requests"], ledger["hits"], ledger["out_bytes"]) == (2, 1, 2000)
    assert ledger["out_bytes_by_source"]["memory"] == 1000
    assert ledger["out_bytes_by_source"]["origin"] == 1000
    assert 1000 < ledger["upstream_bytes"] < 1300
    m = cdn.edge.metrics()
    assert m["byeori_edge_requests_total"] == 2
    assert m[f'{out_bytes}{{site="test",source="memory"}}'] == 1000


def test_the_admin_listener_asks_for_its_token(run, origin, tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    admin = {"token_file": str(tmp_path / "token")}
    edge = run(Edge(tmp_path, [origin.url], over={"admin": admin}))
    assert edge.admin("GET", "/v1/status")[0] == 401
    assert edge.admin("GET", "/v1/status", headers={"Authorization": "Bearer s3cret"})[0] == 200


class FakeControl:
    """Answers heartbeats as the test says; keeps what it heard."""

    def __init__(self, port=0):
        self.heard, self.purges, self.config, self.version, self.log = [], [], None, 0, "log1"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.heard.append((self.path, self.headers.get("Authorization"), body))
                data = json.dumps(outer.answer(body)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, heard):
        seq = heard.get("purge_seq", 0) if heard.get("purge_log") == self.log else 0
        out = {"now_ms": 1, "purge_log": self.log, "purge_floor": 1, "purge_head": len(self.purges),
               "purges": [p for p in self.purges if p["seq"] > seq], "config_version": self.version}
        if self.config is not None and heard.get("config_version", 0) != self.version:
            out["config"] = self.config
        return out

    def purge(self, **what):
        self.purges.append({"seq": len(self.purges) + 1, **what})

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def control():
    c = FakeControl()
    yield c
    c.stop()


@pytest.fixture
def steered(run, origin, control, tmp_path):
    (tmp_path / "token").write_text("node-token\n")
    return run(Edge(tmp_path, [origin.url], over={"control": {
        "url": f"http://127.0.0.1:{control.port}", "token_file": str(tmp_path / "token"),
        "state_file": str(tmp_path / "state")}}))


def last(control):
    return control.heard[-1][2] if control.heard else {}


def test_the_heartbeat_tells_who_and_what(steered, control, origin):
    origin.page("/a", b"x" * 1000, cache="max-age=60")
    steered.get("/a")
    wait_until(lambda: control.heard and last(control)["ledger"][0].get("requests") == 1, "a beat")
    path, token, body = control.heard[-1]
    assert (path, token) == ("/v1/nodes/edge-1/heartbeat", "Bearer node-token")
    assert body["node"] == "edge-1" and body["load"]["memory_cap_bytes"] == 64 << 20
    assert body["ledger"][0]["out_bytes"]["origin"] == 1000


def test_purges_are_applied_before_they_are_acknowledged(steered, control, origin):
    origin.page("/a", b"old", cache="max-age=60")
    steered.get("/a")
    origin.page("/a", b"new", cache="max-age=60")
    control.purge(kind="url", value=URL)
    wait_until(lambda: last(control).get("purge_seq") == 1, "the acknowledgement")
    assert steered.get("/a").body == b"new"
    origin.page("/a", b"newer", cache="max-age=60")
    control.purge(kind="site", site="test")
    wait_until(lambda: last(control).get("purge_seq") == 2, "the acknowledgement")
    assert steered.get("/a").body == b"newer"


@pytest.mark.parametrize("what", [
    {"kind": "prefix", "value": "https://test.example/a"},
    {"kind": "host", "value": "test.example"},
    {"kind": "tag", "value": "t"}, {"kind": "tag", "value": "t", "site": "test"},
    {"kind": "of tomorrow", "value": "x", "site": "test"}, {"kind": "site"}])
def test_every_kind_of_purge_comes_from_the_control_plane(steered, control, origin, what):
    origin.page("/a", b"old", cache="max-age=60", headers={"Cache-Tag": "t"})
    steered.get("/a")
    origin.page("/a", b"new", cache="max-age=60")
    control.purge(**what)
    wait_until(lambda: last(control).get("purge_seq") == 1, "the acknowledgement")
    assert steered.get("/a").body == b"new"


def test_a_gap_in_the_log_makes_everything_validate(steered, control, origin):
    origin.page("/a", b"x", cache="max-age=60", etag='"1"')
    wait_until(lambda: last(control).get("purge_log") == "log1", "a position")
    steered.get("/a")
    control.log = "log2"
    wait_until(lambda: last(control).get("purge_log") == "log2", "the new position")
    assert "fwd-status=304" in steered.get("/a").header("Cache-Status")


def test_sites_come_from_the_control_plane_and_outlive_it(steered, control, origin):
    origin.page("/a", b"x", cache="max-age=60")
    control.config, control.version = {"sites": [
        {"name": "far", "hosts": ["far.example"], "origins": [origin.url]}]}, 3
    wait_until(lambda: last(control).get("config_version") == 3, "the document")
    wait_until(lambda: steered.get("/a", Host="far.example").status == 200, "it is served")
    control.config, control.version = {"sites": [
        {"name": "far", "hosts": ["far.example"], "origins": [origin.url],
         "options": {"nonsense": 1}}]}, 4
    wait_until(lambda: "nonsense" in last(control).get("config_fault", ""), "the refusal")
    assert last(control)["config_version"] == 3
    assert steered.get("/a", Host="far.example").status == 200
    control.stop()
    steered.stop()
    steered.start()
    assert steered.get("/a", Host="far.example").status == 200
    assert steered.get("/a").status == 200


def give_site(control, origin, **options):
    control.config, control.version = {"sites": [
        {"name": "far", "hosts": ["far.example"], "origins": [origin.url], "options": options}]}, 3
    wait_until(lambda: last(control).get("config_version") == 3, "the document")


def test_a_file_that_is_being_edited_counts_as_it_was_taken(steered, control, origin):
    origin.page("/a", b"x", cache="max-age=60")
    steered.file.write_text(steered.file.read_text() + 'site "half" {\n  hosts = {"ha')
    give_site(control, origin)
    wait_until(lambda: steered.get("/a", Host="far.example").status == 200, "the new site")
    assert steered.get("/a").status == 200


def test_blocks_larger_than_the_store_began_with_are_reduced(steered, control, origin):
    body = Content(5 << 20)
    origin.page("/a", body, cache="max-age=60", etag='"1"')
    give_site(control, origin, block="4MiB")
    wait_until(lambda: steered.get("/none", Host="far.example").status == 404, "the new site")
    assert steered.get("/a", Host="far.example").body == body.read(0, body.size)
    wait_until(lambda: "block-reduced site=far wanted=4194304 bytes=1048576" in steered.stderr(),
               "it is said")


def test_a_damaged_state_file_is_put_aside(steered, control, origin):
    state = steered.folder.parent / "state"
    control.purge(kind="url", value=URL)
    wait_until(lambda: last(control).get("purge_seq") == 1, "the acknowledgement")
    steered.stop()
    state.write_bytes(state.read_bytes()[:20])
    steered.start()
    origin.page("/a", b"x", cache="max-age=60")
    assert steered.get("/a").status == 200
    wait_until(lambda: "control-state-not-used" in steered.stderr(), "it is said")


def test_what_the_control_plane_told_is_sealed_on_disk(run, origin, control, tmp_path):
    """Private keys come with it. Without the key the edge says what it lacks, and serves its own
    sites; a file that names no keys is refused."""
    keys, state, old, new = tmp_path / "keys", tmp_path / "state", "0f" * 32, "1e" * 32
    (tmp_path / "token").write_text("node-token\n")
    link = {"url": f"http://127.0.0.1:{control.port}", "token_file": str(tmp_path / "token"),
            "state_file": str(state)}
    secret = "5ec2e7" * 20
    control.config, control.version = {
        "sites": [{"name": "far", "hosts": ["far.example"], "origins": [origin.url]}],
        "keys": [{"name": "k", "use": "urls", "secrets": [secret]}]}, 3
    origin.page("/a", b"x", cache="max-age=60")
    edge = run(Edge(tmp_path, [origin.url], over={"control": link}))
    wait_until(lambda: state.exists() and secret in state.read_text(), "it is kept, in clear")
    control.stop()

    def begin(*lines):
        edge.stop()
        keys.write_text("".join(f"{k}\n" for k in lines))
        edge.configure({**edge.values, "control": {**link, "secret_key_file": str(keys)}})
        edge.start()
        assert edge.get("/a").status == 200
        assert secret not in state.read_text() and "far.example" not in state.read_text()
        return edge.get("/a", Host="far.example").status

    assert [begin(old), begin(new, old), begin(new)] == [200, 200, 200]
    assert begin(old) != 200
    wait_until(lambda: "which is not in the secret_key_file" in edge.stderr(), "it is said")
    assert begin(new) == 200
    keys.unlink()
    told = run_tool("edge/byeori-edge", "-c", edge.file, "--check-config")
    assert told.returncode != 0
    assert f"{edge.file}:{line_of(edge, 'secret_key_file')}: control: secret_key_file: {keys}" \
        in told.stderr


def why(said):
    return {line["what"]: line for line in said["object"]["why"]}


def line_of(edge, option):
    lines = edge.file.read_text().splitlines()
    return next(i for i, text in enumerate(lines, 1) if text.strip().startswith(option))


def test_explain_shows_the_arithmetic_and_the_line_that_decided(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], site={"max_ttl": "300s", "stale_if_error": "7s",
                                                  "query_drop": ["utm_*"]}))
    origin.page("/a?v=1", b"x" * 100, cache="s-maxage=600, stale-while-revalidate=5",
                headers={"Age": "20"})
    edge.get("/a?utm_a=1&v=1")
    said = edge.admin("GET", "/v1/explain?url=http://test.example/a%3Fv=1%26utm_b=2")[1]
    assert said["key"] == "test\ntest.example\n/a?v=1"
    assert said["key_rules"] == [{"option": "query_drop",
                                  "at": f"{edge.file}:{line_of(edge, 'query_drop')}"}]
    lines = why(said)
    seconds = {what: float(line["text"].split()[0]) for what, line in lines.items()
               if line["text"][0].isdigit() or line["text"][0] == "-"}
    assert seconds["apparent_age"] < 60
    assert 20 <= seconds["corrected_initial_age"] <= seconds["current_age"] < 80
    assert lines["freshness_lifetime"]["option"] == "max_ttl"
    assert lines["freshness_lifetime"]["at"] == f"{edge.file}:{line_of(edge, 'max_ttl')}"
    assert "s-maxage=600" in said["object"]["why"][4]["text"]
    assert seconds["left"] == pytest.approx(300 - seconds["current_age"], abs=0.01)
    assert lines["left"]["text"].endswith("fresh")
    assert "must-revalidate" in lines
    assert (said["decision"], said["because"]) == ("fresh", "fresh")
    assert said["object"]["generation"]["runs"] == [{"first": 0, "last": 0}]
    assert origin.count() == 1


def test_explain_tells_options_of_defaults_from_those_that_were_given(cdn):
    cdn.origin.page("/a", b"x", headers={"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"})
    cdn.get("/a")
    said = cdn.edge.admin("GET", f"/v1/explain?url={URL}")[1]
    assert "a tenth" in why(said)["freshness_lifetime"]["text"]
    assert "01 Jan 2024" in why(said)["freshness_lifetime"]["text"]
    assert why(said)["stale-if-error"] == {"what": "stale-if-error", "option": "stale_if_error",
                                           "text": "3600.000 s: the site's", "at": "default"}


def test_explain_knows_what_was_not_storable(cdn):
    ask = f"/v1/explain?url={URL}"
    cdn.origin.page("/a", b"x", cache="private")

    def is_known():      # for 5 s, and a machine may pause for longer
        cdn.get("/a")
        said = cdn.edge.admin("GET", ask)[1]
        return said["decision"] == "pass" and said
    said = wait_until(is_known, "what it was")
    asked = cdn.origin.count()
    assert said["found"] is False
    assert "this client alone" in said["would"] and 0 < said["not_storable_s"] <= 5
    said = cdn.edge.admin("GET", ask + "&header=Cache-Control:only-if-cached")[1]
    assert said["decision"] == "miss" and "504" in said["would"]
    assert cdn.origin.count() == asked


def test_explain_counts_as_no_use(cdn):
    ask = f"/v1/explain?url={URL}"
    cdn.origin.page("/a", b"x", cache="max-age=60")
    cdn.get("/a")
    cdn.get("/a")
    uses = {cdn.edge.admin("GET", ask)[1]["object"]["uses"] for _ in range(3)}
    assert uses == {1}


def test_explain_says_that_stale_covers_for_origins_that_are_down(cdn):
    cdn.origin.page("/a", b"x", cache="max-age=60", headers={"Age": "100"})
    cdn.get("/a")
    assert cdn.edge.admin("GET", f"/v1/explain?url={URL}")[1]["decision"] == "validate"
    cdn.origin.stop()

    def is_covered():      # until one may ask again, a second later
        if "upstream-down" not in cdn.get("/a").header("Cache-Status"):
            return False
        said = cdn.edge.admin("GET", f"/v1/explain?url={URL}")[1]
        return said["because"] == "every origin is known to be down" and said
    assert wait_until(is_covered, "it is down, and said so")["decision"] == "covered"


@pytest.mark.parametrize("header, decision, because", [
    ("Cache-Control: no-cache", "validate", "the request's no-cache"),
    ("Cache-Control: max-age=0", "validate", "the request's max-age"),
    ("Cache-Control: min-fresh=100", "validate", "the request's min-fresh"),
    ("Cache-Control: no-cache, only-if-cached", "forbidden", "the request's no-cache"),
    ("X: y", "fresh", "fresh"),
])
def test_explain_and_the_request_itself_agree(cdn, header, decision, because):
    cdn.origin.page("/a", b"x", cache="max-age=60", etag='"1"')
    cdn.get("/a")
    done = run_tool("control/byeorictl", "explain", URL, "-H", header, "--json", "--edge",
                    f"127.0.0.1:{cdn.edge.admin_port}")
    said = json.loads(done.stdout)
    assert (said["decision"], said["because"]) == (decision, because)
    assert cdn.origin.count() == 1
    name, value = header.split(": ")
    r = cdn.get("/a", **{name.replace("-", "_"): value})
    asked = {"validate": "fwd-status=304", "fresh": "; hit"}.get(decision)
    assert asked in r.header("Cache-Status") if asked else r.status == 504


def test_byeorictl_explains_to_people(cdn):
    cdn.origin.page("/a", b"x" * 100, cache="max-age=60", etag='"1"',
                    headers={"Vary": "Accept-Language", "Cache-Tag": "a, b"})
    cdn.get("/a", Accept_Language="ko")
    ask = ["--edge", f"127.0.0.1:{cdn.edge.admin_port}"]
    assert "vary-miss" in run_tool("control/byeorictl", "explain", URL, *ask).stdout
    done = run_tool("control/byeorictl", "explain", URL, "-H", "Accept-Language: ko", *ask)
    assert done.returncode == 0
    for text in ("fresh: fresh", "answer from the cache", "test test.example /a", '"1"', "2 tags",
                 "accept-language: =ko", "100 bytes, 1 of 1 blocks of 1048576: 0", "current_age",
                 "Cache-Control: max-age=60", "[stale_if_error: default]"):
        assert text in done.stdout, (text, done.stdout)
    assert run_tool("control/byeorictl", "explain", URL, "-H", "nonsense", *ask).returncode == 2
    assert cdn.origin.count() == 1
