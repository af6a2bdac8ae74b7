# SPDX-License-Identifier: MIT
"""One disk with 2 s of latency injected (LD_PRELOAD: tests/fault/disk_faults.c), then pulled (EIO):
what hits from memory and from the other disk feel of it.

Objects of 64 KiB; readers ask the bad disk for its objects all the while, before, during and after.
Latencies are of single requests on two kept connections, so they hold what the machine's other
work adds; the bar is on the difference."""

import itertools
import random
import threading
import time

from bench.store.common import (MIB, Asking, NumberOrigin, disk_edge, fill, percentile, verdict,
                                wait_written)
from tests.harness import faults

SIZE, EACH, HOT, READERS = 65536, 2000, 50, 8


class Load:
    """Readers of the bad disk, on connections of their own."""

    def __init__(self, edge, numbers):
        self.is_over, self.failed, self.answered = False, 0, 0
        self.threads = [threading.Thread(target=self._run, args=(edge, numbers, i))
                        for i in range(READERS)]
        for t in self.threads:
            t.start()

    def _run(self, edge, numbers, seed):
        source, asking = random.Random(seed), Asking(edge)
        while not self.is_over:
            for _, _, is_right in asking.ask([source.choice(numbers)], SIZE):
                self.failed += not is_right
                self.answered += 1
            time.sleep(0.02)
        asking.close()

    def stop(self):
        self.is_over = True
        for t in self.threads:
            t.join()


def p99_ms(edge, numbers, seconds):
    """Of requests one after the other; and how many were no right hits."""
    asking, took, bad, end = Asking(edge), [], 0, time.monotonic() + seconds
    for n in itertools.cycle(numbers):
        began = time.perf_counter()
        ((_, is_hit, is_right),) = asking.ask([n], SIZE)
        took.append((time.perf_counter() - began) * 1000)
        bad += not (is_hit and is_right)
        if time.monotonic() > end:
            break
    asking.close()
    return percentile(took, 0.99), bad


def run(folder, full):
    seconds = 20 if full else 5
    a, b = folder / "a", folder / "b"
    on_a, on_b = list(range(EACH)), list(range(EACH, 2 * EACH))
    disks, origin = faults.Disks(folder / "faults", a, b), NumberOrigin(SIZE)
    edge = disk_edge(folder, origin.url, {a: {"size": "512MiB"}}).start()
    fill(edge, on_a, SIZE, 4 * MIB)
    wait_written(edge)
    edge.stop()
    edge = disk_edge(folder, origin.url, {a: {"size": "512MiB", "weight": 0.000001},
                                          b: {"size": "512MiB"}})
    edge.environment = disks.environment()
    edge.start()
    good = True
    try:
        fill(edge, on_b, SIZE, 4 * MIB)
        wait_written(edge)
        load = Load(edge, on_b)
        random.Random(1).shuffle(on_a)
        hot, rows = on_a[:HOT], {}
        for when, fault in (("well", {}), ("2 s slow", {"read_ms": 2000}), ("well again", {}),
                            ("pulled", faults.PULLED)):
            disks.set(b, **fault)
            time.sleep(1)
            rows[when] = [p99_ms(edge, numbers, seconds) for numbers in (hot, on_a[HOT:])]
        load.stop()
        disks.set(b)
    finally:
        edge.stop()
        origin.stop()
    print(f"slow: two disks, {READERS} readers on the bad one ({load.answered} answers)")
    for when in ("2 s slow", "pulled"):
        for what, (was, _), (now, bad) in zip(("memory", "the other disk"), rows["well"],
                                              rows[when]):
            good &= verdict(f"{when}: p99 of hits from {what} {was:.1f} -> {now:.1f} ms, "
                            f"{bad} no hits", f"{now - was:+.1f} ms", "< +20 ms",
                            now - was < 20 and bad == 0)
    return verdict("answers of the bad disk's objects that were not right", str(load.failed), "0",
                   load.failed == 0) and good
