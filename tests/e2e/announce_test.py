# SPDX-License-Identifier: MIT
"""byeori-origin publish --announce: the control plane is told, and edges serve what is new."""

import re

import pytest

from control_plane import HOST, Plane
from tests.e2e.publish_test import NAME, folder_of, gateway, publish
from tests.harness.ports import free_port
from tests.harness.programs import Edge, wait_until

FOREVER = {("rule", "/*"): {"cache_control": "public, max-age=31536000, immutable"}}


@pytest.fixture
def cdn(run, tmp_path):
    """A gateway before a folder, an edge that keeps everything for ever, a control plane."""
    to, options = folder_of(tmp_path)
    g = gateway(run, tmp_path, {**options, **FOREVER})
    plane = run(Plane(tmp_path, nodes={"seoul": {"http_url": f"http://127.0.0.1:{free_port()}"}},
                      over={("site", "games"): {"hosts": ["other.example"]},
                            ("site", "films"): {"hosts": [HOST]}}))    # "test" to the edge
    edge = run(Edge(tmp_path, [g.url], name="seoul", host=HOST,
                    over={"control": {"url": plane.url, "token_file": str(tmp_path / "node")}}))
    plane.wait_health(seoul="up")
    announce = ["--announce", plane.url, "--site", f"http://{HOST}", "--token-file",
                str(plane.operator_file), "--settle", "200ms"]
    return to, edge, plane, announce


def test_what_a_release_changed_is_purged_and_what_it_did_not_stays(cdn, tmp_path):
    to, edge, plane, announce = cdn
    release = tmp_path / "release"
    release.mkdir()
    for name in ("same.txt", "changed.txt", "gone.txt"):
        (release / name).write_bytes(name.encode())
    first = publish(release, to, *announce)
    assert first.returncode == 0, first.stderr
    assert "applied by 1 edges" in first.stdout
    for name in ("same.txt", "changed.txt", "gone.txt"):
        assert edge.get(f"/{NAME}/{name}").body == name.encode()
    (release / "changed.txt").write_bytes(b"new")
    (release / "gone.txt").unlink()
    again = publish(release, to, "--replace", *announce)
    assert again.returncode == 0 and "applied by 1 edges" in again.stdout, again.stderr
    assert edge.get(f"/{NAME}/changed.txt").body == b"new"
    assert edge.get(f"/{NAME}/gone.txt").status == 404
    assert "hit" in edge.get(f"/{NAME}/same.txt").header("Cache-Status")


def test_chosen_edges_have_a_release_before_anybody_asks(cdn, tmp_path):
    to, edge, plane, announce = cdn
    release = tmp_path / "release"
    release.mkdir()
    for name in ("a b.bin", "c.bin"):
        (release / name).write_bytes(name.encode() * 50_000)
    done = publish(release, to, "--prefill", "seoul", *announce)
    assert done.returncode == 0, done.stderr
    order = re.search(r"prefill (\S+): ordered", done.stdout).group(1)
    wait_until(lambda: plane.ask("GET", f"/v1/prefills/{order}")[1].get("state") == "done",
               "the edge has it", 30)
    for name in ("a b.bin", "c.bin"):
        r = edge.get(f"/{NAME}/{name}".replace(" ", "%20"))
        assert r.body == name.encode() * 50_000 and "hit" in r.header("Cache-Status")


def test_who_cannot_be_told_is_told_when_it_is_run_again(cdn, tmp_path):
    to, edge, plane, announce = cdn
    release = tmp_path / "release"
    release.mkdir()
    (release / "a.txt").write_bytes(b"a")
    wrong = publish(release, to, *announce[:4], "--token-file", str(tmp_path / "node"),
                    "--settle", "1ms")
    assert wrong.returncode == 1 and "published, but not announced" in wrong.stderr
    assert "403" in wrong.stderr
    assert edge.get(f"/{NAME}/a.txt").status in (200, 404)
    right = publish(release, to, *announce)
    assert right.returncode == 0 and "nothing was sent" in right.stdout
    assert "applied by 1 edges" in right.stdout
    assert edge.get(f"/{NAME}/a.txt").body == b"a"
    assert publish(release, to, *announce[:2]).returncode == 2     # no --site
