# SPDX-License-Identifier: MIT
"""kill -9 under write load: how soon the next process serves a hit, what of what was written is
still there, and whether any byte is wrong.

Every object is one block of 4,000 bytes with bytes of its own, packed into segments: the most
records and heads that a disk can have for its size. Each round writes new ones as fast as the
origin gives them, kills the edge in the middle of that, starts it again, and asks for everything
that a client had whole more than two seconds before the kill, and for a sample of the rest; after
the last round for everything, and the scrub reads the whole disk."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

from bench.store.common import (ASKERS, MIB, STORED, Asking, NumberOrigin, asked, disk_edge, fill,
                                percentile, verdict, wait_written)
from tests.harness.programs import accepts, wait_until
from tests.harness.trouble import Trouble

SIZE, LOAD_S, COMMITTED_S, SAMPLE, BATCH = 4000, 4, 2, 5_000, 64
SHAPES = {False: (40_000, 5), True: (1_000_000, 20)}


def load(edge, first):
    """Asks for new objects on ASKERS connections, and kills the edge in the middle of it: what was
    whole COMMITTED_S before, in this order, and the next number that was not asked for."""
    done, batches = [], itertools.count(first, BATCH)

    def run(_):
        try:
            asking = Asking(edge)
            while True:
                number = next(batches)
                for n, _, is_right in asking.ask(range(number, number + BATCH), SIZE):
                    done.append((time.monotonic(), n, is_right))
        except (OSError, Trouble):
            pass    # it was killed

    with ThreadPoolExecutor(ASKERS) as pool:
        askers = pool.map(run, range(ASKERS))
        time.sleep(LOAD_S)
        edge.kill()
        killed_at = time.monotonic()
        list(askers)
    wrong = [n for _, n, is_right in done if not is_right]
    if wrong:
        raise Trouble(f"object {wrong[0]} was wrong when it was new", "read the edge's log")
    return [n for at, n, _ in done if killed_at - at > COMMITTED_S], next(batches)


def first_hit_s(edge, numbers):
    """From the start of the process to the last byte of the first hit, the newest being asked for
    first, and until all that lies on its disk is known; how many were asked for in vain before."""
    began = time.monotonic()
    edge.launch()
    while not accepts(edge.port):
        time.sleep(0.002)
    asking, missed = Asking(edge), 0
    for number in reversed(numbers):
        ((_, is_hit, is_right),) = asking.ask([number], SIZE)
        if not is_right:
            raise Trouble(f"object {number} was wrong after the start", edge.stderr()[-2000:])
        if is_hit:
            break
        missed += 1
    took = time.monotonic() - began
    asking.close()
    wait_until(lambda: edge.probe() and edge.metric("byeori_edge_disk_unread_segments") == 0,
               "all of the disk is known", 600)
    return took, time.monotonic() - began, missed


def tell(starts, committed, kept, wrong):
    first, known = zip(*starts)
    good = verdict(f"first hit after the start: slowest of {len(starts)} "
                   f"(median {percentile(first, 0.5):.2f} s)", f"{max(first):.2f} s", "< 2 s",
                   max(first) < 2)
    print(f"  all objects were known after {percentile(known, 0.5):.2f} s (median)", flush=True)
    good &= verdict(f"hits of {committed} written more than {COMMITTED_S} s before the kill",
                    f"{100 * kept / committed:.3f} %", ">= 99.9 %", kept >= 0.999 * committed)
    return verdict(f"wrong bodies of {committed} compared", str(wrong), "0", wrong == 0) and good


def run(folder, full):
    objects, rounds = SHAPES[full]
    origin = NumberOrigin(SIZE)
    size = f"{(objects * 6000 >> 20) + rounds * 200}MiB"     # nothing may leave for want of room
    # Heads may have a quarter of memory: with less some objects would leave for want of it.
    edge = disk_edge(folder, origin.url, {folder / "disk": {"size": size}},
                     memory=f"{max(256, objects * 6000 >> 20)}MiB", disk_scrub="1GiB").start()
    starts, committed, kept, wrong = [], 0, 0, 0
    try:
        began = time.monotonic()
        fill(edge, range(objects), SIZE, 8 * MIB)
        wait_written(edge)
        print(f"kill: {objects} blocks of {SIZE} bytes, each an object, were stored in "
              f"{time.monotonic() - began:.0f} s; {rounds} rounds", flush=True)
        upto = objects
        for n in range(rounds):
            sure, upto = load(edge, upto)
            first, known, missed = first_hit_s(edge, sure)
            starts.append((first, known))
            kept -= missed    # they came from the origin then, and are hits below
            sample = range(n % 7, objects, max(1, objects // SAMPLE))
            for numbers in (sure, sample):
                hits, bad = asked(edge, numbers, SIZE)
                committed, kept, wrong = committed + len(numbers), kept + hits, wrong + bad
            print(f"  round {n + 1}: first hit after {first:.2f} s, all known after {known:.2f} s; "
                  f"{committed - kept} of {committed} missed so far, {wrong} wrong", flush=True)
        hits, bad = asked(edge, range(objects), SIZE)
        committed, kept, wrong = committed + objects, kept + hits, wrong + bad
        good = tell(starts, committed, kept, wrong)
        edge.wait_metric(STORED + "disk_scrub_rounds_total", 1, 3600)
        damaged = edge.metric(STORED + "disk_corrupt_total")
    finally:
        edge.stop()
        origin.stop()
    return verdict("blocks that the scrub, or a reader, found damaged", f"{damaged:.0f}", "0",
                   damaged == 0) and good
