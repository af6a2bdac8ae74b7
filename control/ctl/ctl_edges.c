/* SPDX-License-Identifier: MIT
 * Asks edges at their admin listeners: the one that is named, or every one whose admin URL the
 * control plane knows. */
#include "control/ctl/ctl.h"

#include <stdio.h>

/* All that can be asked are asked; the worst of the results is the result. */
static int ask_all(struct ctl *c, ctl_edge_fn fn, void *ctx)
{
    struct ctl_reply r;
    size_t asked = 0;
    int worst = ctl_ask(c, &(struct ctl_request){.method = "GET", .target = "/v1/nodes"}, &r);
    const struct json_t *nodes = json_in_array(&r.json, r.json.root, "nodes", SIZE_MAX);
    for (size_t i = 0; i < json_in_count(nodes); i++) {
        const struct json_t *n = json_in_at(nodes, i);
        if (!json_in_has(n, "admin_url"))
            continue;
        int result = fn(ctx, ctl_text(&r, n, "id"), ctl_text(&r, n, "admin_url"));
        worst = result > worst ? result : worst;
        asked++;
    }
    if (worst == CTL_GOOD && asked == 0) {
        fprintf(stderr, "byeorictl: no node has told its admin URL; give one with --edge\n");
        worst = CTL_REFUSED;
    }
    ctl_reply_finish(&r);
    return worst;
}

int ctl_edges(struct ctl *c, const char *edge, ctl_edge_fn fn, void *ctx)
{
    char base[512];
    if (edge == NULL)
        return ask_all(c, fn, ctx);
    snprintf(base, sizeof base, "%s%s", strstr(edge, "://") != NULL ? "" : "http://", edge);
    return fn(ctx, edge, base);
}
