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
#define FIRST_LINE     "byeori-edge-state 1"

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

static int parse(struct control_state *s, struct span rest)
{
    char digest[2 * DIGEST_SHA256_BYTES + 1];
    if (!span_eq(span_cut(rest, '\n', &rest), SPAN(FIRST_LINE)))
        return ERR_VERSION;
    struct span log = line_value(&rest, "purge_log");
    struct span seq = line_value(&rest, "purge_seq");
    struct span version = line_value(&rest, "config_version");
    struct span sum = line_value(&rest, "sha256");
    if (log.n >= sizeof(s->purge_log) || !span_u64(seq, &s->purge_seq) ||
        !span_u64(version, &s->config_version))
        return ERR_CORRUPT;
    digest_text(rest, digest);
    if (!span_eq(sum, span_of(digest)))
        return ERR_CORRUPT;
    memcpy(s->purge_log, log.p, log.n);
    s->purge_log[log.n] = '\0';
    buf_add_span(&s->document, rest);
    return 0;
}

int control_state_load(struct control_state *s, const char *file)
{
    struct buf text;
    buf_init(&text, HEARTBEAT_MAX_BYTES + HEAD_MAX_BYTES);
    int err = whole_file_read(file, &text);
    if (err == 0)
        err = parse(s, buf_span(&text));
    if (err != 0) {
        s->purge_log[0] = '\0';
        s->purge_seq = s->config_version = 0;
        buf_clear(&s->document);
    }
    buf_finish(&text);
    return err;
}

int control_state_save(const struct control_state *s, const char *file)
{
    char digest[2 * DIGEST_SHA256_BYTES + 1];
    struct buf text;
    digest_text(buf_span(&s->document), digest);
    buf_init(&text, HEARTBEAT_MAX_BYTES + HEAD_MAX_BYTES);
    buf_printf(&text, FIRST_LINE "\npurge_log %s\npurge_seq %" PRIu64 "\n", s->purge_log,
               s->purge_seq);
    buf_printf(&text, "config_version %" PRIu64 "\nsha256 %s\n", s->config_version, digest);
    buf_add_span(&text, buf_span(&s->document));
    int err = buf_overflowed(&text) ? ERR_TOO_BIG : whole_file_replace(file, buf_span(&text));
    buf_finish(&text);
    return err;
}
