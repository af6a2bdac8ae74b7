# SPDX-License-Identifier: MIT
"""Large objects in OpenStack Swift as byeori-origin writes, replaces and removes them: whole or not
seen, and nothing of them is left behind."""

import hashlib
import json
import subprocess

import pytest

from tests.e2e.storage_test import gateway_before, swift_of
from tests.harness.conf import conf_text
from tests.harness.content import Content
from tests.harness.programs import SANITIZERS, build_folder, run_tool, wait_until

PART = 5 << 20
BIG, OTHER = Content(2 * PART + 777, seed=21), Content(PART + 5, seed=22)


@pytest.fixture
def bucket(swift, tmp_path):
    """A container of its own, a command line for it, and what lies there."""
    return Bucket(swift, tmp_path)


class Bucket:
    def __init__(self, server, tmp_path):
        self.server, self.at = server, tmp_path
        self.name = "c" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
        kind, values = swift_of(server, tmp_path)
        self.storage = kind, {**values, "bucket": self.name, "prefix": "cdn/", "part": "5MiB"}
        self.file = tmp_path / "store.conf"
        self.file.write_text(conf_text({("storage", kind): self.storage[1]}) + "\n")
        server.put(self.name, "beside", b"of others")

    def run(self, *words):
        return run_tool("origin/byeori-origin", "store", self.file, *words, bound_s=100)

    def put(self, content, path="/big"):
        content.write_to(self.at / "file")
        done = self.run("put", self.at / "file", path)
        assert done.returncode == 0, done.stderr

    def rows(self, more=""):
        status, _, body = self.server.ask("GET", f"/v1/AUTH_test/{self.name}{more}?format=json",
                                          fields={"X-Auth-Token": self.server.token})
        return {row["name"]: row["last_modified"] for row in json.loads(body)} \
            if status == 200 else {}

    def names(self):
        return sorted(self.rows())

    def segments(self):
        return sorted(self.rows("_segments"))

    def segments_of(self, content, path="big"):
        digest = hashlib.sha256(content.read(0, content.size)).hexdigest()
        return [f"cdn/{path}/{digest}-{PART}/{i:08}" for i in range(-(-content.size // PART))]


def test_segments_of_an_object_that_gives_way_or_is_removed_go_with_it(run, tmp_path, bucket):
    g = gateway_before(run, tmp_path, bucket.storage)
    bucket.put(BIG)
    assert g.get("/big").body == BIG.read(0, BIG.size)
    assert bucket.segments() == bucket.segments_of(BIG)
    bucket.put(OTHER)
    assert g.get("/big").body == OTHER.read(0, OTHER.size)
    assert bucket.segments() == bucket.segments_of(OTHER)
    bucket.put(OTHER)    # the same again: its segments are the old one's too
    assert g.get("/big").body == OTHER.read(0, OTHER.size)
    assert bucket.segments() == bucket.segments_of(OTHER)
    bucket.put(BIG, "/big/other")
    bucket.put(Content(7, seed=1))
    assert g.get("/big").body == Content(7, seed=1).read(0, 7)
    assert bucket.segments() == bucket.segments_of(BIG, "big/other")
    listed = bucket.run("list").stdout.split("\n")
    assert listed[0] == "7 /big" and listed[1].endswith(" /big/other")
    assert bucket.run("remove", "/big/other", "/big").returncode == 0
    assert bucket.segments() == [] and bucket.names() == ["beside"]
    again = bucket.run("remove", "/big")
    assert again.returncode == 1 and "/big" in again.stderr


def test_segments_of_dynamic_large_objects_go_too_but_not_those_of_others(bucket):
    server, own = bucket.server, f"{bucket.name}_segments"
    server.put("elsewhere", f"{bucket.name}/1", b"one")
    for path, segments in (("cdn/d%20%C3%A4", f"{own}/cdn/d%20%C3%A4/"),
                           ("cdn/shared", f"elsewhere/{bucket.name}/")):
        if segments.startswith(own):
            server.put(own, "cdn/d%20%C3%A4/1", b"one")
            server.put(own, "cdn/d%20%C3%A4x", b"of another object")
        server.put(bucket.name, path, b"", **{"X-Object-Manifest": segments})
    assert bucket.run("remove", "/d ä", "/shared").returncode == 0
    assert bucket.names() == ["beside"] and bucket.segments() == ["cdn/d äx"]
    assert server.ask(
        "GET", f"/v1/AUTH_test/elsewhere/{bucket.name}/1",
        fields={"X-Auth-Token": server.token})[2] == b"one"


def test_an_upload_that_was_killed_is_seen_by_nobody_and_gone_on_with(run, tmp_path, bucket):
    g = gateway_before(run, tmp_path, bucket.storage)
    long = Content(12 * PART + 1, seed=23)
    long.write_to(tmp_path / "long")
    bucket.put(OTHER)
    process = subprocess.Popen([str(build_folder() / "origin/byeori-origin"), "store",
                                str(bucket.file), "put", str(tmp_path / "long"), "/big"],
                               env=SANITIZERS)
    expected = bucket.segments_of(long)
    wait_until(lambda: expected[1] in bucket.segments(), "two parts of it are there", 60)
    process.kill()
    process.wait()
    left = [s for s in bucket.segments() if s in expected]
    assert g.get("/big").body == OTHER.read(0, OTHER.size)
    # One of those that are there is damaged: it is sent again.
    bucket.server.put(f"{bucket.name}_segments", expected[1], b"x" * PART)
    sent = bucket.rows("_segments")[expected[0]]
    bucket.put(long)
    assert g.get("/big").body == long.read(0, long.size)
    assert bucket.segments() == expected
    assert len(left) >= 2 and bucket.rows("_segments")[expected[0]] == sent
