# SPDX-License-Identifier: MIT
"""Each header compiles by itself, twice in a row, and its guard is its path. What was compiled once
is remembered in the build folder, by the contents of the header and of all it includes."""

import hashlib
import json
import os
import re
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import source

COMPILER = shlex.split(os.environ.get("CC", "gcc"))
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wundef", "-Werror", "-fsyntax-only",
         "-x", "c", "-"]
GUARD = re.compile(r"#ifndef (\w+)\n#define (\w+)\n")


def guard_of(path):
    return re.sub(r"\W", "_", path.as_posix()).upper()


def fingerprint(root, path, known):
    """Of the header and of every project file it includes, at any depth."""
    name = path.as_posix()
    if name not in known:
        known[name] = ""
        try:
            text = (root / path).read_text()
        except OSError:
            return ""
        inner = "".join(fingerprint(root, Path(i), known) for i in source.INCLUDE.findall(text))
        whole = text + inner + " ".join(COMPILER + FLAGS)
        known[name] = hashlib.sha256(whole.encode()).hexdigest()
    return known[name]


def compile_alone(root, path):
    text = f'#include "{path.as_posix()}"\n' * 2
    done = subprocess.run([*COMPILER, "-I", str(root), *FLAGS], input=text, cwd=root, text=True,
                          capture_output=True)
    return [] if done.returncode == 0 else [f"{path}: does not compile alone:\n{done.stderr}"]


def remembered():
    build = os.environ.get("BYEORI_BUILD")
    store = Path(build) / "headers-alone.json" if build else None
    try:
        return store, set(json.loads(store.read_text()))
    except (AttributeError, OSError, ValueError):
        return store, set()


def check(root):
    faults, good, known = [], [], {}
    store, before = remembered()
    headers = source.files(root, ".h")
    for path in headers:
        m = GUARD.search((root / path).read_text())
        if m is None or m.group(1) != guard_of(path) or m.group(2) != guard_of(path):
            faults.append(f"{path}: the guard is not {guard_of(path)}")
    due = [p for p in headers if fingerprint(root, p, known) not in before]
    with ThreadPoolExecutor(max_workers=2) as pool:
        for path, found in zip(due, pool.map(lambda p: compile_alone(root, p), due)):
            faults += found
            if not found:
                good.append(known[path.as_posix()])
    if store:
        current = set(known.values())
        store.write_text(json.dumps(sorted((before & current) | set(good))))
    return faults, [f"{len(headers)} headers, {len(due)} compiled anew"]


if __name__ == "__main__":
    source.verdict(check)
