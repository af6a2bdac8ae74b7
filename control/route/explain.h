/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ROUTE_EXPLAIN_H
#define CONTROL_ROUTE_EXPLAIN_H

#include "control/route/decide.h"

struct json_out;

/* A verdict as members of a JSON object that is open: "rule", "place", "edges"; with is_long, for
 * people, each step with its numbers, and every node of the picture with its class, distance and
 * why it is where it is. */
struct explain_spec {
    const struct picture *picture;
    const struct decide_rules *rules;
    const struct decide_question *question;
    const struct decide_verdict *verdict;
    bool is_long;
};
void explain_write(const struct explain_spec *e, struct json_out *o);

#endif
