# SPDX-License-Identifier: MIT
"""byeori-control and its configuration: a wrong one is refused with file, line and reason."""

import socket

import pytest

from control_plane import Plane
from tests.harness.programs import run_tool, wait_until

NODE_A = ("node", "a")


@pytest.mark.parametrize("over, reason", [
    ({"geoipp": "x"}, "geoip"),
    ({"route_ttl": "30"}, "route_ttl"),
    ({"purge_keep": 0}, "purge_keep"),
    ({NODE_A: {"lat": "north"}}, "lat"),
    ({NODE_A: {"lat": "north", "lon": "1"}}, "numbers"),
    ({NODE_A: {"lat": "91", "lon": "1"}}, "-90"),
    ({NODE_A: {"http_url": "seoul:80"}}, "http_url"),
    ({NODE_A: {"country": "Korea"}}, "country"),
    ({NODE_A: {"weight": "-1"}}, "weight"),
    ({("node", "a b"): {}}, "id"),
    ({("site", "x"): {"hosts": []}}, "hosts"),
    ({("site", "x"): {"hosts": ["dl.example.com"]}}, "twice"),
    ({("site", "x"): {"hosts": ["http://x"]}}, "no host"),
    ({("override", "127.0.0.0/33"): {"edges": ["seoul"]}}, "127.0.0.0/33"),
    ({("override", "127.0.0.1/8"): {"edges": ["seoul"]}}, "127.0.0.1/8"),
    ({"trusted_proxies": ["everyone"]}, "trusted_proxies"),
    ({"operator_token_file": "/nonexistent"}, "operator_token_file"),
    ({"state": None}, "state"),
    ({("api", "api"): {"address": "nowhere"}}, "address"),
    ({"price": {"out_per_gb": "much"}}, "price"),
    ({"price_file": "/nonexistent"}, "/nonexistent"),
    ({("tariff", "t"): {"nodes": ["a"], "per_gb": ["10GB 1"]}}, "per_gb"),
    ({("tariff", "t"): {"nodes": ["a"], "per_gb": ["10GB 1", "5GB 2", "1"]}}, "per_gb"),
    ({("tariff", "t"): {"nodes": ["a", "a"]}}, "twice"),
    ({("tariff", "t"): {"flat": "1"}}, "nodes"),
    ({NODE_A: {"region": "mars"}}, "no region"),
    ({NODE_A: {"price_class": 9}}, "price_class"),
    ({NODE_A: {"capacity_mbps": "wide"}}, "capacity_mbps"),
    ({("region", "eu"): {}}, "countries"),
    ({("asn", "64500"): {"edges": ["seoul"]}}, "geoip_asn"),
    ({"geoip_asn": "x", ("asn", "many"): {"edges": ["seoul"]}}, "asn many"),
    ({"geoip_sentinels": ["127.0.0.1"]}, "geoip_sentinels"),
    ({("region", "eu"): {"continent": "Europe"}}, "continent"),
    ({("region", "eu"): {"countries": ["DE", "Germany"]}}, "two capital"),
])
def test_a_wrong_configuration_is_refused(tmp_path, over, reason):
    plane = Plane(tmp_path, over=over)
    checked = run_tool(plane.executable, "-c", plane.file, "--check-config")
    assert checked.returncode == 1 and reason in checked.stderr, checked.stderr
    assert str(plane.file) in checked.stderr
    started = run_tool(plane.executable, "-c", plane.file)
    assert started.returncode == 1 and reason in started.stderr


@pytest.mark.parametrize("program, right, wrong", [
    ("control/byeori-control",
     'state = "s"  operator_token_file = "gone"  api "a" { address = "127.0.0.1:0" }',
     ['node_token_file = "gone"', 'secret_key_file = "gone"', 'geoip_sentinels = {"x"}',
      'trusted_proxies = {"x"}', 'admin { address = "x" }', 'price { upstream_per_gb = "much" }',
      'price_file = "gone"', 'tariff "t" { nodes = {"a"}  flat = "much" }',
      'admin { address = "127.0.0.1:0"  token_file = "gone" }', 'snapshot = "/no/such/file"']),
    ("edge/byeori-edge", 'listen "a" { address = "127.0.0.1:0" }',
     ['node = "a b"', 'cluster { url = "x" }', 'control { url = "x" }', 'admin { client_ca = "x" }',
      'control { url = "http://127.0.0.1:9"  token_file = "gone" }',
      'control { url = "https://127.0.0.1:9"  ca = "gone" }',
      'cluster { url = "http://127.0.0.1:9"  siblings = {"https://127.0.0.1:9"}  ca = "gone" }',
      'listen "b" { address = "x" }', 'listen "b" { address = "127.0.0.1:0"  tls = true }',
      'admin { address = "127.0.0.1:0"  token_file = "gone" }', 'access_log = "/no/such/file"',
      'prefill_folder = "/no/such/folder"', 'disk "/no/such/folder" { size = "64MiB" }',
      'disk "/proc/version" { size = "64MiB" }', 'certificate "a" { chain = "gone"  key = "gone" }',
      'tls { ticket_keys = "gone" }']),
    ("origin/byeori-origin", 'listen "a" { address = "127.0.0.1:0" }',
     ['folder = "/proc/there/is/no/such"', 'admin { tls = true }',
      'admin { address = "127.0.0.1:0"  token_file = "gone" }'])])
