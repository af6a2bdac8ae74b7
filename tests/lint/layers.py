# SPDX-License-Identifier: MIT
"""Who may include whom: layers.toml says which folders a folder sees. Inside a folder the files too
stand in layers: no two of them include or call each other in a circle."""

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


def homes(paths, codes, defined):
    """The stem that each file counts for. A header without a .c of its name whose functions are
    all defined in one .c is a second face of that one (what it shows to its folder alone)."""
    stems = {p.stem for p in paths if p.suffix == ".c"}
    home = {p.name: p.stem for p in paths}
    for p in paths:
        if p.suffix == ".h" and p.stem not in stems:
            owners = {defined[n] for n in CALL.findall(codes[p]) if n in defined}
            if len(owners) == 1:
                home[p.name] = owners.pop()
    return home


def rings_inside(paths, texts):
    """Circles between the files of one folder, by include and by call."""
    defined, arrows = {}, defaultdict(set)
    codes = {p: source.code_of(texts[p]) for p in paths}
    for p in paths:
        if p.suffix == ".c":
            for f in source.functions(codes[p]):
                if not f.is_static:
                    defined[f.name] = p.stem
    home = homes(paths, codes, defined)
    for p in paths:
        here = home[p.name]
        for included in source.INCLUDE.findall(texts[p]):
            inside = home.get(included.rsplit("/", 1)[-1])
            if inside and folder_of(p) == included.rpartition("/")[0]:
                arrows[here].add(inside)
        if p.suffix == ".c":
            arrows[here] |= {defined[c] for c in CALL.findall(codes[p]) if c in defined}
    for stem in arrows:
        arrows[stem].discard(stem)
    return source.rings(arrows)


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
