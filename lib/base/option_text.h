/* SPDX-License-Identifier: MIT
 * private to lib/base */
#ifndef LIB_BASE_OPTION_TEXT_H
#define LIB_BASE_OPTION_TEXT_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* The first pass over a configuration text, before libconfuse: its lexer is one per process, keeps
 * its state over a failed parse (a string that nobody closes breaks the next reload too), counts a
 * line too many after a comment, and drops bytes that it does not know in silence. So strings and
 * comments are checked here, and comments are blanked. Pure. */
struct option_text_fault {
    int line;
    const char *what; /* a sentence */
};

/* option_text_clean: `out` (text.n bytes) is text with comments as spaces; lines stay lines. 0, or
 * ERR_SYNTAX and *fault. */
MUST_USE int option_text_clean(struct span text, char *out, struct option_text_fault *fault);

#endif
