# SPDX-License-Identifier: MIT
"""The store on disks: kill -9, full and slow disks, flipped bytes, the index's weight, speed."""

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

CASES = ("kill", "full", "flip", "slow", "index", "speed")


def main():
    parser = argparse.ArgumentParser(prog="./byeori bench store", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=" ".join(CASES))
    parser.add_argument("--full", action="store_true",
                        help="the sizes of the bars (an hour, 25 GB) instead of some minutes")
    parser.add_argument("--folder", default=None, help="where disks lie (else the temporary one)")
    options = parser.parse_args()
    for name in options.cases:
        if name not in CASES:
            parser.error(f"no case {name!r}; one of: {' '.join(CASES)}")
    held = True
    for name in options.cases or CASES:
        with tempfile.TemporaryDirectory(prefix="byeori-", dir=options.folder) as folder:
            held &= importlib.import_module(f"bench.store.{name}").run(Path(folder), options.full)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
