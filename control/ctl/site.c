/* SPDX-License-Identifier: MIT
 * byeorictl site: which there are; one's document; a new one from a file. */
#include "control/ctl/ctl.h"

#define DOCUMENT_BYTES (64 << 10)

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

static int ask(struct ctl *c, const char *method, const char *name, struct span body)
{
    return ctl_document(c, &(struct ctl_document){.method = method,
                                                  .path = "/v1/sites",
                                                  .name = name,
                                                  .body = body,
                                                  .show = name == NULL ? show_all : NULL});
}

static int put(struct ctl *c, const char *name, const char *file)
{
    struct buf document;
    buf_init(&document, DOCUMENT_BYTES);
    int result = CTL_USAGE;
    if (ctl_read_file(file, &document))
        result = ask(c, "PUT", name, buf_span(&document));
    buf_finish(&document);
    return result;
}

static int run(struct ctl *c)
{
    const char *what = c->argc > 0 ? c->argv[0] : "list";
    if (strcmp(what, "list") == 0 && c->argc <= 1)
        return ask(c, "GET", NULL, SPAN_NONE);
    if (strcmp(what, "get") == 0 && c->argc == 2)
        return ask(c, "GET", c->argv[1], SPAN_NONE);
    if (strcmp(what, "delete") == 0 && c->argc == 2)
        return ask(c, "DELETE", c->argv[1], SPAN_NONE);
    if (strcmp(what, "put") == 0 && c->argc == 3)
        return put(c, c->argv[1], c->argv[2]);
    return ctl_misuse(&ctl_site, "not understood");
}

const struct ctl_verb ctl_site = {"site", "site [list | get NAME | put NAME FILE | delete NAME]",
                                  "the sites and their documents (FILE: JSON, - for stdin)", run};
