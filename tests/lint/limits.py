# SPDX-License-Identifier: MIT
"""How long a file, a function, a line may be, and how tangled a function. Where more is right, a
comment says why: `limit: reason` between comment marks, on the line, in the comment that stands
above the function, or in the first ten lines of the file. The accepted ones are listed; one that
excuses nothing is a fault."""

import re

import source

FILE_LINES = {".c": 600, ".h": 200}
FUNCTION_LINES, PARAMETERS, NESTING, COMPLEXITY, COLUMNS = 60, 5, 3, 15, 100
INDENT = 4

EXCUSE = re.compile(r"/\*[^*]*\blimit: *(?P<reason>\w[^*]*?)\s*\*/", re.DOTALL)
CONTROL = re.compile(r"^( +)(?:\} else )?(?:if|for|while|switch|do)\b", re.MULTILINE)
BRANCH = re.compile(r"\b(?:if|for|while|case)\b|&&|\|\||\?")


class Excuses:
    """The `limit:` comments of one file, by the lines they cover; remembers which were needed."""

    def __init__(self, path, text):
        self.path, self.found, self.used = path, [], set()
        for m in EXCUSE.finditer(text):
            first, last = source.line_of(text, m.start()), source.line_of(text, m.end())
            self.found.append((first, last, " ".join(m.group("reason").split())))

    def covers(self, first, last):
        """An excuse that stands on one of the lines, or in the comment that ends just above."""
        for e in self.found:
            if first - 1 <= e[1] and e[0] <= last:
                self.used.add(e)
                return True
        return False

    def notes(self):
        return [f"{self.path}:{e[0]}: accepted: {e[2]}" for e in sorted(self.used)]

    def faults(self):
        return [f"{self.path}:{e[0]}: this limit comment excuses nothing"
                for e in self.found if e not in self.used]


def parameters(head):
    inside = head[head.index("(") + 1:head.rindex(")")]
    while True:
        flat = re.sub(r"\([^()]*\)", "", inside)
        if flat == inside:
            break
        inside = flat
    return 0 if inside.strip() in ("", "void") else inside.count(",") + 1


def over(function):
    """What is too much in one function, as sentences."""
    deepest = max((len(m.group(1)) // INDENT for m in CONTROL.finditer(function.body)), default=0)
    measures = [
        ("lines", function.body.count("\n") + 1, FUNCTION_LINES),
        ("parameters", parameters(function.head), PARAMETERS),
        ("levels of nesting", deepest, NESTING),
        ("complexity", 1 + len(BRANCH.findall(function.body)), COMPLEXITY),
    ]
    return [f"{function.name}: {n} {what}, limit {limit}" for what, n, limit in measures
            if n > limit]


def check_c(path, text):
    excuses, faults = Excuses(path, text), []
    count, limit = text.count("\n"), FILE_LINES.get(path.suffix)
    if limit and count > limit and not excuses.covers(1, 10):
        faults.append(f"{path}: {count} lines, limit {limit}")
    for f in source.functions(source.code_of(text)):
        too_much = over(f)
        if too_much and not excuses.covers(f.head_line, f.line):
            faults += [f"{path}:{f.line}: {t}" for t in too_much]
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > COLUMNS and not excuses.covers(number, number):
            faults.append(f"{path}:{number}: {len(line)} columns, limit {COLUMNS}")
    return faults + excuses.faults(), excuses.notes()


def check(root):
    faults, notes = [], []
    for path in source.files(root, ".c", ".h", ".def"):
        f, n = check_c(path, (root / path).read_text())
        faults += f
        notes += n
    for path in source.files(root, ".py"):
        for number, line in enumerate((root / path).read_text().split("\n"), 1):
            if len(line) > COLUMNS:
                faults.append(f"{path}:{number}: {len(line)} columns, limit {COLUMNS}")
    return faults, notes


if __name__ == "__main__":
    source.verdict(check)
