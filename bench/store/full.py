# SPDX-License-Identifier: MIT
"""A file system filled from outside to 0 bytes, then to 0 inodes, under 1,000 requests a second: no
request may fail, and caching on the disk must resume by itself.

The file system is an ext4 of 192 MiB on a loop device; where none can be mounted the layer of
tests/fault/disk_faults.c says ENOSPC instead, and the first line tells which."""

import random
import threading
import time

from bench.store.common import STORED, Asking, NumberOrigin, disk_edge, verdict
from tests.harness import faults
from tests.harness.programs import wait_until

SIZE, CLIENTS, RATE = 16384, 4, 1000


class Load:
    """RATE requests a second, half of them of objects that were never asked for."""

    def __init__(self, edge):
        self.is_over, self.failed, self.sent = False, 0, 0
        self.threads = [threading.Thread(target=self._run, args=(edge, i)) for i in range(CLIENTS)]
        self.began = time.monotonic()
        for t in self.threads:
            t.start()

    def _run(self, edge, which):
        source, due, fresh = random.Random(which), time.monotonic(), which
        asking, batch = Asking(edge), 10
        while not self.is_over:
            numbers = []
            for _ in range(batch // 2):
                fresh += CLIENTS
                numbers += [fresh, source.randrange(fresh)]
            for _, _, is_right in asking.ask(numbers, SIZE):
                self.failed += not is_right
                self.sent += 1
            due += batch * CLIENTS / RATE
            time.sleep(max(0, due - time.monotonic()))
        asking.close()

    def rate(self):
        return self.sent / (time.monotonic() - self.began)

    def stop(self):
        self.is_over = True
        for t in self.threads:
            t.join()


def take_bytes(folder):
    with open(folder / "rest", "wb", buffering=0) as rest:
        for piece in (1 << 20, 4096):
            try:
                while True:
                    rest.write(bytes(piece))
            except OSError:
                pass


def take_inodes(folder):
    try:
        for i in range(10_000):
            (folder / f"inode{i}").touch()
    except OSError:
        pass


def give_back(folder):
    for file in [folder / "rest", *folder.glob("inode*")]:
        file.unlink(missing_ok=True)


def used(edge):
    return edge.metric("byeori_edge_disk_used_bytes")


def written(edge):
    return edge.metric(STORED + "disk_written_blocks_total")


def play(edge, seconds, steps):
    """steps: (name, break it, mend it). Rows of (name, failed, seconds until it wrote again)."""
    load, rows = Load(edge), []
    time.sleep(seconds)
    for name, spoil, mend in steps:
        failed = load.failed
        spoil()
        time.sleep(seconds)
        mend()
        before, began = written(edge), time.monotonic()
        wait_until(lambda: written(edge) > before + 100, "it writes again", 60)
        rows.append((name, load.failed - failed, time.monotonic() - began))
    rate = load.rate()
    load.stop()
    return rows, rate


def run(folder, full):
    seconds = 30 if full else 6
    origin = NumberOrigin(SIZE)
    with faults.file_system(folder / "small", 192, inodes=40) as small:
        disk = (small or folder) / "disk"
        layer = faults.Disks(folder / "faults", disk)
        steps = ((("0 bytes", lambda: take_bytes(small), lambda: give_back(small)),
                  ("0 inodes", lambda: take_inodes(small), lambda: give_back(small)))
                 if small else
                 (("ENOSPC", lambda: layer.set(disk, allocate_errno=28, open_errno=28),
                   lambda: layer.set(disk)),))
        edge = disk_edge(folder, origin.url, {disk: {"size": "160MiB"}}, memory="32MiB")
        edge.environment = {} if small else layer.environment()
        edge.start()
        try:
            rows, rate = play(edge, seconds, steps)
            print(f"full: {'ext4 on a loop device' if small else 'ENOSPC by LD_PRELOAD'}, "
                  f"{rate:.0f} requests/s, {used(edge) / (1 << 20):.0f} MiB of files", flush=True)
        finally:
            edge.stop()
            origin.stop()
    good = verdict("requests a second", f"{rate:.0f}", ">= 950", rate >= 950)
    for name, failed, after in rows:
        good &= verdict(f"{name}: failed requests; it wrote again after {after:.1f} s", str(failed),
                        "0", failed == 0)
    return good
