# SPDX-License-Identifier: MIT
"""A byte flipped in each of 1,000 records on a disk: none is served, all come from the origin
again, and the counter says 1,000."""


from bench.store.common import (MIB, STORED, Asking, NumberOrigin, disk_edge, fill, verdict,
                                wait_written)
from tests.harness import faults

RECORDS, SIZE = 1000, 65536


def run(folder, full):
    del full
    origin = NumberOrigin(SIZE)
    edge = disk_edge(folder, origin.url, {folder / "disk": {"size": "256MiB"}}).start()
    try:
        fill(edge, range(RECORDS), SIZE, 4 * MIB)
        wait_written(edge)
        edge.stop()
        flipped = faults.flip(folder / "disk", RECORDS)
        asked = origin.count
        edge.start()
        asking = Asking(edge)
        rows = list(asking.ask(range(RECORDS), SIZE))
        asking.close()
        wrong = sum(not right for _, _, right in rows)
        counted = edge.metric(STORED + "disk_corrupt_total")
        again = origin.count - asked
    finally:
        edge.stop()
        origin.stop()
    print(f"flip: {flipped} records of {SIZE} bytes, a byte of each turned on the disk")
    good = verdict("wrong bodies served", str(wrong), "0", wrong == 0)
    good &= verdict("asked of the origin again", str(again), str(RECORDS), again == RECORDS)
    return verdict("byeori_edge_store_disk_corrupt_total", f"{counted:.0f}", str(RECORDS),
                   counted == RECORDS == flipped) and good
