# SPDX-License-Identifier: MIT
"""Disks under the edge's memory: what is asked for again is written, outlives a kill, and is never
given wrong."""

import itertools

import pytest

from tests.harness.content import Content
from tests.harness.programs import Edge, run_tool, wait_until

MIB = 1 << 20
BLOCK = 256 << 10
ON_DISK = "byeori_edge_store_disk_blocks"
CODED = "byeori_edge_store_disk_coded_blocks_total"
SAVED = "byeori_edge_store_disk_coded_saved_bytes_total"


@pytest.fixture
def disk_edge(run, origin, tmp_path):
    def make(memory="16MiB", size="64MiB", path=None, **over):
        path = path or tmp_path / "disk"
        return run(Edge(tmp_path, [origin.url], site={"block": BLOCK},
                        over={"memory": memory, ("disk", str(path)): {"size": size},
                              "disk_slow": "10m", **over}))
    return make


def fill(origin, edge, names, size=2 * MIB):
    """Pages that were asked for again, until they are on the disk."""
    for name in names:
        origin.page(name, Content(size, name), cache="max-age=600", etag='"1"')
        before = edge.metric(ON_DISK)
        assert edge.get(name).status == 200
        wait_until(lambda: edge.get(name).status == 200
                   and edge.metric(ON_DISK) - before == size // BLOCK, f"{name} is on the disk")


def keep_up(edge):
    """What a disk has no time for is not written: it is given time."""
    wait_until(lambda: edge.metric("byeori_edge_disk_queued_bytes") < 2 * MIB, "the disk keeps up")


def is_right(answer, name, size=2 * MIB):
    return answer.status == 200 and answer.body == Content(size, name).read(0, size)


def test_what_was_on_the_disk_is_a_hit_after_a_kill(disk_edge, origin):
    edge, names = disk_edge(), [f"/{i}" for i in range(12)]
    fill(origin, edge, names)
    asked = [origin.count(name) for name in names]
    edge.kill()
    edge.start()
    for name in names:
        answer = edge.get(name)
        assert is_right(answer, name) and "hit" in answer.header("Cache-Status")
    assert [origin.count(name) for name in names] == asked
    assert edge.metric("byeori_edge_store_recovered_objects_total") == 12
    assert edge.metric("byeori_edge_store_disk_corrupt_total") == 0
    status, said = edge.admin("GET", "/v1/status")
    by_source = said["sites"][0]["ledger"]["out_bytes_by_source"]
    assert status == 200 and by_source["disk"] > 20 * MIB and by_source["origin"] == 0


def test_the_learned_policy_keeps_what_is_asked_for_again(disk_edge, origin):
    """Eight of 1 MiB in every round, and 44 that never come back, in 16 + 32 MiB."""
    edge, missed = disk_edge(size="32MiB", eviction="learned"), 0
    for n in range(7):
        for name in [f"/{i}" for i in range(8)] + [f"/{n}-{i}" for i in range(44)]:
            origin.page(name, Content(MIB, name), cache="max-age=600", etag='"1"')
            answer = edge.get(name)
            assert is_right(answer, name, MIB)
            keep_up(edge)
            missed += n >= 5 and "-" not in name and "hit" not in answer.header("Cache-Status")
    assert missed < 8  # of 16; all, if the least recently used went first
    assert edge.metric("byeori_edge_store_disk_corrupt_total") == 0


def segments(tmp_path):
    return sorted((tmp_path / "disk").glob("*.segment"))


def test_flipped_bytes_are_fetched_again(disk_edge, origin, tmp_path):
    edge, names = disk_edge(), [f"/{i}" for i in range(4)]
    fill(origin, edge, names)
    edge.stop()
    for file in segments(tmp_path):
        with open(file, "r+b") as f:
            data = bytearray(f.read())
            for name, at in itertools.product(names, range(0, 2 * MIB, BLOCK)):
                sought, found = Content(2 * MIB, name).read(at + 1000, 64), 0
                while found >= 0 and found % 4096 != 1000:  # blocks lie on pages
                    found = data.find(sought, found + 1)
                if found >= 0:
                    data[found] ^= 0xff
            f.seek(0)
            f.write(data)
    edge.start()
    for name in names:
        assert is_right(edge.get(name), name)
    edge.wait_metric("byeori_edge_store_disk_corrupt_total", 32)
    assert edge.metric("byeori_edge_store_disk_corrupt_total") == 32


def test_a_range_of_a_stored_object_reads_its_blocks_alone(disk_edge, origin):
    edge = disk_edge()
    fill(origin, edge, ["/a"], size=8 * MIB)
    edge.kill()
    edge.start()
    answer = edge.get("/a", Range=f"bytes={5 * MIB}-{5 * MIB + 9}")
    assert answer.status == 206 and answer.body == Content(8 * MIB, "/a").read(5 * MIB, 10)
    assert edge.metric("byeori_edge_store_disk_read_blocks_total") == 1


def test_a_new_answer_replaces_the_stored_one_for_good(disk_edge, origin):
    edge = disk_edge()
    fill(origin, edge, ["/a"])
    origin.page("/a", Content(MIB, "new"), cache="max-age=600", etag='"2"')
    assert edge.get("/a", **{"Cache-Control": "no-cache"}).body == Content(MIB, "new").read(0, MIB)
    wait_until(lambda: edge.get("/a").status == 200
               and edge.metric(ON_DISK) == 4, "the new one alone")
    edge.kill()
    edge.start()
    assert edge.get("/a").body == Content(MIB, "new").read(0, MIB)


def test_the_disk_stays_within_its_size(disk_edge, origin):
    edge = disk_edge(size="32MiB", disk_admission="all")
    for i in range(40):
        name = f"/{i}"
        origin.page(name, Content(2 * MIB, name), cache="max-age=600", etag='"1"')
        assert is_right(edge.get(name), name)
        keep_up(edge)
    edge.wait_metric("byeori_edge_store_disk_evicted_blocks_total", 1)
    assert edge.metric("byeori_edge_disk_used_bytes") <= 32 * MIB
    for i in range(40):
        assert is_right(edge.get(f"/{i}"), f"/{i}")


def test_a_foreign_format_is_refused_with_the_remedy(disk_edge, origin, tmp_path):
    edge = disk_edge()
    edge.stop()
    (tmp_path / "disk" / "byeori-disk").write_text("byeori-disk 9 segment_bytes=1\n")
    before = edge.stderr()
    edge.launch()
    wait_until(lambda: not edge.is_running(), "it refuses")
    assert "format 9" in edge.stderr()[len(before):] and "--reformat" in edge.stderr()


def test_a_check_finds_what_a_start_would_and_touches_nothing(disk_edge, tmp_path):
    def check():
        return run_tool("edge/byeori-edge", "-c", edge.file, "--check-config")

    edge = disk_edge()
    told = check()
    assert told.returncode == 0, told.stderr    # though its disks are in use
    edge.stop()
    was = {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*")}
    label = tmp_path / "disk" / "byeori-disk"
    line = next(i for i, text in enumerate(edge.file.read_text().splitlines(), 1)
                if text.startswith("disk "))
    assert check().returncode == 0
    assert {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*")} == was
    for text, fault in (("byeori-disk 9 x", "--reformat"), ("nothing", "label is damaged")):
        label.write_text(text)
        told = check()
        assert told.returncode == 1 and f"{edge.file}:{line}: disk " in told.stderr
        assert fault in told.stderr


def words(size):
    """Text that comes to less than half: lines of numbers."""
    lines = (b"%d: the same words, and the number %d\n" % (i, i * i) for i in range(size // 32))
    return b"".join(lines)[:size]


def test_text_lies_coded_and_is_given_byte_for_byte(disk_edge, origin):
    """Text and what cannot be coded, side by side; whole and by ranges after a kill."""
    edge, text = disk_edge(memory="32MiB", disk_zstd=1), words(2 * MIB)
    origin.page("/text", text, cache="max-age=600", etag='"1"')
    fill(origin, edge, ["/random"])
    assert edge.metric(SAVED) == 0 and edge.metric(CODED) == 0
    assert edge.get("/text").body == text
    wait_until(lambda: edge.get("/text").status == 200
               and edge.metric(ON_DISK) == 16, "it is on the disk")
    assert edge.metric(CODED) == 8 and edge.metric(SAVED) > MIB
    asked = origin.count("/text")
    for over in ({}, {"disk_zstd": 0}):
        edge.kill()
        edge.configure({**edge.values, **over})
        edge.start()
        for first, last in ((BLOCK - 3, BLOCK + 2), (5 * BLOCK + 1, 2 * MIB - 1), (0, 0)):
            answer = edge.get("/text", Range=f"bytes={first}-{last}")
            assert answer.status == 206 and answer.body == text[first:last + 1]
        assert edge.get("/text").body == text and is_right(edge.get("/random"), "/random")
        assert edge.metric("byeori_edge_store_disk_corrupt_total") == 0
        assert edge.metric("byeori_edge_store_disk_read_blocks_total") == 16
    assert origin.count("/text") == asked


def is_rest_right(client, content):
    got = 0
    while got < content.size:
        piece = client.reader.some()
        if not piece or piece != content.read(got, len(piece)):
            return False
        got += len(piece)
    return True


def test_pages_that_are_used_again_never_reach_another_reader(disk_edge, origin):
    """Whole segments that come from a disk are read into pages of others that have gone; what waits
    in the sockets of clients who rest must not change under them."""
    edge = disk_edge(memory="128MiB", size="512MiB", disk_admission="all")
    edge.configure({**edge.values, ("site", "test"): {**edge.values["site", "test"],
                                                      "block": MIB}})
    edge.stop()
    edge.start()
    contents = {name: Content(96 * MIB, name) for name in ("/a", "/b", "/c")}
    for name, content in contents.items():
        origin.page(name, content, cache="max-age=600", etag='"1"')
        wait_until(lambda name=name: edge.get(name).status == 200 and edge.metric(
            "byeori_edge_disk_queued_bytes") == 0, "it is written")
    resting = {name: edge.client() for name in contents}
    for name, client in resting.items():
        client.send_request("GET", name)
        assert client.head().status == 200
    for name, content in [*contents.items()] * 2:
        assert is_right(edge.get(name), name, content.size)
    for name, client in resting.items():
        assert is_rest_right(client, contents[name])
        client.close()
    assert edge.metric("byeori_edge_store_disk_read_blocks_total") > 200
