/* SPDX-License-Identifier: MIT
 *
 * Finding what else an object consists of, and removing it when the object is gone. */
#include "origin/connect/remote_remains.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define NAMES_MAX (16 << 20) /* bytes of them */

static void on_names(struct remote_talk *t, int err)
{
    struct remote_remains *r = CONTAINER_OF(t, struct remote_remains, names);
    if (err == 0)
        err = r->at->remote->kind->remains->read(r, buf_span(&t->answer));
    if (err == 0 && arena_overflowed(&r->mem))
        err = ERR_TOO_BIG;
    remote_talk_end(t);
    r->done(r, err);
}

static void on_head(struct remote_talk *t, int err)
{
    struct remote_remains *r = CONTAINER_OF(t, struct remote_remains, head);
    bool has_more = false;
    if (err == 0) {
        r->names = (struct remote_talk){.done = on_names};
        remote_ask_init(&r->names.ask, r->at, METHOD_GET, r->path);
        has_more = r->at->remote->kind->remains->ask(r, remote_ask_head(&t->ask), &r->names.ask);
        if (!has_more)
            remote_talk_end(&r->names);
    }
    remote_talk_end(t);
    if (has_more)
        remote_talk_start(&r->names);
    else
        r->done(r, err);
}

void remote_remains_look(struct remote_remains *r)
{
    arena_init(&r->mem, NAMES_MAX);
    if (r->at->remote->kind->remains == NULL) {
        r->done(r, 0);
        return;
    }
    r->head = (struct remote_talk){.done = on_head};
    remote_ask_init(&r->head.ask, r->at, METHOD_HEAD, r->path);
    remote_talk_start(&r->head);
}

void remote_remains_add(struct remote_remains *r, struct span bucket, struct span path)
{
    if (r->count == r->room) {
        r->room = r->room > 0 ? 2 * r->room : 64;
        r->found = mem_grow(r->found, r->room, sizeof *r->found);
    }
    r->found[r->count++] =
        (struct remote_remain){arena_dup(&r->mem, bucket), arena_dup(&r->mem, path)};
}

void remote_remains_keep(struct remote_remains *r, struct span prefix)
{
    size_t left = 0;
    for (size_t i = 0; i < r->count; i++)
        if (!span_starts(r->found[i].path, prefix))
            r->found[left++] = r->found[i];
    r->count = left;
}

static void on_swept(struct remote_talk *t, int err)
{
    struct remote_remains *r = CONTAINER_OF(t, struct remote_remains, names);
    remote_talk_end(t);
    if (err == 0 || err == ERR_NOT_FOUND) {
        r->swept++;
        remote_remains_sweep(r);
        return;
    }
    LOG_WARN_LIMITED("storage-remains", "storage=%s path=\"%.*s\" left=%zu reason=\"%s\"",
                     r->at->remote->kind->name, SPAN_FMT(r->path), r->count - r->swept,
                     err_text(err));
    r->done(r, err);
}

void remote_remains_sweep(struct remote_remains *r)
{
    if (r->swept == r->count) {
        r->done(r, 0);
        return;
    }
    const struct remote_remain *one = &r->found[r->swept];
    r->names = (struct remote_talk){.done = on_swept};
    remote_ask_init(&r->names.ask, r->at, METHOD_DELETE, one->path);
    r->names.ask.bucket = one->bucket;
    remote_talk_start(&r->names);
}

void remote_remains_finish(struct remote_remains *r)
{
    arena_finish(&r->mem);
    mem_free(r->found);
    *r = (struct remote_remains){.at = NULL};
}
