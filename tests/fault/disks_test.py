# SPDX-License-Identifier: MIT
"""Disks that crawl, fail, fill up, are pulled or damaged: no answer is wrong, none fails, and what
is well goes on as if nothing were. `./byeori bench store` does the same at full size."""

import errno
import itertools
import random
import time

import pytest

from tests.harness import faults
from tests.harness.content import Content
from tests.harness.programs import Edge, wait_until

KIB, MIB = 1 << 10, 1 << 20
BLOCK, SIZE = 64 * KIB, 256 * KIB
STORED = "byeori_edge_store_"
HANGS_MS = 90_000
DISK_S = 60    # for a disk that the whole machine writes to


class Scene:
    """An origin, an edge with 8 MiB of memory, and two folders for disks."""

    def __init__(self, run, origin, tmp_path):
        self.run, self.origin, self.path = run, origin, tmp_path
        self.a, self.b = tmp_path / "a", tmp_path / "b"
        self.faults = faults.Disks(tmp_path / "faults", self.a, self.b)
        self.edge = None

    def start(self, *disks, **over):
        """disks: (folder, size, weight)"""
        if self.edge is not None:
            self.edge.stop()
        values = {("disk", str(folder)): {"size": size, "weight": weight}
                  for folder, size, weight in disks}
        self.edge = Edge(self.path, [self.origin.url], site={"block": BLOCK}, over={
            "memory": "8MiB", "disk_admission": "all", "disk_scrub": 0, "disk_slow": "10m",
            **values, **over})
        self.edge.environment = self.faults.environment()
        self.run(self.edge)

    def ask(self, names, size=SIZE):
        """For each page once, no faster than the disk writes."""
        for name in names:
            self.origin.page(name, Content(size, name), cache="max-age=600", etag='"1"')
            assert self.is_right(name, size)
            wait_until(lambda: self.queued() < 2 * MIB - SIZE, "the disk keeps up", DISK_S)

    def fill(self, names, size=SIZE):
        """Each page was asked for once, and lies on its disk."""
        self.ask(names, size)
        wait_until(lambda: self.queued() == 0, "all of it is written", DISK_S)

    def queued(self):
        return self.edge.metric("byeori_edge_disk_queued_bytes")

    def written(self):
        return self.edge.metric(STORED + "disk_written_blocks_total")

    def is_right(self, name, size=SIZE):
        answer = self.edge.get(name)
        return answer.status == 200 and answer.body == Content(size, name).read(0, size)

    def state(self, folder):
        said = self.edge.admin("GET", "/v1/status")[1]
        return next(d["state"] for d in said["store"]["disks"] if d["path"] == str(folder))


@pytest.fixture
def scene(run, origin, tmp_path):
    return Scene(run, origin, tmp_path)


def on_two_disks(scene, **over):
    """Pages on disk a, pages on disk b."""
    on_a, on_b = [f"/a{i}" for i in range(40)], [f"/b{i}" for i in range(40)]
    scene.start((scene.a, "64MiB", 1), **over)
    scene.fill(on_a)
    scene.start((scene.a, "64MiB", 0.000001), (scene.b, "64MiB", 1000000), **over)
    scene.fill(on_b)
    return on_a, on_b


def test_a_pulled_disk_fails_no_request_and_leaves_the_other_alone(scene):
    on_a, on_b = on_two_disks(scene)
    asked = [scene.origin.count(name) for name in on_a]
    scene.faults.set(scene.b, **faults.PULLED)
    for name in on_b + on_a:
        assert scene.is_right(name)
    assert [scene.origin.count(name) for name in on_a] == asked
    wait_until(lambda: scene.state(scene.b) == "dead", "it is known to be dead")
    wait_until(lambda: scene.edge.stderr().count("state=dead") == 1, "it is told, once")
    scene.faults.set(scene.b)
    wait_until(lambda: scene.state(scene.b) == "up", "it came back")
    for name in on_b:
        assert scene.is_right(name)


