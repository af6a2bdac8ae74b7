# SPDX-License-Identifier: MIT
"""Milliseconds for a purge: of one object of 100,000 blocks, and by a tag of 100,000 objects.

A real byeori-origin and a real byeori-edge; the purges go through the admin listener like an
operator's, each on a connection that is open already, and the clock runs from the first byte sent
to the last received. The object is a sparse file of 100,000 times 64 KiB, all of it fetched, so
that the edge holds 6.1 GiB; the tagged objects are one small file under 100,000 queries, so that
each has a key, a head and a block of its own. After each purge the next request must come from the
origin, and it is printed how long the edge took to give the memory back."""

import argparse
import http.client
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.harness.client import Client
from tests.harness.http1 import Closed
from tests.harness.programs import Edge, OriginGateway, wait_until
from tests.harness.trouble import Trouble

HOST, BLOCK = "dl.example", 64 << 10
BAR_OBJECT_MS, BAR_TAG_MS = 10, 50
PIPELINED = 64
SPARE_BYTES = 1 << 30


def available_bytes():
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise Trouble("/proc/meminfo does not tell MemAvailable")


def start(folder, memory):
    root = Path(folder) / "root"
    root.mkdir()
    origin = OriginGateway(folder, lambda port: {
        "workers": 1, "folder": str(root), ("listen", "http"): {"address": f"127.0.0.1:{port}"},
        ("rule", "*"): {"cache_control": "max-age=86400", "tags": ["release", "all"]}})
    origin.start()
    edge = Edge(folder, [origin.url], host=HOST, site={"block": "64KiB", "read_ahead": "64MiB"},
                over={"memory": f"{memory >> 20}MiB", "workers": 1})
    return root, origin, edge.start()


def drain(edge, target, size):
    """Reads it all, and keeps nothing."""
    room, got = bytearray(1 << 20), 0
    with edge.client() as c:
        c.send_request("GET", target)
        if c.head().status != 200:
            raise Trouble(f"{target} is not served")
        got = len(c.reader.kept)
        while got < size:
            n = c.sock.recv_into(room)
            if n == 0:
                raise Trouble(f"{target} ended after {got} of {size} bytes")
            got += n


def fill_objects(edge, count):
    """Pipelines requests for as many keys."""
    with edge.client() as c:
        for at in range(0, count, PIPELINED):
            some = range(at, min(at + PIPELINED, count))
            c.send(b"".join(b"GET /small?%d HTTP/1.1\r\nHost: %s\r\n\r\n" % (i, HOST.encode())
                            for i in some))
            for _ in some:
                if c.response().status != 200:
                    raise Trouble("the small file is not served")


def purge_ms(edge, body):
    """One purge on a warm connection."""
    connection = http.client.HTTPConnection("127.0.0.1", edge.admin_port, timeout=60)
    connection.request("GET", "/v1/status")
    connection.getresponse().read()
    began = time.perf_counter()
    connection.request("POST", "/v1/purge", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    took = (time.perf_counter() - began) * 1000
    connection.close()
    if answer.status != 200:
        raise Trouble(f"the purge was refused: {text.decode()}")
    return took


def one(edge, what, body, probe, fill):
    """Fills, purges, checks; the milliseconds."""
    fill()
    objects = int(edge.metric("byeori_edge_store_objects"))
    blocks = int(edge.metric("byeori_edge_store_blocks"))
    held = edge.metric("byeori_edge_store_memory_bytes")
    took = purge_ms(edge, body)
    began = time.monotonic()
    said = edge.get(probe, Range="bytes=0-0").header("Cache-Status")
    if "fwd=uri-miss" not in said:
        raise Trouble(f"{what}: the request after the purge was answered from the cache: {said}")
    wait_until(lambda: edge.metric("byeori_edge_store_blocks") < blocks / 100, "memory back", 60)
    back = time.monotonic() - began
    print(f"{what:28} {objects:>8} {blocks:>8} {held / (1 << 20):>9.0f} {took:>9.2f} {back:>9.2f}",
          flush=True)
    purge_ms(edge, {"all": True})
    wait_until(lambda: edge.metric("byeori_edge_store_objects") == 0, "an empty store", 60)
    return took


def measure(blocks, objects, rounds):
    size = blocks * BLOCK
    memory = size + size // 8 + (256 << 20)
    if available_bytes() < memory + SPARE_BYTES:
        raise Trouble(f"{blocks} blocks need {memory >> 20} MiB of memory, and "
                      f"{available_bytes() >> 20} MiB are available", "--blocks for fewer")
    worst = {"object": [], "tag": []}
    with tempfile.TemporaryDirectory(prefix="byeori-") as folder:
        root, origin, edge = start(folder, memory)
        try:
            with open(root / "big", "wb") as f:
                f.truncate(size)
            (root / "small").write_bytes(os.urandom(100))
            print(f"{'purge of':28} {'objects':>8} {'blocks':>8} {'MiB held':>9} {'ms':>9} "
                  f"{'s to free':>9}")
            url = {"url": f"http://{HOST}/big"}
            for _ in range(rounds):
                worst["object"].append(one(edge, "one object, by URL", url,
                                           "/big", lambda: drain(edge, "/big", size)))
                worst["tag"].append(one(edge, "many objects, by tag", {"tag": "release"},
                                        "/small?7", lambda: fill_objects(edge, objects)))
        finally:
            edge.stop()
            origin.stop()
    return max(worst["object"]), max(worst["tag"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--blocks", type=int, default=100_000)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    try:
        by_url, by_tag = measure(args.blocks, args.objects, args.rounds)
    except (Trouble, Closed, OSError) as e:
        print(f"bench purge: {e}", file=sys.stderr)
        return 1
    print(f"slowest: {by_url:.2f} ms for an object of {args.blocks} blocks (bar: {BAR_OBJECT_MS}), "
          f"{by_tag:.2f} ms by a tag of {args.objects} objects (bar: {BAR_TAG_MS})")
    return 0 if by_url < BAR_OBJECT_MS and by_tag < BAR_TAG_MS else 1


if __name__ == "__main__":
    sys.exit(main())
