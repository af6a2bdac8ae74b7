# SPDX-License-Identifier: MIT
"""What lies on a disk, coded and not: bytes there for bytes stored, processor time for a GB that is
written and for one that is read back.

Small files are those of Python's own library; the large text is all of them, one after the other;
random bytes cannot be coded. Each is asked for, written to the disk, and asked for again after the
edge was started anew; every byte is compared."""

import argparse
import random
import statistics
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.harness.origin import Origin
from tests.harness.programs import Edge, wait_until

STORED = "byeori_edge_store_disk_"
MIB = 1 << 20


def library(most):
    """Its files, so many bytes in all, again from the first where they do not suffice."""
    files = [p.read_bytes() for p in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py"))
             if p.is_file()]
    files = [f for f in files if len(f) > 1024]
    taken, left, i = [], most, 0
    while left > len(files[i % len(files)]):
        body = b"# %d\n" % i + files[i % len(files)]
        taken.append(body)
        left -= len(body)
        i += 1
    return taken


def contents(most):
    files = library(most)
    return {"small texts": files, "a large text": [b"".join(files)],
            "random bytes": [random.Random(1).randbytes(most)]}


def ask(edge, bodies):
    """Seconds of the edge's processors for all of them."""
    before = edge.admin("GET", "/v1/status")[1]["cpu_s"]
    with edge.client() as client:
        for i, body in enumerate(bodies):
            if client.request("GET", f"/{i}").body != body:
                raise RuntimeError(f"body {i} differs")
    wait_until(lambda: edge.metric("byeori_edge_disk_queued_bytes") == 0, "all is written")
    return edge.admin("GET", "/v1/status")[1]["cpu_s"] - before


def play(folder, bodies, level):
    """Bytes on the disk; seconds to write, of these for coding; to read, of these for decoding."""
    origin = Origin()
    for i, body in enumerate(bodies):
        origin.page(f"/{i}", body, cache="max-age=600", etag='"1"')
    size = sum(map(len, bodies))
    with tempfile.TemporaryDirectory(dir=folder) as disk:
        edge = Edge(Path(disk), [origin.url], over={
            "workers": 1, "memory": "1GiB", "disk_admission": "all", "disk_scrub": 0,
            "disk_zstd": level, ("disk", f"{disk}/disk"): {"size": "2GiB"}}).start()
        to_write = ask(edge, bodies)
        lies = edge.metric(STORED + "written_bytes_total")
        lost = edge.metric(STORED + "not_kept_total")
        coding = edge.metric(STORED + "coding_ns_total")
        edge.stop()
        asked = origin.count("/0")
        edge.start()
        to_read = ask(edge, bodies)
        came = edge.metric(STORED + "read_bytes_total")
        if lost == 0 and (origin.count("/0") != asked or came < size):
            raise RuntimeError("not all of it lay on the disk")
        decoding = edge.metric(STORED + "decoding_ns_total")
        edge.stop()
    origin.stop()
    return lies, to_write, coding / 1e9, to_read, decoding / 1e9


def main():
    parser = argparse.ArgumentParser(prog="./byeori bench atrest",
                                     description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--megabytes", type=int, default=48, help="of each content")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--levels", type=int, nargs="*", default=[0, 1, 3])
    parser.add_argument("--folder", default=None, help="where the disk lies")
    args = parser.parse_args()
    print("disk_zstd | on disk / stored | ms of processor a MB: to fetch and write (to code), "
          "to read back (to decode)")
    for name, bodies in contents(args.megabytes * MIB).items():
        size = sum(map(len, bodies))
        print(f"{name}: {len(bodies)} of {size / 1e6:.1f} MB in all")
        rows = {level: [] for level in args.levels}
        for _ in range(args.rounds):  # in turn: the machine changes under them
            for level, row in rows.items():
                row.append(play(args.folder, bodies, level))
        for level, row in rows.items():
            lies, *seconds = (statistics.median(c) for c in zip(*row, strict=True))
            write, code, read, decode = (s * 1e9 / size for s in seconds)
            print(f"  {level} | {lies / size:.3f} | {write:.2f} ({code:.2f}), {read:.2f} "
                  f"({decode:.2f})", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
