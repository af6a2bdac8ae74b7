/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_LIB_PROTO_EXAMPLE_H
#define TESTS_UNIT_LIB_PROTO_EXAMPLE_H

#include "lib/base/span.h"

#include <stdio.h>

/* example_named: the block ```json <name> of lib/proto/README.md (tests run at the root of the
 * tree); empty where there is none. */
static inline struct span example_named(const char *name)
{
    static char page[64 << 10];
    FILE *f = fopen("lib/proto/README.md", "r");
    if (f == NULL)
        return SPAN_NONE;
    page[fread(page, 1, sizeof page - 1, f)] = '\0';
    fclose(f);
    char fence[64];
    snprintf(fence, sizeof fence, "```json %s\n", name);
    const char *from = strstr(page, fence);
    if (from == NULL)
        return SPAN_NONE;
    from += strlen(fence);
    const char *to = strstr(from, "\n```");
    return to != NULL ? span_make(from, (size_t)(to - from)) : SPAN_NONE;
}

#endif
