# SPDX-License-Identifier: MIT
"""Nanoseconds per call of the code that every request passes, one program a folder of lib."""

import subprocess
import sys

from tests.harness import builds


def main():
    for program in sorted((builds.ROOT / "build/bench/micro").glob("*_bench")):
        print(f"{program.name}:", flush=True)
        subprocess.run(["taskset", "-c", "1", program], check=True)


if __name__ == "__main__":
    sys.exit(main())
