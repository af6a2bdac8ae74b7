/* SPDX-License-Identifier: MIT
 * byeorictl status: how the control plane is. */
#include "control/ctl/ctl.h"

#include <stdio.h>

static void show(void *ctx, struct ctl_reply *r)
{
    const struct json_t *root = r->json.root;
    const struct json_t *nodes = json_in_object(&r->json, root, "nodes");
    const struct json_t *purges = json_in_object(&r->json, root, "purges");
    const struct json_t *geo = json_in_object(&r->json, root, "geoip");
    (void)ctx;
    bool is_frozen = json_in_bool(&r->json, nodes, "frozen", false);
    printf("%s %s, up for %s s\n", ctl_text(r, root, "program"), ctl_text(r, root, "version"),
           ctl_number(r, root, "uptime_s"));
    printf("nodes     %s: %s able, %s up, %s down, %s recovering, %s unseen%s\n",
           ctl_number(r, nodes, "all"), ctl_number(r, nodes, "able"), ctl_number(r, nodes, "up"),
           ctl_number(r, nodes, "down"), ctl_number(r, nodes, "recovering"),
           ctl_number(r, nodes, "unseen"), is_frozen ? "; FROZEN: most fell silent at once" : "");
    printf("sites     %s hosts, document version %s\n", ctl_number(r, root, "site_hosts"),
           ctl_number(r, root, "config_version"));
    printf("purges    newest %s\n", ctl_number(r, purges, "head"));
    if (json_in_bool(&r->json, geo, "loaded", false))
        printf("geoip     %s, built %s, %s places\n", ctl_text(r, geo, "type"),
               ctl_text(r, geo, "built"), ctl_number(r, geo, "records"));
    else
        printf("geoip     none\n");
    if (json_in_has(geo, "fault"))
        printf("          %s\n", ctl_text(r, geo, "fault"));
}

static int run(struct ctl *c)
{
    if (c->argc > 0)
        return ctl_misuse(&ctl_status, "takes no argument");
    return ctl_tell(c, &(struct ctl_request){.method = "GET", .target = "/v1/status"}, show, NULL);
}

const struct ctl_verb ctl_status = {"status", "status", "how the control plane is", run};
