/* SPDX-License-Identifier: MIT */

/* The end of a program that found itself wrong: one line, then abort, so that a core remains.
 * Uses neither the log nor the heap: either may be what is broken. Any thread. */
#include "lib/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void check_failed(const char *text, const char *file, int line)
{
    char message[512];
    int n = snprintf(message, sizeof(message), "%s:%d: check failed: %s\n", file, line, text);
    if (n >= (int)sizeof(message)) {
        n = sizeof(message) - 1;
        message[n - 1] = '\n';
    }
    ssize_t ignored = write(STDERR_FILENO, message, (size_t)n);
    (void)ignored;
    abort();
}
