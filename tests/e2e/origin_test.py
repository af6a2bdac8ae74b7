# SPDX-License-Identifier: MIT
"""byeori-origin on a folder, over real sockets."""

import base64
import hashlib
import os
import re
import socket

import pytest

from tests.harness.client import Client
from tests.harness.content import Content
from tests.harness.http1 import Closed
from tests.harness.programs import OriginGateway, run_tool, wait_until

BIG = Content(5_000_003, seed=7)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    BIG.write_to(root / "big.bin")
    (root / "small.txt").write_bytes(b"0123456789" * 10)
    (root / "empty").write_bytes(b"")
    (root / "sub/index.html").write_bytes(b"<p>sub</p>")
    (root / "a b%c.txt").write_bytes(b"odd name")
    (tmp_path / "secret").write_bytes(b"outside")
    (root / "out").symlink_to("../secret")
    (root / "abs").symlink_to("/etc/passwd")
    (root / "in").symlink_to("small.txt")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def gateway(run, tmp_path, folder):
    g = OriginGateway(tmp_path, lambda port: {
        "workers": 2, "folder": str(folder),
        ("listen", "http"): {"address": f"127.0.0.1:{port}"},
        ("rule", "/sub/*"): {"cache_control": "max-age=60", "tags": ["sub", "web"]},
        ("rule", "*.txt"): {"cache_control": "no-cache"}})
    return run(g)


def test_a_file_comes_whole_with_its_validators(gateway):
    r = gateway.get("/big.bin")
    assert r.status == 200 and r.body == BIG.read(0, BIG.size)
    assert re.fullmatch(r'"[0-9a-f]+-[0-9a-f]+"', r.header("ETag"))
    assert r.header("Last-Modified").endswith("GMT") and r.header("Accept-Ranges") == "bytes"
    assert r.header("Content-Type") == "application/octet-stream" and r.header("Date")
    h = gateway.get("/big.bin", "HEAD")
    assert h.status == 200 and h.header("Content-Length") == str(BIG.size) and h.body == b""
    assert h.header("ETag") == r.header("ETag")
    assert gateway.get("/empty").body == b""


def test_rules_decide_fields_by_path(gateway):
    r = gateway.get("/sub/")
    assert r.status == 200 and r.body == b"<p>sub</p>"
    assert r.header("Cache-Control") == "max-age=60" and r.header("Cache-Tag") == "sub, web"
    assert gateway.get("/small.txt").header("Cache-Control") == "no-cache"
    assert gateway.get("/big.bin").header("Cache-Control") is None


@pytest.mark.parametrize("path", [
    "/../secret", "/sub/../../secret", "/%2e%2e/secret", "/out", "/abs", "/pipe", "/sub", "/none",
    "/small.txt/", "/sub/..%2f..%2fsecret", "/" + "x" * 300, "/a%00b", "/%zz"])
def test_nothing_outside_the_folder_and_nothing_but_files_is_reachable(gateway, path):
    assert gateway.get(path).status in (400, 404)


def test_names_are_decoded_and_links_inside_are_followed(gateway):
    assert gateway.get("/a%20b%25c.txt").body == b"odd name"
    assert gateway.get("/in").body == b"0123456789" * 10


def test_conditions_are_judged(gateway):
    r = gateway.get("/small.txt")
    etag, modified = r.header("ETag"), r.header("Last-Modified")
    for fields in ({"If_None_Match": etag}, {"If_None_Match": f'"x", W/{etag}'},
                   {"If_Modified_Since": modified}):
        n = gateway.get("/small.txt", **fields)
        assert n.status == 304 and n.body == b"" and n.header("ETag") == etag, fields
        assert n.header("Cache-Control") == "no-cache"
    other = gateway.get("/small.txt", If_None_Match='"x"', If_Modified_Since=modified)
    assert other.status == 200
    assert gateway.get("/small.txt", If_Match='"x"').status == 412


@pytest.mark.parametrize("asked, status, first, last", [
    ("bytes=0-9", 206, 0, 9), ("bytes=4999990-", 206, 4999990, 5000002),
    ("bytes=-3", 206, 5000000, 5000002), ("bytes=-9000000", 206, 0, 5000002),
    ("bytes=100-9000000", 206, 100, 5000002), ("bytes=9-0", 200, 0, 5000002),
    ("chars=0-9", 200, 0, 5000002), ("bytes=5000003-", 416, 0, -1)])
def test_single_ranges(gateway, asked, status, first, last):
    r = gateway.get("/big.bin", Range=asked)
    assert r.status == status and r.body == BIG.read(first, last - first + 1)
    if status == 206:
        assert r.header("Content-Range") == f"bytes {first}-{last}/{BIG.size}"
    if status == 416:
        assert r.header("Content-Range") == f"bytes */{BIG.size}"


