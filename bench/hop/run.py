# SPDX-License-Identifier: MIT
"""Text from a shield to edges, with tier_encode off and on: bytes on the way, processor time.

Every file of Python's own library is asked of each edge once; bodies are compared. The first edge
finds the shield cold, so that the shield codes for it; for the others it has the frames."""

import argparse
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.harness.origin import Origin
from tests.harness.programs import Edge, wait_until

IN, OUT = "byeori_edge_site_tier_in_bytes_total", "byeori_edge_site_tier_out_bytes_total"
TEXT = {"Content-Type": "text/x-python; charset=utf-8"}


def corpus(most):
    """Names and bytes, so many in all; each at least as large as what is coded."""
    taken, left = {}, most
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        body = path.read_bytes() if path.is_file() else b""
        if 512 <= len(body) <= left:
            taken[f"/{len(taken)}"] = body
            left -= len(body)
    return taken


def cpu_s(edge):
    return edge.admin("GET", "/v1/status")[1]["cpu_s"]


def fetch_all(edge, files):
    with edge.client() as c:
        for path, body in files.items():
            if c.request("GET", path).body != body:
                raise RuntimeError(f"{path} differs")


def play(folder, rule, files, count):
    """Bytes between tiers over bytes of bodies, and rows of processor seconds."""
    origin = Origin()
    for path, body in files.items():
        origin.page(path, body, cache="max-age=600", etag='"1"', headers=TEXT)
    site = {"tier_encode": rule}
    shield = Edge(folder, [origin.url], name=f"{rule}-shield", over={"memory": "256MiB"},
                  site={**site, "trusted_proxies": ["127.0.0.1"]}).start()
    site["shield"] = [f"http://127.0.0.1:{shield.port}"]
    edges = [Edge(folder, [origin.url], name=f"{rule}-{i}", site=site).start()
             for i in range(count)]
    rows, brought = [], 0
    for edge in edges:
        before = cpu_s(shield), cpu_s(edge)
        fetch_all(edge, files)
        rows.append((cpu_s(shield) - before[0], cpu_s(edge) - before[1]))
        brought += edge.metric(IN)
    wait_until(lambda: shield.metric(OUT) > 0, "bodies are on the account")
    if shield.metric(OUT) > brought:
        raise RuntimeError("the shield sent more than came")
    for program in (*edges, shield):
        program.stop()
    origin.stop()
    return brought, rows


def main():
    parser = argparse.ArgumentParser(prog="./byeori bench hop", description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=int, default=16)
    parser.add_argument("--edges", type=int, default=3)
    args = parser.parse_args()
    files = corpus(args.megabytes << 20)
    size = sum(map(len, files.values()))
    print(f"{len(files)} files, {size / 1e6:.1f} MB, {args.edges} edges behind a shield")
    with tempfile.TemporaryDirectory() as folder:
        for rule in ("off", "zstd"):
            brought, rows = play(Path(folder), rule, files, args.edges)
            share = brought / size / args.edges
            print(f"tier_encode {rule}: between tiers {share:.3f} x the bodies")
            for i, (of_shield, of_edge) in enumerate(rows):
                print(f"  edge {i + 1}: shield {of_shield * 1e9 / size:.1f} ms, "
                      f"edge {of_edge * 1e9 / size:.1f} ms of processor for a MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
