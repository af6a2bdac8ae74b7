/* SPDX-License-Identifier: MIT
 * byeorictl routing: the rules that stand before those of the configuration file. */
#include "control/ctl/ctl.h"

static int run(struct ctl *c)
{
    const char *what = c->argc > 0 ? c->argv[0] : "get";
    struct ctl_document d = {.method = "GET", .path = "/v1/routing"};
    if (strcmp(what, "put") == 0 && c->argc == 2)
        return ctl_document_put(c, d, c->argv[1]);
    if (strcmp(what, "delete") == 0)
        d.method = "DELETE";
    else if (strcmp(what, "get") != 0)
        return ctl_misuse(&ctl_routing, "not understood");
    return c->argc <= 1 ? ctl_document(c, &d) : ctl_misuse(&ctl_routing, "not understood");
}

const struct ctl_verb ctl_routing = {
    "routing", "routing [get | put FILE | delete]",
    "overrides, network operators, regions (FILE: JSON, - for stdin)", run};