def test_several_ranges_come_as_multipart(gateway):
    r = gateway.get("/big.bin", Range="bytes=0-9, 1000000-2999999, -5")
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", r.header("Content-Type"))[1]
    wanted = b""
    for n, (first, last) in enumerate([(0, 9), (1000000, 2999999), (4999998, 5000002)]):
        wanted += (b"\r\n" if n else b"") + (
            f"--{boundary}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Range: bytes {first}-{last}/{BIG.size}\r\n\r\n").encode()
        wanted += BIG.read(first, last - first + 1)
    wanted += f"\r\n--{boundary}--\r\n".encode()
    assert r.status == 206 and r.body == wanted


def test_if_range_with_another_version_gives_the_whole(gateway):
    etag = gateway.get("/small.txt").header("ETag")
    assert gateway.get("/small.txt", Range="bytes=0-4", If_Range=etag).status == 206
    assert gateway.get("/small.txt", Range="bytes=0-4", If_Range='"x"').status == 200


def test_other_methods_are_refused(gateway):
    r = gateway.get("/small.txt", "DELETE")
    assert r.status == 405 and r.header("Allow") == "GET, HEAD"


def slow_reader(gateway):
    c = Client(("127.0.0.1", gateway.port), host="origin.example", receive_buffer=8192)
    c.send_request("GET", "/huge.bin")
    return c, c.head()


def test_a_file_replaced_while_it_is_read_goes_on_as_it_was(gateway, folder):
    old, new = Content(40_000_000, seed=1), Content(40_000_000, seed=2)
    old.write_to(folder / "huge.bin")
    c, r = slow_reader(gateway)
    new.write_to(folder / "huge.new")
    os.replace(folder / "huge.new", folder / "huge.bin")
    assert c.body_of(r) == old.read(0, old.size)
    again = gateway.get("/huge.bin")
    assert again.body == new.read(0, new.size) and again.header("ETag") != r.header("ETag")


def test_a_file_written_in_place_while_it_is_read_breaks_the_answer(gateway, folder):
    old = Content(40_000_000, seed=1)
    old.write_to(folder / "huge.bin")
    c, r = slow_reader(gateway)
    with open(folder / "huge.bin", "r+b") as f:
        f.seek(30_000_000)
        f.write(b"changed")
    with pytest.raises((Closed, ConnectionError)) as broken:
        c.body_of(r)
    got = getattr(broken.value, "got", b"")
    assert got == old.read(0, len(got)) and len(got) < 30_000_000
    wait_until(lambda: gateway.metric("byeori_origin_changed_total") == 1, "the cut is counted")


def test_what_was_sent_is_counted(gateway):
    gateway.get("/big.bin")
    gateway.get("/big.bin", Range="bytes=0-99")
    wait_until(lambda: gateway.metric("byeori_origin_body_bytes_total") == BIG.size + 100,
               "bytes are counted")


def test_reload_takes_new_rules_and_refuses_what_cannot_change(gateway):
    values = dict(gateway.values)
    values["rule", "*.txt"] = {"cache_control": "max-age=7"}
    gateway.configure(values)
    gateway.reload()
    wait_until(lambda: gateway.get("/small.txt").header("Cache-Control") == "max-age=7", "reload")
    for name, value in (("folder", "/"), ("admin", {"address": "127.0.0.1:0"})):
        gateway.configure({**values, name: value, ("rule", "*.txt"): {"cache_control": "x"}})
        gateway.reload()
        wait_until(lambda: f" {name}: cannot change without a restart" in gateway.stderr(),
                   f"{name} is refused")
    assert gateway.get("/small.txt").header("Cache-Control") == "max-age=7"


def test_a_stop_finishes_what_runs(gateway, folder):
    Content(40_000_000, seed=1).write_to(folder / "huge.bin")
    c, r = slow_reader(gateway)
    gateway.process.terminate()
    wait_until(lambda: not accepts(gateway.port), "it no longer listens")
    assert len(c.body_of(r)) == 40_000_000
    assert gateway.wait() == 0


