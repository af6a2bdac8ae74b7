/* SPDX-License-Identifier: MIT
 * byeorictl nodes: which there are and how they are, and the operator's word on one. */
#include "control/ctl/ctl.h"

#include <stdio.h>

static const char *const heads[] = {"NODE",  "HEALTH", "MODE",  "CITY", "COUNTRY",
                                    "CONNS", "OUT/s",  "HEARD", "URL"};

static void add_row(struct ctl_table *t, struct ctl_reply *r, const struct json_t *n)
{
    const struct json_t *load = json_in_object(&r->json, n, "load");
    bool has_http = json_in_has(n, "http_url");
    ctl_cell(t, "%s", ctl_text(r, n, "id"));
    ctl_cell(t, "%s", ctl_text(r, n, "health"));
    ctl_cell(t, "%s", ctl_text(r, n, "mode"));
    ctl_cell(t, "%s", ctl_text(r, n, "city"));
    ctl_cell(t, "%s", ctl_text(r, n, "country"));
    ctl_cell(t, "%s", ctl_number(r, load, "connections"));
    ctl_cell(t, "%s", ctl_bytes(json_in_real(&r->json, load, "out_bytes_per_s", 0)));
    ctl_cell(t, "%s", ctl_text(r, n, "heard"));
    ctl_cell(t, "%s", ctl_text(r, n, has_http ? "http_url" : "https_url"));
}

static void show(void *ctx, struct ctl_reply *r)
{
    struct ctl_table *t = ctl_table_create(heads, ARRAY_LEN(heads));
    const struct json_t *nodes = json_in_array(&r->json, r->json.root, "nodes", SIZE_MAX);
    (void)ctx;
    if (nodes == NULL)
        add_row(t, r, r->json.root);
    for (size_t i = 0; i < json_in_count(nodes); i++)
        add_row(t, r, json_in_at(nodes, i));
    ctl_table_show(&t);
}

static bool is_word(const char *s)
{
    static const char *const words[] = {"drain", "activate", "down", "force"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], s) == 0)
            return true;
    return false;
}

static int run(struct ctl *c)
{
    struct buf target;
    bool is_order = c->argc == 2 && is_word(c->argv[0]);
    if (c->argc > 0 && !is_order && !(c->argc == 1 && strcmp(c->argv[0], "list") == 0))
        return ctl_misuse(&ctl_nodes, "not understood");
    buf_init(&target, 1024);
    buf_add_span(&target, SPAN("/v1/nodes"));
    if (is_order) {
        buf_add_char(&target, '/');
        ctl_encode(&target, c->argv[1]);
        buf_printf(&target, "/%s", c->argv[0]);
    }
    buf_add_char(&target, '\0');
    struct ctl_request request = {.method = is_order ? "POST" : "GET", .target = target.p};
    int result = ctl_tell(c, &request, show, NULL);
    buf_finish(&target);
    return result;
}

const struct ctl_verb ctl_nodes = {"nodes", "nodes [list | drain|activate|down|force ID]",
                                   "the edges; take one out, bring it back", run};
