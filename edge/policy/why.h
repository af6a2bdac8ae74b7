/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_WHY_H
#define EDGE_POLICY_WHY_H

#include "edge/policy/freshness.h"

/* The arithmetic of a stored response, line by line, for people: the same functions and the same
 * numbers that decide (RFC 9111 s.4.2). Pure. */
struct why_question {
    const struct freshness *freshness; /* as stored */
    const struct fields *fields;       /* as stored */
    int status;
    const struct site *site; /* as it is configured now */
    msec_t now_wall;
};

struct why_line {
    const char *what;   /* "current_age" */
    struct span text;   /* "12.300 s = 2.000 s + 10.300 s" */
    const char *option; /* of the site, where that is what decided; NULL */
};

/* why_lines: their count; text from mem. */
#define WHY_LINES_MAX 12
int why_lines(const struct why_question *q, struct why_line out[WHY_LINES_MAX], struct arena *mem);

#endif