def accepts(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def check(tmp_path, text):
    file = tmp_path / "o.conf"
    file.write_text(text)
    return run_tool("origin/byeori-origin", "-c", file, "--check-config")


def test_mistakes_in_the_configuration_are_told_with_file_and_line(tmp_path):
    r = check(tmp_path, 'folder = "/nowhere"\nlisten "a" { address = "x" }\n')
    assert r.returncode == 1
    assert 'folder: "/nowhere" is not a folder' in r.stderr
    assert 'o.conf:2: listen "a": address "x" is not ADDRESS:PORT' in r.stderr
    r = check(tmp_path, 'folder = "/tmp"\nlisten "a" { address = "127.0.0.1:1" }\nindx = "a"\n')
    assert r.returncode == 1 and "o.conf:3" in r.stderr and '"index"' in r.stderr
    r = check(tmp_path, 'folder = "/tmp"\nlisten "a" { address = "127.0.0.1:1" }\n')
    assert r.returncode == 0, r.stderr


def test_a_port_that_is_taken_is_told_in_one_line(gateway, tmp_path, folder):
    other = OriginGateway(tmp_path, lambda _: {
        "folder": str(folder),
        ("listen", "http"): {"address": f"127.0.0.1:{gateway.port}"}}, "two")
    other.launch()
    assert other.wait() == 1
    assert re.search(r"cannot listen on 127.0.0.1:\d+: Address already in use", other.stderr())


@pytest.fixture
def encoded(run, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.js").write_bytes(b"the file")
    (root / "a.js.zst").write_bytes(b"its zstd")
    (root / "a.js.gz").write_bytes(b"its gzip")
    (root / "b.js").write_bytes(b"alone")
    (root / f"a.js.dcz-{hashlib.sha256(b'old').hexdigest()}").write_bytes(b"its delta")
    return run(OriginGateway(tmp_path, lambda port: {
        "folder": str(root), ("listen", "http"): {"address": f"127.0.0.1:{port}"},
        ("rule", "*.js"): {"companions": ["zst", "gz", "dcz"], "dictionary": "/*.js"}}))


OLD = ":" + base64.b64encode(hashlib.sha256(b"old").digest()).decode() + ":"


@pytest.mark.parametrize("fields,body,coding", [
    ({}, b"the file", None),
    ({"Accept-Encoding": "gzip, deflate, br, zstd"}, b"its zstd", "zstd"),
    ({"Accept-Encoding": "gzip"}, b"its gzip", "gzip"),
    ({"Accept-Encoding": "br"}, b"the file", None),
    ({"Accept-Encoding": "gzip, zstd, dcz", "Available-Dictionary": OLD}, b"its delta", "dcz"),
    ({"Accept-Encoding": "gzip, zstd, dcz", "Available-Dictionary": OLD[:-9] + "AAAAAAA=:"},
     b"its zstd", "zstd"),
    ({"Accept-Encoding": "zstd", "Available-Dictionary": OLD}, b"its zstd", "zstd")])
def test_an_encoded_form_goes_to_who_takes_it(encoded, fields, body, coding):
    r = encoded.get("/a.js", **fields)
    assert (r.status, r.body, r.header("Content-Encoding")) == (200, body, coding)
    assert r.header("Vary") == "Accept-Encoding, Available-Dictionary"
    assert r.header("Content-Type").startswith("text/javascript")
    assert r.header("Use-As-Dictionary") == 'match="/*.js"'
    assert encoded.get("/a.js", **fields, **{"If-None-Match": r.header("ETag")}).status == 304


def test_encoded_forms_have_validators_of_their_own(encoded):
    tags = {encoded.get("/a.js", **f).header("ETag") for f in (
        {}, {"Accept-Encoding": "zstd"}, {"Accept-Encoding": "gzip"})}
    assert len(tags) == 3
    part = encoded.get("/a.js", Range="bytes=4-7", **{"Accept-Encoding": "zstd"})
    assert (part.status, part.body) == (206, b"zstd")


def test_a_file_without_encoded_forms_is_itself(encoded):
    r = encoded.get("/b.js", **{"Accept-Encoding": "gzip, zstd, dcz"})
    assert (r.body, r.header("Content-Encoding")) == (b"alone", None)
    assert r.header("Vary") == "Accept-Encoding, Available-Dictionary"
    assert encoded.get("/none.js", **{"Accept-Encoding": "zstd"}).status == 404


def test_a_folder_of_many_files_is_listed_in_the_order_of_names(tmp_path):
    names = [f"/{top}{i % 7}/{deep}/{i:04}" for i in range(900)
             for top, deep in (("a", "b"), ("a", "b-"), ("a-", "b"), ("a", "b0/c"))]
    for name in names:
        path = tmp_path / name[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def listed(*words):
        done = run_tool("origin/byeori-origin", "store", tmp_path, "list", *words)
        assert done.returncode == 0, done.stderr
        return [row.partition(" ")[2] for row in done.stdout.splitlines()]

    assert listed() == sorted(names)
    assert listed("/a3/b") == sorted(n for n in names if n.startswith("/a3/b"))
