# SPDX-License-Identifier: MIT
"""An origin killed at a random byte of a cold 1 GiB download, 50 times: answers, origin bytes.

Two real origins with the same folder, one edge. Each round asks for the file under a key of its own
(a miss), kills with SIGKILL the origin that is being read once the client has a random number of
bytes, and compares every byte that the client gets. The killed one is started again for the next
round."""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.harness.content import Content
from tests.harness.http1 import Closed
from tests.harness.programs import Edge, OriginGateway
from tests.harness.trouble import Trouble

RECEIVED = "byeori_edge_upstream_received_bytes_total"
BOUND_RATIO = 1.02


def gateway(folder, root, name):
    return OriginGateway(folder, lambda port: {
        "workers": 1, "folder": str(root), ("listen", "http"): {"address": f"127.0.0.1:{port}"},
        ("rule", "*"): {"cache_control": "max-age=3600"}}, name)


def download(edge, target, content, kill_at, kill):
    """How many right bytes came; kills on the way."""
    got, killed = 0, False
    with edge.client() as c:
        c.send_request("GET", target)
        head = c.head()
        if head.status != 200 or int(head.header("Content-Length")) != content.size:
            raise RuntimeError(f"answer {head.status} {head.fields}")
        while got < content.size:
            piece = c.reader.some()
            if not piece or piece != content.read(got, len(piece)):
                break
            got += len(piece)
            if not killed and got >= kill_at:
                kill()
                killed = True
    return got


def play(edge, origins, content, rounds, source):
    whole, longest = 0, 0.0
    for n in range(rounds):
        kill_at = source.randrange(content.size)
        began = time.monotonic()
        try:
            got = download(edge, f"/file.bin?{n}", content, kill_at, origins[0].kill)
        except (Closed, OSError) as error:
            print(f"round {n}, killed at {kill_at}: {error}", flush=True)
            got = 0
        longest = max(longest, time.monotonic() - began)
        whole += got == content.size
        origins[0].start()
        wait_until_well(edge)
    return whole, longest


def wait_until_well(edge):
    """The origin that was killed is the first choice again."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        site = edge.admin("GET", "/v1/status")[1]["sites"][0]
        if site["origins"][0]["state"] == "well":
            return
        edge.get(f"/none?{time.monotonic()}")
        time.sleep(0.2)
    raise Trouble("the first origin did not come back", "read the edge's log")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    content = Content(a.megabytes << 20)
    with tempfile.TemporaryDirectory(prefix="byeori-", dir="/dev/shm") as folder:
        root = Path(folder) / "root"
        root.mkdir()
        content.write_to(root / "file.bin")
        programs = [gateway(folder, root, f"origin-{n}") for n in (1, 2)]
        programs.append(Edge(folder, [p.url for p in programs], over={"memory": "256MiB"}))
        try:
            for p in programs:
                p.start()
            edge = programs[-1]
            whole, longest = play(edge, programs[:-1], content, a.rounds, random.Random(a.seed))
            ratio = edge.metric(RECEIVED) / (content.size * a.rounds)
            resumed = int(edge.metric("byeori_edge_upstream_fill_resumes_total"))
        finally:
            for p in reversed(programs):
                p.stop()
    print(f"{whole} of {a.rounds} downloads of {a.megabytes} MiB complete and byte-exact; "
          f"{resumed} resumes; origin bytes {ratio:.4f} x the content (bound {BOUND_RATIO}); "
          f"the longest took {longest:.1f} s")
    return 0 if whole == a.rounds and ratio <= BOUND_RATIO else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
