# SPDX-License-Identifier: MIT
"""Who may ask the control plane for what: tokens and their rights, nodes' own tokens, limits, the
audit log, and that no secret is told anywhere."""

import http.client
import json
import re
import ssl
import subprocess
import threading

import pytest

from control_plane import HOST, NODE, OPERATOR, Plane
from tests.harness.ports import free_port
from tests.harness.programs import Edge, run_tool, wait_until

SITE = {"hosts": ["media.example.com"], "origins": ["http://127.0.0.1:1"]}
READS = ["/v1/nodes", "/v1/nodes/seoul", "/v1/sites", "/v1/cost", "/v1/status", "/v1/audit",
         f"/v1/route?host={HOST}&path=/a&client=127.1.0.1"]
CHANGES = [("PUT", "/v1/sites/x", SITE), ("PUT", "/v1/nodes/x", {"http_url": "http://x.test"}),
           ("POST", "/v1/nodes/seoul/drain", None),
           ("POST", "/v1/tokens", {"name": "more", "rights": ["read"]}),
           ("DELETE", "/v1/tokens/none", None), ("GET", "/v1/tokens", None)]


def make(plane, name, **what):
    status, body = plane.ask("POST", "/v1/tokens", {"name": name, **what})
    assert status == 201 and re.fullmatch("byt_[0-9a-f]{64}", body["token"]), body
    return body["token"]


def beat(plane, node, token):
    return plane.ask("POST", f"/v1/nodes/{node}/heartbeat",
                     {"node": node, "boot": "b", "wait_ms": 0}, token)[0]


def test_a_token_may_what_its_rights_say(run, tmp_path):
    plane = run(Plane(tmp_path))
    read = make(plane, "reader", rights=["read"])
    purge = make(plane, "releases", rights=["purge"])
    admin = make(plane, "second", rights=["admin"])
    for path in READS:
        assert plane.ask("GET", path, token=read)[0] == 200, path
        assert plane.ask("GET", path, token=purge)[0] == 403, path
    for method, path, body in CHANGES:
        for token in (read, purge):
            status, problem = plane.ask(method, path, body, token)
            assert status == 403 and "admin" in problem["detail"], path
        assert plane.ask(method, path, body, admin)[0] in (200, 201, 404), path
    order = {"tag": "a", "site": "games"}
    assert plane.ask("POST", "/v1/purge", order, read)[0] == 403
    status, purged = plane.ask("POST", "/v1/purge", order, purge)
    assert status == 202
    for token in (read, purge):
        assert plane.ask("GET", f"/v1/purges/{purged['seq']}", token=token)[0] == 200
    for token in (read, purge, admin):
        assert beat(plane, "seoul", token) == 403


def test_a_node_speaks_for_itself_only(run, tmp_path):
    plane = run(Plane(tmp_path, over={"node_token_file": None}))
    assert beat(plane, "seoul", NODE) == 401
    seoul = make(plane, "edge-of-seoul", node="seoul")
    assert beat(plane, "seoul", seoul) == 200
    assert beat(plane, "frankfurt", seoul) == 403
    assert plane.ask("GET", "/v1/nodes", token=seoul)[0] == 403
    assert "frankfurt" not in [n["id"] for n in plane.ask("GET", "/v1/nodes")[1]["nodes"]
                               if "heard" in n]


def test_tokens_outlive_a_kill_and_end_when_they_are_deleted(run, tmp_path):
    plane = run(Plane(tmp_path))
    token = make(plane, "x", rights=["read"])
    assert plane.ask("POST", "/v1/tokens", {"name": "x", "rights": ["read"]})[0] == 409
    plane.kill()
    plane.start()
    assert plane.ask("GET", "/v1/nodes", token=token)[0] == 200
    assert plane.ask("DELETE", "/v1/tokens/x")[0] == 204
    assert plane.ask("GET", "/v1/nodes", token=token)[0] == 401
    assert plane.ask("GET", "/v1/tokens")[1] == {"tokens": []}


@pytest.mark.parametrize("body", [
    {}, {"name": "x"}, {"name": "", "rights": ["read"]}, {"name": "a b", "rights": ["read"]},
    {"name": "x", "rights": ["node"]}, {"name": "x", "rights": ["root"]},
    {"name": "x", "rights": ["read"], "node": "seoul"}, {"name": "x" * 65, "rights": ["read"]},
    {"name": "x", "rights": []}, {"name": 1, "rights": ["read"]}, [],
])
def test_a_token_that_makes_no_sense_is_not_made(run, tmp_path, body):
    plane = run(Plane(tmp_path))
    status, problem = plane.ask("POST", "/v1/tokens", body)
    assert status == 400 and problem["detail"]
    assert plane.ask("GET", "/v1/tokens")[1] == {"tokens": []}


