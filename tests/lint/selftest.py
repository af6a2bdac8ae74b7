# SPDX-License-Identifier: MIT
"""Each gate, shown a small tree that breaks its rule, says so; shown the mended tree, is silent."""

import os
import sys
import tempfile
import unittest
from pathlib import Path

import banned
import docs
import format as format_gate
import headers_alone
import layers
import limits
import magic

TABLE = '"lib/base" = []\n"lib/net" = ["lib/base"]\n'


class Gate(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = Path(holder.name)
        os.environ.pop("BYEORI_BUILD", None)
        self.put("tests/lint/layers.toml", TABLE)

    def put(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def says(self, gate, *words):
        faults = gate.check(self.root)[0]
        self.assertEqual(len(faults), 1, faults)
        for word in words:
            self.assertIn(word, faults[0])

    def silent(self, gate):
        self.assertEqual(gate.check(self.root)[0], [])


class Layers(Gate):
    def test_an_arrow_upwards_fails(self):
        self.put("lib/net/a.h", "")
        self.put("lib/base/b.c", '#include "lib/net/a.h"\n')
        self.says(layers, "lib/base may not see lib/net")

    def test_an_arrow_downwards_holds(self):
        self.put("lib/base/a.h", "")
        self.put("lib/net/b.c", '#include "lib/base/a.h"\n')
        self.silent(layers)

    def test_a_file_from_nowhere_fails(self):
        self.put("lib/net/b.c", '#include "b.h"\n')
        self.says(layers, "no file from the repository root")

    def test_a_folder_without_a_line_fails(self):
        self.put("edge/new/a.c", "")
        self.says(layers, "edge/new", "has no line")

    def test_a_ring_in_the_table_fails(self):
        self.put("tests/lint/layers.toml", '"lib/base" = ["lib/net"]\n"lib/net" = ["lib/base"]\n')
        self.says(layers, "form a ring")

    def test_a_circle_by_include_fails(self):
        self.put("lib/net/a.h", '#include "lib/net/b.h"\n')
        self.put("lib/net/b.h", '#include "lib/net/a.h"\n')
        self.says(layers, "go in a circle: lib/net/a.h lib/net/b.h")

    def test_a_face_whose_types_the_parts_know_is_no_circle(self):
        self.put("lib/net/face.h", "")
        self.put("lib/net/part.h", '#include "lib/net/face.h"\nint part_do(void);\n')
        self.put("lib/net/part.c", '#include "lib/net/part.h"\nint part_do(void)\n{\n}\n')
        self.put("lib/net/face.c", '#include "lib/net/face.h"\n#include "lib/net/part.h"\n'
                 "int face_do(void)\n{\n    return part_do();\n}\n")
        self.silent(layers)

    def test_a_circle_by_call_fails(self):
        self.put("lib/net/a.c", "void a_do(void)\n{\n    b_do();\n}\n")
        self.put("lib/net/b.c", "int b_do(void)\n{\n    return a_do(1);\n}\n")
        self.says(layers, "go in a circle: a.c b.c")


class Limits(Gate):
    def function(self, body, parameters="void", above=""):
        self.put("lib/base/a.c", f"{above}int a_do({parameters})\n{{\n{body}}}\n")

    def test_a_long_file_fails(self):
        self.put("lib/base/a.h", "\n" * 201)
        self.says(limits, "201 lines, limit 200")
        self.put("lib/base/a.h", "/* limit: a table of names */\n" + "\n" * 201)
        self.silent(limits)

    def test_a_long_function_fails(self):
        self.function("    x++;\n" * 59)
        self.says(limits, "a_do: 61 lines")
        self.function("    x++;\n" * 58)
        self.silent(limits)

    def test_a_sixth_parameter_fails(self):
        self.function("", "int a, int b, void (*c)(int, int), int d, int e, int f")
        self.says(limits, "6 parameters")
        self.function("", "int a, int b, void (*c)(int, int), int d, int e")
        self.silent(limits)

    def test_a_fourth_level_fails(self):
        nest = "".join("    " * n + "if (x) {\n" for n in range(1, 5))
        self.function(nest + "".join("    " * n + "}\n" for n in range(4, 0, -1)))
        self.says(limits, "4 levels of nesting")

    def test_a_tangle_fails(self):
        self.function("    if (a && b || c)\n        x++;\n" * 5)
        self.says(limits, "complexity")

    def test_words_in_texts_and_comments_do_not_count(self):
        self.function('    x("if (a && b)"); /* while case if || ? */\n' * 20)
        self.silent(limits)

    def test_a_reason_is_accepted_and_listed(self):
        self.function("    x++;\n" * 90, above="/* limit: one table */\n")
        faults, notes = limits.check(self.root)
        self.assertEqual(faults, [])
        self.assertIn("one table", notes[0])

    def test_a_reason_for_nothing_fails(self):
        self.function("", above="/* limit: habit */\n")
        self.says(limits, "excuses nothing")

    def test_a_long_line_fails(self):
        self.put("lib/base/a.c", "/* " + "x" * 100 + " */\n")
        self.says(limits, "columns")


class Banned(Gate):
    def test_an_old_call_fails(self):
        self.put("lib/base/a.c", "int x = atoi(s);\n")
        self.says(banned, "a.c:1", "atoi")

    def test_memory_elsewhere_fails(self):
        self.put("lib/net/a.c", "void *p = malloc(1);\n")
        self.says(banned, "malloc")
        self.put("lib/net/a.c", "t->free(p); /* free(p) */ x = \"free(p)\";\n")
        self.silent(banned)

    def test_printing_elsewhere_fails(self):
        self.put("lib/net/a.c", 'void f(void) { fprintf(stderr, "x"); }\n')
        self.says(banned, "log it")
        (self.root / "lib/net/a.c").rename(self.root / "lib/net/main.c")
        self.silent(banned)

    def test_a_machine_path_fails(self):
        self.put("lib/net/README.md", "see " + "/ro" + "ot/notes\n")
        self.says(banned, "the path of one machine")

    def test_a_promise_without_an_issue_fails(self):
        self.put("lib/net/a.c", "/* TO" + "DO later */\n")
        self.says(banned, "name the issue")
        self.put("lib/net/a.c", "/* TO" + "DO #7 later */\n")
        self.silent(banned)


class Magic(Gate):
    def test_a_shared_number_fails(self):
        self.put("lib/base/a.c", "#define A_MAGIC 0x0b1ec7edU\n")
        self.silent(magic)
        self.put("lib/net/b.c", "#define B_MAGIC 0x0B1EC7EDU\n")
        self.says(magic, "B_MAGIC", "A_MAGIC")


class Format(Gate):
    def test_a_crooked_line_fails(self):
        self.put(".clang-format", "BasedOnStyle: LLVM\n")
        self.put("lib/base/a.c", "int   x;\n")
        self.says(format_gate, "a.c:1")
        self.put("lib/base/a.c", "int x;\n")
        self.silent(format_gate)


class HeadersAlone(Gate):
    def header(self, guard, body):
        self.put("lib/base/a.h", f"#ifndef {guard}\n#define {guard}\n{body}\n#endif\n")

    def test_a_header_that_leans_on_another_fails(self):
        self.header("LIB_BASE_A_H", "extern size_t x;")
        self.says(headers_alone, "does not compile alone")
        self.header("LIB_BASE_A_H", "#include <stddef.h>\nextern size_t x;")
        self.silent(headers_alone)

    def test_a_guard_that_is_not_the_path_fails(self):
        self.header("A_H", "")
        self.says(headers_alone, "the guard is not LIB_BASE_A_H")

    def test_what_an_included_header_breaks_is_seen_through_the_memory(self):
        os.environ["BYEORI_BUILD"] = str(self.root)
        self.put("lib/base/b.h", "#ifndef LIB_BASE_B_H\n#define LIB_BASE_B_H\nstruct b {\n"
                 "    int x;\n};\n#endif\n")
        self.header("LIB_BASE_A_H", '#include "lib/base/b.h"\nstruct a {\n    struct b b;\n};')
        self.silent(headers_alone)
        self.put("lib/base/b.h", "#ifndef LIB_BASE_B_H\n#define LIB_BASE_B_H\n#endif\n")
        self.says(headers_alone, "lib/base/a.h", "does not compile alone")


class Docs(Gate):
    def program(self, text):
        self.put("build/edge/byeori-edge",
                 f'#!/bin/sh\n[ "$1" = --options-markdown ] || exit 2\necho "{text}"\n')
        (self.root / "build/edge/byeori-edge").chmod(0o755)

    def test_a_reference_that_lags_fails_and_is_renewed(self):
        self.program("memory  bytes")
        self.says(docs, "no README")
        self.put("README.md",
                 "<!-- printed by edge/byeori-edge --options-markdown -->\n<!-- end -->\n")
        self.says(docs, "prints something else")
        sys.stdout, out = open(os.devnull, "w"), sys.stdout
        docs.write(self.root)
        sys.stdout.close()
        sys.stdout = out
        self.silent(docs)
        self.assertIn("memory  bytes", (self.root / "README.md").read_text())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