def test_what_a_dead_disk_holds_is_there_when_it_is_back(scene):
    on_two_disks(scene)
    asked = scene.origin.count("/b0")
    scene.faults.set(scene.b, **faults.PULLED)
    scene.origin.page("/new", Content(SIZE, "/new"), cache="max-age=600", etag='"1"')
    assert scene.is_right("/new")
    wait_until(lambda: scene.state(scene.b) == "dead", "it is dead: /new was not written")
    scene.edge.wait_metric(STORED + "disk_not_kept_total", 1)
    scene.faults.set(scene.b)
    wait_until(lambda: scene.state(scene.b) == "up", "it came back")
    assert scene.is_right("/b0") and scene.origin.count("/b0") == asked


def test_a_crawling_disk_delays_nobody_else(scene):
    on_a, on_b = on_two_disks(scene, disk_slow="1s")
    scene.faults.set(scene.b, read_ms=HANGS_MS)
    held = [scene.edge.begin(name) for name in on_b[:12]]
    slowest = 0
    for name in on_a:
        began = time.monotonic()
        assert scene.is_right(name)
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < HANGS_MS / 2000
    for name, answer in zip(on_b, held):
        assert answer.wait().body == Content(SIZE, name).read(0, SIZE)
    wait_until(lambda: scene.state(scene.b) == "slow", "it is known to be slow")
    assert scene.is_right("/b30") and scene.is_right("/b31")
    scene.faults.set(scene.b)
    again = itertools.cycle(on_b)
    wait_until(lambda: scene.is_right(next(again)) and scene.state(scene.b) == "up",
               "it came back")


def test_a_hanging_disk_does_not_hold_up_the_stop(scene):
    _, on_b = on_two_disks(scene, disk_slow="1s")
    scene.faults.set(scene.b, read_ms=HANGS_MS)
    held = [scene.edge.begin(name) for name in on_b[:6]]
    for name, answer in zip(on_b, held):
        assert answer.wait().body == Content(SIZE, name).read(0, SIZE)
    assert scene.edge.stop(HANGS_MS / 2000) == 0
    assert "disk-hangs" in scene.edge.stderr()


@pytest.mark.parametrize("fault", ["EIO", "EROFS", "ENOSPC", "EDQUOT"])
def test_writes_that_fail_cost_no_request(scene, fault):
    scene.start((scene.a, "64MiB", 1))
    number = getattr(errno, fault)
    scene.faults.set(scene.a, allocate_errno=number, write_errno=number, open_errno=number)
    names = [f"/{i}" for i in range(40)]
    for name in names:
        scene.origin.page(name, Content(SIZE, name), cache="max-age=600", etag='"1"')
        assert scene.is_right(name)
    assert scene.edge.metric(STORED + "disk_blocks") == 0
    wait_until(lambda: scene.edge.metric(STORED + "disk_not_kept_total") > 0, "it is counted")
    wait_until(lambda: 0 < scene.edge.stderr().count("warn disk-") < 4, "told, not for each block")
    scene.faults.set(scene.a)
    wait_until(lambda: all(scene.is_right(name) for name in names)
               and scene.edge.metric(STORED + "disk_blocks") > 0, "it is used again")


def test_a_file_system_filled_from_outside_costs_no_request(scene, tmp_path):
    with faults.file_system(tmp_path / "small", 48, inodes=32) as folder:
        if folder is None:
            pytest.skip("no file systems can be mounted here")
        scene.start((folder / "disk", "40MiB", 1))
        scene.fill([f"/early{i}" for i in range(8)])
        room = open(folder / "rest", "wb", buffering=0)
        with pytest.raises(OSError):
            while True:
                room.write(bytes(MIB))
        names = [f"/{i}" for i in range(80)]
        for name in names:
            scene.origin.page(name, Content(SIZE, name), cache="max-age=600", etag='"1"')
            assert scene.is_right(name)
        assert scene.edge.metric("byeori_edge_disk_used_bytes") < 40 * MIB
        room.truncate(0)
        with pytest.raises(OSError):
            for i in range(1000):
                (folder / f"inode{i}").touch()
        for name in names:
            assert scene.is_right(name)
        for file in folder.glob("inode*"):
            file.unlink()
        used = scene.edge.metric("byeori_edge_disk_used_bytes")
        again = iter(range(10_000))
        wait_until(lambda: scene.is_right(names[next(again) % 80])
                   and scene.edge.metric("byeori_edge_disk_used_bytes") > used, "it grows", 30)
        room.close()
        assert scene.edge.stop() == 0


