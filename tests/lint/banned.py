# SPDX-License-Identifier: MIT
"""Calls that have a better one, memory taken elsewhere than in lib/base, printing from anywhere but
a program's face, and names of one machine's folders in what everybody gets."""

import re

import source

BETTER = {
    "strcpy": "buf_* or arena_*", "strcat": "buf_*", "sprintf": "snprintf or buf_*",
    "vsprintf": "vsnprintf", "gets": "fgets", "atoi": "option_parse_* or strtoll",
    "atol": "strtoll", "atof": "strtod", "strtok": "span_*", "gmtime": "gmtime_r",
    "localtime": "localtime_r",
    "asctime": "lib/http/date.h", "ctime": "lib/http/date.h", "signal": "sigaction or evsignal",
    "system": "posix_spawn", "rand": "hash or getrandom", "srand": "hash or getrandom",
    "alloca": "an arena", "tmpnam": "mkstemp", "mktemp": "mkstemp",
}
MEMORY = ("malloc", "calloc", "realloc", "reallocarray", "free", "strdup", "strndup", "asprintf",
          "vasprintf", "aligned_alloc", "posix_memalign")
PRINTING = ("printf", "vprintf", "puts", "putchar", "perror")

CALL = re.compile(r"(?<![\w.>])([a-z]\w*)\s*\(")
PRINT_TO = re.compile(r"\b(?:v?fprintf\s*\(|fputs\s*\([^;]*,)\s*(?:stdout|stderr)\b")
MACHINE = re.compile(r"(?<![\w.}/-])/(?:work|root|home|tmp/h)/")
TODO = re.compile(r"\b(?:TODO|FIXME|XXX)\b(?!.*#\d+)")
TEXT_SUFFIXES = (".c", ".h", ".def", ".py", ".md", ".build", ".conf", ".toml", ".sql", ".html",
                 ".js", ".css", ".csv", ".txt", ".sh")


def may_take_memory(path):
    return path.parts[:2] == ("lib", "base") or path.parts[0] in ("tests", "bench")


def may_print(path):
    return (path.name == "main.c" or path.parts[0] in ("tests", "bench")
            or path.parts[:2] in (("control", "ctl"), ("lib", "base")))


def check_c(path, text):
    faults, code = [], source.code_of(text)
    for m in CALL.finditer(code):
        name, where = m.group(1), f"{path}:{source.line_of(code, m.start())}"
        if name in BETTER:
            faults.append(f"{where}: {name}: use {BETTER[name]}")
        elif name in MEMORY and not may_take_memory(path):
            faults.append(f"{where}: {name}: memory is taken in lib/base alone (mem_*, arena_*)")
        elif name in PRINTING and not may_print(path):
            faults.append(f"{where}: {name}: log it (lib/base/log.h)")
    if not may_print(path):
        faults += [f"{path}:{source.line_of(code, m.start())}: log it (lib/base/log.h)"
                   for m in PRINT_TO.finditer(code)]
    return faults


def check_text(path, text):
    faults = []
    for number, line in enumerate(text.split("\n"), 1):
        if MACHINE.search(line):
            faults.append(f"{path}:{number}: the path of one machine")
        if TODO.search(line) and path.parts[:2] != ("tests", "lint"):
            faults.append(f"{path}:{number}: name the issue (#number), or do it")
    return faults


def check(root):
    faults = []
    for path in source.files(root, ".c", ".h", ".def"):
        faults += check_c(path, (root / path).read_text())
    at_top = [p.relative_to(root) for p in sorted(root.iterdir())
              if p.is_file() and not p.name.startswith(".git")]
    for path in [*source.files(root, *TEXT_SUFFIXES), *at_top]:
        faults += check_text(path, (root / path).read_text(errors="replace"))
    return faults, []


if __name__ == "__main__":
    source.verdict(check)
