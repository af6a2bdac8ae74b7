/* SPDX-License-Identifier: MIT
 * byeorictl cost: the month so far. */
#include "control/ctl/ctl.h"

#include <stdio.h>

static void show(struct ctl_reply *r)
{
    const struct json_t *root = r->json.root;
    const struct json_t *cost = json_in_object(&r->json, root, "cost");
    const char *currency = ctl_text(r, cost, "currency");
    printf("month       %s\n", ctl_text(r, root, "month"));
    printf("to clients  %s\n", ctl_bytes(json_in_real(&r->json, root, "out_bytes", 0)));
    printf("upstream    %s\n", ctl_bytes(json_in_real(&r->json, root, "upstream_bytes", 0)));
    printf("offload     %.2f %%\n", 100 * json_in_real(&r->json, root, "offload", 0));
    printf("95th pct    %s/s\n", ctl_bytes(json_in_real(&r->json, root, "p95_bytes_per_s", 0)));
    printf("edges       %s %s\n", ctl_number(r, cost, "edges"), currency);
    printf("upstream    %s %s\n", ctl_number(r, cost, "upstream"), currency);
    printf("saved       %s %s\n", ctl_number(r, cost, "saved"), currency);
}

static int run(struct ctl *c)
{
    struct ctl_reply r;
    if (c->argc > 0)
        return ctl_misuse(&ctl_cost, "takes no argument");
    int result = ctl_ask(c, &(struct ctl_request){.method = "GET", .target = "/v1/cost"}, &r);
    if (result == CTL_GOOD && c->is_json)
        ctl_show_json(&r);
    else if (result == CTL_GOOD)
        show(&r);
    ctl_reply_finish(&r);
    return result;
}

const struct ctl_verb ctl_cost = {"cost", "cost", "the month so far, in bytes and money", run};
