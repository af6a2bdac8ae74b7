# SPDX-License-Identifier: MIT
"""kill -9 under write load: how soon the next process serves a hit, what of what was written is
still there, and whether any byte is wrong.

Every object is one block of 4,000 bytes with bytes of its own, packed into segments: the most
records and heads that a disk can have for its size. Each round writes new ones as fast as the
origin gives them, kills the edge in the middle of that, starts it again, and asks for everything
that a client had whole more than two seconds before the kill, and for a sample of the rest; after
the last round for everything, and the scrub reads the whole disk."""

import time

from bench.store.common import (MIB, STORED, Asking, NumberOrigin, disk_edge, fill, percentile,
                                verdict, wait_written)
from tests.harness.programs import accepts, wait_until
from tests.harness.trouble import Trouble

SIZE, LOAD_S, COMMITTED_S, SAMPLE = 4000, 4, 2, 20_000
SHAPES = {False: (40_000, 5), True: (1_000_000, 20)}


def load(edge, first):
    """Asks for new objects until the time is up: [(when it was whole, number)]."""
    done, number, end = [], first, time.monotonic() + LOAD_S
    asking = Asking(edge)
    while time.monotonic() < end:
        for n, _, is_right in asking.ask(range(number, number + 64), SIZE):
            if not is_right:
                raise Trouble(f"object {n} was wrong when it was new", "read the edge's log")
            done.append((time.monotonic(), n))
        number += 64
    edge.kill()
    killed_at = time.monotonic()
    asking.close()
    return [n for at, n in done if killed_at - at > COMMITTED_S], number


def first_hit_s(edge, number):
    """From the start of the process to the last byte of the first hit, and until all that lies on
    its disk is known: the newest is first."""
    began = time.monotonic()
    edge.launch()
    while not accepts(edge.port):
        time.sleep(0.002)
    asking = Asking(edge)
    ((_, is_hit, is_right),) = asking.ask([number], SIZE)
    took = time.monotonic() - began
    asking.close()
    if not (is_hit and is_right):
        raise Trouble(f"object {number} was no hit after the start", edge.stderr()[-2000:])
    wait_until(lambda: edge.probe() and edge.metric("byeori_edge_disk_unread_segments") == 0,
               "all of the disk is known", 600)
    return took, time.monotonic() - began


def count(edge, numbers):
    """How many are hits, how many are wrong."""
    asking, hits, wrong = Asking(edge), 0, 0
    for _, is_hit, is_right in asking.ask(numbers, SIZE):
        hits += is_hit
        wrong += not is_right
    asking.close()
    return hits, wrong


def run(folder, full):
    objects, rounds = SHAPES[full]
    origin = NumberOrigin(SIZE)
    size = f"{(objects * 6000 >> 20) + rounds * 200}MiB"     # nothing may leave for want of room
    # Heads may have a quarter of memory: with less some objects would leave for want of it.
    edge = disk_edge(folder, origin.url, {folder / "disk": {"size": size}},
                     memory=f"{max(256, objects * 6000 >> 20)}MiB", disk_scrub="1GiB").start()
    starts, committed, kept, wrong = [], 0, 0, 0
    try:
        fill(edge, range(objects), SIZE, 8 * MIB)
        wait_written(edge)
        print(f"kill: {objects} blocks of {SIZE} bytes stored, each an object; {rounds} rounds",
              flush=True)
        upto = objects
        for n in range(rounds):
            sure, upto = load(edge, upto)
            starts.append(first_hit_s(edge, sure[-1]))
            sample = range(n % 7, objects, max(1, objects // SAMPLE))
            for numbers in (sure, sample):
                hits, bad = count(edge, numbers)
                committed, kept, wrong = committed + len(numbers), kept + hits, wrong + bad
        hits, bad = count(edge, range(objects))
        committed, kept, wrong = committed + objects, kept + hits, wrong + bad
        edge.wait_metric(STORED + "disk_scrub_rounds_total", 1, 600)
        damaged = edge.metric(STORED + "disk_corrupt_total")
    finally:
        edge.stop()
        origin.stop()
    first, known = zip(*starts)
    good = verdict(f"first hit after the start: slowest of {rounds} "
                   f"(median {percentile(first, 0.5):.2f} s)", f"{max(first):.2f} s", "< 2 s",
                   max(first) < 2)
    print(f"  all objects were known after {percentile(known, 0.5):.2f} s (median)", flush=True)
    good &= verdict(f"hits of {committed} written more than {COMMITTED_S} s before the kill",
                    f"{100 * kept / committed:.3f} %", ">= 99.9 %", kept >= 0.999 * committed)
    good &= verdict(f"wrong bodies of {committed} compared", str(wrong), "0", wrong == 0)
    return verdict("blocks that the scrub, or a reader, found damaged", f"{damaged:.0f}", "0",
                   damaged == 0) and good
