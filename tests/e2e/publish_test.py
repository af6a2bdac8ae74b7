# SPDX-License-Identifier: MIT
"""byeori-origin publish: releases into a folder, S3 and OpenStack Swift, read back through the
gateway."""

import base64
import hashlib
import json
import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.e2e.storage_test import s3_of, swift_of
from tests.harness.conf import conf_text
from tests.harness.content import Content
from tests.harness.programs import (SANITIZERS, Edge, OriginGateway, build_folder, run_tool,
                                    wait_until)

BIG = Content(12_000_001, seed=5)
NAME = "game/1.4.0"


@pytest.fixture
def release(tmp_path):
    root = tmp_path / "release"
    (root / "data/deep").mkdir(parents=True)
    BIG.write_to(root / "data/big.pak")
    for i in range(40):
        (root / f"data/deep/{i}.txt").write_bytes(b"%d " % i * 1000)
    (root / "copy of 7.txt").write_bytes(b"7 " * 1000)
    (root / "empty").write_bytes(b"")
    return root


def folder_of(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    return str(folder), {"folder": str(folder)}


def storage_of(tmp_path, storage):
    kind, values = storage
    section = {("storage", kind): {**values, "part": "5MiB"}}
    file = tmp_path / "store.conf"
    file.write_text(conf_text(section) + "\n")
    return str(file), section


@pytest.fixture(params=["folder", "s3", "swift"])
def store(request, tmp_path):
    """(what --to takes, the same as options of a gateway)"""
    if request.param == "folder":
        return folder_of(tmp_path)
    server = request.getfixturevalue("swift")
    kind, values = {"s3": s3_of, "swift": swift_of}[request.param](server, tmp_path)
    bucket = "b" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
    server.put(bucket, "other.txt", b"not of a release")
    return storage_of(tmp_path, (kind, {**values, "bucket": bucket}))


def publish(release, to, *more, name=NAME):
    return run_tool("origin/byeori-origin", "publish", release, "--to", to, "--as", name, *more,
                    bound_s=100)


def gateway(run, tmp_path, options):
    return run(OriginGateway(tmp_path, lambda port: {
        "workers": 2, "releases": "100ms", **options,
        ("listen", "http"): {"address": f"127.0.0.1:{port}"}}))


def is_there(g, release, name=NAME):
    for file in sorted(p for p in release.rglob("*") if p.is_file()):
        path = str(file.relative_to(release)).replace(" ", "%20")
        r = g.get(f"/{name}/{path}")
        body = file.read_bytes()
        assert r.status == 200 and r.body == body, path
        assert r.header("ETag") == f'"{hashlib.sha256(body).hexdigest()}"'
    return True


@pytest.mark.threads
def test_a_release_is_read_back_whole_and_by_range(run, tmp_path, release, store):
    done = publish(release, store[0])
    assert done.returncode == 0, done.stderr
    assert "43 files" in done.stdout and "sent 42 contents" in done.stdout
    g = gateway(run, tmp_path, store[1])
    assert is_there(g, release)
    part = g.get(f"/{NAME}/data/big.pak", Range="bytes=5242870-5242890")
    assert part.status == 206 and part.body == BIG.read(5_242_870, 21)
    assert g.get(f"/{NAME}/none").status == 404
    assert g.get(f"/.byeori/releases/{NAME}.json").status == 404


def test_a_second_run_sends_nothing_and_a_patch_only_what_is_new(tmp_path, release, store):
    assert publish(release, store[0]).returncode == 0
    again = publish(release, store[0])
    assert again.returncode == 0 and "nothing was sent" in again.stdout
    (release / "data/deep/3.txt").write_bytes(b"patched")
    other = publish(release, store[0])
    assert other.returncode == 1 and "--replace" in other.stderr
    would = publish(release, store[0], "--dry-run", name="game/1.4.1")
    assert "would send 1 contents, 7 bytes" in would.stdout
    patch = publish(release, store[0], name="game/1.4.1")
    assert patch.returncode == 0 and "sent 1 contents, 7 bytes" in patch.stdout
    assert publish(release, store[0], "--replace").returncode == 0


def test_a_release_that_gave_way_is_served_as_it_is_now(run, tmp_path, release):
    to, options = folder_of(tmp_path)
    assert publish(release, to).returncode == 0
    g = gateway(run, tmp_path, options)
    assert g.get(f"/{NAME}/data/deep/3.txt").body == b"3 " * 1000
    (release / "data/deep/3.txt").write_bytes(b"another")
    (release / "more.txt").write_bytes(b"more")
    assert publish(release, to, "--replace").returncode == 0
    wait_until(lambda: all(g.get(f"/{NAME}/more.txt").status == 200 for _ in range(20)),
               "the new release is seen by each worker, in its own time")
    assert is_there(g, release)


def test_a_release_that_gave_way_to_one_of_the_same_size_is_seen(run, tmp_path, store):
    release = tmp_path / "small"
    release.mkdir()
    (release / "a.txt").write_bytes(b"old")
    assert publish(release, store[0]).returncode == 0
    g = gateway(run, tmp_path, store[1])
    assert g.get(f"/{NAME}/a.txt").body == b"old"
    (release / "a.txt").write_bytes(b"new")
    assert publish(release, store[0], "--replace").returncode == 0
    wait_until(lambda: all(g.get(f"/{NAME}/a.txt").body == b"new" for _ in range(20)),
               "the new release is seen by each worker, in its own time")


def has_nameless_files(folder):
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
    except OSError:     # not on this file system, or no folder at all
        return False
    return True


def test_killed_at_any_moment_nothing_of_it_is_seen_and_the_next_run_ends_it(
        run, tmp_path, release, store):
    g = gateway(run, tmp_path, store[1])
    command = [str(build_folder() / "origin/byeori-origin"), "publish", str(release), "--to",
               store[0], "--as", NAME]
    chance = random.Random(9)
    for _ in range(6):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=SANITIZERS)
        try:
            ended = process.wait(chance.uniform(0, 0.3))
            assert ended == 0
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        seen = [g.get(f"/{NAME}/data/{name}").status for name in ("deep/1.txt", "big.pak")]
        if seen != [404, 404]:      # its last step came before the kill: then all is there
            assert is_there(gateway(run, tmp_path / "killed", store[1]), release)
            break
    if has_nameless_files(store[0]):
        assert not list(Path(store[0]).rglob(".byeori-put-*"))
    assert publish(release, store[0]).returncode == 0
    assert is_there(gateway(run, tmp_path / "after", store[1]), release)


