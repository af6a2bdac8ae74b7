# SPDX-License-Identifier: MIT
"""The references in the README files are what the programs print. A README holds
    <!-- printed by edge/byeori-edge --options-markdown -->
    <!-- end -->
and what stands between is written by `./byeori docs` (this file with --write) and compared by the
gate. Every daemon that is built must have its options, and its counters where it has any, in some
README."""

import os
import re
import subprocess
import sys
from pathlib import Path

import source

DAEMONS = ("edge/byeori-edge", "origin/byeori-origin", "control/byeori-control")
FLAGS = ("--options-markdown", "--counters")
BLOCK = re.compile(r"<!-- printed by (?P<command>[^\n]+?) -->\n(?P<body>.*?)<!-- end -->",
                   re.DOTALL)


def build_folder(root):
    return Path(os.environ.get("BYEORI_BUILD", root / "build"))


def printed(build, command):
    """What the command prints, fenced unless it is Markdown; None: no such program or flag."""
    program, *flags = command.split()
    if not (build / program).is_file():
        return None
    done = subprocess.run([build / program, *flags], capture_output=True, text=True, timeout=20)
    if done.returncode != 0 or not done.stdout.strip():
        return None
    text = done.stdout.strip()
    return f"\n{text}\n\n" if "markdown" in command else f"```text\n{text}\n```\n"


def readmes(root):
    return [p for p in [Path("README.md"), *source.files(root, "README.md")]
            if (root / p).is_file()]


def check(root):
    faults, shown, build = [], set(), build_folder(root)
    for path in readmes(root):
        for m in BLOCK.finditer((root / path).read_text()):
            now = printed(build, m.group("command"))
            shown.add(m.group("command"))
            if now is not None and now != m.group("body"):
                faults.append(f"{path}: {m.group('command')} prints something else: ./byeori docs")
    for daemon in DAEMONS:
        for command in (f"{daemon} {flag}" for flag in FLAGS):
            if command not in shown and printed(build, command) is not None:
                faults.append(f"no README has <!-- printed by {command} --> ... <!-- end -->")
    return faults, []


def write(root):
    build = build_folder(root)

    def renewed(m):
        now = printed(build, m.group("command"))
        body = m.group("body") if now is None else now
        return f"<!-- printed by {m.group('command')} -->\n{body}<!-- end -->"

    for path in readmes(root):
        old = (root / path).read_text()
        new = BLOCK.sub(renewed, old)
        if new != old:
            (root / path).write_text(new)
            print(f"{path}: renewed")


if __name__ == "__main__":
    if "--write" in sys.argv:
        write(Path(sys.argv[1]).resolve())
    else:
        source.verdict(check)
