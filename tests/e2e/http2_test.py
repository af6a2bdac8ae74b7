# SPDX-License-Identifier: MIT
"""HTTP/2 with clients of other people (curl, nghttp, h2load), on TLS by ALPN and by prior
knowledge: what HTTP/1.1 gives, HTTP/2 gives as well."""

import hashlib
import re
import subprocess
import time
import types

import pytest

from tests.harness.content import Content
from tests.harness.h2_client import H2Client
from tests.harness.ports import free_port
from tests.harness.programs import Edge, OriginGateway, wait_until

BIG = Content(5_000_003, seed=9)
HOST = "test.example"


def tool(*arguments, bound_s=60):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, timeout=bound_s)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return done.stdout


class Curl:
    """curl against one listener; answers tell the version that was spoken."""

    def __init__(self, *options, url):
        self.options, self.url = options, url

    def __call__(self, target, *more):
        marks = "\n%{http_version} %{http_code} %{size_download}"
        out = tool("curl", "-s", "-i", "-w", marks, *self.options, *more, self.url + target)
        out, _, last = out.rpartition(b"\n")
        version, status, _ = last.decode().split()
        while out.startswith(b"HTTP/") and b"\r\n\r\n" in out:    # behind interim heads
            head, _, out = out.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        fields = {k.lower(): v for k, v in fields.items()}
        return types.SimpleNamespace(version=version, status=int(status), fields=fields, body=out)


def curls(program, tls_port, authority):
    resolve = f"{HOST}:{tls_port}:127.0.0.1"
    return {
        "prior knowledge": Curl("--http2-prior-knowledge", "-H", f"Host: {HOST}",
                                url=f"http://127.0.0.1:{program.port}"),
        "alpn": Curl("--http2", "--cacert", authority.file, "--resolve", resolve,
                     url=f"https://{HOST}:{tls_port}"),
    }


@pytest.fixture
def pair(authority):
    return [str(f) for f in authority.certificate("h2", [HOST, "127.0.0.1"])]


@pytest.fixture
def gateway(run, tmp_path, pair, authority):
    root, tls_port, old_port = tmp_path / "root", free_port(), free_port()
    root.mkdir()
    BIG.write_to(root / "big.bin")
    (root / "small.txt").write_bytes(b"0123456789" * 100)
    g = run(OriginGateway(tmp_path, lambda port: {
        "workers": 2, "drain": "60s", "folder": str(root),
        ("listen", "http"): {"address": f"127.0.0.1:{port}"},
        ("listen", "https"): {"address": f"127.0.0.1:{tls_port}", "tls": True},
        ("listen", "old"): {"address": f"127.0.0.1:{old_port}", "tls": True, "http2": False},
        ("certificate", "h2"): {"chain": pair[0], "key": pair[1]}}))
    g.tls_port, g.old_port = tls_port, old_port
    g.curls = curls(g, tls_port, authority)
    return g


@pytest.mark.parametrize("way", ["prior knowledge", "alpn"])
def test_files_ranges_conditions_and_heads(gateway, way):
    curl = gateway.curls[way]
    r = curl("/big.bin")
    assert (r.version, r.status) == ("2", 200)
    assert hashlib.sha256(r.body).hexdigest() == BIG.sha256()
    etag = r.fields["etag"]
    assert curl("/big.bin", "-r", "70000-3000000").body == BIG.read(70000, 2930001)
    parts = curl("/big.bin", "-r", "0-1,100-101")
    assert parts.status == 206 and BIG.read(100, 2) in parts.body
    r = curl("/big.bin", "-H", f"If-None-Match: {etag}")
    assert (r.status, r.body) == (304, b"")
    r = curl("/big.bin", "-I")
    assert (r.status, r.fields["content-length"], r.body) == (200, str(BIG.size), b"")
    assert curl("/big.bin", "-r", "99999999-").status == 416
    assert curl("/none").status == 404
    assert curl("/small.txt", "-X", "POST", "-d", "x" * 50_000).status == 405


def test_a_listener_may_keep_to_http_1(gateway, authority):
    def spoken(port):
        return tool("curl", "-s", "-o", "/dev/null", "-w", "%{http_version}", "--http2",
                    "--cacert", authority.file, "--resolve", f"{HOST}:{port}:127.0.0.1",
                    f"https://{HOST}:{port}/small.txt").decode()
    assert spoken(gateway.tls_port) == "2"
    assert spoken(gateway.old_port) == "1.1"


def test_a_hundred_streams_on_one_connection(gateway):
    out = tool("nghttp", "-n", "-s", "-m", "100", f"{gateway.url}/big.bin", bound_s=110).decode()
    statuses = re.findall(r" (\d{3}) +\d+M /big\.bin$", out, re.M)
    assert statuses == ["200"] * 100
    assert gateway.metric("byeori_http_server_http2_connections_total") == 1
    assert gateway.metric("byeori_http_server_requests_total") == 100


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_load_from_many_connections(gateway, scheme):
    port = gateway.tls_port if scheme == "https" else gateway.port
    out = tool("h2load", "-n", 4000, "-c", 10, "-m", 20,
               f"{scheme}://127.0.0.1:{port}/small.txt").decode()
    assert "4000 succeeded, 0 failed" in out and "status codes: 4000 2xx" in out


