/* SPDX-License-Identifier: MIT
 * byeorictl key: secrets that edges share. The control plane makes them; nobody has to see one. */
#include "control/ctl/ctl.h"

#include "lib/codec/json_out.h"

static const char *const heads[] = {"KEY", "USE", "SECRETS", "NEWEST"};

static void show_all(void *ctx, struct ctl_reply *r)
{
    struct ctl_table *t = ctl_table_create(heads, ARRAY_LEN(heads));
    const struct json_t *v = json_in_array(&r->json, r->json.root, "keys", SIZE_MAX);
    (void)ctx;
    for (size_t i = 0; i < json_in_count(v); i++) {
        const struct json_t *one = json_in_at(v, i);
        const struct json_t *secrets = json_in_array(&r->json, one, "secrets", SIZE_MAX);
        ctl_cell(t, "%s", ctl_text(r, one, "name"));
        ctl_cell(t, "%s", ctl_text(r, one, "use"));
        ctl_cell(t, "%zu", json_in_count(secrets));
        ctl_cell(t, "sha256 %.16s", ctl_text(r, json_in_at(secrets, 0), "sha256"));
    }
    ctl_table_show(&t);
}

static const struct ctl_collection keys = {"/v1/keys", show_all};

static int make(struct ctl *c, const char *name, const char *use)
{
    struct json_out o;
    struct buf body;
    buf_init(&body, 1024);
    json_out_begin(&o, &body);
    json_out_object(&o, NULL);
    json_out_text(&o, "use", span_of(use));
    json_out_end_object(&o);
    struct ctl_document d = {
        .method = "PUT", .path = keys.path, .name = name, .body = buf_span(&body)};
    int result = ctl_document(c, &d);
    buf_finish(&body);
    return result;
}

static int run(struct ctl *c)
{
    const char *what = c->argc > 0 ? c->argv[0] : "list";
    if (strcmp(what, "rotate") == 0 && c->argc == 2)
        return ctl_document(
            c, &(struct ctl_document){
                   .method = "POST", .path = keys.path, .name = c->argv[1], .act = "/rotate"});
    if (strcmp(what, "make") == 0 && c->argc == 3)
        return make(c, c->argv[1], c->argv[2]);
    return ctl_collection(c, &keys, &ctl_key);
}

const struct ctl_verb ctl_key = {
    "key",
    "key [list | get NAME | make NAME tickets|urls | rotate NAME | put NAME FILE | delete NAME]",
    "secrets that edges share: of TLS session tickets, of signed URLs", run};
