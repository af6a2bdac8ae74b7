# SPDX-License-Identifier: MIT
"""clang-format has nothing to change. Version 14, because each version lays out a little else."""

import shutil
import subprocess

import source

VERSION = "14"


def program():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        path = shutil.which(name)
        if path and f"version {VERSION}." in subprocess.run(
                [path, "--version"], capture_output=True, text=True).stdout:
            return path
    return None


def check(root):
    formatter = program()
    if formatter is None:
        return [f"clang-format {VERSION} is missing: apt-get install clang-format-{VERSION}"], []
    paths = [p.as_posix() for p in source.files(root, ".c", ".h")]
    if not paths:
        return [], []
    done = subprocess.run([formatter, "--dry-run", "-Werror", *paths], cwd=root,
                          capture_output=True, text=True)
    faults = [line for line in done.stderr.splitlines() if "error:" in line]
    return faults or ([done.stderr] if done.returncode else []), []


if __name__ == "__main__":
    source.verdict(check)
