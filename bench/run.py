# SPDX-License-Identifier: MIT
"""./byeori bench NAME: runs bench/NAME/run.py on a fresh optimised build."""

import ast
import os
import subprocess
from pathlib import Path

from tests.harness import builds, packages
from tests.harness.trouble import Trouble

HERE = Path(__file__).resolve().parent


def benches():
    return {p.parent.name: p for p in sorted(HERE.glob("*/run.py"))}


def first_line(path):
    return (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]


def run(arguments):
    found = benches()
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: ./byeori bench NAME [arguments]; bench/README.md says what figures mean\n")
        for name, path in found.items():
            print(f"  {name:8} {first_line(path)}")
        return 0
    name = arguments[0]
    if name not in found:
        raise Trouble(f"no benchmark {name!r}", f"one of: {' '.join(found)}")
    packages.install("build")
    builds.build()
    env = dict(os.environ, PYTHONPATH=str(builds.ROOT))
    return subprocess.run([packages.PYTHON, found[name], *arguments[1:]], env=env).returncode