def test_a_byte_flipped_in_each_record_is_never_given(scene):
    scene.start((scene.a, "64MiB", 1))
    names = [f"/{i}" for i in range(50)]
    scene.fill(names)
    scene.edge.stop()
    assert faults.flip(scene.a, 200) == 200
    scene.edge.start()
    for name in names:
        asked = scene.origin.count(name)
        assert scene.is_right(name) and scene.origin.count(name) > asked
    assert scene.edge.metric(STORED + "disk_corrupt_total") == 200


def test_the_scrub_finds_damage_that_nobody_asked_for(scene):
    scene.start((scene.a, "64MiB", 1))
    scene.fill([f"/{i}" for i in range(50)])
    scene.edge.stop()
    assert faults.flip(scene.a, 20) == 20
    scene.start((scene.a, "64MiB", 1), disk_scrub="1GiB")
    scene.edge.wait_metric(STORED + "disk_scrub_rounds_total", 1)
    assert scene.edge.metric(STORED + "disk_scrub_damaged_total") == 20
    assert scene.edge.metric(STORED + "disk_blocks") == 180


def damage(file, source):
    """One thing that happens to files."""
    size = file.stat().st_size
    with open(file, "r+b") as f:
        match source.randrange(5):
            case 0:
                f.truncate(source.randrange(size))
            case 1:
                f.write(bytes(4096))
            case 2:
                f.seek(-4096, 2)
                f.write(source.randbytes(4096))
            case 3:
                for _ in range(200):
                    f.seek(source.randrange(size))
                    f.write(source.randbytes(1))
            case 4:
                f.seek(source.randrange(size) & ~4095)
                f.write(source.randbytes(64 * KIB))


@pytest.mark.parametrize("seed", range(2))
def test_damaged_files_never_give_a_wrong_byte(scene, seed):
    source = random.Random(seed)
    scene.start((scene.a, "64MiB", 1))
    names = [f"/{i}" for i in range(60)]
    scene.fill(names[:40])
    for _ in range(2):
        scene.edge.kill()
        for file in scene.a.glob("*.segment"):
            damage(file, source)
        scene.edge.start()
        for name in names[:40]:
            assert scene.is_right(name)
        scene.fill(names[40:])
        names = names[::-1]


def is_kept(scene, name):
    asked = scene.origin.count(name)
    return scene.is_right(name) and scene.origin.count(name) == asked


def test_kills_under_write_load_lose_nothing_that_was_written(scene):
    """Blocks are written in the order in which they came, and counted once a kill cannot take them
    any more: what the counter covers is there after it."""
    scene.start((scene.a, "256MiB", 1))
    for life in range(2):
        names = [f"/{life}.{i}" for i in range(60)]
        before = scene.written()
        scene.ask(names)
        scene.edge.wait_metric(STORED + "disk_written_blocks_total", before + 40 * SIZE // BLOCK,
                               DISK_S)
        count = int(scene.written() - before) * BLOCK // SIZE
        assert scene.edge.metric(STORED + "disk_not_kept_total") == 0
        scene.edge.kill()
        scene.edge.start()
        assert all(is_kept(scene, name) for name in names[:count])
        scene.ask(names)
        wait_until(lambda: scene.queued() == 0, "what was lost is written again", DISK_S)
    assert scene.edge.metric(STORED + "disk_corrupt_total") == 0


def test_a_disk_that_takes_long_to_sync_holds_nothing_up(scene):
    scene.start((scene.a, "64MiB", 1))
    scene.faults.set(scene.a, sync_ms=HANGS_MS)
    names = [f"/{i}" for i in range(80)]  # more than two segments
    scene.fill(names)
    scene.edge.kill()
    scene.edge.start()
    assert all(is_kept(scene, name) for name in names)
    scene.faults.set(scene.a)