def test_wrong_tokens_come_to_a_limit_and_heartbeats_do_not(run, tmp_path):
    plane = run(Plane(tmp_path))

    def guess():
        return plane.ask("GET", "/v1/nodes", token="guess-0123456789abcdef")[0]

    assert [guess() for _ in range(15)] == [401] * 15
    wait_until(lambda: guess() == 429 and plane.ask("GET", "/v1/nodes")[0] == 429,
               "from this address nobody gets an answer for a while")
    assert beat(plane, "seoul", NODE) == 200
    assert plane.metric("byeori_control_requests_limited_total") >= 1


def test_a_token_comes_to_its_rate(run, tmp_path):
    plane = run(Plane(tmp_path, over={"operator_rate": 2}))
    token = make(plane, "busy", rights=["read"])
    seen = [plane.ask("GET", "/v1/nodes", token=token)[0] for _ in range(20)]
    assert 429 in seen and seen[0] == 200
    assert plane.ask("GET", "/v1/nodes")[0] == 200          # another token has its own


def test_bodies_are_bounded(run, tmp_path):
    plane = run(Plane(tmp_path))
    for method, path, size in (("PUT", "/v1/sites/x", 64), ("POST", "/v1/purge", 16),
                               ("POST", "/v1/tokens", 4), ("PUT", "/v1/nodes/x", 32)):
        body = {"hosts": ["a.example"], "more": "x" * (size << 10)}
        assert plane.ask(method, path, body)[0] == 413, path


def test_every_change_is_in_the_audit_log(run, tmp_path):
    plane = run(Plane(tmp_path))
    token = make(plane, "alice", rights=["admin"])
    plane.ask("PUT", "/v1/sites/x", SITE, token)
    plane.ask("PUT", "/v1/nodes/tokyo", {"http_url": "http://tokyo.test"}, token)
    plane.ask("POST", "/v1/nodes/tokyo/drain", token=token)
    plane.ask("POST", "/v1/purge", {"host": HOST}, token)
    plane.ask("PUT", "/v1/sites/bad%20name", SITE, token)
    plane.ask("DELETE", "/v1/tokens/alice")
    plane.reload()
    plane.kill()
    plane.start()
    entries = plane.ask("GET", "/v1/audit")[1]["entries"]
    told = [(e["who"], e["what"]) for e in entries]
    expected = [("operator", "POST /v1/tokens"), ("alice", "PUT /v1/sites/x"),
                ("alice", "PUT /v1/nodes/tokyo"), ("alice", "POST /v1/nodes/tokyo/drain"),
                ("alice", "POST /v1/purge"), ("operator", "DELETE /v1/tokens/alice")]
    assert told[:6] == expected
    assert told[6:] in ([], [("configuration file", "reload")])     # the kill may have been faster
    assert [e["seq"] for e in entries] == list(range(1, len(entries) + 1))
    assert all(e["from"] == "127.0.0.1" for e in entries[:6])
    assert entries[4]["about"] == f"seq 1 host {HOST}"
    page = plane.ask("GET", "/v1/audit?n=2&before=4")[1]
    assert [e["seq"] for e in page["entries"]] == [2, 3] and page["head"] == len(entries)
    assert plane.ask("GET", "/v1/audit?n=0")[0] == plane.ask("GET", "/v1/audit?before=x")[0] == 400
    assert "PUT /v1/nodes/tokyo" in plane.tool("audit", "--count", "7").stdout


