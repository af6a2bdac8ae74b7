/* SPDX-License-Identifier: MIT
 * byeorictl site: which there are; one's document; a new one from a file. */
#include "control/ctl/ctl.h"

static const char *const heads[] = {"SITE", "HOSTS", "ORIGINS", "FROM"};

static void show_all(void *ctx, struct ctl_reply *r)
{
    struct ctl_table *t = ctl_table_create(heads, ARRAY_LEN(heads));
    const struct json_t *sites = json_in_array(&r->json, r->json.root, "sites", SIZE_MAX);
    (void)ctx;
    for (size_t i = 0; i < json_in_count(sites); i++) {
        const struct json_t *s = json_in_at(sites, i);
        ctl_cell(t, "%s", ctl_text(r, s, "name"));
        ctl_cell(t, "%s", ctl_joined(r, s, "hosts"));
        ctl_cell(t, "%s", ctl_joined(r, s, "origins"));
        ctl_cell(t, "%s", json_in_bool(&r->json, s, "from_file", false) ? "file" : "api");
    }
    ctl_table_show(&t);
}

static int run(struct ctl *c)
{
    static const struct ctl_collection sites = {"/v1/sites", show_all};
    return ctl_collection(c, &sites, &ctl_site);
}

const struct ctl_verb ctl_site = {"site", "site [list | get NAME | put NAME FILE | delete NAME]",
                                  "the sites and their documents (FILE: JSON, - for stdin)", run};
