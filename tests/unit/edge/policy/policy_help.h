/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_EDGE_POLICY_POLICY_HELP_H
#define TESTS_UNIT_EDGE_POLICY_POLICY_HELP_H

#include "edge/policy/freshness.h"
#include "lib/http/date.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

/* Rows of the policy tables are written as field lines, "Name: value" ended by '\n'; "{-60}" in a
 * value is the HTTP-date 60 seconds before NOW. */
#define NOW_S ((sec_t)1700000000)
#define NOW   (NOW_S * MSEC_PER_SEC)

static inline struct span with_dates(struct span value, struct arena *mem)
{
    char *out = arena_bytes(mem, value.n + 4 * DATE_BYTES), *at = out;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] != '{') {
            *at++ = value.p[i];
            continue;
        }
        date_write(NOW_S + strtoll(value.p + i + 1, NULL, 10), at);
        at += DATE_BYTES;
        while (value.p[i] != '}')
            i++;
    }
    return span_make(out, (size_t)(at - out));
}

static inline void fields_of(struct fields *fs, const char *lines, struct arena *mem)
{
    struct span rest = span_of(lines);
    fields_init(fs, mem);
    while (rest.n > 0) {
        struct span value, name = span_cut(span_cut(rest, '\n', &rest), ':', &value);
        fields_add_named(fs, name, span_trim(with_dates(value, mem)));
    }
}

#endif