def test_changes_at_the_same_time_all_have_their_entry(run, tmp_path):
    plane = run(Plane(tmp_path))

    def purge():
        for _ in range(20):
            assert plane.ask("POST", "/v1/purge", {"host": HOST})[0] == 202
    threads = [threading.Thread(target=purge) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    entries = plane.ask("GET", "/v1/audit?n=1000")[1]["entries"]
    assert [int(e["about"].split()[1]) for e in entries] == list(range(1, 81))


def test_no_secret_is_told_anywhere(run, tmp_path):
    plane = run(Plane(tmp_path, over={"log_level": "debug"}))
    token = make(plane, "x", rights=["admin"])
    secrets = (OPERATOR, NODE, token)
    plane.ask("PUT", "/v1/sites/x", SITE, token)
    beat(plane, "seoul", NODE)
    told = [json.dumps(plane.ask("GET", path)[1]) for path in READS + ["/v1/tokens"]]
    told += [plane.admin("GET", "/metrics")[1]]
    plane.stop()
    strings = subprocess.run(["strings", "-n", "8", tmp_path / "state.db"], capture_output=True,
                             text=True, check=True).stdout
    for text in told + [plane.stderr(), strings]:
        assert not [s for s in secrets if s in text]


def test_the_tool_makes_and_takes_tokens(run, tmp_path):
    plane = run(Plane(tmp_path))
    made = plane.tool("token", "make", "ci", "--rights", "purge,read")
    assert made.returncode == 0 and made.stdout.startswith("byt_")
    assert plane.ask("GET", "/v1/nodes", token=made.stdout.strip())[0] == 200
    assert plane.tool("token", "make", "edge", "--node", "seoul").returncode == 0
    listed = plane.tool("token").stdout
    assert "read purge" in listed and "seoul" in listed and "byt_" not in listed
    assert plane.tool("token", "delete", "ci").returncode == 0
    assert plane.tool("token", "delete", "ci").returncode == 1
    assert plane.tool("token", "make", "x").returncode == 2


def test_listeners_let_in_only_clients_with_a_certificate_of_their_authority(run, origin, authority,
                                                                            tmp_path):
    chain, key = authority.certificate("control", ["127.0.0.1"])
    mine, its_key = authority.certificate("client", ["seoul"])
    for folder in ("edge", "other"):
        (tmp_path / folder).mkdir()
    stranger = type(authority)(tmp_path / "other").certificate("stranger", ["seoul"])
    over = {("certificate", "c"): {"chain": chain, "key": key},
            ("api", "api"): {"tls": True, "client_ca": str(authority.file)}}
    plane = run(Plane(tmp_path, over=over))
    url = f"https://127.0.0.1:{plane.port}"

    def status(*more):
        return run_tool("control/byeorictl", "--control", url, "--token-file",
                        plane.operator_file, "--ca", authority.file, *more, "status").returncode
    assert status("--certificate", mine, "--key", its_key) == 0
    assert status() == 3
    assert status("--certificate", stranger[0], "--key", stranger[1]) == 3

    (tmp_path / "token").write_text(NODE)
    run(Edge(tmp_path / "edge", [origin.url], name="seoul", over={"control": {
        "url": url, "token_file": str(tmp_path / "token"), "ca": str(authority.file),
        "certificate": str(mine), "key": str(its_key)}}))
    wait_until(lambda: plane.metric("byeori_control_heartbeats_total") >= 2, "heartbeats")


def test_the_admin_listener_speaks_tls_and_asks_for_certificates(run, authority, tmp_path):
    chain, key = authority.certificate("control", ["127.0.0.1"])
    mine = authority.certificate("client", ["operator"])
    plane = Plane(tmp_path, over={
        ("certificate", "c"): {"chain": chain, "key": key},
        "admin": {"address": f"127.0.0.1:{free_port()}", "tls": True,
                  "client_ca": str(authority.file)}})
    context = ssl.create_default_context(cafile=str(authority.file))

    def is_up():
        return "listening" in plane.stderr() and "name=admin" in plane.stderr()
    plane.probe = is_up
    run(plane)

    def ready(loaded):
        connection = http.client.HTTPSConnection("127.0.0.1", plane.admin_port, context=loaded)
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    with pytest.raises((ssl.SSLError, OSError)):
        ready(context)
    context.load_cert_chain(*mine)
    assert ready(context) == 200


@pytest.mark.parametrize("over, reason", [
    ({("api", "api"): {"client_ca": "/nonexistent"}}, "client_ca needs tls"),
    ({"admin": {"address": "127.0.0.1:0", "tls": True}}, "no certificate section"),
    ({"admin": {"address": "127.0.0.1:0", "client_ca": "/nonexistent"}}, "client_ca needs tls"),
])
def test_certificates_of_clients_need_tls(tmp_path, over, reason):
    plane = Plane(tmp_path, over=over)
    checked = run_tool(plane.executable, "-c", plane.file, "--check-config")
    assert checked.returncode == 1 and reason in checked.stderr