def test_a_file_that_changes_while_it_is_sent_leaves_nothing(tmp_path, origin):
    body = b"as it was when it was hashed"
    digest = hashlib.sha256(body).hexdigest()
    (tmp_path / "release").mkdir()
    file = tmp_path / "release/a.txt"
    file.write_bytes(body)
    (tmp_path / "secrets").write_text("aws_access_key_id = a\naws_secret_access_key = b\n")
    to, _ = storage_of(tmp_path, ("s3", {"url": origin.url, "bucket": "games",
                                         "credentials_file": str(tmp_path / "secrets")}))
    seen = []

    def taken(request, wire):
        seen.append(request.method)
        if request.method == "PUT":
            file.write_bytes(b"as it is now, while it is sent")
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    origin.page("/games", b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
    origin.on(f"/games/.byeori/objects/{digest[:2]}/{digest}", taken)
    done = publish(tmp_path / "release", to)
    assert done.returncode == 1 and "/a.txt" in done.stderr and seen == ["PUT", "DELETE"]


def test_what_is_no_release_is_refused(tmp_path, release):
    to, _ = folder_of(tmp_path)
    (release / "link").symlink_to("empty")
    linked = publish(release, to)
    assert linked.returncode == 1 and "/link: is neither a file nor a folder" in linked.stderr
    for name in ("../up", "a//b", "a b", ".hidden", ""):
        assert publish(release, to, name=name).returncode == 2
    empty = tmp_path / "nothing"
    empty.mkdir()
    assert "has no files" in publish(empty, to).stderr


def test_a_manifest_that_is_damaged_serves_nothing_wrong(run, tmp_path, release):
    to, options = folder_of(tmp_path)
    assert publish(release, to).returncode == 0
    file = tmp_path / "store/.byeori/releases" / f"{NAME}.json"
    m = json.loads(file.read_text())
    m["files"][0]["sha256"] = "zz" * 32
    file.write_text(json.dumps(m))
    g = gateway(run, tmp_path, options)
    assert g.get(f"/{NAME}/empty").status == 502


def test_an_object_that_is_lost_is_a_failure_not_a_missing_file(run, tmp_path, release):
    to, options = folder_of(tmp_path)
    assert publish(release, to).returncode == 0
    digest = hashlib.sha256(b"3 " * 1000).hexdigest()
    (tmp_path / "store/.byeori/objects" / digest[:2] / digest).unlink()
    g = gateway(run, tmp_path, options)
    assert g.get(f"/{NAME}/data/deep/3.txt").status == 502
    assert g.get(f"/{NAME}/data/deep/4.txt").status == 200


def test_who_has_the_old_release_gets_a_delta(run, tmp_path, release):
    """Through gateway and edge; the command line tool makes the new file of the old one with it."""
    to, options = folder_of(tmp_path)
    assert publish(release, to).returncode == 0
    old = (release / "data/big.pak").read_bytes()
    new = old[:5_000_000] + b"something new" + old[5_000_100:]
    (release / "data/big.pak").write_bytes(new)
    done = publish(release, to, "--delta-from", NAME, name="game/1.4.1")
    assert done.returncode == 0 and "1 deltas from game/1.4.0" in done.stdout
    g = gateway(run, tmp_path, {**options, ("rule", "/game/*"): {
        "cache_control": "public, max-age=60", "companions": ["dcz"], "dictionary": "/game/*"}})
    edge = run(Edge(tmp_path, [g.url]))
    digest = hashlib.sha256(old).digest()
    has_old = {"Accept-Encoding": "zstd, dcz",
               "Available-Dictionary": f":{base64.b64encode(digest).decode()}:"}
    for _ in range(2):
        delta = edge.get("/game/1.4.1/data/big.pak", **has_old)
        assert delta.status == 200 and delta.header("Content-Encoding") == "dcz"
        assert len(delta.body) < len(new) / 100
        assert delta.body[8:40] == digest
        plain = edge.get("/game/1.4.1/data/big.pak")
        assert plain.header("Content-Encoding") is None and plain.body == new
    assert "hit" in delta.header("Cache-Status") and "hit" in plain.header("Cache-Status")
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "delta.zst").write_bytes(delta.body)
    subprocess.run(["zstd", "-q", "-d", "--long=27", f"--patch-from={tmp_path}/old",
                    str(tmp_path / "delta.zst"), "-o", str(tmp_path / "new")], check=True)
    assert (tmp_path / "new").read_bytes() == new
