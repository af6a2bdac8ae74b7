/* SPDX-License-Identifier: MIT
 * byeorictl explain: what edges know about a URL, asked at their admin listeners: of one edge
 * (--edge), or of every one whose admin URL the control plane knows. */
#include "control/ctl/ctl.h"

#include <stdio.h>

static int ask_edge(struct ctl *c, const char *name, const char *admin_url, const char *url)
{
    struct ctl_reply r;
    struct buf target;
    buf_init(&target, 64 << 10);
    buf_add_span(&target, SPAN("/v1/explain?url="));
    ctl_encode(&target, url);
    buf_add_char(&target, '\0');
    struct ctl_request request = {.base = admin_url, .method = "GET", .target = target.p};
    int result = ctl_ask(c, &request, &r);
    if (result == CTL_GOOD) {
        if (!c->is_json)
            printf("%s  ", name);
        ctl_show_json(&r);
    }
    buf_finish(&target);
    ctl_reply_finish(&r);
    return result;
}

/* All that can be asked are asked; the worst of the results is the result. */
static int ask_all(struct ctl *c, const char *url)
{
    struct ctl_reply r;
    size_t asked = 0;
    int worst = ctl_ask(c, &(struct ctl_request){.method = "GET", .target = "/v1/nodes"}, &r);
    const struct json_t *nodes = json_in_array(&r.json, r.json.root, "nodes", SIZE_MAX);
    for (size_t i = 0; i < json_in_count(nodes); i++) {
        const struct json_t *n = json_in_at(nodes, i);
        if (!json_in_has(n, "admin_url"))
            continue;
        int result = ask_edge(c, ctl_text(&r, n, "id"), ctl_text(&r, n, "admin_url"), url);
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

static int run(struct ctl *c)
{
    const char *edge = ctl_value(c, "--edge");
    if (c->argc != 1)
        return ctl_misuse(&ctl_explain, "needs one URL");
    if (edge == NULL)
        return ask_all(c, c->argv[0]);
    char base[512];
    bool is_url = strstr(edge, "://") != NULL;
    snprintf(base, sizeof base, "%s%s", is_url ? "" : "http://", edge);
    return ask_edge(c, edge, base, c->argv[0]);
}

const struct ctl_verb ctl_explain = {"explain", "explain URL [--edge ADMIN-ADDRESS]",
                                     "what the edges know about a URL", run};
