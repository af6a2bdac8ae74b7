# SPDX-License-Identifier: MIT
"""Many clients at once on two workers. These run against the ThreadSanitizer build as well, where
any race between workers is a fault even if every answer is right."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.content import Content
from tests.harness.programs import Edge

KIB, MIB = 1 << 10, 1 << 20
CLIENTS, REQUESTS = 16, 25

pytestmark = pytest.mark.threads


class Library:
    """Pages of many sizes at the origin, and whether an answer is right."""

    def __init__(self, origin, cache, sizes):
        self.contents = {f"/{n}": Content(size, seed=n) for n, size in enumerate(sizes)}
        for path, content in self.contents.items():
            origin.page(path, content, cache=cache, etag=f'"{path}"')

    def check(self, client, dice):
        path, content = dice.choice(list(self.contents.items()))
        first = dice.randrange(content.size)
        last = min(content.size - 1, first + dice.randrange(1, 300 * KIB))
        if dice.random() < 0.5:
            r = client.get(path, Range=f"bytes={first}-{last}")
            assert (r.status, r.body) == (206, content.read(first, last - first + 1))
        else:
            r = client.get(path)
            assert (r.status, r.body) == (200, content.read(0, content.size))


def crowd(edge, library):
    """Every client on a connection of its own, all at once; raises what any of them met."""
    def one(seed):
        dice = random.Random(seed)
        with edge.client() as c:
            for _ in range(REQUESTS):
                library.check(c, dice)
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one, range(CLIENTS)))


@pytest.fixture
def edge(run, origin, tmp_path):
    return run(Edge(tmp_path, [origin.url], site={"block": "64KiB"}, over={"memory": "4MiB"}))


def test_a_crowd_gets_the_right_bytes_while_blocks_come_and_go(edge, origin):
    library = Library(origin, "max-age=60", [1, 100, 64 * KIB, 64 * KIB + 1, MIB, 3 * MIB])
    crowd(edge, library)


def test_a_crowd_gets_the_right_bytes_of_what_expires_at_once(edge, origin):
    library = Library(origin, "max-age=0", [100, 64 * KIB, 200 * KIB])
    crowd(edge, library)


def test_a_crowd_does_not_notice_a_reload(edge, origin):
    library = Library(origin, "max-age=60", [100, 200 * KIB])
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(crowd, edge, library)
        while not done.done():
            edge.reload()
            edge.metrics()
        done.result()


def test_clients_that_leave_in_the_middle_harm_nobody(edge, origin):
    library = Library(origin, "max-age=60", [3 * MIB, MIB])
    for _ in range(20):
        c = edge.client(receive_buffer=4096)
        c.send_request("GET", "/0")
        c.head()
        c.reset()
    crowd(edge, library)
