# SPDX-License-Identifier: MIT
"""A release of many small files and a large one: hashing beside sha256sum on all cores, a second
run, and a publisher killed again and again (nothing half-published is ever seen)."""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.harness.content import Content
from tests.harness.programs import OriginGateway, build_folder

NAME = "game/1.4.0"


def make_release(root, small, large_mb):
    for i in range(small):
        folder = root / f"data/{i % 100}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.txt").write_bytes(b"%d of many\n" % i * (1 + i % 300))
    Content(large_mb << 20, seed=3).write_to(root / "large.pak")


def command(release, store, *more):
    return [str(build_folder() / "origin/byeori-origin"), "publish", str(release), "--to",
            str(store), "--as", NAME, "--quiet", *more]


def timed(arguments, **options):
    began = time.monotonic()
    done = subprocess.run(arguments, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(done.stderr or f"{arguments[0]} ended with {done.returncode}")
    return time.monotonic() - began, done.stdout


def hash_times(release, store, rounds):
    """Medians of the same bytes through sha256sum on every core, and through our hashing (a dry
    run hashes everything and sends nothing)."""
    theirs, ours = [], []
    everything = f"find '{release}' -type f -print0 | xargs -0 -P {os.cpu_count()} -n 200 sha256sum"
    for _ in range(rounds):
        theirs.append(timed(["sh", "-c", everything])[0])
        ours.append(timed(command(release, store, "--dry-run"))[0])
    return sorted(theirs)[rounds // 2], sorted(ours)[rounds // 2]


def visible(gateway):
    with gateway.client() as c:
        return c.request("GET", f"/{NAME}/data/1/1.txt").status == 200


def kill_often(release, store, gateway, kills, whole_s):
    """Kills at random moments; how many runs ended, how often something was seen too early."""
    chance, early, killed = random.Random(1), 0, 0
    while killed < kills:
        process = subprocess.Popen(command(release, store), stdout=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0, whole_s / 3))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        early += visible(gateway)
    return killed, early


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=10000, help="small files")
    parser.add_argument("--large", type=int, default=1024, help="MiB of the large one")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="byeori-publish-") as folder:
        at = Path(folder)
        release, store, other = at / "release", at / "store", at / "other"
        for p in (release, store, other):
            p.mkdir()
        make_release(release, options.small, options.large)
        theirs, ours = hash_times(release, store, options.rounds)
        print(f"hashing       {ours:8.2f} s; sha256sum on every core {theirs:.2f} s; "
              f"speed of it {theirs / ours:.2f} (bar 0.80), files and blocks both")
        first, said = timed(command(release, other))
        print(f"first run     {first:8.2f} s  {said.strip()}")
        second, said = timed(command(release, other))
        print(f"second run    {second:8.2f} s  {said.strip()}")
        gateway = OriginGateway(at, lambda port: {
            "workers": 1, "folder": str(store), "releases": "1ms",
            ("listen", "http"): {"address": f"127.0.0.1:{port}"}}).start()
        try:
            killed, early = kill_often(release, store, gateway, options.kills, first)
            timed(command(release, store))
            seen = visible(gateway)
        finally:
            gateway.stop()
        print(f"killed        {killed:8d} times: half of it seen {early} times; then published, "
              f"{'seen' if seen else 'NOT SEEN'}")
        return 0 if early == 0 and seen and theirs / ours >= 0.8 else 1


if __name__ == "__main__":
    sys.exit(main())
