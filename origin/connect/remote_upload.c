/* SPDX-License-Identifier: MIT
 *
 * Putting a content into a storage across a network, step by step; what a step says is the kind's.
 * Runs on the asking loop. */
#include "origin/connect/remote_upload.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <stdio.h>
#include <unistd.h>

#define TEXT_MAX   (4 << 20)
#define STEP_BYTES 65536

static void ask(struct remote_upload *u, enum upload_step step);

static const struct remote_parts *parts_of(const struct remote_upload *u)
{
    return u->at->remote->kind->parts;
}

static bool is_whole(const struct remote_upload *u)
{
    return u->count == 1;
}

static void over(struct remote_upload *u, int err)
{
    struct connector_put *put = u->put;
    remote_remains_finish(&u->remains);
    buf_finish(&u->text);
    mem_free(u->parts);
    mem_free(u);
    put->done(put, err);
}

/* Of what put->open gives, which is there at once (a file, or memory): else ERR_AGAIN. */
static int body_md5(struct body *b, uint8_t out[DIGEST_MD5_BYTES])
{
    uint8_t *room = mem_alloc(STEP_BYTES);
    struct digest_stream *md5 = digest_md5_create();
    struct body_piece piece;
    int got;
    while ((got = body_peek(b, &piece)) == 1) {
        size_t n = piece.len < STEP_BYTES ? piece.len : STEP_BYTES;
        if (piece.mem == NULL && pread(piece.fd, room, n, piece.from) != (ssize_t)n)
            break;
        digest_add(md5, piece.mem != NULL ? piece.mem : room, n);
        body_advance(b, n);
    }
    digest_end(&md5, out);
    mem_free(room);
    return got == 1 ? ERR_IO : got;
}

/* By the answer to HEAD: whether what lies there is this part. */
static bool is_part_there(struct remote_upload *u)
{
    uint8_t md5[DIGEST_MD5_BYTES];
    char hex[2 * DIGEST_MD5_BYTES + 1];
    struct span tag = fields_value(&remote_ask_head(&u->talk.ask)->fields, FIELD_ETAG);
    struct body *b = u->put->open(u->put, u->sent * u->part_bytes, u->parts[u->sent].size_bytes);
    int err = body_md5(b, md5);
    body_close(&b);
    digest_hex(md5, sizeof md5, hex);
    return err == 0 && span_eq(tag, span_of(hex));
}

static void keep_part(struct remote_upload *u)
{
    struct remote_part *part = &u->parts[u->sent++];
    struct span tag = fields_value(&remote_ask_head(&u->talk.ask)->fields, FIELD_ETAG);
    snprintf(part->etag, sizeof part->etag, "%.*s", SPAN_FMT(tag));
    if (u->put->progress != NULL)
        u->put->progress(u->put, part->size_bytes);
}

/* What an answer of 2xx brings. */
static int take_answer(struct remote_upload *u)
{
    struct span answer = buf_span(&u->talk.answer);
    if (u->step == UPLOAD_BEGIN && parts_of(u)->read_begin != NULL)
        return parts_of(u)->read_begin(u, answer);
    if (u->step == UPLOAD_CHECK)
        u->is_resuming = is_part_there(u);
    if (u->step == UPLOAD_PART || (u->step == UPLOAD_CHECK && u->is_resuming))
        keep_part(u);
    else if (u->step == UPLOAD_END && parts_of(u)->read_end != NULL)
        return parts_of(u)->read_end(u, answer);
    return 0;
}

static void on_swept(struct remote_remains *r, int err)
{
    (void)err; /* the new object stands */
    over(CONTAINER_OF(r, struct remote_upload, remains), 0);
}

static void go_on(struct remote_upload *u)
{
    if (u->sent < u->count) {
        ask(u, u->is_resuming ? UPLOAD_CHECK : UPLOAD_PART);
    } else if (u->step != UPLOAD_END && !is_whole(u)) {
        ask(u, UPLOAD_END);
    } else {
        u->remains.done = on_swept;
        remote_remains_sweep(&u->remains);
    }
}

static void on_answer(struct remote_talk *t, int err)
{
    struct remote_upload *u = CONTAINER_OF(t, struct remote_upload, talk);
    if (err == 0)
        err = take_answer(u);
    remote_talk_end(t);
    if (err == ERR_NOT_FOUND && u->step == UPLOAD_CHECK) {
        u->is_resuming = false; /* parts are sent in their order */
        err = 0;
    }
    if (u->step == UPLOAD_ABANDON) {
        over(u, u->err);
        return;
    }
    if (err != 0 && (is_whole(u) || parts_of(u)->ask_abandon == NULL || err == ERR_CANCELLED)) {
        over(u, err);
        return;
    }
    if (err != 0) {
        u->err = err;
        ask(u, UPLOAD_ABANDON);
    } else {
        go_on(u);
    }
}

