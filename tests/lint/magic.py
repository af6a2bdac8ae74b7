# SPDX-License-Identifier: MIT
"""Two structures with the same magic number could be taken for each other."""

import re

import source

MAGIC = re.compile(r"\b(\w*MAGIC\w*)\s*=?\s*\(?(?:UINT32_C\()?(0[xX][0-9a-fA-F]+|\d+)[uUlL]*\b")


def check(root):
    faults, seen = [], {}
    for path in source.files(root, ".c", ".h"):
        text = source.without_comments((root / path).read_text())
        for m in MAGIC.finditer(text):
            name, value = m.group(1), int(m.group(2), 0)
            where = f"{path}:{source.line_of(text, m.start())}"
            if value == 0:
                faults.append(f"{where}: {name} is 0, as is fresh memory")
            elif seen.setdefault(value, (name, where))[0] != name:
                taken = " at ".join(seen[value])
                faults.append(f"{where}: {name} is {value:#x}, and so is {taken}")
    return faults, []


if __name__ == "__main__":
    source.verdict(check)
