/* SPDX-License-Identifier: MIT
 * byeorictl token: who may ask for what. A new token's text is shown once, on standard output. */
#include "control/ctl/ctl.h"

#include "lib/codec/json_out.h"

#include <stdio.h>

static const char *const heads[] = {"TOKEN", "RIGHTS", "NODE", "MADE", "BY"};

static void show_all(void *ctx, struct ctl_reply *r)
{
    struct ctl_table *t = ctl_table_create(heads, ARRAY_LEN(heads));
    const struct json_t *tokens = json_in_array(&r->json, r->json.root, "tokens", SIZE_MAX);
    (void)ctx;
    for (size_t i = 0; i < json_in_count(tokens); i++) {
        const struct json_t *one = json_in_at(tokens, i);
        ctl_cell(t, "%s", ctl_text(r, one, "name"));
        ctl_cell(t, "%s", ctl_joined(r, one, "rights"));
        ctl_cell(t, "%s", ctl_text(r, one, "node"));
        ctl_cell(t, "%s", ctl_text(r, one, "at"));
        ctl_cell(t, "%s", ctl_text(r, one, "by"));
    }
    ctl_table_show(&t);
}

static void write_order(const char *name, const char *node, const char *rights, struct buf *body)
{
    struct json_out o;
    json_out_begin(&o, body);
    json_out_object(&o, NULL);
    json_out_text(&o, "name", span_of(name));
    if (node != NULL)
        json_out_text(&o, "node", span_of(node));
    if (rights != NULL) {
        json_out_array(&o, "rights");
        for (struct span rest = span_of(rights); rest.p != NULL;)
            json_out_text(&o, NULL, span_cut(rest, ',', &rest));
        json_out_end_array(&o);
    }
    json_out_end_object(&o);
}

static void show_made(void *ctx, struct ctl_reply *r)
{
    (void)ctx;
    printf("%s\n", ctl_text(r, r->json.root, "token"));
}

static int make(struct ctl *c, const char *name, const char *node, const char *rights)
{
    struct buf body;
    buf_init(&body, 4096);
    write_order(name, node, rights, &body);
    struct ctl_request request = {
        .method = "POST", .target = "/v1/tokens", .body = buf_span(&body)};
    int result = ctl_tell(c, &request, show_made, NULL);
    buf_finish(&body);
    return result;
}

static int run(struct ctl *c)
{
    const char *node = ctl_value(c, "--node");
    const char *rights = ctl_value(c, "--rights");
    const char *what = c->argc > 0 ? c->argv[0] : "list";
    if (strcmp(what, "list") == 0 && c->argc <= 1)
        return ctl_document(
            c, &(struct ctl_document){.method = "GET", .path = "/v1/tokens", .show = show_all});
    if (strcmp(what, "make") == 0 && c->argc == 2 && (node != NULL) != (rights != NULL))
        return make(c, c->argv[1], node, rights);
    if (strcmp(what, "delete") == 0 && c->argc == 2)
        return ctl_document(c, &(struct ctl_document){
                                   .method = "DELETE", .path = "/v1/tokens", .name = c->argv[1]});
    return ctl_misuse(&ctl_token, "not understood");
}

const struct ctl_verb ctl_token = {
    "token",
    "token [list | make NAME --rights read,purge,admin | make NAME --node ID | delete NAME]",
    "who may ask for what; make shows the token, once", run};
