# SPDX-License-Identifier: MIT
"""What download managers ask for beside a published file: torrents with web seeds and lists of
mirrors, as aria2c and libtorrent use them."""

import hashlib
import subprocess

import libtorrent
import pytest

from tests.e2e.publish_test import NAME, folder_of, publish
from tests.harness.content import Content
from tests.harness.ports import free_port
from tests.harness.programs import OriginGateway

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
                          capture_output=True, text=True, timeout=60)
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
