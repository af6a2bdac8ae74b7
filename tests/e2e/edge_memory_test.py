# SPDX-License-Identifier: MIT
"""The cap on memory holds, whatever is asked and however slowly it is taken."""

import pytest

from tests.harness.content import Content
from tests.harness.programs import Edge

MIB = 1 << 20


def read_some(client, target, count):
    """Asks, and reads the first bytes of the body; the client and what it read."""
    client.send_request("GET", target)
    head = client.head()
    assert head.status == 200
    return client.reader.exactly(count)


def test_many_small_objects_stay_within_the_cap(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], over={"memory": "8MiB"}))
    with edge.client() as c:
        for i in range(3000):
            origin.page(f"/{i}", b"x" * 5000, cache="max-age=60")
            assert c.get(f"/{i}").status == 200
    assert edge.metrics()["byeori_edge_store_memory_bytes"] <= 8 << 20
    assert edge.metric("byeori_edge_store_evicted_objects_total") > 0


@pytest.mark.speed      # sanitizers keep what is freed
def test_slow_clients_of_many_files_stay_within_the_cap(run, origin, tmp_path):
    edge = run(Edge(tmp_path, [origin.url], over={"memory": "32MiB"}))
    contents = [Content(64 * MIB, seed=i) for i in range(4)]
    for i in range(60):
        origin.page(f"/{i}", contents[i % 4], cache="max-age=60", etag=f'"{i}"')
    clients = [edge.client(receive_buffer=4096) for _ in range(60)]
    for i, c in enumerate(clients):
        assert read_some(c, f"/{i}", 1000) == contents[i % 4].read(0, 1000)
    for at in range(1, 6):
        for i, c in enumerate(clients):
            assert c.reader.exactly(100_000) == contents[i % 4].read(
                1000 + (at - 1) * 100_000, 100_000)
    assert edge.resident_bytes() < (32 + 64) * MIB
    for c in clients:
        c.reset()


def test_a_full_store_asks_for_no_block_twice(run, origin, tmp_path):
    """What a fill has brought ahead of its reader is not what makes room for the next block."""
    edge = run(Edge(tmp_path, [origin.url], over={"memory": "64MiB"}))
    for i in range(6):
        content = Content(30 * MIB, seed=i)
        origin.page(f"/{i}", content, cache="max-age=60", etag=f'"{i}"')
        assert edge.get(f"/{i}").body == content.read(0, content.size)
    assert origin.body_bytes() == 6 * 30 * MIB
