/* SPDX-License-Identifier: MIT
 * byeorictl certificate: those that edges are given. A private key goes in and never comes out:
 * answers name it by its digest. */
#include "control/ctl/ctl.h"

#include "lib/codec/json_out.h"

#define FILE_BYTES (48 << 10)

static const char *const heads[] = {"CERTIFICATE", "NAMES", "EXPIRES", "KEY"};

static void show_all(void *ctx, struct ctl_reply *r)
{
    struct ctl_table *t = ctl_table_create(heads, ARRAY_LEN(heads));
    const struct json_t *v = json_in_array(&r->json, r->json.root, "certificates", SIZE_MAX);
    (void)ctx;
    for (size_t i = 0; i < json_in_count(v); i++) {
        const struct json_t *one = json_in_at(v, i);
        const struct json_t *key = json_in_object(&r->json, one, "key");
        ctl_cell(t, "%s", ctl_text(r, one, "name"));
        ctl_cell(t, "%s", ctl_joined(r, one, "names"));
        ctl_cell(t, "%s", ctl_text(r, one, "not_after"));
        ctl_cell(t, "sha256 %.16s", ctl_text(r, key, "sha256"));
    }
    ctl_table_show(&t);
}

static const struct ctl_collection certificates = {"/v1/certificates", show_all};

static int put(struct ctl *c, const char *name, const char *chain_file, const char *key_file)
{
    struct json_out o;
    struct buf chain, key, body;
    int result = CTL_USAGE;
    buf_init(&chain, FILE_BYTES);
    buf_init(&key, FILE_BYTES);
    buf_init(&body, 4 * FILE_BYTES);
    if (ctl_read_file(chain_file, &chain) && ctl_read_file(key_file, &key)) {
        json_out_begin(&o, &body);
        json_out_object(&o, NULL);
        json_out_text(&o, "chain", buf_span(&chain));
        json_out_text(&o, "key", buf_span(&key));
        json_out_end_object(&o);
        result = ctl_document(c, &(struct ctl_document){.method = "PUT",
                                                        .path = certificates.path,
                                                        .name = name,
                                                        .body = buf_span(&body)});
    }
    buf_finish(&chain);
    buf_finish(&key);
    buf_finish(&body);
    return result;
}

static int run(struct ctl *c)
{
    if (c->argc == 0 || strcmp(c->argv[0], "put") != 0)
        return ctl_collection(c, &certificates, &ctl_certificate);
    return c->argc == 4 ? put(c, c->argv[1], c->argv[2], c->argv[3])
                        : ctl_misuse(&ctl_certificate, "not understood");
}

const struct ctl_verb ctl_certificate = {
    "certificate", "certificate [list | get NAME | put NAME CHAIN KEY | delete NAME]",
    "certificates that edges are given (PEM files)", run};
