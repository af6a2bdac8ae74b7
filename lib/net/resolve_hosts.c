/* SPDX-License-Identifier: MIT
 *
 * /etc/hosts: lines of an address and names, with comments (hosts(5)). */
#include "lib/net/resolve.h"

#include <stdio.h>

#define LINE_ROOM 1024

static struct span next_word(struct span *rest)
{
    size_t n = 0;
    *rest = span_trim(*rest);
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    struct span word = span_make(rest->p, n);
    *rest = span_skip(*rest, n);
    return word;
}

static bool line_names(struct span line, struct span name, struct addr *out)
{
    struct span comment, word;
    line = span_cut(line, '#', &comment);
    line = span_cut(line, '\n', &comment);
    if (addr_parse_ip(next_word(&line), out) != 0)
        return false;
    while ((word = next_word(&line)).n > 0) {
        if (span_ieq(word, name))
            return true;
    }
    return false;
}

bool resolve_hosts(const char *file, struct span name, struct resolved *out)
{
    char line[LINE_ROOM];
    struct addr a;
    FILE *f = fopen(file, "re");
    out->count = 0;
    while (f != NULL && out->count < RESOLVE_ADDRS_MAX && fgets(line, sizeof(line), f) != NULL) {
        if (line_names(span_of(line), name, &a))
            out->v[out->count++] = a;
    }
    if (f != NULL)
        fclose(f);
    return out->count > 0;
}