def test_a_stopping_program_finishes_the_streams_it_has(gateway, tmp_path):
    got = tmp_path / "got"
    slow = subprocess.Popen(["curl", "-s", "--http2-prior-knowledge", "--limit-rate", "2M",
                             "-o", got, f"{gateway.url}/big.bin"])
    try:
        wait_until(lambda: got.exists() and got.stat().st_size > 0, "the answer has begun")
        assert gateway.stop() == 0
        assert slow.wait(60) == 0
    finally:
        slow.kill()
        slow.wait()
    assert hashlib.sha256(got.read_bytes()).hexdigest() == BIG.sha256()


# The edge: the same requests above the same cache


@pytest.fixture
def edge(run, origin, tmp_path, pair, authority):
    e = run(Edge(tmp_path, [origin.url], tls=pair))
    e.curls = curls(e, e.tls_port, authority)
    return e


@pytest.mark.parametrize("way", ["prior knowledge", "alpn"])
def test_the_edge_serves_hits_misses_and_ranges(edge, origin, way):
    curl = edge.curls[way]
    origin.page("/a", BIG, cache="max-age=60", etag='"1"')
    r = curl("/a")
    assert (r.version, r.status) == ("2", 200)
    assert hashlib.sha256(r.body).hexdigest() == BIG.sha256()
    before = origin.count("/a")
    r = curl("/a")
    assert "; hit" in r.fields["cache-status"] and origin.count("/a") == before
    assert hashlib.sha256(r.body).hexdigest() == BIG.sha256()
    assert curl("/a", "-r", "1048570-1048580").body == BIG.read(1048570, 11)
    assert curl("/a", "-H", 'If-None-Match: "1"').status == 304
    assert curl("/a", "-I").fields["content-length"] == str(BIG.size)
    assert edge.get("/a").body == b"".join(BIG.pieces())                # and on HTTP/1.1


def test_a_stream_that_waits_for_the_origin_does_not_hold_the_others(edge, origin):
    origin.page("/ready", b"ready", cache="max-age=60")
    edge.get("/ready")
    with origin.holding("/slow") as held:
        both = subprocess.Popen(["nghttp", "-s", "-n", "-H", f":authority: {HOST}",
                                 f"http://127.0.0.1:{edge.port}/slow",
                                 f"http://127.0.0.1:{edge.port}/ready"],
                                stdout=subprocess.PIPE)
        held.wait_for(1)
        time.sleep(0.5)                      # what is ready is answered now, the other is not
        held.answer(b"slow", cache="max-age=60")
        out = both.communicate(timeout=60)[0].decode()
    times = {path: span_ms(time_text) for time_text, path in
             re.findall(r"^ *\d+ +\+\S+ +\+\S+ +(\S+) +200 +\d+ (/\w+)$", out, re.M)}
    assert times["/ready"] + 100 < times["/slow"]


def span_ms(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def test_a_broken_origin_resets_the_stream(edge, origin):
    origin.page("/half", Content(100_000), cut=50_000)
    done = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-H", f"Host: {HOST}",
                           f"http://127.0.0.1:{edge.port}/half"], capture_output=True, timeout=60)
    assert done.returncode == 92                              # HTTP/2 stream error
    assert len(done.stdout) <= 50_000


def test_an_upload_passes_through(edge, origin):
    body = b"".join(BIG.pieces(count=700_000))
    origin.page("/up", b"taken", cache="no-store")
    r = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-H", f"Host: {HOST}", "-X", "PUT",
                        "--data-binary", "@-", f"http://127.0.0.1:{edge.port}/up"],
                       input=body, capture_output=True, timeout=60)
    assert (r.returncode, r.stdout) == (0, b"taken")
    assert origin.requests("/up")[-1].body == body
    assert origin.requests("/up")[-1].header("Via") == "2 edge-1"


@pytest.mark.parametrize("body", [b"", b"abc"])
def test_trailers_of_a_request_go_nowhere(edge, origin, body):
    origin.page("/up", b"taken", cache="no-store")
    with H2Client(("127.0.0.1", edge.port)) as c:
        r, _, is_cut = c.request("POST", "/up", [("te", "trailers")], body,
                                 trailers=[("x-a", "1"), ("authorization", "Basic eDp5")])
    seen = origin.requests("/up")[-1]
    assert (r.status, r.body, is_cut, seen.body) == (200, b"taken", False, body)
    assert not {"x-a", "authorization", "te", "trailer"} & {n.lower() for n, _ in seen.fields}
