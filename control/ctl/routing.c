/* SPDX-License-Identifier: MIT
 * byeorictl routing: the rules that stand before those of the configuration file. */
#include "control/ctl/ctl.h"

#define DOCUMENT_BYTES (512 << 10)

static int ask(struct ctl *c, const char *method, struct span body)
{
    return ctl_document(
        c, &(struct ctl_document){.method = method, .path = "/v1/routing", .body = body});
}

static int put(struct ctl *c, const char *file)
{
    struct buf document;
    int result = CTL_USAGE;
    buf_init(&document, DOCUMENT_BYTES);
    if (ctl_read_file(file, &document))
        result = ask(c, "PUT", buf_span(&document));
    buf_finish(&document);
    return result;
}

static int run(struct ctl *c)
{
    const char *what = c->argc > 0 ? c->argv[0] : "get";
    if (strcmp(what, "get") == 0 && c->argc <= 1)
        return ask(c, "GET", SPAN_NONE);
    if (strcmp(what, "put") == 0 && c->argc == 2)
        return put(c, c->argv[1]);
    if (strcmp(what, "delete") == 0 && c->argc == 1)
        return ask(c, "DELETE", SPAN_NONE);
    return ctl_misuse(&ctl_routing, "not understood");
}

const struct ctl_verb ctl_routing = {
    "routing", "routing [get | put FILE | delete]",
    "overrides, network operators, regions (FILE: JSON, - for stdin)", run};
