# SPDX-License-Identifier: MIT
"""100 edges of one place under Zipf contents: evenness, copies, and who moves when an edge goes."""

import subprocess
import sys

from tests.harness import builds


def main():
    return subprocess.run([builds.ROOT / "build/bench/affinity/affinity"]).returncode


if __name__ == "__main__":
    sys.exit(main())
