/* SPDX-License-Identifier: MIT
 *
 * Documents beside published files, as contents in memory. */
#include "origin/connect/release_doc.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/proto/mirrors.h"

#include <stdio.h>

#define TEXT_MAX (64 << 20)

struct doc_content {
    struct content content; /* first */
    struct buf text;
};

static struct body *doc_body(struct content *c, struct loop *home, int64_t from, int64_t len)
{
    struct doc_content *d = CONTAINER_OF(c, struct doc_content, content);
    (void)home;
    CHECK(from >= 0 && len >= 0 && from + len <= (int64_t)d->text.n);
    return body_of_bytes(span_make(d->text.p + from, (size_t)len));
}

static void doc_close(struct content *c)
{
    struct doc_content *d = CONTAINER_OF(c, struct doc_content, content);
    buf_finish(&d->text);
    mem_free(d);
}

static const struct content_ops ops = {doc_body, doc_close};

static void doc_run(struct iojob *j)
{
    struct release_doc *d = CONTAINER_OF(j, struct release_doc, job);
    d->err = d->kind == MIRROR_METALINK ? metalink_write(&d->what, &d->text)
                                        : torrent_write(&d->what, &d->text);
    if (d->err == 0)
        digest_sha256(buf_span(&d->text), d->asked->sha256);
}

static void fill(struct release_doc *d)
{
    struct connector_find *f = d->asked;
    struct doc_content *c = mem_zalloc(sizeof *c);
    char hex[2 * DIGEST_SHA256_BYTES + 1];
    c->content.ops = &ops;
    c->text = d->text;
    digest_hex(f->sha256, sizeof f->sha256, hex);
    snprintf(f->etag, sizeof f->etag, "\"%s\"", hex);
    snprintf(f->content_type, sizeof f->content_type, "%s",
             d->kind == MIRROR_METALINK ? MIRRORS_TYPE : TORRENT_TYPE);
    f->has_sha256 = true;
    f->last_modified = d->what.release->published;
    f->size_bytes = (int64_t)c->text.n;
    f->content = &c->content;
}

static void doc_done(struct iojob *j)
{
    struct release_doc *d = CONTAINER_OF(j, struct release_doc, job);
    if (d->err == 0)
        fill(d);
    else
        buf_finish(&d->text);
    d->over(d, d->err);
}

void release_doc_start(struct release_doc *d, struct iopool *io)
{
    d->job = (struct iojob){.run = doc_run, .done = doc_done};
    buf_init(&d->text, TEXT_MAX);
    int err = iopool_submit(io, d->asked->home, &d->job);
    if (err != 0)
        d->over(d, err);
}
