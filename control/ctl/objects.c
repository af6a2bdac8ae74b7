/* SPDX-License-Identifier: MIT
 * byeorictl objects: what edges hold, the largest, the most asked for or the oldest first, or what
 * it comes to by folder (--sums): of one edge (--edge), or of every one. --limit N rows (100, at
 * most 1000); --after MARK the next ones of one edge. To drop some of it: byeorictl purge. */
#include "control/ctl/ctl.h"

#include <stdio.h>

static const char *const row_heads[] = {"BYTES", "ON DISK", "HITS", "STORED", "STATUS", "URL"};
static const char *const sum_heads[] = {"BYTES", "ON DISK", "HITS", "OBJECTS", "OF"};

struct asking {
    struct ctl *c;
    struct buf target;
};

static void bytes_cell(struct ctl_table *t, struct ctl_reply *r, const struct json_t *o,
                       const char *key)
{
    ctl_cell(t, "%s", ctl_bytes(json_in_real(&r->json, o, key, 0)));
}

static void show_rows(struct ctl_reply *r)
{
    const struct json_t *rows = json_in_array(&r->json, r->json.root, "objects", SIZE_MAX);
    struct ctl_table *t = ctl_table_create(row_heads, ARRAY_LEN(row_heads));
    for (size_t i = 0; i < json_in_count(rows); i++) {
        const struct json_t *o = json_in_at(rows, i);
        bytes_cell(t, r, o, "bytes");
        bytes_cell(t, r, o, "disk_bytes");
        ctl_cell(t, "%s", ctl_number(r, o, "hits"));
        ctl_cell(t, "%s", ctl_text(r, o, "stored"));
        ctl_cell(t, "%s", ctl_number(r, o, "status"));
        ctl_cell(t, "%s", ctl_text(r, o, "url"));
    }
    ctl_table_show(&t);
    if (json_in_has(r->json.root, "next"))
        printf("more: --after %s\n", ctl_text(r, r->json.root, "next"));
}

static void sum_cells(struct ctl_table *t, struct ctl_reply *r, const struct json_t *o)
{
    bytes_cell(t, r, o, "bytes");
    bytes_cell(t, r, o, "disk_bytes");
    ctl_cell(t, "%s", ctl_number(r, o, "hits"));
    ctl_cell(t, "%s", ctl_number(r, o, "objects"));
}

static void show_sums(struct ctl_reply *r)
{
    const struct json_t *root = r->json.root;
    const struct json_t *sums = json_in_array(&r->json, root, "sums", SIZE_MAX);
    struct ctl_table *t = ctl_table_create(sum_heads, ARRAY_LEN(sum_heads));
    for (size_t i = 0; i < json_in_count(sums); i++) {
        const struct json_t *o = json_in_at(sums, i);
        sum_cells(t, r, o);
        if (json_in_has(o, "site"))
            ctl_cell(t, "site %s", ctl_text(r, o, "site"));
        else
            ctl_cell(t, "%s%s", ctl_text(r, o, "host"), ctl_text(r, o, "path"));
    }
    if (json_in_has(root, "other")) {
        sum_cells(t, r, json_in_object(&r->json, root, "other"));
        ctl_cell(t, "(all others)");
    }
    ctl_table_show(&t);
}

static int ask_edge(void *ctx, const char *name, const char *admin_url)
{
    const struct asking *a = ctx;
    struct ctl_reply r;
    struct ctl_request request = {.base = admin_url, .method = "GET", .target = a->target.p};
    int result = ctl_ask(a->c, &request, &r);
    if (result == CTL_GOOD && a->c->is_json) {
        ctl_show_json(&r);
    } else if (result == CTL_GOOD) {
        const struct json_t *total = json_in_object(&r.json, r.json.root, "total");
        printf("%s: %s objects, %s, %s of it on disks\n", name, ctl_number(&r, total, "objects"),
               ctl_bytes(json_in_real(&r.json, total, "bytes", 0)),
               ctl_bytes(json_in_real(&r.json, total, "disk_bytes", 0)));
        if (json_in_has(r.json.root, "sums"))
            show_sums(&r);
        else
            show_rows(&r);
    }
    ctl_reply_finish(&r);
    return result;
}

static void add_values(struct asking *a)
{
    static const char *const names[] = {"site", "prefix", "sort", "limit", "after"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char flag[16];
        snprintf(flag, sizeof flag, "--%s", names[i]);
        const char *value = ctl_value(a->c, flag);
        if (value == NULL)
            continue;
        buf_printf(&a->target, "%s=", names[i]);
        ctl_encode(&a->target, value);
        buf_add_char(&a->target, '&');
    }
}

static int run(struct ctl *c)
{
    struct asking a = {.c = c};
    const char *edge = ctl_value(c, "--edge");
    buf_init(&a.target, 64 << 10);
    buf_add_span(&a.target, SPAN("/v1/objects?"));
    add_values(&a);
    buf_printf(&a.target, "sums=%d", ctl_flag(c, "--sums"));
    buf_add_char(&a.target, '\0');
    int result = c->argc > 0 || buf_overflowed(&a.target)
                     ? ctl_misuse(&ctl_objects, "takes options only")
                     : ctl_edges(c, edge, ask_edge, &a);
    buf_finish(&a.target);
    return result;
}

const struct ctl_verb ctl_objects = {
    "objects",
    "objects [--site S] [--prefix P] [--sort bytes|hits|age] [--sums] [--edge ADMIN-ADDRESS]",
    "what edges hold, or what it comes to by folder", run};
