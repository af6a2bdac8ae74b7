# SPDX-License-Identifier: MIT
"""What download managers ask for beside a published file: torrents with web seeds and lists of
mirrors, as aria2c and libtorrent use them."""

import base64
import hashlib
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import libtorrent
import pytest

from control_plane import Plane
from tests.e2e.publish_test import NAME, folder_of, publish
from tests.harness.content import Content
from tests.harness.ports import free_port
from tests.harness.programs import Edge, OriginGateway

BIG = Content(5_000_001, seed=3)
FILES = {"data/big #1.pak": BIG.read(0, BIG.size), "a.txt": b"a" * 100_000, "deep/er/b": b"b" * 9,
         "empty": b"", "z.bin": BIG.read(7, 300_000)}
# Nothing but what it is told of, on loopback.
QUIET = ["--no-conf", "--quiet", "--file-allocation=none", "--enable-dht=false",
         "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
         "--interface=127.0.0.1", "--async-dns=false", "--disable-ipv6=true", "--seed-time=0",
         "--connect-timeout=30"]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway that serves the release, and says that it is reached at its own address."""
    folder = tmp_path_factory.mktemp("mirrors")
    for name, body in FILES.items():
        (folder / "release" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "release" / name).write_bytes(body)
    to, options = folder_of(folder)
    done = publish(folder / "release", to, "--block", "64KiB")
    assert done.returncode == 0, done.stderr
    g = OriginGateway(folder, lambda port: {
        "workers": 2, "releases": "100ms", **options,
        "mirrors": {"urls": [f"http://127.0.0.1:{port}"],
                    "trackers": [f"http://127.0.0.1:{free_port()}/announce"]},
        ("listen", "http"): {"address": f"127.0.0.1:{port}"}})
    g.start()
    yield g
    assert g.stop() == 0 and g.report() is None


def torrent_of(gateway, path):
    r = gateway.get(path)
    assert (r.status, r.header("Content-Type")) == (200, "application/x-bittorrent"), path
    assert r.header("ETag") == f'"{hashlib.sha256(r.body).hexdigest()}"'
    return r.body


def aria2c(folder, *arguments):
    folder.mkdir()
    done = subprocess.run(["aria2c", *QUIET, "-d", str(folder), *map(str, arguments)],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def is_release(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()
            and p.suffix != ".torrent"} == FILES


def pieces_of(body, length=65536):
    return [hashlib.sha1(body[i:i + length]).digest() for i in range(0, len(body), length)]


def test_a_torrent_holds_the_hashes_of_the_release_and_of_each_file(gateway):
    info = libtorrent.torrent_info(libtorrent.bdecode(torrent_of(gateway, f"/{NAME}.torrent")))
    everything = b"".join(FILES[name] for name in sorted(FILES))
    assert info.name() == "1.4.0" and info.piece_length() == 65536
    assert [info.hash_for_piece(i) for i in range(info.num_pieces())] == pieces_of(everything)
    assert {info.files().file_path(i): info.files().file_size(i)
            for i in range(info.num_files())} == {
                f"1.4.0/{name}": len(body) for name, body in FILES.items()}
    for name, body in FILES.items():
        path = f"/{NAME}/{name}.torrent".replace(" ", "%20").replace("#", "%23")
        if body == b"":
            assert gateway.get(path).status == 404
            continue
        one = libtorrent.torrent_info(libtorrent.bdecode(torrent_of(gateway, path)))
        assert [one.hash_for_piece(i) for i in range(one.num_pieces())] == pieces_of(body)
        assert [s["url"] for s in one.web_seeds()] == [
            gateway.url + path[:-len(".torrent")]]


def test_a_torrent_alone_brings_the_release_from_its_web_seed(gateway, tmp_path):
    (tmp_path / "release.torrent").write_bytes(torrent_of(gateway, f"/{NAME}.torrent"))
    got = aria2c(tmp_path / "got", tmp_path / "release.torrent")
    assert is_release(got / "1.4.0")


def test_a_list_of_mirrors_brings_the_release(gateway, tmp_path):
    r = gateway.get(f"/{NAME}.meta4")
    assert (r.status, r.header("Content-Type")) == (200, "application/metalink4+xml")
    (tmp_path / "release.meta4").write_bytes(r.body)
    got = aria2c(tmp_path / "got", "-M", tmp_path / "release.meta4")
    assert is_release(got)


def test_what_is_not_published_has_no_documents(gateway):
    for path in (f"/{NAME}/none.meta4", f"/{NAME}/.torrent", "/game.meta4", "/.meta4", "/.torrent"):
        assert gateway.get(path).status == 404


class Passage:
    """Before an edge, on an address of its own. Passes everything on; one that spoils puts wrong
    bytes into each piece of the big file, and the other keeps that back until it has done so."""

    def __init__(self, edge, host, spoils, is_spoilt):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                fields = {k: v for k, v in self.headers.items() if k in ("Range", "Accept")}
                with edge.client(host="127.0.0.1") as c:
                    r = c.request("GET", self.path, **fields)
                body, is_big = bytearray(r.body), self.path.endswith(".pak")
                if is_big and spoils:
                    body[::1000] = b"X" * len(body[::1000])
                elif is_big:
                    assert is_spoilt.wait(60)
                self.send_response(r.status)
                for name in ("Content-Type", "Content-Range", "ETag", "Digest"):
                    if r.header(name):
                        self.send_header(name, r.header(name))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:     # a client that has seen enough
                    self.close_connection = True
                if is_big and spoils:
                    is_spoilt.set()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.server.handle_error = lambda *_: None    # an edge that is gone, or a client
        self.url = f"http://{host}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def cdn(run, tmp_path, gateway):
    """A router before two edges that are equally near, of which one is spoilt on the way.
    "localhost" is the site: a name that tools find."""
    edges = [Edge(tmp_path, [gateway.url], name=name, host="localhost",
                  over={"names": ["127.0.0.1"]}) for name in ("good", "bad")]
    is_spoilt = threading.Event()
    passages = [Passage(edge, f"127.0.0.{1 + i}", i == 1, is_spoilt)
                for i, edge in enumerate(edges)]
    place = {"city": "Seoul", "country": "KR", "lat": "37.5665", "lon": "126.978"}
    plane = run(Plane(tmp_path, nodes={e.name: {**place, "http_url": p.url}
                                       for e, p in zip(edges, passages)},
                      over={("site", "games"): {"hosts": ["localhost"]}}))
    for edge in edges:
        edge.values["control"] = {"url": plane.url, "token_file": str(tmp_path / "node")}
        edge.configure(edge.values)
        run(edge)
    plane.wait_health(good="up", bad="up")
    yield SimpleNamespace(plane=plane, edges=edges, is_spoilt=is_spoilt, passages=passages,
                          router=f"http://localhost:{plane.router_port}")
    for passage in passages:
        passage.stop()


PAK, BODY = f"/{NAME}/data/big%20%231.pak", FILES["data/big #1.pak"]


def mirrors_of(text):
    """[(priority, location, URL)] of a document with one file."""
    return re.findall(r'<url priority="(\d+)"(?: location="(\w+)")?>([^<]*)</url>', text)


def test_a_router_puts_the_edges_near_a_client_into_the_list(cdn):
    for _ in range(2):
        r = cdn.plane.user(f"{PAK}.meta4", host="localhost")
        text = r.body.decode()
        assert (r.status, r.header("Content-Type")) == (200, "application/metalink4+xml")
        found = mirrors_of(text)
        assert [(p, where) for p, where, _ in found[:2]] == [("1", "kr"), ("2", "kr")]
        assert {u for _, _, u in found[:2]} == {f"{p.url}/localhost{PAK}" for p in cdn.passages}
        assert found[2][0] == "1000" and found[2][2].endswith(PAK)
        assert f'<hash type="sha-256">{hashlib.sha256(BODY).hexdigest()}</hash>' in text
    head = cdn.plane.user(f"{PAK}.meta4", "HEAD", host="localhost")
    assert (head.status, head.header("Content-Length")) == (200, str(len(r.body)))
    release = cdn.plane.user(f"/{NAME}.meta4", host="localhost").body.decode()
    assert release.count('priority="1"') == release.count("<file ") == len(FILES)
    # What no edge has a list for is the usual redirect, also when none can be asked.
    assert cdn.plane.user("/none.meta4", host="localhost").status == 302
    assert cdn.plane.user(f"{PAK}.meta4?x=1", host="localhost").status == 302
    assert cdn.plane.user(f"{PAK}.meta4", "POST", host="localhost").status == 307
    for edge in cdn.edges:
        edge.stop()
    assert cdn.plane.user(f"/{NAME}/a.txt.meta4", host="localhost").status == 302


def test_who_knows_mirrors_is_told_of_them_with_the_redirect(cdn, tmp_path):
    plain = cdn.plane.user(PAK, host="localhost")
    assert plain.status == 302 and plain.header("Link") is None
    r = cdn.plane.user(PAK, host="localhost", Accept="*/*, application/metalink4+xml")
    links = r.headers("Link")
    assert r.status == 302 and len(links) == 2
    assert links[0] == f"<{r.header('Location')}>; rel=duplicate; pri=1; geo=kr"
    file = cdn.edges[0].get(f"/localhost{PAK}", client={"host": "127.0.0.1"})
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    assert file.header("Digest") == f"SHA-256={digest}"
    assert file.header("Link") == ('<big%20%231.pak.meta4>; rel=describedby; '
                                   'type="application/metalink4+xml"')
    # Without hashes of pieces it knows only at the end; then it does not take what is wrong.
    cdn.is_spoilt.set()
    done = subprocess.run(["aria2c", *QUIET, "-s1", "-d", tmp_path / "got", f"{cdn.router}{PAK}"],
                          timeout=60)
    assert done.returncode == (0 if cdn.passages[0].url in links[0] else 32)


def test_a_client_loads_from_two_edges_and_outlives_one_that_spoils(cdn, tmp_path):
    log = tmp_path / "log"
    got = aria2c(tmp_path / "got", "-x1", "-s2", "-k1M", "--log", log, "--log-level=info",
                 f"{cdn.router}{PAK}.meta4")
    assert (got / "big #1.pak").read_bytes() == BODY
    text = log.read_text()
    assert "Chunk checksum validation failed" in text
    assert f"Restarting the download. URI={cdn.passages[1].url}" in text
    assert f"Restarting the download. URI={cdn.passages[0].url}" not in text