static struct body *part_body(struct remote_ask *a)
{
    struct remote_upload *u = CONTAINER_OF(a, struct remote_upload, talk.ask);
    return u->put->open(u->put, u->sent * u->part_bytes, u->parts[u->sent].size_bytes);
}

static struct body *text_body(struct remote_ask *a)
{
    struct remote_upload *u = CONTAINER_OF(a, struct remote_upload, talk.ask);
    return body_of_constant(buf_span(&u->text));
}

/* What the storage keeps beside the content: of all of it, so with the request that makes it. */
static void describe(struct remote_upload *u, struct remote_ask *a)
{
    const char *field = u->at->remote->kind->sha256_field;
    if (u->put->content_type.n > 0)
        remote_ask_field(a, SPAN("content-type"), u->put->content_type);
    if (field != NULL)
        remote_ask_field(a, span_of(field), span_of(u->sha256_hex));
}

static void ask_part(struct remote_upload *u, struct remote_ask *a)
{
    a->method = METHOD_PUT;
    a->body = part_body;
    a->body_bytes = u->parts[u->sent].size_bytes;
    if (!is_whole(u)) {
        parts_of(u)->ask_part(u, a, u->sent);
        return;
    }
    a->payload_hash = span_of(u->sha256_hex);
    describe(u, a);
}

static void ask(struct remote_upload *u, enum upload_step step)
{
    struct remote_ask *a = &u->talk.ask;
    u->step = step;
    u->talk = (struct remote_talk){.done = on_answer};
    remote_ask_init(a, u->at, METHOD_POST, u->put->path);
    switch (step) {
    case UPLOAD_BEGIN:
        if (!parts_of(u)->describes_end)
            describe(u, a);
        parts_of(u)->ask_begin(u, a);
        break;
    case UPLOAD_CHECK:
        a->method = METHOD_HEAD;
        parts_of(u)->ask_part(u, a, u->sent);
        break;
    case UPLOAD_PART:
        ask_part(u, a);
        break;
    case UPLOAD_END:
        if (parts_of(u)->describes_end)
            describe(u, a);
        buf_init(&u->text, TEXT_MAX);
        parts_of(u)->ask_end(u, a);
        a->body = text_body;
        a->body_bytes = (int64_t)u->text.n;
        break;
    case UPLOAD_ABANDON:
        parts_of(u)->ask_abandon(u, a);
        break;
    }
    remote_talk_start(&u->talk);
}

/* As many parts as the size needs, of at least the configured size, within what the kind takes. */
static void cut(struct remote_upload *u)
{
    const struct remote_parts *parts = parts_of(u);
    int64_t size = u->put->size_bytes;
    u->part_bytes = u->at->remote->options->part_bytes;
    u->count = 1;
    if (parts != NULL && size > u->part_bytes) {
        while ((size - 1) / u->part_bytes + 1 > parts->count_max)
            u->part_bytes *= 2;
        u->count = (uint32_t)((size - 1) / u->part_bytes + 1);
    }
    u->parts = mem_zarray(u->count, sizeof *u->parts);
    for (uint32_t i = 0; i < u->count; i++)
        u->parts[i].size_bytes =
            i + 1 < u->count ? u->part_bytes : size - (int64_t)i * u->part_bytes;
}

static void begin(struct remote_upload *u)
{
    u->is_resuming = !is_whole(u) && parts_of(u)->keeps_parts;
    ask(u, is_whole(u) ? UPLOAD_PART : UPLOAD_BEGIN);
}

static void on_looked(struct remote_remains *r, int err)
{
    struct remote_upload *u = CONTAINER_OF(r, struct remote_upload, remains);
    if (err != 0 && err != ERR_NOT_FOUND)
        over(u, err);
    else
        begin(u);
}

void remote_upload_start(struct remote_loop *at, struct connector_put *put)
{
    struct remote_upload *u = mem_zalloc(sizeof *u);
    u->put = put;
    u->at = at;
    u->remains = (struct remote_remains){.at = at, .path = put->path, .done = on_looked};
    digest_hex(put->sha256, DIGEST_SHA256_BYTES, u->sha256_hex);
    cut(u);
    if (put->is_new)
        begin(u);
    else
        remote_remains_look(&u->remains);
}
