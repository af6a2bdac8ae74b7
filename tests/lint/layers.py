# SPDX-License-Identifier: MIT
"""Who may include whom: layers.toml says which folders a folder sees. Inside a folder the files too
stand in layers: headers do not include, and .c files do not call, each other in a circle."""

import re
import tomllib
from collections import defaultdict

import source


def folder_of(path):
    return path.parent.as_posix()


def check_table(root, table):
    faults = [f"layers.toml: these folders form a ring: {' '.join(ring)}"
              for ring in source.rings({k: set(v) for k, v in table.items()})]
    for folder, seen in table.items():
        faults += [f"layers.toml: {folder} sees {s}, which has no line" for s in seen
                   if s not in table]
    return faults


def check_include(root, table, path, included, line):
    target = root / included
    where = f"{path}:{line}"
    if not target.is_file():
        return [f"{where}: \"{included}\" is no file from the repository root"]
    here, there = folder_of(path), included.rsplit("/", 1)[0] if "/" in included else ""
    if here.split("/")[0] in ("tests", "bench") or here == there:
        return []
    if there.split("/")[0] in ("tests", "bench"):
        return [f"{where}: nobody sees {there}"]
    if there not in table.get(here, []):
        return [f"{where}: {here} may not see {there} (tests/lint/layers.toml)"]
    return []


CALL = re.compile(r"(?<![\w.>])(\w+)\s*\(")


def rings_inside(paths, texts):
    """Circles between the files of one folder: by include, and by call from one .c to another."""
    names = {p.as_posix() for p in paths}
    includes = {p.as_posix(): set(source.INCLUDE.findall(texts[p])) & names for p in paths}
    codes = {p: source.code_of(texts[p]) for p in paths if p.suffix == ".c"}
    home = {f.name: p.name for p, code in codes.items() for f in source.functions(code)
            if not f.is_static}
    calls = {p.name: {home[c] for c in CALL.findall(code) if c in home} - {p.name}
             for p, code in codes.items()}
    return source.rings(includes) + source.rings(calls)


def check(root):
    table = tomllib.loads((root / "tests/lint/layers.toml").read_text())
    faults = check_table(root, table)
    by_folder, texts = defaultdict(list), {}
    for path in source.files(root, ".c", ".h", ".def"):
        text = texts[path] = (root / path).read_text()
        by_folder[folder_of(path)].append(path)
        for m in source.INCLUDE.finditer(text):
            faults += check_include(root, table, path, m.group(1),
                                    source.line_of(text, m.start(1)))
    for folder, paths in sorted(by_folder.items()):
        if folder.split("/")[0] not in source.PRODUCTS:
            continue
        if folder not in table:
            faults.append(f"{folder}: has no line in tests/lint/layers.toml")
        faults += [f"{folder}: these files go in a circle: {' '.join(ring)}"
                   for ring in rings_inside(paths, texts)]
    return faults, []


if __name__ == "__main__":
    source.verdict(check)