def test_a_fault_is_told_with_its_line(tmp_path, program, right, wrong):
    file = tmp_path / "conf"
    for line in wrong:
        file.write_text(f"{right}\n\n{line}\n")
        told = run_tool(program, "-c", file, "--check-config")
        assert told.returncode == 1
        assert f"{file}:3: {line.split()[0]}" in told.stderr, told.stderr


@pytest.mark.parametrize("program, text, missing", [
    ("control/byeori-control", 'state = "s"  operator_token_file = "gone"', "api"),
    ("edge/byeori-edge", 'node = "a"', "listen"),
    ("origin/byeori-origin", 'folder = "/"', "listen")])
def test_what_is_missing_stands_on_no_line(tmp_path, program, text, missing):
    file = tmp_path / "conf"
    file.write_text(f"{text}\n")
    told = run_tool(program, "-c", file, "--check-config")
    assert told.returncode == 1 and f"{file}: {missing}: " in told.stderr, told.stderr


def test_a_check_reads_the_certificates_of_a_sites_origins(tmp_path):
    file = tmp_path / "conf"
    file.write_text('listen "a" { address = "127.0.0.1:0" }\nsite "far" { hosts = {"a.example"} '
                    'origins = {"https://127.0.0.1:9"} ca_file = "gone" }\n')
    told = run_tool("edge/byeori-edge", "-c", file, "--check-config")
    assert told.returncode == 1 and 'site "far": gone: No such file' in told.stderr, told.stderr


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    file = tmp_path / "conf"
    lines = ['listen "a" { address = "x" }', 'certificate "a" { chain = "gone"  key = "gone" }',
             'admin { address = "x" }', 'control { url = "x" }', 'node = "a b"',
             'disk "/no/such/folder" { size = "64MiB" }']
    file.write_text("\n".join(lines))
    told = run_tool("edge/byeori-edge", "-c", file, "--check-config").stderr
    for number, line in enumerate(lines, 1):
        assert f"{file}:{number}: {line.split()[0]}" in told, told


def test_a_short_token_is_refused(tmp_path):
    plane = Plane(tmp_path)
    (tmp_path / "operator").write_text("secret\n")
    checked = run_tool(plane.executable, "-c", plane.file, "--check-config")
    assert checked.returncode == 1 and "16" in checked.stderr and "secret" not in checked.stderr


def test_a_port_that_is_taken_and_a_state_that_is_in_use_are_told(run, tmp_path):
    plane = Plane(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", plane.router_port))
        taken.listen()
        refused = run_tool(plane.executable, "-c", plane.file)
        assert refused.returncode == 1 and str(plane.router_port) in refused.stderr
    run(plane)
    (tmp_path / "other").mkdir()
    other = Plane(tmp_path / "other", over={"state": str(tmp_path / "state.db")})
    refused = run_tool(other.executable, "-c", other.file)
    assert refused.returncode == 1 and "in use by another process" in refused.stderr


@pytest.mark.parametrize("content", [b"not a database, but long enough to look at", b"\0" * 8192])
def test_a_state_that_is_no_database_is_refused(tmp_path, content):
    plane = Plane(tmp_path)
    (tmp_path / "state.db").write_bytes(content)
    refused = run_tool(plane.executable, "-c", plane.file)
    assert refused.returncode == 1 and "state.db" in refused.stderr
    assert (tmp_path / "state.db").read_bytes() == content


def test_a_reload_takes_nodes_and_rules_and_refuses_a_wrong_file(run, tmp_path):
    plane = run(Plane(tmp_path))
    assert plane.edges("127.1.0.1")[0] == "seoul"
    override = {("override", "127.1.0.0/16"): {"edges": ["busan"]},
                ("node", "busan"): {"http_url": "http://busan.test"}}
    before = dict(plane.values)
    plane.configure({**plane.values, **override})
    plane.reload()
    wait_until(lambda: plane.edges("127.1.0.1")[0] == "busan", "the override")
    plane.configure({**before, ("node", "busan"): {"http_url": "nonsense"}})
    plane.reload()
    wait_until(lambda: "reload-refused" in plane.stderr(), "a refusal")
    assert plane.edges("127.1.0.1")[0] == "busan"
    plane.configure({**before, "purge_keep": 77})
    plane.reload()
    wait_until(lambda: "purge_keep: cannot change without a restart" in plane.stderr(), "the other")
    assert plane.edges("127.1.0.1")[0] == "busan"
    plane.configure(before)
    plane.reload()
    wait_until(lambda: plane.edges("127.1.0.1")[0] == "seoul", "the old file")
    assert "busan" not in plane.health()
