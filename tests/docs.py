# SPDX-License-Identifier: MIT
"""./byeori docs: what the programs print about themselves goes into the README files."""

import subprocess
import sys

from tests.harness import builds, packages


def run(arguments):
    packages.install("build")
    builds.build()
    gate = builds.ROOT / "tests/lint/docs.py"
    return subprocess.run([sys.executable, gate, builds.ROOT, "--write", *arguments]).returncode
