/* SPDX-License-Identifier: MIT
 *
 * The state file: lines of "name value", then the document to the end. Read strictly: a file that
 * is not whole is of no use, and then there is no state, as at the first start. */
#include "edge/admin/control_state.h"

#include "lib/base/whole_file.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <inttypes.h>
#include <stdio.h>

#define HEAD_MAX_BYTES 1024
#define FILE_MAX_BYTES (HEAD_MAX_BYTES + 2 * (HEARTBEAT_MAX_BYTES + SEAL_BYTES))
#define FIRST_LINE     "byeori-edge-state 1"
#define FIRST_SEALED   "byeori-edge-state 2"

void control_state_init(struct control_state *s)
{
    memset(s, 0, sizeof(*s));
    buf_init(&s->document, HEARTBEAT_MAX_BYTES);
}

void control_state_finish(struct control_state *s)
{
    buf_finish(&s->document);
}

/* The value of the next line, which must be called `name`; p == NULL: it is not. */
static struct span line_value(struct span *rest, const char *name)
{
    struct span value, line = span_cut(*rest, '\n', rest);
    struct span first = span_cut(line, ' ', &value);
    return span_eq(first, span_of(name)) ? value : SPAN_NONE;
}

static void digest_text(struct span document, char out[2 * DIGEST_SHA256_BYTES + 1])
{
    uint8_t digest[DIGEST_SHA256_BYTES];
    digest_sha256(document, digest);
    digest_hex(digest, sizeof(digest), out);
}

static int read_clear(struct control_state *s, struct span sum, struct span rest)
{
    char digest[2 * DIGEST_SHA256_BYTES + 1];
    digest_text(rest, digest);
    if (!span_eq(sum, span_of(digest)))
        return ERR_CORRUPT;
    buf_add_span(&s->document, rest);
    return 0;
}

static int read_sealed(struct control_state *s, const struct seal_keys *keys,
                       const struct sealed *document, struct buf *why)
{
    int err = seal_open(keys, document, &s->document);
    if (err != ERR_NOT_FOUND)
        return err;
    buf_printf(why, "it is sealed with key %.*s, %s", SPAN_FMT(document->key_id),
               keys == NULL ? "and no secret_key_file is named"
                            : "which is not in the secret_key_file");
    return ERR_DENIED;
}

struct reading {
    const struct seal_keys *keys;
    bool is_stale;
    struct buf *why;
};

static int parse(struct control_state *s, struct span text, struct reading *r)
{
    struct span rest, first = span_cut(text, '\n', &rest);
    bool is_sealed = span_eq(first, SPAN(FIRST_SEALED));
    if (!is_sealed && !span_eq(first, SPAN(FIRST_LINE)))
        return ERR_VERSION;
    struct span log = line_value(&rest, "purge_log");
    struct span seq = line_value(&rest, "purge_seq");
    struct span version = line_value(&rest, "config_version");
    struct span mark = line_value(&rest, is_sealed ? "key" : "sha256");
    if (log.n >= sizeof(s->purge_log) || !span_u64(seq, &s->purge_seq) ||
        !span_u64(version, &s->config_version) || rest.p == NULL)
        return ERR_CORRUPT;
    struct sealed sealed = {mark, span_make(text.p, (size_t)(rest.p - text.p)), rest};
    int err = is_sealed ? read_sealed(s, r->keys, &sealed, r->why) : read_clear(s, mark, rest);
    r->is_stale = r->keys != NULL && (!is_sealed || !span_eq(mark, seal_id(r->keys)));
    if (err != 0)
        return err;
    memcpy(s->purge_log, log.p, log.n);
    s->purge_log[log.n] = '\0';
    return 0;
}

int control_state_load(struct control_state *s, const char *file, const struct seal_keys *keys,
                       bool *is_stale, struct buf *why)
{
    struct reading r = {.keys = keys, .why = why};
    struct buf text;
    size_t before = why->n;
    buf_init(&text, FILE_MAX_BYTES);
    int err = whole_file_read(file, &text);
    if (err == 0)
        err = parse(s, buf_span(&text), &r);
    if (err != 0) {
        s->purge_log[0] = '\0';
        s->purge_seq = s->config_version = 0;
        buf_clear(&s->document);
        if (why->n == before)
            buf_printf(why, "%s", err_text(err));
    }
    *is_stale = r.is_stale;
    buf_wipe(&text);
    return err;
}

int control_state_save(const struct control_state *s, const char *file,
                       const struct seal_keys *keys)
{
    char digest[2 * DIGEST_SHA256_BYTES + 1];
    struct buf text, head;
    struct span document = buf_span(&s->document);
    buf_init(&text, FILE_MAX_BYTES);
    buf_init(&head, HEAD_MAX_BYTES);
    buf_printf(&head, "%s\npurge_log %s\npurge_seq %" PRIu64 "\nconfig_version %" PRIu64 "\n",
               keys != NULL ? FIRST_SEALED : FIRST_LINE, s->purge_log, s->purge_seq,
               s->config_version);
    if (keys != NULL) {
        buf_printf(&head, "key %.*s\n", SPAN_FMT(seal_id(keys)));
        buf_add_span(&text, buf_span(&head));
        seal_make(keys, buf_span(&head), document, &text);
    } else {
        digest_text(document, digest);
        buf_printf(&head, "sha256 %s\n", digest);
        buf_add_span(&text, buf_span(&head));
        buf_add_span(&text, document);
    }
    int err = buf_overflowed(&text) ? ERR_TOO_BIG : whole_file_replace(file, buf_span(&text));
    buf_wipe(&text);
    buf_finish(&head);
    return err;
}
