/* SPDX-License-Identifier: MIT
 * byeorictl route: where a user would be sent, and why. */
#include "control/ctl/ctl.h"

#include <stdio.h>

static const char *const edge_heads[] = {"RANK", "EDGE", "RULE", "CLASS", "KM", "URL"};
static const char *const node_heads[] = {"NODE", "CLASS", "KM", "WHY"};

static void show_edges(struct ctl_reply *r)
{
    struct ctl_table *t = ctl_table_create(edge_heads, ARRAY_LEN(edge_heads));
    const struct json_t *edges = json_in_array(&r->json, r->json.root, "edges", SIZE_MAX);
    for (size_t i = 0; i < json_in_count(edges); i++) {
        const struct json_t *e = json_in_at(edges, i);
        bool has_http = json_in_has(e, "http_url"), has_class = json_in_has(e, "class");
        ctl_cell(t, "%zu", i + 1);
        ctl_cell(t, "%s", ctl_text(r, e, "id"));
        ctl_cell(t, "%s", ctl_text(r, e, "rule"));
        ctl_cell(t, "%s", has_class ? ctl_text(r, e, "class") : "able");
        ctl_cell(t, "%s", ctl_number(r, e, "km"));
        ctl_cell(t, "%s", ctl_text(r, e, has_http ? "http_url" : "https_url"));
    }
    ctl_table_show(&t);
}

static void show_nodes(struct ctl_reply *r, const struct json_t *nodes)
{
    struct ctl_table *t = ctl_table_create(node_heads, ARRAY_LEN(node_heads));
    for (size_t i = 0; i < json_in_count(nodes); i++) {
        const struct json_t *n = json_in_at(nodes, i);
        ctl_cell(t, "%s", ctl_text(r, n, "id"));
        ctl_cell(t, "%s", ctl_text(r, n, "class"));
        ctl_cell(t, "%s", ctl_number(r, n, "km"));
        ctl_cell(t, "%s", ctl_text(r, n, "why"));
    }
    putchar('\n');
    ctl_table_show(&t);
}

static void show(void *ctx, struct ctl_reply *r)
{
    const struct json_t *root = r->json.root;
    const struct json_t *place = json_in_object(&r->json, root, "place");
    const struct json_t *nodes = json_in_array(&r->json, root, "nodes", SIZE_MAX);
    (void)ctx;
    printf("client    %s\n", ctl_text(r, root, "client"));
    if (json_in_bool(&r->json, place, "found", false))
        printf("place     %s, %s, %s; within %s km; found by a /%s\n", ctl_text(r, place, "city"),
               ctl_text(r, place, "country"), ctl_text(r, place, "continent"),
               ctl_number(r, place, "radius_km"), ctl_number(r, place, "prefix_bits"));
    else
        printf("place     unknown\n");
    printf("rule      %s%s%s\n\n", ctl_text(r, root, "rule"),
           json_in_has(root, "network") ? " " : "",
           json_in_has(root, "network") ? ctl_text(r, root, "network") : "");
    show_edges(r);
    if (nodes != NULL)
        show_nodes(r, nodes);
}

static int run(struct ctl *c)
{
    struct buf target;
    bool is_long = ctl_flag(c, "--explain");
    if (c->argc != 3)
        return ctl_misuse(&ctl_route, "needs an address, a host and a path");
    buf_init(&target, 64 << 10);
    buf_add_span(&target, SPAN("/v1/route?client="));
    ctl_encode(&target, c->argv[0]);
    buf_add_span(&target, SPAN("&host="));
    ctl_encode(&target, c->argv[1]);
    buf_add_span(&target, SPAN("&path="));
    ctl_encode(&target, c->argv[2]);
    buf_printf(&target, "%s", is_long ? "&explain=1" : "");
    buf_add_char(&target, '\0');
    struct ctl_request request = {.method = "GET", .target = target.p};
    int result = ctl_tell(c, &request, show, NULL);
    buf_finish(&target);
    return result;
}

const struct ctl_verb ctl_route = {"route", "route IP HOST PATH [--explain]",
                                   "which edges a user is sent to, and why", run};
