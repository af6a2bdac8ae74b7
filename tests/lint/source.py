# SPDX-License-Identifier: MIT
"""What the gates share: which files there are, C text without its comments, and the verdict."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

PRODUCTS = ("lib", "edge", "origin", "control")
TOPS = PRODUCTS + ("tests", "bench")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
COMMENT_OR_TEXT = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)


def files(root, *suffixes):
    """Files of the tree with one of these suffixes, as paths relative to root, sorted."""
    found = []
    for top in TOPS:
        for folder, inner, names in os.walk(root / top):
            inner[:] = [i for i in inner if i not in ("__pycache__", "corpus") and i[0] != "."]
            at = Path(folder).relative_to(root)
            found += [at / n for n in names if n.endswith(suffixes)]
    return sorted(found)


def _blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def without_comments(text):
    """Same length and lines, comments blanked; texts keep their quotes and lose what is inside."""
    def replace(match):
        m = match.group()
        if m[0] in "\"'":
            return m[0] + re.sub(r"[^\n]", " ", m[1:-1]) + m[-1]
        return _blank(match)
    return COMMENT_OR_TEXT.sub(replace, text)


def code_of(text):
    """Only the code: no comments, texts or preprocessor lines. Offsets and lines stay."""
    return DIRECTIVE.sub(_blank, without_comments(text))


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


@dataclass
class Function:
    name: str
    head: str            # from the return type to the closing parenthesis
    body: str            # from { to } at the margin
    head_line: int       # of the first line of head
    line: int            # of the {
    is_static: bool

    @property
    def end_line(self):
        return self.line + self.body.count("\n")


DEFINITION = re.compile(
    r"^(?P<head>[A-Za-z_][^;{}]*?\b(?P<name>[A-Za-z_]\w*)\s*\([^;{}]*\)[^;{}()]*)"
    r"\n(?P<body>\{\n(?:.*?\n)?\})", re.MULTILINE | re.DOTALL)


def functions(code):
    """Function definitions in code_of() text; the format gate keeps their braces at the margin."""
    for m in DEFINITION.finditer(code):
        head = m.group("head")
        names = re.findall(r"\b([A-Za-z_]\w*)\s*\(", re.sub(r"__attribute__\s*\(\(", "", head))
        name = next((n for n in names if not n.isupper()), names[0])
        yield Function(name, head, m.group("body"), line_of(code, m.start("head")),
                       line_of(code, m.start("body")), "static" in head.split("(")[0].split())


def rings(arrows):
    """Groups of names that reach each other, by arrows {a: {b}} (strongly connected, not alone)."""
    order, low, stack, found = {}, {}, [], []

    def visit(a):
        order[a] = low[a] = len(order)
        stack.append(a)
        for b in sorted(arrows.get(a, ())):
            if b not in order:
                visit(b)
                low[a] = min(low[a], low[b])
            elif b in stack:
                low[a] = min(low[a], order[b])
        if low[a] == order[a]:
            ring = stack[stack.index(a):]
            del stack[stack.index(a):]
            if len(ring) > 1:
                found.append(sorted(ring))

    for a in sorted(arrows):
        if a not in order:
            visit(a)
    return found


def verdict(check):
    """Runs one gate: check(root) returns (faults, notes). Prints both and exits with 0 or 1."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    faults, notes = check(root)
    for note in notes:
        print(note)
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults")
    sys.exit(1 if faults else 0)
