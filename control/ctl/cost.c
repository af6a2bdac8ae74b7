/* SPDX-License-Identifier: MIT
 * byeorictl cost: the month so far, what it would have cost without caching, each one's share. */
#include "control/ctl/ctl.h"

#include <stdio.h>

static const char *const tariff_heads[] = {"TARIFF",    "TO CLIENTS", "95TH PCT", "BYTES",
                                           "BANDWIDTH", "FLAT",       "COST"};
static const char *const part_heads[] = {"", "TO CLIENTS", "UPSTREAM", "EDGES", "UPSTREAM", "COST"};

static const char *bytes_of(struct ctl_reply *r, const struct json_t *o, const char *key)
{
    return ctl_bytes(json_in_real(&r->json, o, key, 0));
}

static double money(struct ctl_reply *r, const struct json_t *o, const char *key)
{
    return json_in_real(&r->json, o, key, 0);
}

static void show_tariffs(struct ctl_reply *r)
{
    const struct json_t *v = json_in_array(&r->json, r->json.root, "tariffs", SIZE_MAX);
    struct ctl_table *t = ctl_table_create(tariff_heads, ARRAY_LEN(tariff_heads));
    for (size_t i = 0; i < json_in_count(v); i++) {
        const struct json_t *one = json_in_at(v, i);
        ctl_cell(t, "%s", ctl_text(r, one, "name"));
        ctl_cell(t, "%s", bytes_of(r, one, "out_bytes"));
        ctl_cell(t, "%.1f Mb/s", money(r, one, "p95_bytes_per_s") * 8 / 1e6);
        ctl_cell(t, "%.2f", money(r, one, "bytes"));
        ctl_cell(t, "%.2f", money(r, one, "bandwidth"));
        ctl_cell(t, "%.2f", money(r, one, "flat"));
        ctl_cell(t, "%.2f", money(r, one, "cost"));
    }
    ctl_table_show(&t);
}

static void show_parts(struct ctl_reply *r, const char *key, const char *head)
{
    const char *heads[ARRAY_LEN(part_heads)];
    const struct json_t *v = json_in_array(&r->json, r->json.root, key, SIZE_MAX);
    memcpy(heads, part_heads, sizeof heads);
    heads[0] = head;
    struct ctl_table *t = ctl_table_create(heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < json_in_count(v); i++) {
        const struct json_t *one = json_in_at(v, i);
        ctl_cell(t, "%s", ctl_text(r, one, "name"));
        ctl_cell(t, "%s", bytes_of(r, one, "out_bytes"));
        ctl_cell(t, "%s", bytes_of(r, one, "upstream_bytes"));
        ctl_cell(t, "%.2f", money(r, one, "edges"));
        ctl_cell(t, "%.2f", money(r, one, "upstream"));
        ctl_cell(t, "%.2f", money(r, one, "cost"));
    }
    ctl_table_show(&t);
}

static void show(void *ctx, struct ctl_reply *r)
{
    const struct json_t *root = r->json.root;
    const struct json_t *cost = json_in_object(&r->json, root, "cost");
    const char *currency = ctl_text(r, cost, "currency");
    printf("%s so far: %s to clients, %s from upstream, offload %.2f %%, 95th percentile %s/s\n",
           ctl_text(r, root, "month"), bytes_of(r, root, "out_bytes"),
           bytes_of(r, root, "upstream_bytes"), 100 * money(r, root, "offload"),
           bytes_of(r, root, "p95_bytes_per_s"));
    printf("between edges, on no bill: %s; of what came from upstream %s were prefills\n\n",
           bytes_of(r, root, "tier_in_bytes"), bytes_of(r, root, "prefill_bytes"));
    printf("%-20s %12s %16s\n", currency, "with cache", "without caching");
    printf("%-20s %12.2f %16.2f\n", "edges", money(r, cost, "edges"), money(r, cost, "edges"));
    printf("%-20s %12.2f %16.2f\n", "upstream", money(r, cost, "upstream"),
           money(r, cost, "upstream_without_cache"));
    printf("%-20s %12.2f %16.2f\n", "together", money(r, cost, "total"),
           money(r, cost, "total_without_cache"));
    printf("%-20s %12.2f\n\n", "saved", money(r, cost, "saved"));
    show_tariffs(r);
    printf("\n");
    show_parts(r, "sites", "SITE");
    if (*(const bool *)ctx) {
        printf("\n");
        show_parts(r, "nodes", "NODE");
    }
}

static int run(struct ctl *c)
{
    bool has_nodes = ctl_flag(c, "--nodes");
    if (c->argc > 0)
        return ctl_misuse(&ctl_cost, "not understood");
    return ctl_tell(c, &(struct ctl_request){.method = "GET", .target = "/v1/cost"}, show,
                    &has_nodes);
}

const struct ctl_verb ctl_cost = {"cost", "cost [--nodes]",
                                  "the month so far, in bytes and money, by tariff and site", run};
