# SPDX-License-Identifier: MIT
"""What the index weighs, by the growth of resident memory when a disk is opened, and how long that
takes, until the newest is read and until all is known: blocks, 1,000 to an object, and objects of
one block."""

import shutil
import subprocess

from bench.store.common import verdict
from tests.harness import builds

# blocks, of them to an object
SHAPES = {False: ((1_000_000, 1000), (200_000, 1)),
          True: ((1_000_000, 1000), (10_000_000, 1000), (1_000_000, 1))}


def opened(program, disk, objects):
    said = subprocess.run([program, "open", disk, str(objects)], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout
    return [int(x) for x in said.split()]


def measure(folder, blocks, each):
    program, disk = builds.ROOT / "build/bench/store/index_bench", folder / "disk"
    subprocess.run([program, "fill", disk, str(blocks), str(each)], check=True,
                   stderr=subprocess.DEVNULL)
    rows = [opened(program, disk, blocks // each) for _ in range(3)]
    shutil.rmtree(disk)
    objects, found, grown, heads, first, ms = min(rows, key=lambda row: row[-1])
    empty = opened(program, folder / "empty", 0)
    return objects, found, grown - empty[2], heads, first, ms


def run(folder, full):
    good = True
    print("index: resident memory of opening the disk, above that of opening an empty one",
          flush=True)
    for blocks, each in SHAPES[full]:
        objects, found, grown, heads, first, ms = measure(folder, blocks, each)
        if found != blocks:
            print(f"  {found} of {blocks} blocks came back")
            good = False
        good &= verdict(f"{blocks} blocks: the newest object was read", f"{first} ms", "< 2000 ms",
                        first < 2000)
        if each > 1:
            good &= verdict(f"{blocks} blocks in {objects} objects, all known in {ms} ms",
                            f"{grown / blocks:.1f} B/block", "<= 48", grown <= 48 * blocks)
        else:
            left = grown - heads - 48 * blocks
            good &= verdict(f"{objects} objects of one block, all known in {ms} ms; heads "
                            f"{heads / objects:.0f} B each", f"{left / objects:.0f} B/object",
                            "<= 160", left <= 160 * objects)
    return good
