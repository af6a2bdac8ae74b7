# SPDX-License-Identifier: MIT
"""Files as C: embed.py OUT.c NAME=FILE... gives each as `const struct span NAME`."""

import sys
from pathlib import Path


def rows(data):
    for at in range(0, len(data), 16):
        yield "    " + " ".join(f"0x{b:02x}," for b in data[at:at + 16])


def main(out, *pairs):
    text = ['#include "lib/base/span.h"']
    for pair in pairs:
        name, file = pair.split("=", 1)
        data = Path(file).read_bytes()
        text += [f"extern const struct span {name};",
                 f"static const unsigned char {name}_bytes[] = {{", *rows(data), "};",
                 f"const struct span {name} = {{(const char *){name}_bytes, sizeof {name}_bytes}};"]
    Path(out).write_text("\n".join(text) + "\n")


main(*sys.argv[1:])
