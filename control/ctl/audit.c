/* SPDX-License-Identifier: MIT
 * byeorictl audit: who changed what, when, and from where. */
#include "control/ctl/ctl.h"

#include <stdio.h>

static const char *const heads[] = {"SEQ", "WHEN", "WHO", "FROM", "WHAT", "ABOUT"};

static void show(void *ctx, struct ctl_reply *r)
{
    struct ctl_table *t = ctl_table_create(heads, ARRAY_LEN(heads));
    const struct json_t *entries = json_in_array(&r->json, r->json.root, "entries", SIZE_MAX);
    (void)ctx;
    for (size_t i = 0; i < json_in_count(entries); i++) {
        const struct json_t *e = json_in_at(entries, i);
        ctl_cell(t, "%s", ctl_number(r, e, "seq"));
        ctl_cell(t, "%s", ctl_text(r, e, "at"));
        ctl_cell(t, "%s", ctl_text(r, e, "who"));
        ctl_cell(t, "%s", ctl_text(r, e, "from"));
        ctl_cell(t, "%s", ctl_text(r, e, "what"));
        ctl_cell(t, "%s", ctl_text(r, e, "about"));
    }
    ctl_table_show(&t);
}

static void add_query(struct buf *target, char mark, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_printf(target, "%c%s=", mark, name);
    ctl_encode(target, value);
}

static int run(struct ctl *c)
{
    struct buf target;
    const char *count = ctl_value(c, "--count"), *before = ctl_value(c, "--before");
    if (c->argc > 0)
        return ctl_misuse(&ctl_audit, "not understood");
    buf_init(&target, 1024);
    buf_add_span(&target, SPAN("/v1/audit"));
    add_query(&target, '?', "n", count);
    add_query(&target, count != NULL ? '&' : '?', "before", before);
    buf_add_char(&target, '\0');
    struct ctl_request request = {.method = "GET", .target = target.p};
    int result = ctl_tell(c, &request, show, NULL);
    buf_finish(&target);
    return result;
}

const struct ctl_verb ctl_audit = {"audit", "audit [--count N] [--before SEQ]",
                                   "who changed what, when, and from where", run};
